"""The twin of cluster/commands/debug.py. Digests and objects are compared in tests/parity."""

from __future__ import annotations

import pytest

from cluster.commands.debug import _SUBCOMMANDS
from protocol.resp.types import NULL_ARRAY, OK, ErrorReply
from tests.support.local import Local
from tests.support.served import Client, Served


@pytest.fixture
def local() -> Local:
    made = Local()
    made.options.enable_debug_command = "yes"
    return made


def test_populate_fills_up_and_tells_no_replica(local: Local) -> None:
    local.call("SET", "key:1", "mine")
    local.written.clear()
    assert local.call("DEBUG", "POPULATE", 3) == OK
    assert local.call("MGET", "key:0", "key:1", "key:2") == [b"value:0", b"mine", b"value:2"]
    assert local.call("DEBUG", "POPULATE", 1, "long", 10) == OK
    assert local.call("GET", "long:0") == b"value:0\0\0\0"
    assert local.written == []


def test_whoever_watches_a_populated_key_is_told(local: Local) -> None:
    watcher = local.connect()
    local.call("WATCH", "key:0", session=watcher)
    local.call("DEBUG", "POPULATE", 1)
    local.call("MULTI", session=watcher)
    local.call("GET", "key:0", session=watcher)
    assert local.call("EXEC", session=watcher) is NULL_ARRAY


def test_an_error_and_a_line_in_the_log(local: Local) -> None:
    assert local.call("DEBUG", "ERROR", "MINE of my own") == ErrorReply(b"MINE of my own")
    assert local.call("DEBUG", "LOG", "a line") == OK
    assert ("warning", "DEBUG LOG: a line") in local.host.lines


def test_a_new_history(local: Local) -> None:
    before = local.replication.id
    assert local.call("DEBUG", "CHANGE-REPL-ID") == OK
    assert local.replication.id != before
    assert local.replication.id2 == "0" * 40


def test_what_is_not_there(local: Local) -> None:
    assert local.call("DEBUG", "OBJECT", "none") == ErrorReply(b"ERR no such key")
    for words in (("WHAT",), ("OBJECT",), ("DIGEST", "x"), ("POPULATE", 1, "p", 1, 1)):
        reply = local.call("DEBUG", *words)
        assert isinstance(reply, ErrorReply)
        assert reply.startswith(b"ERR unknown subcommand or wrong number of arguments for")


def test_reload_and_loadaof_load_all_data_anew() -> None:
    served = Served()
    served.options.enable_debug_command = "yes"
    other = Client(served)
    for command in (("RELOAD",), ("RELOAD", "MERGE", "NOFLUSH", "NOSAVE"), ("LOADAOF",)):
        other.call("SET", "key", "value")
        other.call("WATCH", "key")
        assert served.call("DEBUG", *command) == OK
        other.call("MULTI")
        assert other.call("EXEC") is NULL_ARRAY
    assert b"only supports" in served.client.raw("DEBUG", "RELOAD", "NOW")
    served.host.refuses = "corrupt"
    assert served.client.raw("DEBUG", "RELOAD") == b"-ERR Error trying to load the RDB dump\r\n"
    assert b"check server logs" in served.client.raw("DEBUG", "LOADAOF")


def test_asleep_the_whole_process_stands_still() -> None:
    served = Served()
    served.options.enable_debug_command = "yes"
    now_ms = served.clock.now_ms
    assert served.call("DEBUG", "SLEEP", "1.5") == OK
    assert served.clock.now_ms == now_ms + 1500
    for nonsense in ("-1", "inf", "soon", "0"):
        assert served.call("DEBUG", "SLEEP", nonsense) == OK
    assert served.clock.now_ms == now_ms + 1500


def test_active_expiry_can_be_stopped(local: Local) -> None:
    for word, active in (("0", False), ("1", True)):
        assert local.call("DEBUG", "SET-ACTIVE-EXPIRE", word) == OK
        assert local.server.active_expiry is active
    assert local.call("DEBUG", "JMAP") == OK


def test_a_push_comes_before_the_reply() -> None:
    served = Served()
    served.options.enable_debug_command = "yes"
    served.client.call("HELLO", 3)
    assert served.client.raw("DEBUG", "PROTOCOL", "push") == (
        b">2\r\n$16\r\nserver-cpu-usage\r\n:42\r\n$40\r\nSome real reply following the push reply\r\n"
    )


def test_help_names_each_subcommand(local: Local) -> None:
    told = local.call("DEBUG", "HELP")
    assert isinstance(told, list)
    names = {line.split()[0] for line in told[1:] if isinstance(line, bytes) and line[:1] != b" "}
    assert names == set(_SUBCOMMANDS)


def test_a_listpack_is_described_in_the_log(local: Local) -> None:
    local.call("HSET", "key", "field", "value")
    assert local.call("DEBUG", "LISTPACK", "key") == b"Listpack structure printed on stdout"
    assert ("notice", "A listpack: elements 1, bytes 22") in local.host.lines
