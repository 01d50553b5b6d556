"""What XREAD and XREADGROUP wait for and propagate. Their replies are compared with a real server's in
tests/parity."""

from __future__ import annotations

import pytest

from cluster.spec.command import COMMANDS
from protocol.resp.types import LATER, NULL_ARRAY, ErrorReply, Reply
from tests.support.local import NOW_MS, Local
from tests.support.served import Client, Served

ENTRY: Reply = [b"2-1", [b"f", b"v"]]
WAITS = "XREAD BLOCK 0 STREAMS s $"
GROUP_WAITS = "XREADGROUP GROUP g ann BLOCK 0 STREAMS s >"


def waiting(request: str) -> tuple[Served, Client]:
    """A client that waits for a stream, which has 1-1 and a group that has read it."""
    served = Served()
    client = Client(served)
    served.call("XADD", "s", "1-1", "f", "v")
    served.call("XGROUP", "CREATE", "s", "g", "$")
    assert client.call(*request.split()) is LATER
    return served, client


@pytest.mark.parametrize("request_", [WAITS, GROUP_WAITS])
def test_a_new_entry_ends_the_wait(request_: str) -> None:
    served, client = waiting(request_)
    served.call("XDEL", "s", "1-1")
    assert client.got == []
    served.call("XADD", "s", "2-1", "f", "v")
    assert client.got == [[[b"s", [ENTRY]]]]


def test_consumers_get_an_entry_each() -> None:
    served, client = waiting(GROUP_WAITS)
    second = Client(served)
    second.call(*GROUP_WAITS.replace("ann", "bob").split())
    served.call("XADD", "s", "2-1", "f", "v")
    assert (len(client.got), second.got) == (1, [])
    served.call("XADD", "s", "3-1", "f", "v")
    assert second.got == [[[b"s", [[b"3-1", [b"f", b"v"]]]]]]


def test_readers_all_get_an_entry() -> None:
    served, client = waiting(WAITS)
    second = Client(served)
    second.call(*WAITS.split())
    served.call("XADD", "s", "2-1", "f", "v")
    assert client.got == second.got == [[[b"s", [ENTRY]]]]


@pytest.mark.parametrize("request_", ["DEL s", "SET s x", "RENAME s t", "FLUSHALL"])
def test_a_group_whose_stream_is_gone_is_not_waited_for(request_: str) -> None:
    served, client = waiting(GROUP_WAITS)
    served.call(*request_.split())
    [reply] = client.got
    assert isinstance(reply, ErrorReply) and reply == b"UNBLOCKED the stream key no longer exists"


def test_a_reader_waits_for_the_stream_to_come_back() -> None:
    served, client = waiting(WAITS)
    served.call("DEL", "s")
    served.call("XADD", "s", "1-1", "f", "v")
    assert client.got == []
    served.call("XADD", "s", "2-1", "f", "v")
    assert client.got == [[[b"s", [ENTRY]]]]


def test_a_wait_is_over_in_time() -> None:
    served, client = waiting("XREAD BLOCK 100 STREAMS s none $ $")
    served.clock.now_ms += 101
    served.engine.tick()
    assert client.got == [NULL_ARRAY]


def test_nothing_waits_inside_a_transaction() -> None:
    served = Served()
    served.call("MULTI")
    served.call("XREAD", "BLOCK", 0, "STREAMS", "s", "$")
    assert served.call("EXEC") == [NULL_ARRAY]


def test_a_served_wait_is_propagated_as_a_claim() -> None:
    served, _client = waiting(GROUP_WAITS)
    served.feeds()
    served.call("XADD", "s", "2-1", "f", "v")
    fed = served.feeds()
    assert b"XADD" in fed and b"XCLAIM" in fed and b"XREADGROUP" not in fed


def test_deliveries_are_propagated_one_by_one() -> None:
    local = Local()
    local.call("XADD", "s", "1-1", "f", "v")
    local.call("XGROUP", "CREATE", "s", "g", 0)
    local.written.clear()
    local.call("XREADGROUP", "GROUP", "g", "ann", "STREAMS", "s", ">")
    claim = f"XCLAIM s g ann 0 1-1 TIME {NOW_MS} RETRYCOUNT 1 FORCE JUSTID LASTID 1-1"
    assert local.written == [claim.encode().split()]


def test_what_needs_no_acknowledgement_moves_the_group_on() -> None:
    local = Local()
    local.call("XADD", "s", "1-1", "f", "v")
    local.call("XGROUP", "CREATE", "s", "g", 0)
    local.written.clear()
    local.call("XREADGROUP", "GROUP", "g", "ann", "NOACK", "STREAMS", "s", ">")
    assert [b" ".join(argv) for argv in local.written] == [
        b"MULTI",
        b"XGROUP CREATECONSUMER s g ann",
        b"XGROUP SETID s g 1-1 ENTRIESREAD 1",
        b"EXEC",
    ]
    local.written.clear()
    assert local.call("XREADGROUP", "GROUP", "g", "ann", "STREAMS", "s", ">") is NULL_ARRAY
    assert local.call("XREADGROUP", "GROUP", "g", "ann", "STREAMS", "s", "0") == [[b"s", []]]
    assert local.written == []


@pytest.mark.parametrize(
    ("request_", "keys"),
    [
        ("XREAD STREAMS a b 0 0", "a b"),
        ("XREAD COUNT 1 BLOCK 5 STREAMS streams 0", "streams"),
        ("XREADGROUP GROUP streams streams NOACK STREAMS a >", "a"),
        ("XREAD STREAMS a b 0", ""),
        ("XREAD x STREAMS a 0", ""),
        ("XREAD COUNT 1 BLOCK", ""),
    ],
)
def test_where_the_keys_stand(request_: str, keys: str) -> None:
    argv = request_.encode().split()
    assert COMMANDS[argv[0].lower()].keys(argv) == keys.encode().split()
