"""Up to where a collection counts as packed: the sizes that OBJECT ENCODING, DUMP and RDB files tell apart.

A value remembers only which side it is on, never the limits: those belong to the node, whose options
(CONFIG SET) satisfy `Limits` as they are. A value that grows past them is converted for good, and stays
so when it shrinks, as in Redis.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol


class Limits(Protocol):
    """The directives of the same names: entries are counted, values are bytes of the longest member."""

    @property
    def hash_max_listpack_entries(self) -> int: ...

    @property
    def hash_max_listpack_value(self) -> int: ...

    @property
    def set_max_intset_entries(self) -> int: ...

    @property
    def zset_max_listpack_entries(self) -> int: ...

    @property
    def zset_max_listpack_value(self) -> int: ...


@dataclass(frozen=True, slots=True)
class FixedLimits:
    """Limits that no option changes; Redis's defaults unless told otherwise."""

    hash_max_listpack_entries: int = 512
    hash_max_listpack_value: int = 64
    set_max_intset_entries: int = 512
    zset_max_listpack_entries: int = 128
    zset_max_listpack_value: int = 64


DEFAULT_LIMITS: Final = FixedLimits()
