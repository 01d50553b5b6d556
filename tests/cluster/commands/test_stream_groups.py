from __future__ import annotations

from protocol.resp.types import LATER, OK, ErrorReply
from tests.support.local import Local
from tests.support.served import Client, Served


def test_groups_and_consumers_come_and_go() -> None:
    local = Local()
    assert local.call("XGROUP", "CREATE", "s", "g", "$", "MKSTREAM") == OK
    assert local.call("XGROUP", "CREATECONSUMER", "s", "g", "ann") == 1
    assert local.call("XGROUP", "CREATECONSUMER", "s", "g", "ann") == 0
    assert local.call("XGROUP", "SETID", "s", "g", "5-1", "ENTRIESREAD", 3) == OK
    assert local.call("XGROUP", "DELCONSUMER", "s", "g", "ann") == 0
    assert local.call("XGROUP", "DESTROY", "s", "g") == 1
    assert local.call("XGROUP", "DESTROY", "s", "g") == 0
    assert [event for _, event, _ in local.events] == [
        b"xgroup-create",
        b"xgroup-createconsumer",
        b"xgroup-setid",
        b"xgroup-delconsumer",
        b"xgroup-destroy",
    ]
    assert len(local.written) == 5


def test_a_stream_outlives_its_last_entry_and_group() -> None:
    local = Local()
    local.call("XADD", "s", "1-1", "f", "v")
    local.call("XDEL", "s", "1-1")
    assert local.call("EXISTS", "s") == 1


def test_acknowledging_is_propagated_and_tells_of_no_event() -> None:
    local = Local()
    local.call("XADD", "s", "1-1", "f", "v")
    local.call("XGROUP", "CREATE", "s", "g", 0)
    local.call("XREADGROUP", "GROUP", "g", "ann", "STREAMS", "s", ">")
    local.events.clear()
    local.written.clear()
    assert local.call("XACK", "s", "g", "1-1", "1-1", "9-9") == 1
    assert local.call("XACK", "s", "g", "1-1") == 0
    assert local.call("XACK", "s", "none", "x") == 0
    assert local.events == []
    assert local.written == [[b"XACK", b"s", b"g", b"1-1", b"1-1", b"9-9"]]


def test_watchers_of_a_stream_do_not_mind_its_groups() -> None:
    served = Served()
    other = Client(served)
    served.call("XADD", "s", "1-1", "f", "v")
    served.call("WATCH", "s")
    other.call("XGROUP", "CREATE", "s", "g", 0)
    served.call("MULTI")
    served.call("PING")
    assert isinstance(served.call("EXEC"), list)


def test_who_waits_for_a_group_is_told_that_it_is_gone() -> None:
    served = Served()
    waiting = Client(served)
    served.call("XGROUP", "CREATE", "s", "g", "$", "MKSTREAM")
    assert waiting.call("XREADGROUP", "GROUP", "g", "ann", "BLOCK", 0, "STREAMS", "s", ">") is LATER
    served.call("XGROUP", "CREATE", "s", "h", "$")
    assert waiting.got == []
    served.call("XGROUP", "DESTROY", "s", "g")
    [reply] = waiting.got
    assert isinstance(reply, ErrorReply) and reply.startswith(b"NOGROUP the consumer group this client")


def test_help_names_every_subcommand() -> None:
    reply = Local().call("XGROUP", "HELP")
    assert isinstance(reply, list)
    text = b" ".join(line for line in reply if isinstance(line, bytes))
    for name in (b"CREATE", b"SETID", b"DESTROY", b"CREATECONSUMER", b"DELCONSUMER", b"HELP"):
        assert name in text
