"""The twin of cluster/store/glob.py."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.store.glob import Glob, matcher


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        (b"", b"", True),
        (b"", b"a", False),
        (b"*", b"", True),
        (b"a*", b"abc", True),
        (b"*c", b"abc", True),
        (b"a*c", b"ac", True),
        (b"ab*ba", b"aba", False),
        (b"a**b", b"axb", True),
        (b"*a*b*", b"xaxbx", True),
        (b"*a*b*", b"xbxax", False),
        (b"h?llo", b"hello", True),
        (b"h?llo", b"hllo", False),
        (b"h?llo", b"h\nllo", True),
        (b"h[ae]llo", b"hallo", True),
        (b"h[^e]llo", b"hello", False),
        (b"h[^e]llo", b"hallo", True),
        (b"[a-c]", b"b", True),
        (b"[c-a]", b"b", True),
        (b"[a-c]", b"d", False),
        (b"[a\\]b]", b"]", True),
        (b"[\\^a]", b"^", True),
        (b"[]", b"]", False),
        (b"[a", b"a", True),
        (b"[^", b"x", True),
        (b"[", b"[", False),
        (b"\\*", b"*", True),
        (b"\\*", b"a", False),
        (b"a\\", b"a\\", True),
        (b"[\x7f-\x80]", b"a", True),
        (b".+", b"ab", False),
        (b"*", b"", True),
        (b"", b"", True),
        (b"**", b"", False),
    ],
)
def test_matches(pattern: bytes, text: bytes, expected: bool) -> None:
    assert Glob(pattern).matches(text) is expected


@given(st.binary(max_size=20))
def test_an_escaped_text_matches_itself_only(text: bytes) -> None:
    escaped = b"".join(b"\\" + text[at : at + 1] for at in range(len(text)))
    assert Glob(escaped).matches(text)
    assert not Glob(escaped).matches(text + b"x")


@given(st.binary(max_size=30), st.binary(max_size=30))
def test_any_bytes_are_a_pattern(pattern: bytes, text: bytes) -> None:
    assert Glob(pattern).matches(text) in (True, False)


def test_case_is_ignored_on_request() -> None:
    assert matcher(b"CLUSTER-[a-n]*", ignore_case=True)(b"cluster-Node")
    assert not matcher(b"CLUSTER-*")(b"cluster-node")


def test_many_stars_cost_no_more_than_one_pass() -> None:
    """A matcher that goes back for each star would not come to an end within the time limit of a test."""
    pattern = b"a*" * 5000 + b"b"
    assert not Glob(pattern).matches(b"a" * 100_000)
    assert Glob(pattern).matches(b"a" * 100_000 + b"b")
