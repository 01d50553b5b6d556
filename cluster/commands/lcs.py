"""LCS: what two strings have in common, in order."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cluster.commands.arguments import integer
from cluster.commands.context import Context
from cluster.spec.command import command
from cluster.spec.errors import SYNTAX, CommandError
from cluster.store.keyspace import Value
from protocol.resp.types import Reply

CELL_BYTES: Final = 4
CELLS_MAX: Final = 1 << 24
"""The table has a cell for each pair of bytes; Redis refuses by what malloc grants, which is more, and is
quicker."""


@dataclass(slots=True)
class _Options:
    length: bool = False
    ranges: bool = False
    range_bytes_min: int = 0
    range_lengths: bool = False


@dataclass(slots=True)
class _Range:
    """A run of equal bytes: where it begins in each string, and how long it is."""

    first: int
    second: int
    length: int


@command(
    "LCS",
    "key1:key key2:key@0 [LEN] [IDX] [MINMATCHLEN len:integer] [WITHMATCHLEN]",
    group="string",
    since="7.0.0",
    flags="READONLY",
    keys="RO ACCESS @ index:1 range:1,1,0",
    complexity="O(N*M) where N and M are the lengths of the strings.",
)
def lcs(ctx: Context, key1: bytes, key2: bytes, *words: bytes) -> Reply:
    """Finds the longest subsequence that two strings have in common."""
    first, second = map(_text, [ctx.db.get(key1), ctx.db.get(key2)])
    options = _options(words)
    cells = (len(first) + 1) * (len(second) + 1)
    if cells * CELL_BYTES > ctx.server.options.proto_max_bulk_len:
        raise CommandError("ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len")
    if cells > CELLS_MAX:
        raise CommandError("ERR Insufficient memory, failed allocating transient memory for LCS")
    table = _lengths(first, second)
    total = table[-1][-1]
    if options.length:
        return total
    runs = list(_runs(table, first, second))
    if not options.ranges:
        return b"".join(first[run.first : run.first + run.length] for run in reversed(runs))
    matches: list[Reply] = [
        _described(run, with_length=options.range_lengths)
        for run in runs
        if run.length >= options.range_bytes_min
    ]
    return {b"matches": matches, b"len": total}


def _text(value: Value | None) -> bytes:
    if value is None:
        return b""
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    raise CommandError("ERR The specified keys must contain string values")


def _options(words: tuple[bytes, ...]) -> _Options:
    options = _Options()
    rest = iter(words)
    for word in rest:
        name = word.upper()
        if name == b"LEN":
            options.length = True
        elif name == b"IDX":
            options.ranges = True
        elif name == b"WITHMATCHLEN":
            options.range_lengths = True
        elif name == b"MINMATCHLEN" and (count := next(rest, None)) is not None:
            options.range_bytes_min = integer(count)
        else:
            raise CommandError(SYNTAX)
    if options.length and options.ranges:
        raise CommandError("ERR If you want both the length and indexes, please just use IDX.")
    return options


def _lengths(first: bytes, second: bytes) -> list[array[int]]:
    """For each pair of prefixes, how long their longest common subsequence is."""
    row = array("L", bytes(8 * (len(second) + 1)))
    table = [row]
    for byte in first:
        above, row = row, array("L", [0])
        left = 0
        for at, other in enumerate(second):
            left = above[at] + 1 if byte == other else max(left, above[at + 1])
            row.append(left)
        table.append(row)
    return table


def _runs(table: list[array[int]], first: bytes, second: bytes) -> Iterator[_Range]:
    """The runs of one longest subsequence, from the last to the first; of equals, the way back that Redis
    takes."""
    one, other = len(first), len(second)
    run: _Range | None = None
    while one and other:
        if first[one - 1] == second[other - 1]:
            one, other = one - 1, other - 1
            if run is not None and (run.first, run.second) == (one + 1, other + 1):
                run.first, run.second, run.length = one, other, run.length + 1
                continue
            if run is not None:
                yield run
            run = _Range(one, other, 1)
        elif table[one - 1][other] > table[one][other - 1]:
            one -= 1
        else:
            other -= 1
    if run is not None:
        yield run


def _described(run: _Range, *, with_length: bool) -> Reply:
    places: list[Reply] = [
        [run.first, run.first + run.length - 1],
        [run.second, run.second + run.length - 1],
    ]
    return [*places, run.length] if with_length else places
