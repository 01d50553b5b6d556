"""Keyspace notifications: which classes are told, and on which channels. Parity tests have the events."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import cast

import pytest

import cluster.commands
from cluster.session.keyspace_events import CLASSES
from protocol.resp.types import Push
from tests.support.served import Client, Served


def listening(classes: str) -> tuple[Served, Client]:
    served = Served()
    listener = Client(served)
    listener.call("PSUBSCRIBE", "__key*")
    served.call("CONFIG", "SET", "notify-keyspace-events", classes)
    listener.got.clear()
    return served, listener


def heard(listener: Client) -> list[tuple[bytes, bytes]]:
    """Channel and message of each push."""
    pushes = [push for push in listener.got if isinstance(push, Push)]
    listener.got.clear()
    return [(cast(bytes, push[2]), cast(bytes, push[3])) for push in pushes]


def test_both_kinds_of_channels() -> None:
    served, listener = listening("KEA")
    served.call("SELECT", 1)
    served.call("SET", "k", "v")
    assert heard(listener) == [(b"__keyspace@1__:k", b"set"), (b"__keyevent@1__:set", b"k")]


@pytest.mark.parametrize("classes", ["", "A", "K", "El", "KEh$"])
def test_only_what_is_asked_for(classes: str) -> None:
    served, listener = listening(classes)
    served.call("SADD", "k", "m")
    served.call("XGROUP", "CREATE", "x", "g", "$", "MKSTREAM")
    assert heard(listener) == []


def test_new_keys_misses_expiry() -> None:
    served, listener = listening("Exnm")
    served.call("GET", "k")
    served.call("OBJECT", "ENCODING", "k")
    served.call("PSETEX", "k", 5, "v")
    served.call("SET", "k", "w", "KEEPTTL")
    served.clock.now_ms += 6
    served.engine.tick()
    expected = [(b"keymiss", b"k"), (b"new", b"k"), (b"expired", b"k")]
    assert heard(listener) == [(b"__keyevent@0__:" + event, key) for event, key in expected]
    served.call("CONFIG", "SET", "notify-keyspace-events", "")
    served.call("GET", "k")
    served.call("SET", "k", "v")
    assert heard(listener) == []


def test_the_applied_stream_tells_too() -> None:
    served, listener = listening("E$")
    served.engine.apply([b"SET", b"k", b"v"])
    assert heard(listener) == [(b"__keyevent@0__:set", b"k")]


def test_every_event_that_a_command_names_has_a_class() -> None:
    folder = Path(str(cluster.commands.__file__)).parent
    named: set[bytes] = set()
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
                if name in ("changed", "noted", "removed", "store_result", "_store", "_remove"):
                    named |= {leaf.value for leaf in _leaves(node) if isinstance(leaf.value, bytes)}
    assert {b"set", b"lpop", b"zadd", b"sinterstore"} <= named
    assert named <= CLASSES.keys()


def _leaves(call: ast.Call) -> list[ast.Constant]:
    return [leaf for each in call.args for leaf in ast.walk(each) if isinstance(leaf, ast.Constant)]
