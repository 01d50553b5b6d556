"""Members in an order that can be indexed: what a dict lacks when a random one is wanted in O(1)."""

from __future__ import annotations

from collections.abc import Iterable


class Sampler:
    """A list of distinct members with each one's place, so that any of them is removed in O(1).

    A collection makes one the first time that it is asked for a random member, and keeps it up to date from
    then on; most collections never are, and pay nothing.
    """

    __slots__ = ("members", "places")

    def __init__(self, members: Iterable[bytes]) -> None:
        self.members = list(members)
        self.places = {member: place for place, member in enumerate(self.members)}

    def add(self, member: bytes) -> None:
        """A member that is not there yet."""
        self.places[member] = len(self.members)
        self.members.append(member)

    def remove(self, member: bytes) -> None:
        """A member that is there: the last one takes its place."""
        place = self.places.pop(member)
        last = self.members.pop()
        if last is not member and place < len(self.members):
            self.members[place] = last
            self.places[last] = place
