"""Slot numbers as ranges, and even shares of them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

SLOT_COUNT = 16384


def ranges(slots: Iterable[int]) -> list[tuple[int, int]]:
    """Runs of neighbouring slots as (first, last), in order."""
    found: list[tuple[int, int]] = []
    for slot in sorted(slots):
        if found and found[-1][1] == slot - 1:
            found[-1] = (found[-1][0], slot)
        else:
            found.append((slot, slot))
    return found


def show_ranges(slots: Iterable[int]) -> str:
    """As redis-cli shows them: `[0-5460],[7000]`; nothing for none."""
    return ",".join(f"[{first}-{last}]" if first != last else f"[{first}]" for first, last in ranges(slots))


def even_shares(count: int) -> list[tuple[int, int]]:
    """All slots cut into `count` neighbouring ranges whose sizes differ by one at most."""
    edges = [round(index * SLOT_COUNT / count) for index in range(count + 1)]
    return [(first, end - 1) for first, end in pairwise(edges)]
