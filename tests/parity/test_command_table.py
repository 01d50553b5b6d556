"""What every declared command says of itself, compared with a real server's COMMAND and COMMAND DOCS."""

from __future__ import annotations

from pprint import pformat
from typing import Any

import pytest

import cluster.commands  # noqa: F401 - fills the table
from cluster.commands.introspection import document
from cluster.spec.command import COMMANDS, CommandSpec
from protocol.resp.writer import encode
from tests.support.frames import Frame, whole
from tests.support.local import Local
from tests.support.oracle import Oracle

pytestmark = pytest.mark.parity

OTHER_FAMILIES = frozenset(
    ["acl", "eval", "eval_ro", "evalsha", "evalsha_ro", "fcall", "fcall_ro", "function", "module", "script"]
)
"""Of ACL, scripting and modules: what of these is not here is said in README.md."""

NOT_HERE = {"latency|graph": "draws in characters what LATENCY HISTORY tells"}

NEWER_THAN_THE_SERVER = (7, 2)
"""The server is 7.0: what is said to have come with this version or later it cannot know."""


def specs() -> list[CommandSpec]:
    top = COMMANDS.values()
    return [*top, *(child for spec in top for child in spec.subcommands.values())]


def value(frame: Frame) -> Any:
    """A reply as plain Python values."""
    if frame.kind == b"%":
        children = [value(child) for child in frame.children]
        return dict(zip(children[::2], children[1::2], strict=True))
    if frame.kind in b"*~":
        return [value(child) for child in frame.children]
    return int(frame.text) if frame.kind == b":" else frame.text.decode()


def facts(row: list[Any]) -> dict[str, Any]:
    """One command of COMMAND's reply. Flags, categories and tips are in no order; notes on keys are in our
    own words."""
    key_specs = [
        {name: fact for name, fact in spec.items() if name != "notes"} | {"flags": set(spec["flags"])}
        for spec in row[8]
    ]
    return {
        "name": row[0],
        "arity": row[1],
        "flags": set(row[2]),
        "first key, last key, step": row[3:6],
        "categories": set(row[6]),
        "tips": sorted(row[7]),
        "key specs": key_specs,
        "subcommands": {child[0] for child in row[9]},
    }


def whole_table(reply: Frame) -> dict[str, dict[str, Any]]:
    """All commands and subcommands of COMMAND's reply by name."""
    rows = value(reply)
    return {row[0]: facts(row) for top in rows for row in (top, *top[9])}


def newer() -> set[str]:
    """What the server cannot know."""
    return {
        spec.name
        for spec in specs()
        if tuple(int(part) for part in spec.since.split(".")[:2]) >= NEWER_THAN_THE_SERVER
    }


@pytest.fixture(scope="module")
def tables(request: pytest.FixtureRequest) -> tuple[dict[str, Any], dict[str, Any]]:
    """What COMMAND replies here and there."""
    server: Oracle = request.getfixturevalue("oracle")
    ours = whole_table(whole(Local(protocol=3).raw("COMMAND")))
    return ours, whole_table(server.call("COMMAND", protocol=3))


def test_every_command_is_the_same(tables: tuple[dict[str, Any], dict[str, Any]]) -> None:
    ours, theirs = tables
    unequal = {}
    for name in ours.keys() & theirs.keys():
        here, there = ours[name], dict(theirs[name])
        here["subcommands"] -= newer()
        there["subcommands"] = there["subcommands"] - NOT_HERE.keys()
        if here != there:
            unequal[name] = [(fact, here[fact], there[fact]) for fact in here if here[fact] != there[fact]]
    assert not unequal, pformat(unequal)
    assert len(ours.keys() & theirs.keys()) > 300


def test_no_command_is_missing_or_made_up(tables: tuple[dict[str, Any], dict[str, Any]]) -> None:
    ours, theirs = tables
    missing = {name for name in theirs.keys() - ours.keys() if name.split("|")[0] not in OTHER_FAMILIES}
    assert missing <= NOT_HERE.keys()
    assert ours.keys() - theirs.keys() == newer()


FACTS = ("since", "group", "doc_flags", "deprecated_since", "replaced_by")
"""Summary, complexity and the texts of the history are in our own words, and tell of our own structures."""


def our_arguments(spec: CommandSpec) -> list[Any]:
    """The arguments as a client reads them off the wire."""
    out = bytearray()
    docs = document(spec)
    assert isinstance(docs, dict)
    encode(docs.get(b"arguments", []), 3, out)
    told: list[Any] = value(whole(bytes(out)))
    return told


def tree(argument: dict[str, Any]) -> dict[str, Any]:
    """An argument as COMMAND DOCS has it, but for the versions in which it came and went: those no client
    needs to form a request. Its flags are in no order."""
    told = {name: fact for name, fact in argument.items() if name not in ("since", "deprecated_since")}
    if "flags" in told:
        told["flags"] = sorted(told["flags"])
    if "arguments" in told:
        told["arguments"] = [tree(child) for child in told["arguments"]]
    return told


def ours_as_docs(spec: CommandSpec) -> dict[str, Any]:
    facts = {
        "since": spec.since,
        "group": spec.group,
        "doc_flags": sorted(spec.doc_flags),
        "deprecated_since": spec.deprecated_since,
        "replaced_by": spec.replaced_by,
        "history": [version for version, _ in spec.history],
        "arguments": [tree(told) for told in our_arguments(spec)],
    }
    return {name: fact for name, fact in facts.items() if fact}


def docs_facts(docs: dict[str, Any]) -> dict[str, Any]:
    facts = {name: docs[name] for name in FACTS if name in docs}
    if "history" in docs:
        facts["history"] = [version for version, _ in docs["history"]]
    if "arguments" in docs:
        facts["arguments"] = [tree(argument) for argument in docs["arguments"]]
    return facts


def test_docs(oracle: Oracle) -> None:
    theirs = value(oracle.call("COMMAND", "DOCS", *(name.decode() for name in COMMANDS), protocol=3))
    for docs in list(theirs.values()):
        theirs.update(docs.get("subcommands", {}))
    unequal = {
        spec.name: (ours, docs_facts(theirs[spec.name]))
        for spec in specs()
        if spec.name in theirs and (ours := ours_as_docs(spec)) != docs_facts(theirs[spec.name])
    }
    assert not unequal, pformat(unequal)
