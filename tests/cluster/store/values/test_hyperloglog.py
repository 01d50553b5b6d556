from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.store.values import hyperloglog
from cluster.store.values.hyperloglog import DENSE_BYTES, add, is_sparse, new_sketch
from cluster.store.values.sparse_registers import HEADER, REGISTERS, CorruptSketch

SPARSE_BYTES_MAX = 3000


def sketch_of(count: int, *, dense: bool = False) -> bytearray:
    made = new_sketch()
    if dense:
        hyperloglog.to_dense(made)
    for number in range(count):
        add(made, b"%d" % number, SPARSE_BYTES_MAX)
    return made


@pytest.mark.parametrize("count", [0, 1, 100, 5000])
def test_both_forms_hold_the_same(count: int) -> None:
    sparse, dense = sketch_of(count), sketch_of(count, dense=True)
    assert hyperloglog.read_registers(sparse) == hyperloglog.read_registers(dense)
    assert hyperloglog.estimate(sparse) == hyperloglog.estimate(dense)
    assert hyperloglog.estimate(dense) == pytest.approx(count, rel=0.03)
    assert is_sparse(sparse) == (count < 1000)


@given(st.integers(0, 1 << 32))
def test_registers_of_six_bits_are_packed_and_unpacked(seed: int) -> None:
    source = random.Random(seed)
    registers = bytes(source.randrange(64) for _ in range(REGISTERS))
    packed = hyperloglog._pack(registers)
    assert hyperloglog._unpack(packed) == registers
    whole = int.from_bytes(packed, "little")
    for index in (0, 1, 2, 3, 4097, REGISTERS - 1):
        assert (whole >> 6 * index) & 63 == registers[index]


def test_an_element_seen_before_changes_nothing() -> None:
    for sketch in (sketch_of(50), sketch_of(50, dense=True)):
        before = bytes(sketch)
        assert not any(add(sketch, b"%d" % number, SPARSE_BYTES_MAX) for number in range(50))
        assert sketch == before


def test_the_estimate_is_carried_until_something_changes() -> None:
    sketch = sketch_of(10)
    assert hyperloglog.known_estimate(sketch) is None
    hyperloglog.note_estimate(sketch, 10)
    assert hyperloglog.known_estimate(sketch) == 10
    add(sketch, b"another", SPARSE_BYTES_MAX)
    assert hyperloglog.known_estimate(sketch) is None


def test_raising_all_registers_is_a_union() -> None:
    left, right = sketch_of(300), new_sketch()
    for number in range(200, 400):
        add(right, b"%d" % number, SPARSE_BYTES_MAX)
    union = bytes(map(max, hyperloglog.read_registers(left), hyperloglog.read_registers(right)))
    hyperloglog.raise_all(left, union, SPARSE_BYTES_MAX)
    hyperloglog.raise_all(right, union, 400)
    assert (is_sparse(left), is_sparse(right)) == (True, False)
    for sketch in (left, right):
        assert hyperloglog.read_registers(sketch) == hyperloglog.read_registers(sketch_of(400))


def test_what_is_no_sketch() -> None:
    dense, sparse = sketch_of(3, dense=True), sketch_of(3)
    for value in (dense, sparse, bytes(sparse)):
        assert hyperloglog.is_sketch(value)
    other_form = bytearray(sparse)
    other_form[4] = 2
    for wrong in (dense[:-1], dense + b"\0", sparse[: HEADER - 1], b"hyll" + sparse[4:], other_form, 5):
        assert not hyperloglog.is_sketch(wrong)
    assert len(dense) == DENSE_BYTES


def test_a_corrupt_one_is_refused() -> None:
    cut = sketch_of(3)[:-1]
    for work in (hyperloglog.to_dense, hyperloglog.estimate, hyperloglog.read_registers):
        with pytest.raises(CorruptSketch):
            work(cut)


def test_registers_higher_than_any_can_be() -> None:
    assert hyperloglog.estimate_registers(b"\x3f" * REGISTERS) == 1 << 63
    assert hyperloglog.estimate_registers(bytes(REGISTERS)) == 0


def test_how_runs_are_shown() -> None:
    sketch = new_sketch()
    assert hyperloglog.describe_runs(sketch) == b"Z:16384"
    add(sketch, b"hello", SPARSE_BYTES_MAX)
    index, rank = hyperloglog.hash_element(b"hello")
    shown = b"Z:%d v:%d,1 Z:%d" % (index, rank, REGISTERS - index - 1)
    assert hyperloglog.describe_runs(sketch) == shown
