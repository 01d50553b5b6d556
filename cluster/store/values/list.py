"""A list: quick at both ends, and at a place in the middle a walk over blocks of 64 and not over elements."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice


class List:
    """`elements` may be read by anyone, and pushed to and popped from at either end."""

    __slots__ = ("elements",)

    def __init__(self) -> None:
        self.elements: deque[bytes] = deque()

    @classmethod
    def from_items(cls, elements: Iterable[bytes]) -> List:
        """A list made in one go, as from a file."""
        made = cls()
        made.elements = deque(elements)
        return made

    def copy(self) -> List:
        """An independent list of the same content."""
        return List.from_items(self.elements)

    def __len__(self) -> int:
        return len(self.elements)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.elements)

    def slice(self, start: int, stop: int) -> list[bytes]:
        """Elements from `start` up to but without `stop`, both within the list."""
        elements = self.elements
        if start >= stop:
            return []
        if len(elements) - start < start:
            tail = list(islice(reversed(elements), len(elements) - stop, len(elements) - start))
            tail.reverse()
            return tail
        return list(islice(elements, start, stop))

    def keep(self, start: int, stop: int) -> None:
        """Drops all but the elements from `start` up to but without `stop`, both within the list."""
        elements = self.elements
        if start >= stop:
            elements.clear()
            return
        for _ in range(len(elements) - stop):
            elements.pop()
        for _ in range(start):
            elements.popleft()

    def remove(self, element: bytes, count: int) -> int:
        """Removes the first `count` equal elements (negative: the last ones; 0: all) and says how many."""
        backwards = count < 0
        most = abs(count) or len(self.elements)
        kept: deque[bytes] = deque()
        removed = 0
        for candidate in reversed(self.elements) if backwards else self.elements:
            if removed < most and candidate == element:
                removed += 1
            elif backwards:
                kept.appendleft(candidate)
            else:
                kept.append(candidate)
        if removed:
            self.elements = kept
        return removed

    def insert(self, pivot: bytes, element: bytes, *, before: bool) -> bool:
        """Inserts beside the first element equal to `pivot`; False when there is none."""
        try:
            place = self.elements.index(pivot)
        except ValueError:
            return False
        self.elements.insert(place if before else place + 1, element)
        return True

    def encoding(self) -> str:
        """As OBJECT ENCODING names it: Redis 7.0 knows one form of list."""
        return "quicklist"
