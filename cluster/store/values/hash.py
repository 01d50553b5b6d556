"""A hash: fields and their values, in the order in which the fields came."""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, Iterator
from random import Random

from cluster.store.values.limits import DEFAULT_LIMITS, Limits
from cluster.store.values.sampler import Sampler


class Hash:
    """`fields` may be read by anyone and is changed only here."""

    __slots__ = ("_packed", "_sampler", "fields")

    def __init__(self) -> None:
        self.fields: dict[bytes, bytes] = {}
        self._packed = True
        self._sampler: Sampler | None = None

    @classmethod
    def from_items(
        cls, items: Iterable[tuple[bytes, bytes]], limits: Limits = DEFAULT_LIMITS, *, packed: bool = False
    ) -> Hash:
        """A hash made in one go, as from a file; its encoding follows from what it holds. Where it was
        `packed` before, only the number of its fields can change that."""
        made = cls()
        made.fields = fields = dict(items)
        longest = limits.hash_max_listpack_value
        made._packed = len(fields) <= limits.hash_max_listpack_entries and (
            packed or all(len(field) <= longest and len(value) <= longest for field, value in fields.items())
        )
        return made

    def copy(self) -> Hash:
        """An independent hash of the same content and encoding."""
        made = Hash()
        made.fields = dict(self.fields)
        made._packed = self._packed
        return made

    def __len__(self) -> int:
        return len(self.fields)

    def __contains__(self, field: bytes) -> bool:
        return field in self.fields

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.fields)

    def items(self) -> ItemsView[bytes, bytes]:
        return self.fields.items()

    def get(self, field: bytes) -> bytes | None:
        return self.fields.get(field)

    def set(self, field: bytes, value: bytes, limits: Limits = DEFAULT_LIMITS) -> bool:
        """Sets a field; whether it is a new one."""
        fields = self.fields
        size = len(fields)
        fields[field] = value
        is_new = len(fields) > size
        if self._packed:
            longest = limits.hash_max_listpack_value
            if len(value) > longest or len(field) > longest or len(fields) > limits.hash_max_listpack_entries:
                self._packed = False
        if is_new and self._sampler is not None:
            self._sampler.add(field)
        return is_new

    def alter(self, field: bytes, value: bytes, limits: Limits = DEFAULT_LIMITS) -> None:
        """As set(), for what makes a new value of the old: where the field has an end, that stays."""
        self.set(field, value, limits)

    def delete(self, field: bytes) -> bool:
        """Whether it was there."""
        if self.fields.pop(field, None) is None:
            return False
        if self._sampler is not None:
            self._sampler.remove(field)
        return True

    def draw(self, random: Random, count: int) -> list[bytes]:
        """`count` random fields, distinct ones (at most all), or with repeats when it is negative."""
        return self._sampled().draw(random, count)

    def scan(self, cursor: int, count: int) -> tuple[int, list[bytes]]:
        """The next piece of a scan: cursor to go on with, and members. A packed one comes whole."""
        if self._packed or (not cursor and len(self.fields) <= count):
            return 0, list(self.fields)
        return self._sampled().scan(cursor, count)

    def _sampled(self) -> Sampler:
        if self._sampler is None:
            self._sampler = Sampler(self.fields)
        return self._sampler

    def encoding(self) -> str:
        """As OBJECT ENCODING names it."""
        return "listpack" if self._packed else "hashtable"
