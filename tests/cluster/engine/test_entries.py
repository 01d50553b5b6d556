"""The twin of cluster/engine/entries.py."""

from __future__ import annotations

import pytest

from cluster.commands.statistics import Statistics
from cluster.engine.entries import Table


@pytest.fixture
def table() -> Table:
    return Table(Statistics())


@pytest.mark.parametrize(
    ("argv", "name"),
    [
        ((b"GeT", b"k"), "get"),
        ((b"config", b"Get", b"port"), "config|get"),
        ((b"CONFIG",), "config"),
        ((b"CONFIG", b"nosuch"), None),
        ((b"nosuch",), None),
    ],
)
def test_names_in_any_case_and_subcommands(table: Table, argv: tuple[bytes, ...], name: str | None) -> None:
    found = table.find(argv)
    assert (found.name if found else None) == name


def test_a_handler_gets_what_stands_behind_the_commands_words(table: Table) -> None:
    firsts = {argv: found.first for argv in ((b"GET",), (b"CONFIG", b"GET")) if (found := table.find(argv))}
    assert firsts == {(b"GET",): 1, (b"CONFIG", b"GET"): 2}


def test_the_hot_path_knows_plain_commands_in_two_spellings(table: Table) -> None:
    assert table.hot[b"GET"] is table.hot[b"get"] is table.get(b"gEt")
    assert not {b"Get", b"CONFIG", b"DEBUG"} & table.hot.keys()


def test_each_command_counts_for_itself() -> None:
    statistics = Statistics()
    found = Table(statistics).find((b"CONFIG", b"SET"))
    assert found is not None
    assert found.stats is statistics.of("config|set")
    assert found.stats is not statistics.of("config|get")


def test_renamed_and_removed(table: Table) -> None:
    renamed = Table(Statistics(), (("GET", "fetch"), ("FLUSHALL", "")))
    fetch = renamed.get(b"FETCH")
    assert fetch is not None
    assert (fetch.name, renamed.get(b"get"), renamed.get(b"flushall")) == ("get", None, None)
    assert {b"GET", b"get", b"flushall"}.isdisjoint(renamed.hot)
    assert set(table.specs) - set(renamed.specs) == {b"get", b"flushall"}


@pytest.mark.parametrize(
    ("renamed", "reason"),
    [
        ((("nosuch", "x"),), "No such command in rename-command"),
        ((("get", "set"),), "Target command name already exists"),
    ],
)
def test_names_that_cannot_be_given(renamed: tuple[tuple[str, ...], ...], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Table(Statistics(), renamed)
