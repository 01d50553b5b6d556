from __future__ import annotations

import pytest

from cluster.store.values.string import Sum, is_integer, parse_integer, string_encoding


@pytest.mark.parametrize(
    "text", [b"0", b"7", b"-7", b"9223372036854775807", b"-9223372036854775808", b"1000000000000"]
)
def test_an_integer_in_its_canonical_form(text: bytes) -> None:
    assert is_integer(text)
    assert b"%d" % parse_integer(text) == text


@pytest.mark.parametrize(
    "text",
    b"|-|+1|01|-0| 1|1 |1_0|1.0|0x1|x|9223372036854775808|-9223372036854775809".split(b"|"),
)
def test_what_is_no_integer(text: bytes) -> None:
    assert not is_integer(text)
    with pytest.raises(ValueError):
        parse_integer(text)


def test_a_long_row_of_digits_is_no_integer() -> None:
    assert not is_integer(b"9" * 5000)


@pytest.mark.parametrize(
    ("value", "encoding"),
    [
        (b"12", "int"),
        (b"012", "embstr"),
        (b"x" * 44, "embstr"),
        (b"x" * 45, "raw"),
        (bytearray(b"12"), "raw"),
        (Sum(b"12"), "embstr"),
    ],
)
def test_encodings(value: bytes | bytearray, encoding: str) -> None:
    assert string_encoding(value) == encoding
