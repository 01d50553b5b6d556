"""How waits end."""

from __future__ import annotations

import random
from typing import cast

from cluster.core.core import Core
from cluster.core.settings import Settings
from protocol.keyslot import key_slot
from protocol.resp.types import LATER, NO_REPLY, NULL_ARRAY
from tests.support.served import NOW_MS, Client, Served

MISSING = b"CLUSTERDOWN Hash slot not served"


def test_the_first_come_is_served_first() -> None:
    served = Served()
    first, second = Client(served), Client(served)
    assert first.call("BLPOP", "k", 0) is LATER
    assert second.call("BLPOP", "k", 0) is LATER
    assert served.call("RPUSH", "k", "1", "2", "3") == 3
    assert first.got == [[b"k", b"1"]]
    assert second.got == [[b"k", b"2"]]
    assert served.call("LRANGE", "k", 0, -1) == [b"3"]
    assert first.session.waiting is None


def test_a_transaction_is_over_before_anyone_is_served() -> None:
    served = Served()
    waiting = Client(served)
    waiting.call("BLPOP", "a", "b", 0)
    for argv in (["MULTI"], ["RPUSH", "b", "1"], ["RPUSH", "a", "2"], ["DEL", "b"], ["EXEC"]):
        served.call(*argv)
    assert waiting.got == [[b"a", b"2"]]


def test_what_is_served_is_propagated_behind_what_made_it_ready() -> None:
    served = Served()
    served.feeds()
    popping, moving = Client(served), Client(served)
    popping.call("BLPOP", "k", 0)
    moving.call("BLMOVE", "k", "d", "left", "right", 0)
    served.call("RPUSH", "k", "1", "2")
    stream = served.feeds()
    words = [b"RPUSH", b"LPOP", b"LMOVE"]
    assert [stream.index(word) for word in words] == sorted(stream.index(word) for word in words)
    assert b"LEFT" in stream
    assert b"RIGHT" in stream
    assert b"MULTI" not in stream
    assert popping.session.write_offset < moving.session.write_offset == served.replication.offset


def test_time_runs_out_and_never_early() -> None:
    served = Served()
    waiting = Client(served)
    waiting.call("BLPOP", "k", "0.5")
    served.clock.now_ms = NOW_MS + 499
    served.engine.tick()
    assert waiting.got == []
    served.clock.now_ms = NOW_MS + 500
    served.engine.tick()
    assert waiting.got == [NULL_ARRAY]
    served.call("RPUSH", "k", "1")
    assert served.call("LLEN", "k") == 1


def test_a_client_that_has_gone_gets_nothing() -> None:
    served = Served()
    gone = Client(served)
    gone.call("BLPOP", "k", 0)
    gone.session.close()
    assert served.call("RPUSH", "k", "1") == 1
    assert served.call("LLEN", "k") == 1


def test_another_client_ends_the_wait() -> None:
    served = Served()
    waiting = Client(served)
    number = waiting.session.id
    waiting.call("BLPOP", "k", 0)
    assert served.call("CLIENT", "UNBLOCK", number) == 1
    waiting.call("BLPOP", "k", 0)
    assert served.call("CLIENT", "UNBLOCK", number, "error") == 1
    assert waiting.got == [NULL_ARRAY, b"UNBLOCKED client unblocked via CLIENT UNBLOCK"]
    assert served.call("CLIENT", "UNBLOCK", number) == 0
    assert served.server.statistics.of("blpop").failed_calls == 2
    assert served.server.statistics.errors == {"UNBLOCKED": 1}


def test_a_new_role_ends_waits_and_connections() -> None:
    served = Served()
    waiting = Client(served)
    waiting.call("BLPOP", "k", 0)
    served.replication.follow("127.0.0.1", 7000, 0)
    served.engine.role_changed()
    assert waiting.got == [
        b"UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)"
    ]
    assert waiting.closed


def test_replies_that_nobody_wants_are_not_given() -> None:
    served = Served()
    waiting = Client(served)
    waiting.call("CLIENT", "REPLY", "SKIP")
    waiting.call("BLPOP", "k", 0)
    served.call("RPUSH", "k", "1", "2")
    assert waiting.got == [NO_REPLY]
    assert waiting.call("BLPOP", "k", 0) == [b"k", b"2"]


def test_an_error_is_given_to_who_waits_and_takes_nothing() -> None:
    served = Served()
    waiting = Client(served)
    waiting.call("BLMOVE", "k", "d", "LEFT", "LEFT", 0)
    served.call("SET", "d", "no list")
    served.call("RPUSH", "k", "1")
    assert waiting.got == [b"WRONGTYPE Operation against a key holding the wrong kind of value"]
    assert served.call("LLEN", "k") == 1
    assert served.server.statistics.of("blmove").failed_calls == 1


class Elsewhere:
    """A core whose word on every slot can be set."""

    def __init__(self) -> None:
        self.is_ok = True
        self.migrating: dict[int, str] = {}
        self.importing: dict[int, str] = {}
        self.refusal: str | None = None
        self.asked: list[int] = []
        self.serving = bytearray(b"\1" * 16384)

    def route(self, slot: int, **_how: object) -> str | None:
        self.asked.append(slot)
        return self.refusal


def test_the_cluster_sends_who_waits_elsewhere() -> None:
    core = Elsewhere()
    served = Served(core=cast(Core, core))
    waiting = Client(served)
    assert waiting.call("BLPOP", "foo", 0) is LATER
    served.engine.tick()
    assert waiting.got == []
    assert core.asked[-1] == key_slot(b"foo")
    core.refusal = "MOVED 12182 127.0.0.1:7001"
    served.engine.tick()
    assert waiting.got == [b"MOVED 12182 127.0.0.1:7001"]
    core.refusal = None
    waiting.call("BLPOP", "foo", 0)
    core.is_ok = False
    served.engine.tick()
    assert waiting.got[1:] == [b"CLUSTERDOWN The cluster is down"]


def test_a_fresh_core_serves_nothing_so_nobody_waits() -> None:
    core = Core(Settings(), random.Random(1), NOW_MS, host="127.0.0.1", port=7000, bus_port=17000)
    assert Served(core=core).call("BLPOP", "k", 0) == MISSING
