"""The twin of cluster/commands/databases.py."""

from __future__ import annotations

from typing import cast

from protocol.resp.types import OK, ErrorReply
from tests.support.local import Local


def test_a_scan_finds_what_matches_once() -> None:
    local = Local()
    for number in range(300):
        local.call("SET", f"key:{number}", "")
        local.call("SET", f"{{tag}}{number}", "")
    local.call("RPUSH", "{tag}list", "element")
    found: list[bytes] = []
    cursor = b"0"
    while True:
        reply = local.call("SCAN", cursor, "MATCH", "{tag}*", "COUNT", 20, "TYPE", "string")
        cursor, piece = cast(tuple[bytes, list[bytes]], reply)
        found += piece
        if cursor == b"0":
            break
    assert sorted(found) == sorted(b"{tag}%d" % number for number in range(300))


def test_a_scan_shows_nothing_expired_and_removes_it() -> None:
    local = Local()
    local.call("SET", "k", "v", "PX", 10)
    local.now_ms += 11
    assert local.call("KEYS", "*") == []
    assert local.call("DBSIZE") == 1
    assert local.call("SCAN", 0) == [b"0", []]
    assert local.call("DBSIZE") == 0
    assert local.written[-1] == [b"DEL", b"k"]


def test_random_key() -> None:
    local = Local()
    assert local.call("RANDOMKEY") is None
    local.call("SET", "k", "v")
    assert local.call("RANDOMKEY") == b"k"


def test_a_flush_is_propagated_even_when_there_is_nothing_to_remove() -> None:
    local = Local()
    for command in (["FLUSHDB", "ASYNC"], ["FLUSHALL"]):
        assert local.call(*command) == OK
        assert local.written[-1] == [word.encode() for word in command]


def test_flushdb_removes_one_database_and_flushall_all() -> None:
    local = Local()
    for index in (0, 1, 2):
        local.call("SELECT", index)
        local.call("SET", "k", "v")
    local.call("FLUSHDB")
    assert [len(database) for database in local.server.databases[:3]] == [1, 1, 0]
    local.call("FLUSHALL", "SYNC")
    assert not any(map(len, local.server.databases))


def test_a_flush_breaks_a_transaction_that_watches_a_key() -> None:
    local = Local()
    other = local.connect()
    local.call("SET", "k", "v")
    for command in ("WATCH k", "MULTI", "GET k"):
        local.call(*command.split())
    local.call("FLUSHALL", session=other)
    assert local.raw("EXEC") == b"*-1\r\n"


def test_swapped_databases_keep_their_clients() -> None:
    local = Local()
    local.call("SET", "k", "zero")
    assert local.call("SWAPDB", 0, 1) == OK
    assert local.call("GET", "k") is None
    local.call("SELECT", 1)
    assert local.call("GET", "k") == b"zero"
    refused = ErrorReply(b"ERR SWAPDB is not allowed in cluster mode")
    assert Local(cluster=True).call("SWAPDB", 0, 0) == refused
