"""What the words of a script may be: each is read and checked here, once.

A command's parameters are annotated with what reads them (`period_ms: PeriodMs`), as those of a verb are with
their options.
"""

from __future__ import annotations

import inspect
import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Annotated, Any, NewType, TypeAlias, TypeVar

NODES_MAX = 20_000
PRIMARIES_MAX = 16_384
"""A slot for each."""
NODE_TIMEOUT_MS_MIN, NODE_TIMEOUT_MS_MAX = 100, 600_000
DELAY_MS_MAX = 60_000.0
SEED_MAX = 2**63 - 1
_RUN_MS_MAX = 3_600_000

_Number = TypeVar("_Number", int, float)
Reader: TypeAlias = Callable[[str], Any]


class ScriptError(Exception):
    """A command that cannot be carried out as it is written; str() says why."""


def _number(kind: Callable[[str], _Number], what: str, least: _Number, most: _Number) -> Reader:
    def read(word: str) -> _Number:
        with suppress(ValueError):
            if least <= (value := kind(word)) <= most:
                return value
        raise ScriptError(f"'{word}' is not a {what} from {least} to {most}")

    return read


whole = partial(_number, int, "whole number")
decimal = partial(_number, float, "number")


def _new_node(word: str) -> str:
    if re.fullmatch(r"n[1-9][0-9]{0,4}", word) is None:
        raise ScriptError(f"'{word}' is not a node's name, such as n7")
    return word


def _host(word: str) -> str:
    with suppress(ValueError):
        return str(ipaddress.ip_address(word))
    raise ScriptError(f"'{word}' is not an IP address")


def _part_of(readers: Mapping[str, Reader]) -> Reader:
    """Reads NAME=VALUE."""

    def read(word: str) -> tuple[str, float]:
        name, _, value = word.partition("=")
        if name not in readers or not value:
            raise ScriptError(f"'{word}' is none of {' '.join(f'{name}=' for name in readers)}")
        return name, readers[name](value)

    return read


slot = whole(0, 16383)
count = whole(0, SEED_MAX)
_delay_ms = decimal(0.0, DELAY_MS_MAX)
_share = decimal(0.0, 1.0)
_links = {"latency": _delay_ms, "jitter": _delay_ms, "loss": _share}

Node = NewType("Node", str)
"""The name of a node that there is: whose cluster it is knows who that may be."""
NewNode = Annotated[str, _new_node]
Host = Annotated[str, _host]
Slot = Annotated[int, slot]
Count = Annotated[int, count]
Nodes = Annotated[int, whole(1, NODES_MAX)]
Primaries = Annotated[int, whole(1, PRIMARIES_MAX)]
Replicas = Annotated[int, whole(0, 100)]
RunMs = Annotated[int, whole(0, _RUN_MS_MAX)]
PeriodMs = Annotated[int, whole(1, _RUN_MS_MAX)]
FsyncMs = Annotated[int, whole(0, int(DELAY_MS_MAX))]
Rate = Annotated[float, decimal(0.01, 100.0)]
WeatherPart = Annotated[tuple[str, float], _part_of({**_links, "duplication": _share, "reordering": _share})]
ClusterPart = Annotated[
    tuple[str, float],
    _part_of({"seed": count, "timeout": whole(NODE_TIMEOUT_MS_MIN, NODE_TIMEOUT_MS_MAX), **_links}),
]


def bound(run: Callable[..., None], words: Sequence[str], node: Reader) -> inspect.BoundArguments:
    """The words as what the command's parameters are. `node` reads the names of nodes. Raises ScriptError."""
    signature = inspect.signature(run, eval_str=True)
    try:
        arguments = signature.bind(*words)
    except TypeError:
        names = " ".join(map(_shown, signature.parameters.values()))
        raise ScriptError(f"wrong number of words; expected: {names or 'none'}") from None
    for name, given in arguments.arguments.items():
        parameter = signature.parameters[name]
        (read,) = getattr(parameter.annotation, "__metadata__", (str,))
        if parameter.annotation is Node:
            read = node
        several = parameter.kind is parameter.VAR_POSITIONAL
        arguments.arguments[name] = tuple(map(read, given)) if several else read(given)
    return arguments


def _shown(parameter: inspect.Parameter) -> str:
    name = parameter.name.upper()
    if parameter.kind is parameter.VAR_POSITIONAL:
        return f"{name}..."
    return name if parameter.default is parameter.empty else f"[{name}]"
