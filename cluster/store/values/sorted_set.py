"""A sorted set: members by score, and by their bytes where scores are equal."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

from sortedcontainers import SortedList

from cluster.store.values.limits import DEFAULT_LIMITS, Limits
from cluster.store.values.ranges import LexRange, ScoreRange
from cluster.store.values.sampler import Sampler


class SortedSet:
    """`scores` may be read by anyone and is changed only here.

    `_order` is a SortedList of (score, member): to place a member, or to find its place, is O(log N). A range
    is always a pair of ranks (start, stop), stop excluded, as `slice` and `remove_ranks` take it.
    """

    __slots__ = ("_order", "_packed", "_sampler", "scores")

    def __init__(self) -> None:
        self.scores: dict[bytes, float] = {}
        self._order: Any = SortedList()
        self._packed = True
        self._sampler: Sampler | None = None

    @classmethod
    def from_items(
        cls, items: Iterable[tuple[bytes, float]], limits: Limits = DEFAULT_LIMITS, *, packed: bool = False
    ) -> SortedSet:
        """A sorted set made in one go, as from a file; its encoding follows from what it holds. Where it was
        `packed` before, only the number of its members can change that."""
        made = cls()
        scores = dict(items)
        longest = limits.zset_max_listpack_value
        made._packed = len(scores) <= limits.zset_max_listpack_entries and (
            packed or all(len(member) <= longest for member in scores)
        )
        made.scores = {member: score + 0.0 for member, score in scores.items()} if made._packed else scores
        made._order = SortedList((score, member) for member, score in made.scores.items())
        return made

    def copy(self) -> SortedSet:
        """An independent sorted set of the same content and encoding."""
        made = SortedSet()
        made.scores = dict(self.scores)
        made._order = self._order.copy()
        made._packed = self._packed
        return made

    def __len__(self) -> int:
        return len(self.scores)

    def __contains__(self, member: bytes) -> bool:
        return member in self.scores

    def __iter__(self) -> Iterator[tuple[bytes, float]]:
        """Members with their scores, in order."""
        return ((member, score) for score, member in self._order)

    def score(self, member: bytes) -> float | None:
        return self.scores.get(member)

    def set(self, member: bytes, score: float, limits: Limits = DEFAULT_LIMITS) -> bool:
        """Gives a member its score, which is never NaN; whether the member is new."""
        old = self.scores.get(member)
        if old == score:
            return False
        if (
            old is None
            and self._packed
            and (
                len(self.scores) >= limits.zset_max_listpack_entries
                or len(member) > limits.zset_max_listpack_value
            )
        ):
            self._packed = False
        if self._packed:
            score += 0.0  # -0 becomes 0, as in Redis, whose listpacks hold it as a whole number
        self.scores[member] = score
        if old is not None:
            self._order.remove((old, member))
        elif self._sampler is not None:
            self._sampler.add(member)
        self._order.add((score, member))
        return old is None

    def remove(self, member: bytes) -> bool:
        """Whether it was there."""
        score = self.scores.pop(member, None)
        if score is None:
            return False
        self._order.remove((score, member))
        if self._sampler is not None:
            self._sampler.remove(member)
        return True

    def rank(self, member: bytes) -> int | None:
        """How many come before it; None for one that is not there."""
        score = self.scores.get(member)
        return None if score is None else int(self._order.index((score, member)))

    def at(self, rank: int) -> tuple[bytes, float]:
        """The member of a rank, with its score."""
        score, member = self._order[rank]
        return member, score

    def slice(self, start: int, stop: int, *, reverse: bool = False) -> list[tuple[bytes, float]]:
        """The members of these ranks with their scores, last first when reversed."""
        return [(member, score) for score, member in self._order.islice(start, max(start, stop), reverse)]

    def score_bounds(self, scores: ScoreRange) -> tuple[int, int]:
        """The ranks of a range of scores."""
        start = self._above(scores.low) if scores.low_exclusive else self._from(scores.low)
        stop = self._from(scores.high) if scores.high_exclusive else self._above(scores.high)
        return start, max(start, stop)

    def lex_bounds(self, members: LexRange) -> tuple[int, int]:
        """The ranks of a range of members; meaningful only where all scores are equal.

        Where they are not, Redis finds nothing if the first member is above the range or the last below it,
        and else what its skiplist's chance levels lead to.
        """
        if members.is_empty() or not self.scores:
            return 0, 0
        (first_score, first), (last_score, last) = self._order[0], self._order[-1]
        if members.begins_behind(last) or members.ends_before(first):
            return 0, 0
        start, stop = 0, len(self.scores)
        if members.low is not None:
            place = self._order.bisect_right if members.low_exclusive else self._order.bisect_left
            start = place((first_score, members.low))
        if members.high is not None:
            place = self._order.bisect_left if members.high_exclusive else self._order.bisect_right
            stop = place((last_score, members.high))
        return start, max(start, stop)

    def remove_ranks(self, start: int, stop: int) -> list[tuple[bytes, float]]:
        """Removes the members of these ranks, and says which they were."""
        removed = self.slice(start, stop)
        del self._order[start : max(start, stop)]
        for member, _ in removed:
            del self.scores[member]
            if self._sampler is not None:
                self._sampler.remove(member)
        return removed

    def scan(self, cursor: int, count: int) -> tuple[int, list[bytes]]:
        """The next piece of a scan: cursor to go on with, and members. A packed one comes whole."""
        if self._packed or (not cursor and len(self.scores) <= count):
            return 0, [member for member, _ in self]
        if self._sampler is None:
            self._sampler = Sampler(self.scores)
        return self._sampler.scan(cursor, count)

    def unpack(self) -> None:
        """Gives up the packed encoding for good."""
        self._packed = False

    def encoding(self) -> str:
        """As OBJECT ENCODING names it."""
        return "listpack" if self._packed else "skiplist"

    def _from(self, score: float) -> int:
        """The first rank with this score or a higher one: a tuple of one sorts before those it begins."""
        return int(self._order.bisect_left((score,)))

    def _above(self, score: float) -> int:
        """The first rank with a higher score."""
        if score == math.inf:
            return len(self.scores)
        return self._from(math.nextafter(score, math.inf))
