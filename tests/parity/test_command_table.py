"""What every declared command says of itself, compared with a real server's COMMAND INFO and COMMAND DOCS."""

from __future__ import annotations

from pprint import pformat
from typing import Any

import pytest

import cluster.commands  # noqa: F401 - fills the table
from cluster.commands.introspection import document
from cluster.spec.command import COMMANDS, CommandSpec, KeySpec
from protocol.resp.writer import encode
from tests.support.frames import Frame, whole
from tests.support.oracle import Oracle

pytestmark = pytest.mark.parity

DERIVED_FLAGS = {"movablekeys"}
"""Redis works this one out from the key specifications, and so do we where COMMAND is answered."""


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


def place(search: dict[str, Any], *names: str) -> tuple[Any, ...] | None:
    """A begin_search or find_keys in the form of KeySpec."""
    if search["type"] == "unknown":
        return None
    return (search["type"], *(search["spec"][name] for name in names))


def their_key_spec(spec: dict[str, Any]) -> KeySpec:
    begin, find = spec["begin_search"], spec["find_keys"]
    begin_names = ("index",) if begin["type"] == "index" else ("keyword", "startfrom")
    find_names = (
        ("lastkey", "keystep", "limit") if find["type"] == "range" else ("keynumidx", "firstkey", "keystep")
    )
    return KeySpec(tuple(sorted(spec["flags"])), place(begin, *begin_names), place(find, *find_names))


def our_key_spec(spec: KeySpec) -> KeySpec:
    return KeySpec(tuple(sorted(spec.flags)), spec.begin, spec.find)


def ours_as_info(spec: CommandSpec) -> dict[str, Any]:
    return {
        "name": spec.name,
        "arity": spec.arity,
        "flags": set(spec.flags) - DERIVED_FLAGS,
        "categories": {f"@{category}" for category in spec.categories},
        "tips": set(spec.tips),
        "keys": [our_key_spec(key_spec) for key_spec in spec.key_specs],
    }


def their_info(row: list[Any]) -> dict[str, Any]:
    return {
        "name": row[0],
        "arity": row[1],
        "flags": set(row[2]) - DERIVED_FLAGS,
        "categories": set(row[6]),
        "tips": set(row[7]),
        "keys": [their_key_spec(key_spec) for key_spec in row[8]],
    }


def test_info(oracle: Oracle) -> None:
    named = specs()
    theirs = value(oracle.call("COMMAND", "INFO", *(spec.name for spec in named), protocol=3))
    unequal = {
        spec.name: [(key, ours[key], row_facts[key]) for key in ours if ours[key] != row_facts[key]]
        for spec, row in zip(named, theirs, strict=True)
        if row != "" and (ours := ours_as_info(spec)) != (row_facts := their_info(row))
    }
    assert not unequal, pformat(unequal)


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
