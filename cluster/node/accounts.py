"""What forked children tell of themselves while they write: how many keys they have done, and how much memory
they do not share with us any more.
"""

from __future__ import annotations

from cluster.node.world import World

RDB, AOF = "rdb", "aof"


class Account:
    """One child's. count() is called in the child, where it changes the child's copy of this; told() here,
    with what the child has then said of it."""

    def __init__(self, world: World, keys_total: int) -> None:
        self._world = world
        self.keys_total = keys_total
        self.keys_done = 0
        self.cow_bytes = self.cow_peak_bytes = 0
        self._told_ms: int | None = None

    def count(self, keys: int) -> None:
        """So many more have been written."""
        self.keys_done += keys

    def told(self, keys_done: int, cow_bytes: int) -> None:
        """`cow_bytes` is memory that the child had to copy."""
        self.keys_done, self.cow_bytes = keys_done, cow_bytes
        self.cow_peak_bytes = max(self.cow_peak_bytes, cow_bytes)
        self._told_ms = self._world.now_ms()

    def info_fields(self) -> dict[str, str | int]:
        """What INFO persistence tells of the child that is at work."""
        age_ms = self._world.now_ms() - self._told_ms if self._told_ms is not None else 0
        share = self.keys_done / self.keys_total if self.keys_total else 0.0
        return {
            "current_cow_peak": self.cow_peak_bytes,
            "current_cow_size": self.cow_bytes,
            "current_cow_size_age": age_ms // 1000,
            "current_fork_perc": f"{100 * share:.2f}",
            "current_save_keys_processed": self.keys_done,
            "current_save_keys_total": self.keys_total,
        }


class Accounts:
    """Those of the children at work, and what the last of each kind came to."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._open: list[Account] = []
        self._last_bytes = {RDB: 0, AOF: 0}

    def open(self, keys_total: int) -> Account:
        """A child is about to begin."""
        account = Account(self._world, keys_total)
        self._open.append(account)
        return account

    def close(self, account: Account, kind: str) -> None:
        """It has ended, or never begun."""
        if account in self._open:
            self._open.remove(account)
            self._last_bytes[kind] = account.cow_bytes

    def info_fields(self) -> dict[str, str | int]:
        """What INFO persistence tells of them."""
        fields: dict[str, str | int] = self._open[-1].info_fields() if self._open else {}
        return fields | {f"{kind}_last_cow_size": size for kind, size in self._last_bytes.items()}
