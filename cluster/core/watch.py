"""What is counted of the gossip, for people to look at: it decides nothing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Watch:
    """`duplicates` are rumors and published messages that came again. A mismatch lasts from when a member has
    told a hash of its view that is not ours until one tells the same."""

    duplicates: int = 0
    mismatched_ms: int = 0
    mismatch_since_ms: int | None = None

    def compared(self, now_ms: int, *, equal: bool) -> None:
        """A member has told the hash of its view."""
        if not equal:
            if self.mismatch_since_ms is None:
                self.mismatch_since_ms = now_ms
        elif self.mismatch_since_ms is not None:
            self.mismatched_ms += now_ms - self.mismatch_since_ms
            self.mismatch_since_ms = None

    def mismatch_ms(self, now_ms: int) -> int:
        """For how long views have differed in all."""
        return self.mismatched_ms + (
            now_ms - self.mismatch_since_ms if self.mismatch_since_ms is not None else 0
        )
