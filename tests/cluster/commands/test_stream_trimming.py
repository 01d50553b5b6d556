from __future__ import annotations

import pytest

from protocol.resp.types import ErrorReply
from tests.support.local import Local


def filled(count: int) -> Local:
    local = Local()
    for at in range(count):
        local.call("XADD", "s", f"{at + 1}-1", "f", "v")
    local.written.clear()
    return local


def propagated(local: Local) -> list[str]:
    return [b" ".join(argv).decode() for argv in local.written]


@pytest.mark.parametrize(
    ("request_", "removed", "told"),
    [
        ("XTRIM s MAXLEN ~ 150", 100, "XTRIM s MAXLEN = 150"),
        ("XTRIM s MINID ~ 205 LIMIT 1000", 200, "XTRIM s MINID = 201-1 LIMIT 1000"),
        ("XTRIM s MAXLEN 3", 247, "XTRIM s MAXLEN 3"),
        ("XTRIM s MAXLEN ~ 0 LIMIT 150", 100, "XTRIM s MAXLEN = 150 LIMIT 150"),
    ],
)
def test_what_was_left_is_propagated(request_: str, removed: int, told: str) -> None:
    local = filled(250)
    assert local.call(*request_.split()) == removed
    assert propagated(local) == [told]


def test_nothing_removed_nothing_propagated() -> None:
    local = filled(50)
    assert local.call("XTRIM", "s", "MAXLEN", "~", 1) == 0
    assert local.written == []


def test_an_addition_that_trims_says_what_is_left_even_when_nothing_went() -> None:
    local = filled(50)
    local.call("XADD", "s", "MAXLEN", "~", 10, "51-*", "f", "v")
    assert propagated(local) == ["XADD s MAXLEN = 51 51-0 f v"]
    local.call("XADD", "s", "MINID", "~", 300, "LIMIT", 0, "400-1", "f", "v")
    assert propagated(local)[1:] == ["XADD s MINID = 1-1 LIMIT 0 400-1 f v"]


def test_the_limit_follows_the_size_of_nodes() -> None:
    local = Local()
    local.options.set("stream-node-max-entries", ["1"])
    for at in range(150):
        local.call("XADD", "s", f"{at + 1}-1", "f", "v")
    assert local.call("XTRIM", "s", "MAXLEN", "~", 0) == 100


def test_a_replica_does_what_its_primary_did_whatever_limit_came_with_it() -> None:
    local = filled(250)
    local.engine.apply([b"XTRIM", b"s", b"MAXLEN", b"=", b"3", b"LIMIT", b"10"])
    assert local.call("XLEN", "s") == 3


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ("MAXLEN 1 MINID 1", "MAXLEN and MINID"),
        ("MAXLEN 1 LIMIT 5", "special ~ option"),
        ("LIMIT 5", "without specifying a trimming strategy"),
        ("LIMIT 0", "called with a trimming strategy"),
        ("MAXLEN -1", "MAXLEN argument must be >= 0"),
        ("MAXLEN ~ 5 LIMIT -1", "LIMIT argument must be >= 0"),
        ("MINID x", "Invalid stream ID"),
        ("NOMKSTREAM 1", "syntax error"),
    ],
)
def test_options_that_do_not_go(options: str, error: str) -> None:
    reply = filled(1).call("XTRIM", "s", *options.split())
    assert isinstance(reply, ErrorReply) and error in reply.decode()
