from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.store.values.hyperloglog import new_sketch
from cluster.store.values.sparse_registers import (
    HEADER,
    REGISTERS,
    VALUE_MAX,
    CorruptSketch,
    NeedsDense,
    SparseEditor,
    runs,
    zeros,
)

changes = st.lists(
    st.tuples(st.one_of(st.integers(0, 80), st.integers(0, REGISTERS - 1)), st.integers(1, 4)), max_size=80
)


def expanded(sketch: bytearray) -> list[int]:
    return [value for value, run in runs(sketch) for _ in range(run)]


@given(changes)
def test_registers_are_raised_and_never_lowered(wanted: list[tuple[int, int]]) -> None:
    sketch = new_sketch()
    model = [0] * REGISTERS
    for index, value in wanted:
        changed = SparseEditor(sketch, 1 << 20).raise_register(index, value)
        assert changed == (value > model[index])
        model[index] = max(value, model[index])
    assert expanded(sketch) == model


@given(changes)
def test_going_on_from_the_last_place_makes_the_same_bytes(wanted: list[tuple[int, int]]) -> None:
    each, together = new_sketch(), new_sketch()
    editor = SparseEditor(together, 1 << 20)
    for index, value in sorted(wanted):
        SparseEditor(each, 1 << 20).raise_register(index, value)
        editor.raise_register(index, value)
    assert each == together


def test_neighbours_of_one_value_are_joined() -> None:
    sketch = new_sketch()
    editor = SparseEditor(sketch, 1 << 20)
    for index in range(8):
        editor.raise_register(index, 3)
    assert runs(sketch) == [(3, 4), (3, 4), (0, REGISTERS - 8)]


def test_what_the_form_cannot_hold() -> None:
    sketch = new_sketch()
    with pytest.raises(NeedsDense):
        SparseEditor(sketch, 1 << 20).raise_register(5, VALUE_MAX + 1)
    with pytest.raises(NeedsDense):
        SparseEditor(sketch, len(sketch) + 1).raise_register(5, 1)
    assert sketch == new_sketch()
    assert SparseEditor(sketch, len(sketch) + 2).raise_register(5, VALUE_MAX)


@pytest.mark.parametrize("count", [0, 1, 64, 65, 256, 257, REGISTERS])
def test_runs_of_zeros(count: int) -> None:
    rest = zeros(REGISTERS - count)
    sketch = bytes(HEADER) + zeros(count) + rest
    assert sum(run for _, run in runs(sketch)) == REGISTERS


def test_a_corrupt_one_is_refused() -> None:
    for body in (b"", zeros(5), zeros(REGISTERS) + zeros(1), zeros(REGISTERS) + b"\x80", b"\x7f"):
        with pytest.raises(CorruptSketch):
            runs(bytes(HEADER) + body)
    with pytest.raises(CorruptSketch):
        SparseEditor(bytearray(bytes(HEADER) + zeros(5)), 1 << 20).raise_register(5, 1)


def test_random_bytes_end_in_a_register_or_are_refused() -> None:
    source = random.Random(7)
    for _ in range(2000):
        sketch = bytearray(bytes(HEADER) + source.randbytes(source.randrange(12)))
        editor = SparseEditor(sketch, 1 << 20)
        for _ in range(4):
            try:
                editor.raise_register(source.randrange(REGISTERS), source.randrange(1, 33))
            except CorruptSketch:
                break
