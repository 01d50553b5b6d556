"""The twin of cluster/commands/config.py; what CONFIG SET does in the process is in test_server.py."""

from __future__ import annotations

import pytest

from protocol.resp.types import OK, ErrorReply
from tests.support.served import Served


@pytest.fixture
def served() -> Served:
    return Served()


def test_patterns_add_up_and_case_does_not_matter(served: Served) -> None:
    found = served.call("CONFIG", "GET", "MAXMEM*-policy", "port", "PORT", "nosuch")
    assert found == {b"maxmemory-policy": b"noeviction", b"port": b"6379"}


def test_a_value_is_shown_in_redis_way_whatever_way_it_was_given_in(served: Served) -> None:
    assert served.call("CONFIG", "SET", "maxmemory", "1kb", "appendfsync", "ALWAYS") == OK
    found = served.call("CONFIG", "GET", "maxmemory", "appendfsync")
    assert found == {b"maxmemory": b"1024", b"appendfsync": b"always"}


def test_an_older_name_means_the_same(served: Served) -> None:
    assert served.call("CONFIG", "SET", "slave-priority", "7") == OK
    assert served.call("CONFIG", "GET", "replica-priority") == {b"replica-priority": b"7"}


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("nosuch", "1"), "ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'"),
        (("port",), "ERR wrong number of arguments for 'config|set' command"),
        (
            ("hz", "10", "hz", "20"),
            "ERR CONFIG SET failed (possibly related to argument 'hz') - duplicate parameter",
        ),
        (
            ("maxclients", "5", "hz", "x"),
            "ERR CONFIG SET failed (possibly related to argument 'hz') - argument couldn't be parsed into an "
            "integer",
        ),
    ],
)
def test_a_refusal_changes_nothing(served: Served, words: tuple[str, ...], error: str) -> None:
    before = served.call("CONFIG", "GET", "*")
    refusal = served.call("CONFIG", "SET", *words)
    assert isinstance(refusal, ErrorReply)
    assert refusal == error.encode()
    assert served.call("CONFIG", "GET", "*") == before


def test_what_the_process_cannot_do_is_taken_back(served: Served) -> None:
    served.host.refuses = "Unable to listen on this port"
    assert isinstance(served.call("CONFIG", "SET", "port", "7001"), ErrorReply)
    assert served.call("CONFIG", "GET", "port") == {b"port": b"6379"}


def test_what_concerns_the_data_on_disk_is_not_changed_while_that_is_loaded(served: Served) -> None:
    served.server.loading = True
    error = ErrorReply(b"LOADING Redis is loading the dataset in memory")
    for name, value in (("appendonly", "yes"), ("dir", "/tmp"), ("repl-diskless-load", "swapdb")):
        assert served.call("CONFIG", "SET", "maxmemory", "1kb", name, value) == error
    assert served.host.changed == []
    assert served.call("CONFIG", "GET", "appendonly", "maxmemory") == {
        b"appendonly": b"no",
        b"maxmemory": b"0",
    }
    assert served.call("CONFIG", "SET", "save", "60 1") == OK
