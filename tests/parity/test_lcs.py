"""LCS where it would take too long; by what the real server replies otherwise it goes with the strings."""

from __future__ import annotations

import pytest

from cluster.commands import lcs
from protocol.resp.types import ErrorReply
from tests.parity.compare import play
from tests.support.local import Local
from tests.support.oracle import Oracle


@pytest.mark.parity
def test_a_table_beyond_proto_max_bulk_len(oracle: Oracle) -> None:
    play(oracle, [(b"SET", b"a", b"x" * 20_000), (b"LCS", b"a", b"a", b"LEN")])


def test_strings_that_would_take_too_long_are_refused() -> None:
    local = Local()
    local.call("SET", "a", b"x" * lcs.CELLS_MAX)
    local.call("SET", "b", b"x")
    reply = local.call("LCS", "a", "b")
    assert isinstance(reply, ErrorReply)
    assert reply.startswith(b"ERR Insufficient memory")
