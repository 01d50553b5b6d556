from __future__ import annotations

from cluster.spec.options import Options
from protocol.keyslot import key_slot
from tests.support.served import Served


def apply(served: Served, *commands: str) -> None:
    for command in commands:
        served.engine.apply([word.encode() for word in command.split()])


def replica() -> Served:
    served = Served()
    served.replication.follow("127.0.0.1", 7000, 0)
    served.engine.role_changed()
    return served


def test_the_stream_is_applied_past_the_gates() -> None:
    served = replica()
    apply(served, "SELECT 2", "SET k v", "SELECT 0", "SET j w")
    assert served.call("GET", "j") == b"w"
    served.call("SELECT", 2)
    assert served.call("GET", "k") == b"v"


def test_a_transaction_is_applied_when_it_is_whole() -> None:
    served = replica()
    apply(served, "MULTI", "SET a 1", "INCR a")
    assert served.call("GET", "a") is None
    apply(served, "EXEC")
    assert served.call("GET", "a") == b"2"


def test_half_a_transaction_is_forgotten_with_its_stream() -> None:
    served = replica()
    apply(served, "SELECT 1", "MULTI", "SET a 1")
    served.engine.restart_stream()
    apply(served, "EXEC", "SET b 2")
    assert (served.call("GET", "a"), served.call("GET", "b")) == (None, b"2")


def test_the_primarys_clock_decides_what_has_expired() -> None:
    served = replica()
    apply(served, f"SET k 5 PXAT {served.clock.now_ms + 10}")
    served.clock.now_ms += 20
    assert served.call("GET", "k") is None
    apply(served, "INCR k")
    assert served.server.databases[0].slots[key_slot(b"k")][b"k"].expire_ms > 0
    apply(served, "DEL k")
    assert served.call("DBSIZE") == 0


def test_what_cannot_be_applied_is_logged() -> None:
    served = replica()
    apply(served, "NOSUCH x", "GET", "CONFIG", "SET k v", "INCR k")
    assert len(served.host.logged) == 4
    assert served.call("GET", "k") == b"v"


def test_what_is_applied_is_not_fed_again() -> None:
    served = Served(Options())
    served.feeds()
    apply(served, "SET k v")
    assert served.feeds() == b""


def test_libraries_of_functions_are_kept_and_go_into_our_file() -> None:
    served = replica()
    journal = served.server.journal
    journal.is_open = True
    served.engine.apply([b"FUNCTION", b"LOAD", b"#!lua name=mine\n"])
    served.engine.apply([b"FUNCTION", b"LOAD", b"#!lua name=other\n"])
    assert bytes(journal.pending).count(b"\r\nFUNCTION\r\n") == 2
    apply(served, "FUNCTION DELETE mine")
    assert served.server.libraries == [b"#!lua name=other\n"]
