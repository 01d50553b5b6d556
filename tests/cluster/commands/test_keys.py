"""The twin of cluster/commands/keys.py: what is propagated and notified. Replies are compared in
tests/parity."""

from __future__ import annotations

import pytest

from protocol.resp.types import NULL_ARRAY, ErrorReply
from tests.support.local import NOW_MS, Local


@pytest.mark.parametrize(
    ("request_", "events"),
    [
        (b"DEL k none k", [(b"k", b"del", 1)]),
        (b"UNLINK k list", [(b"k", b"del", 1), (b"list", b"del", 1)]),
        (b"DEL none", []),
        (b"RENAME k new", [(b"k", b"rename_from", 1), (b"new", b"rename_to", 0)]),
        (b"RENAMENX k list", []),
        (b"RENAME k k", []),
        (b"COPY k new", [(b"new", b"copy_to", 1)]),
        (b"MOVE k 1", [(b"k", b"move_from", 1), (b"k", b"move_to", 0)]),
        (b"TOUCH k", []),
    ],
)
def test_what_is_changed(request_: bytes, events: list[tuple[bytes, bytes, int]]) -> None:
    local = Local()
    local.call("SET", "k", "v")
    local.call("RPUSH", "list", "element")
    local.written.clear()
    local.events.clear()
    local.call(*request_.split())
    assert local.events == events
    assert local.written == ([request_.split()] if events else [])


def test_a_renamed_key_keeps_its_expiry_and_takes_the_others_place() -> None:
    local = Local()
    local.call("SET", "k", "v", "PX", 1000)
    local.call("SET", "new", "old", "PX", 9000)
    local.call("RENAME", "k", "new")
    assert local.call("GET", "new") == b"v"
    assert local.call("PTTL", "new") == 1000
    local.now_ms += 1001
    assert local.call("EXISTS", "k", "new") == 0


def test_a_copy_is_a_value_of_its_own() -> None:
    local = Local()
    local.call("RPUSH", "list", "one")
    local.call("APPEND", "text", "a")
    local.call("APPEND", "text", "b")
    for key in ("list", "text"):
        assert local.call("COPY", key, f"{key}2") == 1
    local.call("RPUSH", "list", "two")
    local.call("APPEND", "text", "c")
    assert local.call("LRANGE", "list2", 0, -1) == [b"one"]
    assert local.call("GET", "text2") == b"ab"


@pytest.mark.parametrize("command", [b"MOVE k 1", b"COPY k k DB 1"])
def test_who_watches_the_key_in_the_other_database_sees_it_come(command: bytes) -> None:
    local = Local()
    local.call("SET", "k", "v")
    watcher = local.connect()
    local.call("SELECT", 1, session=watcher)
    local.call("WATCH", "k", session=watcher)
    local.call("MULTI", session=watcher)
    local.call("PING", session=watcher)
    local.call(*command.split())
    assert local.call("EXEC", session=watcher) is NULL_ARRAY


def test_who_watches_the_key_of_that_name_here_sees_no_copy_elsewhere() -> None:
    local = Local()
    local.call("SET", "k", "v")
    local.call("WATCH", "k")
    local.call("COPY", "k", "k", "DB", 1)
    local.call("MULTI")
    local.call("PING")
    assert local.call("EXEC") == [b"PONG"]


def test_a_key_moves_to_another_database_with_its_expiry() -> None:
    local = Local()
    local.call("SET", "k", "v", "PX", 1000)
    assert local.call("MOVE", "k", 3) == 1
    assert local.call("EXISTS", "k") == 0
    local.call("SELECT", 3)
    assert local.call("PEXPIRETIME", "k") == NOW_MS + 1000


def test_a_cluster_has_one_database() -> None:
    local = Local(cluster=True)
    local.call("SET", "{k}", "v")
    assert local.call("MOVE", "{k}", 0) == ErrorReply(b"ERR MOVE is not allowed in cluster mode")
    assert local.call("COPY", "{k}", "{k}2") == 1


def test_asking_about_a_key_is_no_use_of_it() -> None:
    local = Local()
    local.call("SET", "k", "v")
    local.now_ms += 5000
    for command in ("EXISTS k", "TYPE k", "TTL k", "OBJECT ENCODING k"):
        local.call(*command.split())
    assert local.call("OBJECT", "IDLETIME", "k") == 5
    local.call("TOUCH", "k")
    assert local.call("OBJECT", "IDLETIME", "k") == 0
    assert local.server.databases[0].hits == 7


def test_a_copied_number_is_a_number_of_its_own() -> None:
    local = Local()
    local.call("SET", "a", "9999")
    assert local.call("COPY", "a", "b") == 1
    assert [local.call("OBJECT", "REFCOUNT", key) for key in "ab"] == [(1 << 31) - 1, 1]
    assert local.call("OBJECT", "ENCODING", "b") == b"int"
    assert local.call("GET", "b") == b"9999"
    assert local.call("INCR", "b") == 10000
