"""The comparer itself: a difference is found, and what Redis leaves open is none."""

from __future__ import annotations

import pytest

from tests.parity.compare import play, same
from tests.support.frames import Frame, whole
from tests.support.oracle import Oracle


@pytest.mark.parity
def test_a_difference_is_found_and_shown(oracle: Oracle) -> None:
    """OBJECT HELP is in our own words."""
    with pytest.raises(AssertionError, match="OBJECT"):
        play(oracle, [(b"PING",), (b"OBJECT", b"HELP")])


def replies(ours: bytes, theirs: bytes) -> tuple[Frame, Frame]:
    return whole(ours), whole(theirs)


@pytest.mark.parametrize(
    ("name", "ours", "theirs", "expected"),
    [
        (b"GET", b":1\r\n", b":1\r\n", True),
        (b"GET", b":1\r\n", b":2\r\n", False),
        (b"GET", b"+1\r\n", b"$1\r\n1\r\n", False),
        (b"keys", b"*2\r\n+a\r\n+b\r\n", b"*2\r\n+b\r\n+a\r\n", True),
        (b"LRANGE", b"*2\r\n+a\r\n+b\r\n", b"*2\r\n+b\r\n+a\r\n", False),
        (b"HGETALL", b"%2\r\n+a\r\n+1\r\n+b\r\n+2\r\n", b"%2\r\n+b\r\n+2\r\n+a\r\n+1\r\n", True),
        (b"HGETALL", b"%2\r\n+a\r\n+1\r\n+b\r\n+2\r\n", b"%2\r\n+b\r\n+1\r\n+a\r\n+2\r\n", False),
        (b"SCAN", b"*2\r\n+0\r\n*2\r\n+a\r\n+b\r\n", b"*2\r\n+0\r\n*2\r\n+b\r\n+a\r\n", True),
        (b"SCAN", b"*2\r\n+0\r\n*1\r\n+a\r\n", b"*2\r\n+4\r\n*1\r\n+a\r\n", False),
        (b"PTTL", b":1000\r\n", b":1001\r\n", True),
        (b"PTTL", b":1000\r\n", b":9001\r\n", False),
        (b"PTTL", b":-1\r\n", b":-2\r\n", False),
    ],
)
def test_what_counts_as_the_same(name: bytes, ours: bytes, theirs: bytes, expected: bool) -> None:
    assert same((name, b"0"), *replies(ours, theirs)) is expected
