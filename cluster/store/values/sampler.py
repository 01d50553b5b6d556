"""Members in an order that can be indexed: what a dict lacks when a random one is wanted in O(1), or the next
few of a scan.

A scan goes through the list from its end to its beginning, and its cursor is how many are left. Whatever
happens meanwhile moves a member only towards the beginning. So one that is left stays in what is left, and
who is there from the first call to the last is returned at least once, which is Redis's guarantee.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import filterfalse
from random import Random

SLACK = 64
SHARE_GONE_MAX = 4
"""Members that have gone are kept in the list until they are one in so many, and a few more."""

SHARE_WHOLE = 3
"""Where one member in so many is wanted, they are not drawn one by one."""


class Sampler:
    """A list of a collection's members, some of which may have gone.

    A collection makes one when it is first asked for a random member or scanned, which costs a copy of
    pointers, and tells it of its changes from then on; most collections never are, and pay nothing.

    A member that goes stays in the list, noted in `_gone`, until it is drawn in vain or there are many such.
    So nobody needs to know where in the list a member is, and one that comes back is not there twice.
    """

    __slots__ = ("_gone", "_held", "_source")

    def __init__(self, source: Collection[bytes]) -> None:
        self._source = source
        self._held = list(source)
        self._gone: set[bytes] = set()

    def add(self, member: bytes) -> None:
        """A member has come that was not there."""
        if member in self._gone:
            self._gone.remove(member)
        else:
            self._held.append(member)

    def remove(self, member: bytes) -> None:
        """A member has gone from the collection."""
        self._gone.add(member)
        if len(self._gone) > SLACK + len(self._held) // SHARE_GONE_MAX:
            self._held = list(filterfalse(self._gone.__contains__, self._held))
            self._gone.clear()

    def draw(self, random: Random, count: int) -> list[bytes]:
        """`count` distinct members (at most all), each as likely as any other; with repeats when `count` is
        negative. The collection is not empty."""
        size = len(self._source)
        if count >= size:
            return list(self._source)
        if count < 0:
            return [self._one(random) for _ in range(-count)]
        if count * SHARE_WHOLE > size:
            return random.sample(list(self._source), count)
        found: dict[bytes, None] = {}
        while len(found) < count:
            found[self._one(random)] = None
        return list(found)

    def scan(self, cursor: int, count: int) -> tuple[int, list[bytes]]:
        """The next piece of a scan, which begins with cursor 0: the cursor to go on with (0 at the end), and
        up to `count` members."""
        end = min(cursor or len(self._held), len(self._held))
        start = max(0, end - count)
        return start, list(filterfalse(self._gone.__contains__, self._held[start:end]))

    def _one(self, random: Random) -> bytes:
        held = self._held
        while True:
            place = int(random.random() * len(held))
            member = held[place]
            if member not in self._gone:
                return member
            self._gone.remove(member)
            held[place] = held[-1]
            held.pop()
