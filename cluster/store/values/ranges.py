"""Ranges of a sorted set, by score and by member."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ScoreRange:
    """Scores between two bounds, each included unless it is said to be exclusive."""

    low: float
    high: float
    low_exclusive: bool = False
    high_exclusive: bool = False


@dataclass(frozen=True, slots=True)
class LexRange:
    """Members between two bounds; None is the bound below (low) or above (high) all members.

    `nowhere` is a range that starts above all members or ends below them.
    """

    low: bytes | None
    high: bytes | None
    low_exclusive: bool = False
    high_exclusive: bool = False
    nowhere: bool = False

    def begins_behind(self, member: bytes) -> bool:
        return self.low is not None and (member < self.low or (self.low_exclusive and member == self.low))

    def ends_before(self, member: bytes) -> bool:
        return self.high is not None and (member > self.high or (self.high_exclusive and member == self.high))

    def is_empty(self) -> bool:
        """Whether its bounds leave no room for any member."""
        if self.nowhere:
            return True
        if self.low is None or self.high is None:
            return False
        return self.low > self.high or (self.low == self.high and (self.low_exclusive or self.high_exclusive))
