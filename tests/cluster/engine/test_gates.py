from __future__ import annotations

from typing import cast

import pytest

from cluster.core.core import Core
from protocol.keyslot import key_slot
from protocol.resp.types import OK, ErrorReply
from tests.support.served import Client, Served


class FakeCore:
    """Owns every slot but 0 to 99; notes what it is asked."""

    def __init__(self) -> None:
        self.serving = bytearray(b"\0" * 100 + b"\1" * 16284)
        self.migrating: dict[int, str] = {}
        self.importing: dict[int, str] = {}
        self.asked: list[dict[str, object]] = []
        self.answer: str | None = "MOVED 5 127.0.0.1:7001"

    def route(self, slot: int, **facts: object) -> str | None:
        self.asked.append({"slot": slot, **facts})
        return None if self.serving[slot] and slot not in self.migrating else self.answer


def clustered() -> tuple[Served, FakeCore]:
    core = FakeCore()
    return Served(core=cast(Core, core)), core


FOREIGN = next(f"{{k{number}}}" for number in range(100000) if key_slot(b"k%d" % number) < 100)


def test_a_slot_of_ours_is_served_without_a_question() -> None:
    served, core = clustered()
    assert served.call("SET", "foo", "v") == OK
    assert core.asked == []


def test_a_foreign_slot_is_redirected() -> None:
    served, core = clustered()
    assert served.call("SET", FOREIGN, "v") == b"MOVED 5 127.0.0.1:7001"
    assert core.asked[-1]["writes"] is True
    assert served.server.statistics.errors == {"MOVED": 1}
    assert served.server.statistics.of("set").rejected_calls == 1


def test_keys_of_two_slots_are_refused() -> None:
    served, _ = clustered()
    assert served.call("MSET", "a", "1", "b", "2") == b"CROSSSLOT Keys in request don't hash to the same slot"
    assert served.call("MSET", "{t}a", "1", "{t}b", "2") == OK


def test_a_migrating_slot_counts_missing_keys_once_each() -> None:
    served, core = clustered()
    served.call("SET", "{t}a", "1")
    slot = key_slot(b"t")
    core.serving[slot] = 0
    core.migrating[slot] = "x" * 40
    core.answer = "TRYAGAIN Multiple keys request during rehashing of slot"
    assert isinstance(served.call("MGET", "{t}a", "{t}b", "{t}b"), ErrorReply)
    assert (core.asked[-1]["keys"], core.asked[-1]["missing"]) == (2, 1)


def test_asking_holds_for_one_request() -> None:
    served, core = clustered()
    served.client.session.asking = True
    served.client.session.refresh()
    served.call("GET", FOREIGN)
    served.call("GET", FOREIGN)
    assert [facts["asking"] for facts in core.asked] == [True, False]


def test_a_redirected_exec_ends_the_transaction() -> None:
    served, core = clustered()
    served.call("MULTI")
    served.call("SET", "foo", "v")
    core.serving[key_slot(b"foo")] = 0
    assert served.call("EXEC") == b"MOVED 5 127.0.0.1:7001"
    assert served.call("EXEC") == b"ERR EXEC without MULTI"


def test_a_redirect_inside_multi_fails_the_exec() -> None:
    served, _ = clustered()
    served.call("MULTI")
    assert served.call("SET", FOREIGN, "v") == b"MOVED 5 127.0.0.1:7001"
    assert served.call("EXEC") == b"EXECABORT Transaction discarded because of previous errors."


def test_a_replica_serves_reads_and_refuses_writes() -> None:
    served = Served()
    served.replication.follow("127.0.0.1", 7000, 0)
    served.engine.role_changed()
    assert served.call("SET", "k", "v") == b"READONLY You can't write against a read only replica."
    assert served.call("GET", "k") is None
    served.options.replica_serve_stale_data = False
    assert served.call("GET", "k") == (
        b"MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."
    )
    assert not isinstance(served.call("INFO"), ErrorReply)


def test_a_readonly_exec_says_why() -> None:
    served = Served()
    served.call("MULTI")
    served.call("SET", "k", "v")
    served.replication.follow("127.0.0.1", 7000, 0)
    assert served.call("EXEC") == (
        b"EXECABORT Transaction discarded because of: READONLY You can't write against a read only replica."
    )


def test_too_few_replicas() -> None:
    served = Served()
    served.call("CONFIG", "SET", "min-replicas-to-write", "1")
    assert served.call("SET", "k", "v") == b"NOREPLICAS Not enough good replicas to write."
    assert served.call("GET", "k") is None


def test_out_of_memory() -> None:
    served = Served()
    served.call("SET", "k", "v")
    served.call("CONFIG", "SET", "maxmemory", "1mb")
    served.host.rss_bytes += 2 << 20
    assert served.call("SET", "k", "w") == b"OOM command not allowed when used memory > 'maxmemory'."
    assert served.call("DEL", "k") == 1
    served.call("CONFIG", "SET", "maxmemory", "0")
    served.engine.tick()
    assert served.call("SET", "k", "w") == OK


def test_a_failed_snapshot_stops_writes_until_one_succeeds() -> None:
    served = Served()
    served.host.last_save = "err"
    served.engine.tick()
    for argv in (("SET", "k", "v"), ("PING",)):
        assert served.client.raw(*argv).startswith(b"-MISCONF Redis is configured to save RDB snapshots, but")
    assert served.call("GET", "k") is None
    served.host.last_save = "ok"
    served.engine.tick()
    assert served.call("SET", "k", "v") == OK


def test_loading() -> None:
    served = Served()
    served.server.loading = True
    assert served.call("GET", "k") == b"LOADING Redis is loading the dataset in memory"
    assert served.call("SELECT", "0") == OK
    served.server.loading = False
    assert served.call("GET", "k") is None


@pytest.mark.parametrize(("protocol", "allowed"), [(2, False), (3, True)])
def test_a_subscriber_may_do_little_in_resp2(protocol: int, allowed: bool) -> None:
    served = Served()
    client = Client(served)
    client.call("HELLO", protocol)
    client.call("SUBSCRIBE", "c")
    reply = client.call("GET", "k")
    assert (reply is None) == allowed
    if not allowed:
        assert reply == (
            b"ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are "
            b"allowed in this context"
        )


def test_debug_is_closed_unless_opened() -> None:
    served = Served()
    assert isinstance(served.call("DEBUG", "JMAP"), ErrorReply)
    served.options.enable_debug_command = "local"
    assert served.call("DEBUG", "JMAP") == OK
