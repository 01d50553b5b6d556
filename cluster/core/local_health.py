"""How far a node may trust its own impatience: the local health of Lifeguard (Dadgar and others, 2018).

A node that is short of CPU finds others silent that have long answered. It can tell: its own loop comes late,
and others suspect it. Each such sign makes it wait longer for an answer before it tries again, and so before
it doubts anyone; each period without one makes it quicker again.

Only tries are slowed, node-timeout is not: by it a primary that is cut off stops to serve in time, and one
vote more against a member makes no FAIL.
"""

from __future__ import annotations

SCORE_MAX = 8
"""The paper's."""


class LocalHealth:
    """`score` is 0 for a healthy node, SCORE_MAX at the most."""

    __slots__ = ("_had_sign", "score")

    def __init__(self) -> None:
        self.score = 0
        self._had_sign = False

    def worse(self) -> None:
        """A sign that this node is slow."""
        self.score = min(SCORE_MAX, self.score + 1)
        self._had_sign = True

    def end_period(self) -> None:
        if not self._had_sign:
            self.score = max(0, self.score - 1)
        self._had_sign = False

    def slowed_ms(self, wait_ms: int) -> int:
        """How long to wait for what a healthy node would wait so long for."""
        return wait_ms * (1 + self.score)
