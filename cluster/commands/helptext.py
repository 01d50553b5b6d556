"""HELP of a command with subcommands, made from their declarations."""

from __future__ import annotations

from cluster.spec.command import COMMANDS
from cluster.spec.syntax import Argument
from protocol.resp.types import Reply, Status


def help_of(name: str) -> Reply:
    """What `CONFIG HELP` and the like answer."""
    lines = [f"{name.upper()} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"]
    for child, spec in COMMANDS[name.lower().encode()].subcommands.items():
        words = [child.decode().upper(), *(usage(argument) for argument in spec.arguments)]
        lines += [" ".join(words), f"    {spec.summary}."]
    return [Status(line.encode()) for line in lines]


def usage(argument: Argument) -> str:
    """One argument as a manual shows it: `[EX <seconds> | KEEPTTL]`."""
    parts = [usage(child) for child in argument.children]
    inner = (" | " if argument.kind == "oneof" else " ").join(parts)
    if not argument.children and argument.kind != "pure-token":
        inner = f"<{argument.name}>"
    words = " ".join(word for word in (argument.token or "", inner) if word)
    if argument.multiple:
        words = f"{words} [{words} ...]"
    if argument.optional:
        return f"[{words}]"
    return f"({words})" if argument.kind == "oneof" else words
