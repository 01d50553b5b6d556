"""LCS, compared with a real redis-server."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st

from cluster.commands import lcs
from protocol.resp.types import ErrorReply
from tests.parity.compare import check_parity, joined, some
from tests.support.local import Local
from tests.support.oracle import Oracle

KEYS = [b"a", b"b"]

key = st.sampled_from(KEYS)
text = st.text("abc", max_size=12).map(str.encode)
options = st.lists(
    st.one_of(
        some(b"LEN"),
        some(b"idx"),
        some(b"IDX"),
        some(b"WITHMATCHLEN"),
        some(b"MINMATCHLEN", st.sampled_from([b"0", b"2", b"-1", b"x"])),
        some(b"MINMATCHLEN"),
        some(b"WHAT"),
    ),
    max_size=3,
)


@pytest.mark.parity
def test_lcs(oracle: Oracle) -> None:
    check_parity(
        oracle,
        st.one_of(
            some(b"SET", key, text),
            joined(some(b"LCS", key, key), options),
            some(b"LPUSH", st.just(b"list"), text),
            some(b"LCS", b"a", b"list", b"WHAT"),
        ),
    )


def test_strings_that_would_take_too_long_are_refused() -> None:
    local = Local()
    local.call("SET", "a", b"x" * lcs.CELLS_MAX)
    local.call("SET", "b", b"x")
    reply = local.call("LCS", "a", "b")
    assert isinstance(reply, ErrorReply)
    assert reply.startswith(b"ERR Insufficient memory")
