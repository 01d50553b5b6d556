"""The twin of cluster/spec/command.py."""

from __future__ import annotations

import pytest

import cluster.engine.engine  # noqa: F401 - every command is declared once the engine is there
from cluster.spec.command import COMMANDS, CommandSpec, KeySpec


def _spec(name: bytes) -> CommandSpec:
    return COMMANDS[name]


@pytest.mark.parametrize(
    ("line", "keys"),
    [
        (b"get a", [b"a"]),
        (b"mset a 1 b 2", [b"a", b"b"]),
        (b"del a b c", [b"a", b"b", b"c"]),
        (b"blpop a b 0", [b"a", b"b"]),
        (b"zunionstore to 2 a b weights 1 2", [b"to", b"a", b"b"]),
        (b"zunionstore to 3 a b", []),
        (b"migrate h 1 a 0 9", [b"a"]),
        (b'migrate h 1 "" 0 9 keys a b', [b"a", b"b"]),
        (b"ping", []),
    ],
)
def test_keys_follow_from_the_declaration(line: bytes, keys: list[bytes]) -> None:
    argv = [b"" if word == b'""' else word for word in line.split()]
    assert _spec(argv[0]).keys(argv) == keys


@pytest.mark.parametrize(
    ("name", "arity", "single_key"),
    [(b"get", 2, 1), (b"set", -3, 1), (b"mset", -3, 0), (b"ping", -1, 0), (b"config", -2, 0)],
)
def test_arity_and_the_one_key(name: bytes, arity: int, single_key: int) -> None:
    spec = _spec(name)
    assert (spec.arity, spec.single_key) == (arity, single_key)
    assert spec.takes(abs(arity))
    assert spec.takes(abs(arity) + 1) == (arity < 0)
    assert not spec.takes(abs(arity) - 1)


def test_categories_follow_from_group_and_flags() -> None:
    assert _spec(b"get").categories == ("fast", "read", "string")
    assert _spec(b"set").categories == ("slow", "string", "write")
    assert _spec(b"blpop").categories == ("blocking", "list", "slow", "write")


def test_a_keyword_is_searched_from_the_end_where_the_spec_says_so() -> None:
    spec = KeySpec(("RO",), ("keyword", "KEYS", -2), ("range", -1, 1, 0))
    argv = b"x keys keys a b".split()
    assert spec.positions(argv) == [3, 4]
    assert spec.positions(b"x a b".split()) == []


def test_every_command_is_told_of_in_our_own_words() -> None:
    specs = [each for spec in COMMANDS.values() for each in (spec, *spec.subcommands.values())]
    assert not [each.name for each in specs if not each.summary or each.summary.endswith(".")]
    assert not [each.name for each in specs if each.handler is None and not each.subcommands]
