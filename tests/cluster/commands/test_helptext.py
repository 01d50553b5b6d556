"""The twin of cluster/commands/helptext.py."""

from __future__ import annotations

import pytest

from cluster.commands.helptext import help_of, usage
from cluster.spec import syntax
from protocol.resp.types import Status
from tests.support.served import Served


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("key", "<key>"),
        ("key+", "<key> [<key> ...]"),
        ("[count:integer]", "[<count>]"),
        ("mode={WRITE | ALL}", "(WRITE | ALL)"),
        ("pair={field value}+", "<field> <value> [<field> <value> ...]"),
        ("[expiry={EX seconds:integer | KEEPTTL}]", "[EX <seconds> | KEEPTTL]"),
    ],
)
def test_usage_as_a_manual_shows_it(text: str, shown: str) -> None:
    assert " ".join(map(usage, syntax.parse(text))) == shown


def test_help_names_every_subcommand() -> None:
    lines = help_of("CONFIG")
    assert isinstance(lines, list)
    assert all(isinstance(line, Status) for line in lines)
    assert lines[0] == b"CONFIG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"
    named = {bytes(line).split()[0] for line in lines[1:] if isinstance(line, bytes) and line[:1] != b" "}
    assert named == {b"GET", b"SET", b"RESETSTAT", b"REWRITE", b"HELP"}


@pytest.mark.parametrize("name", ["CLIENT", "COMMAND", "CONFIG", "LATENCY", "MEMORY", "SLOWLOG"])
def test_containers_help(name: str) -> None:
    assert Served().call(name, "HELP") == help_of(name)
