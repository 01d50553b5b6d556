from __future__ import annotations

import pytest

from cluster.spec.command import COMMANDS
from tests.support.served import Served


def test_every_command_describes_itself() -> None:
    served = Served()
    assert served.call("COMMAND", "COUNT") == len(COMMANDS)
    for name in ("COMMAND", "COMMAND INFO", "COMMAND DOCS", "COMMAND LIST"):
        reply = served.call(*name.split())
        assert isinstance(reply, (list, dict))
        assert len(reply) == len(COMMANDS)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("get", (1, 1, 1)),
        ("mset", (1, -1, 2)),
        ("rename", (1, 2, 1)),
        ("ping", (0, 0, 0)),
        ("del", (1, -1, 1)),
    ],
)
def test_the_range_that_old_clients_understand(name: str, expected: tuple[int, int, int]) -> None:
    reply = Served().call("COMMAND", "INFO", name)
    assert isinstance(reply, list)
    row = reply[0]
    assert isinstance(row, list)
    assert tuple(row[3:6]) == expected


@pytest.mark.parametrize(
    ("argv", "reply"),
    [
        (("SET", "a", "b"), [b"a"]),
        (("MSET", "a", "1", "b", "2"), [b"a", b"b"]),
        (("ZUNIONSTORE", "d", "2", "a", "b"), [b"d", b"a", b"b"]),
        (("PING", "a"), b"ERR The command has no key arguments"),
        (("NOSUCH", "a"), b"ERR Invalid command specified"),
        (("GET", "a", "b"), b"ERR Invalid number of arguments specified for command"),
        (("ZUNIONSTORE", "d", "x", "a"), b"ERR Invalid arguments specified for command"),
    ],
)
def test_getkeys(argv: tuple[str, ...], reply: object) -> None:
    assert Served().call("COMMAND", "GETKEYS", *argv) == reply


def test_getkeysandflags() -> None:
    assert Served().call("COMMAND", "GETKEYSANDFLAGS", "GET", "a") == [[b"a", [b"RO", b"access"]]]


def test_list_filters() -> None:
    served = Served()
    assert served.call("COMMAND", "LIST", "FILTERBY", "PATTERN", "getex*") == [b"getex"]
    assert served.call("COMMAND", "LIST", "FILTERBY", "MODULE", "x") == []
    found = served.call("COMMAND", "LIST", "FILTERBY", "ACLCAT", "transaction")
    assert isinstance(found, list)
    assert set(found) == {b"multi", b"exec", b"discard", b"watch", b"unwatch"}
    assert served.call("COMMAND", "LIST", "FILTERBY", "X", "y") == b"ERR syntax error"


def test_a_subcommand_and_an_unknown_one() -> None:
    reply = Served().call("COMMAND", "INFO", "config|get", "nosuch", "get|x")
    assert isinstance(reply, list)
    assert isinstance(reply[0], list)
    assert (reply[0][0], reply[1]) == (b"config|get", None)


def test_help_comes_from_the_declarations() -> None:
    reply = Served().call("CONFIG", "HELP")
    assert isinstance(reply, list)
    assert reply[0] == b"CONFIG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"
    assert b"SET <parameter> <value> [<parameter> <value> ...]" in reply
