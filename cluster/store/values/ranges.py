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

    `empty` is a range that starts above all members or ends below them.
    """

    low: bytes | None
    high: bytes | None
    low_exclusive: bool = False
    high_exclusive: bool = False
    empty: bool = False
