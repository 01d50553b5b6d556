"""A set of members; one of not too many integers lists them in numerical order, as Redis's intset does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from random import Random

from cluster.store.values.limits import DEFAULT_LIMITS, Limits
from cluster.store.values.sampler import Sampler
from cluster.store.values.string import is_integer


class Set:
    """`members` may be read by anyone and is changed only here; a dict, as its order needs no hash seed."""

    __slots__ = ("_intset", "_sampler", "members")

    def __init__(self) -> None:
        self.members: dict[bytes, None] = {}
        self._intset = True
        self._sampler: Sampler | None = None

    @classmethod
    def from_items(cls, members: Iterable[bytes], limits: Limits = DEFAULT_LIMITS) -> Set:
        """A set made in one go, as from a file; its encoding follows from what it holds."""
        made = cls()
        made.members = dict.fromkeys(members)
        made._intset = len(made.members) <= limits.set_max_intset_entries and all(
            map(is_integer, made.members)
        )
        return made

    def copy(self) -> Set:
        """An independent set of the same content and encoding."""
        made = Set()
        made.members = dict(self.members)
        made._intset = self._intset
        return made

    def __len__(self) -> int:
        return len(self.members)

    def __contains__(self, member: bytes) -> bool:
        return member in self.members

    def __iter__(self) -> Iterator[bytes]:
        if self._intset:
            return iter(sorted(self.members, key=int))
        return iter(self.members)

    def add(self, member: bytes, limits: Limits = DEFAULT_LIMITS) -> bool:
        """Whether it is new."""
        members = self.members
        if member in members:
            return False
        members[member] = None
        if self._intset and (len(members) > limits.set_max_intset_entries or not is_integer(member)):
            self._intset = False
        if self._sampler is not None:
            self._sampler.add(member)
        return True

    def remove(self, member: bytes) -> bool:
        """Whether it was there."""
        if member not in self.members:
            return False
        del self.members[member]
        if self._sampler is not None:
            self._sampler.remove(member)
        return True

    def draw(self, random: Random, count: int) -> list[bytes]:
        """`count` random members, distinct ones (at most all), or with repeats when it is negative."""
        if count >= len(self.members):
            return list(self)
        return self._sampled().draw(random, count)

    def scan(self, cursor: int, count: int) -> tuple[int, list[bytes]]:
        """The next piece of a scan: cursor to go on with, and members. A packed one comes whole."""
        if self._intset or (not cursor and len(self.members) <= count):
            return 0, list(self)
        return self._sampled().scan(cursor, count)

    def _sampled(self) -> Sampler:
        if self._sampler is None:
            self._sampler = Sampler(self.members)
        return self._sampler

    def encoding(self) -> str:
        """As OBJECT ENCODING names it."""
        return "intset" if self._intset else "hashtable"
