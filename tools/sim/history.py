"""What clients saw, and whether a store that does one thing at a time could have shown it to them.

Registers: a Wing and Gong search with Lowe's memory, key by key. An operation takes effect at one moment
between its call and its return; the search looks for an order of such moments in which every read gives what
was written last. A write whose outcome nobody knows (no reply, or one that says so) may take effect at any
time after its call, or never. Written values are unique, so one that nobody has read may be left out.

Sets of unique appends: what was acknowledged has to be there in the end, and once.

Source: Wing and Gong, Testing and verifying concurrent objects (1993); Lowe, Testing for linearizability.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

WRITE: Final = "write"
READ: Final = "read"
APPEND: Final = "append"
NEVER_US: Final = 1 << 62


@dataclass(slots=True)
class Operation:
    """One operation of one client. `value` is what it wrote, appended or read; None: nothing was there.

    `returned_us` is NEVER_US while nobody knows what came of it. An operation that is known to have changed
    nothing is no part of a history.
    """

    client: int
    kind: str
    key: str
    value: str | None
    called_us: int
    returned_us: int = NEVER_US

    def __str__(self) -> str:
        ends = "?" if self.returned_us == NEVER_US else str(self.returned_us)
        return f"{self.called_us}..{ends} client {self.client}: {self.kind} {self.key} {self.value}"


def by_key(operations: Iterable[Operation]) -> dict[str, list[Operation]]:
    """The operations on each key, in the order of their calls."""
    found: dict[str, list[Operation]] = {}
    for operation in sorted(operations, key=lambda each: each.called_us):
        found.setdefault(operation.key, []).append(operation)
    return found


def is_linearizable(operations: Sequence[Operation]) -> bool:
    """Whether these reads and writes of one register, at first empty, have an order that explains them."""
    read = {each.value for each in operations if each.kind == READ}
    relevant = [
        each
        for each in operations
        if each.returned_us != NEVER_US or (each.kind == WRITE and each.value in read)
    ]
    relevant.sort(key=lambda each: each.called_us)
    return _search(relevant)


def _search(operations: list[Operation]) -> bool:
    """Depth first, without a stack of calls. A state is what has taken effect and what the register holds."""
    must = sum(1 << place for place, each in enumerate(operations) if each.returned_us != NEVER_US)
    seen: set[tuple[int, str | None]] = set()
    states: list[tuple[int, str | None]] = [(0, None)]
    while states:
        done, value = states.pop()
        if done & must == must:
            return True
        if (done, value) in seen:
            continue
        seen.add((done, value))
        states += _next_states(operations, done, value)
    return False


def _next_states(operations: list[Operation], done: int, value: str | None) -> list[tuple[int, str | None]]:
    first = _first_open(done)
    found: list[tuple[int, str | None]] = []
    # Whatever is called behind the first return has to come behind it.
    ends_us = NEVER_US
    for place in range(first, len(operations)):
        each = operations[place]
        if each.called_us > ends_us:
            break
        if not done >> place & 1:
            ends_us = min(ends_us, each.returned_us)
    for place in range(first, len(operations)):
        each = operations[place]
        if each.called_us > ends_us:
            break
        if done >> place & 1:
            continue
        if each.kind == WRITE:
            found.append((done | 1 << place, each.value))
        elif each.value == value:
            found.append((done | 1 << place, value))
    return found


def _first_open(done: int) -> int:
    """The place of the lowest bit that is not set."""
    return (~done & (done + 1)).bit_length() - 1


def wrong_registers(operations: Iterable[Operation]) -> dict[str, list[Operation]]:
    """The keys whose reads and writes nothing explains."""
    registers = by_key(each for each in operations if each.kind != APPEND)
    return {key: each for key, each in registers.items() if not is_linearizable(each)}


@dataclass(frozen=True, slots=True)
class Appends:
    """What came of unique appends: those acknowledged and gone, those there twice, those nobody made."""

    acknowledged: int
    lost: tuple[str, ...]
    doubled: tuple[str, ...]
    invented: tuple[str, ...]


def check_appends(operations: Iterable[Operation], final: dict[str, list[str]]) -> Appends:
    """Compares what was appended with what the lists hold in the end."""
    appends = [each for each in operations if each.kind == APPEND]
    tried = {(each.key, each.value) for each in appends}
    acknowledged = [each for each in appends if each.returned_us != NEVER_US]
    counts = Counter((key, value) for key, values in final.items() for value in values)
    return Appends(
        len(acknowledged),
        tuple(f"{each.key} {each.value}" for each in acknowledged if not counts[each.key, each.value or ""]),
        tuple(f"{key} {value}" for (key, value), count in counts.items() if count > 1),
        tuple(f"{key} {value}" for key, value in counts if (key, value) not in tried),
    )
