from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.store.values.stream_id import HALF_MAX, ID_MAX, format_id, make_id, parse_id

halves = st.integers(0, HALF_MAX)


@given(halves, halves)
def test_there_and_back(ms: int, seq: int) -> None:
    assert parse_id(format_id(make_id(ms, seq))) == make_id(ms, seq)


@given(halves, halves, halves, halves)
def test_the_order_is_that_of_milliseconds_and_then_of_the_sequence(a: int, b: int, c: int, d: int) -> None:
    assert (make_id(a, b) < make_id(c, d)) == ((a, b) < (c, d))


def test_a_sequence_that_is_missing() -> None:
    assert parse_id(b"5") == make_id(5, 0)
    assert parse_id(b"5", HALF_MAX) == make_id(5, HALF_MAX)


def test_the_ends() -> None:
    assert parse_id(b"-", strict=False) == 0
    assert parse_id(b"+", strict=False) == ID_MAX


def test_numbers_are_read_as_in_c() -> None:
    assert parse_id(b" 07-+3\0x") == make_id(7, 3)
    assert parse_id(b"1--01") == make_id(1, HALF_MAX)


@pytest.mark.parametrize("text", [b"", b"-", b"+", b"-5", b"5-", b"5-x", b"5-*", b"1--1", b"5 ", b"1-2-3",
                                  b"18446744073709551616", b"1" * 128])  # fmt: skip
def test_what_is_no_id(text: bytes) -> None:
    with pytest.raises(ValueError):
        parse_id(text)
