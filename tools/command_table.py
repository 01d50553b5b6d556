"""README's table of commands, from their declarations: `python -m tools.command_table` writes it anew."""

from __future__ import annotations

from pathlib import Path

import cluster.commands  # noqa: F401 - declares them all
from cluster.spec.command import COMMANDS, CommandSpec

README = Path(__file__).parents[1] / "README.md"
BEGIN = "<!-- commands: written by python -m tools.command_table -->"
END = "<!-- end of commands -->"


def table() -> str:
    """A line for each group: how many commands and subcommands it has, and the commands' names."""
    groups: dict[str, list[CommandSpec]] = {}
    for spec in COMMANDS.values():
        groups.setdefault(spec.group, []).append(spec)
    lines = ["| group | commands | names |", "| --- | ---: | --- |"]
    lines += [f"| {group} | {_count(specs)} | {_names(specs)} |" for group, specs in sorted(groups.items())]
    lines.append(f"| all | {_count(list(COMMANDS.values()))} | |")
    return "\n".join(lines)


def _count(specs: list[CommandSpec]) -> int:
    """A command that only leads to its subcommands is counted as those."""
    return sum(len(spec.subcommands) + (spec.handler is not None) for spec in specs)


def _names(specs: list[CommandSpec]) -> str:
    return " ".join(sorted(_name(spec) for spec in specs))


def _name(spec: CommandSpec) -> str:
    name = spec.name.upper()
    return f"{name} (+{len(spec.subcommands)})" if spec.subcommands else name


def replaced(page: str) -> str:
    """The page with the table of now between the marks. Raises ValueError when it has no marks."""
    head, begin, rest = page.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"no {BEGIN} ... {END}")
    return f"{head}{BEGIN}\n\n{table()}\n\n{END}{tail}"


if __name__ == "__main__":
    README.write_text(replaced(README.read_text()))
