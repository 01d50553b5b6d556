"""The house style, as a failing test."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import typer.main

from tools.verbs import app

ROOT = Path(__file__).parents[1]
SOURCES = ("protocol", "cluster", "tools")
BELOW_NODE = ("protocol", *(f"cluster/{room}" for room in (
    "spec", "core", "store", "session", "replication", "commands", "engine"
)))  # fmt: skip
LINE_LENGTH_MAX = 110
FUNCTION_LINES_MAX = 60
FILE_LINES_MAX = 600
MAY_PRINT = {"cluster/node/process.py"}
"""Its --version is its output."""
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|\bfor now\b", re.IGNORECASE)

WITHOUT_TWIN = {
    "cluster/core/effects.py": "plain values",
    "cluster/core/orders.py": "plain values",
    "cluster/node/world.py": "says what a World is; the two that exist have tests",
}
"""Modules that have no test file of their own, each with the reason."""

FORBIDDEN_CALLS = re.compile(r"(random\.(?!Random$)|datetime\.(now|utcnow|today)$|date\.today$|time\.)")


def _files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def _all_nodes(*folders: str) -> Iterator[tuple[Path, ast.AST]]:
    for path in _files(*folders):
        for node in ast.walk(_tree(path)):
            yield path, node


def test_no_long_lines() -> None:
    found = [
        f"{_name(path)}:{number}"
        for path in _files(*SOURCES, "tests")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if len(line) > LINE_LENGTH_MAX
    ]
    assert not found


def test_no_long_files() -> None:
    found = {_name(path): len(path.read_text().splitlines()) for path in _files(*SOURCES, "tests")}
    assert not {name: lines for name, lines in found.items() if lines > FILE_LINES_MAX}


def test_no_long_functions() -> None:
    found = [
        f"{_name(path)}:{node.lineno} {node.name} has {lines} lines"
        for path, node in _all_nodes(*SOURCES, "tests")
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES_MAX
    ]
    assert not found


def test_nothing_is_left_unfinished() -> None:
    found = [
        f"{_name(path)}:{number}"
        for path in _files(*SOURCES)
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if UNFINISHED.search(line)
    ]
    assert not found


def test_only_tools_print() -> None:
    found = [
        f"{_name(path)}:{node.lineno}"
        for path, node in _all_nodes("protocol", "cluster")
        if _name(path) not in MAY_PRINT
        and isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
    ]
    assert not found


def test_every_module_says_what_it_is() -> None:
    found = [
        _name(path)
        for path in _files(*SOURCES)
        if path.read_text().strip() and not ast.get_docstring(_tree(path))
    ]
    assert not found


def test_imports_are_absolute() -> None:
    found = [
        f"{_name(path)}:{node.lineno}"
        for path, node in _all_nodes(*SOURCES, "tests")
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert not found


def test_every_module_has_a_twin() -> None:
    without = [
        name
        for path in _files(*SOURCES)
        if path.name not in ("__init__.py", "__main__.py")
        and (name := _name(path)) not in WITHOUT_TWIN
        and not any(twin.exists() for twin in _twins(path))
    ]
    assert not without, "modules without a test of their own"
    assert not [name for name in WITHOUT_TWIN if not (ROOT / name).exists()], "exceptions for what is gone"


def _twins(path: Path) -> list[Path]:
    """Where a module's test may be; a family of commands may be compared with a real server instead."""
    folder = ROOT / "tests" / path.relative_to(ROOT).parent
    parity = ROOT / "tests" / "parity"
    twins = [folder / f"test_{path.stem}.py"]
    if folder.name in ("commands", "values"):
        twins += [parity / path.stem, parity / f"test_{path.stem}.py"]
    return twins


def test_no_clock_or_entropy_below_the_node() -> None:
    """import-linter sees modules; these are functions of modules that are allowed for their classes."""
    found = [
        f"{_name(path)}:{node.lineno} {ast.unparse(node)}"
        for path, node in _all_nodes(*BELOW_NODE)
        if isinstance(node, ast.Attribute)
        and ast.unparse(node.value).split(".")[0] in _imported(path)
        and FORBIDDEN_CALLS.match(".".join(ast.unparse(node).split(".")[-2:]))
    ]
    found += [
        f"{_name(path)}:{node.lineno} from random import {alias.name}"
        for path, node in _all_nodes(*BELOW_NODE)
        if isinstance(node, ast.ImportFrom) and node.module == "random"
        for alias in node.names
        if alias.name != "Random"
    ]
    assert not found


@cache
def _imported(path: Path) -> frozenset[str]:
    return frozenset(
        (alias.asname or alias.name).split(".")[0]
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    )


def test_units_stand_last_in_names() -> None:
    found = [
        f"{_name(path)}:{node.lineno} {node.id}"
        for path, node in _all_nodes(*SOURCES)
        if isinstance(node, ast.Name) and re.match(r"_?(ms|us)_", node.id)
    ]
    assert not found


@pytest.mark.parametrize("page", ["README.md"])
def test_pages_name_only_commands_that_exist(page: str) -> None:
    """docs/design.md is exempt: it also says what is to come."""
    text = (ROOT / page).read_text()
    code = "\n".join(_code_of(text))
    group = typer.main.get_command(app)
    verbs = getattr(group, "commands", {})
    for line in re.findall(r"^\s*(?:\$ )?(?:\S*/)?starling ([a-z].*)$", code, re.MULTILINE):
        verb, *rest = line.split("#")[0].split()
        assert verb in verbs, f"{page}: starling {verb}"
        if verb == "node":
            continue
        known = {option for parameter in verbs[verb].params for option in parameter.opts}
        for word in rest:
            if word.startswith("-"):
                assert word.split("=")[0] in known, f"{page}: starling {verb} {word}"
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = re.findall(r"^\s*(?:\$ )?make ([a-z]+)\b", code, re.MULTILINE)
    assert set(named) <= targets


def _code_of(text: str) -> list[str]:
    """The page's code: blocks and what stands between backquotes."""
    blocks = re.findall(r"```[a-z]*\n(.*?)```", text, re.DOTALL)
    inline = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    return [*blocks, *inline]
