import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.integers import parse_integer


@given(st.integers(-(2**63), 2**63 - 1))
def test_every_64_bit_integer(value: int) -> None:
    assert parse_integer(b"%d" % value) == value


@pytest.mark.parametrize(
    "text",
    [
        *b" - -0 00 01 +1 1.0 1e3 1_0 9223372036854775808 -9223372036854775809".split(b" "),
        b" 1",
        b"1 ",
        b"1\n",
        b"9" * 5000,
    ],
)
def test_what_is_none(text: bytes) -> None:
    assert parse_integer(text) is None
