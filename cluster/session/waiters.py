"""Clients that wait for keys: who waits for what, in order of arrival, and which keys may have become ready.

A blocking command that finds nothing leaves a Waiter here and replies LATER (cluster.commands.blocking has
the one call for it). Every change of a key that someone waits for makes the key ready, and its addition more
so: who waits for a list or a sorted set is offered only a key that has been added, as in Redis, where a value
that replaces another wakes nobody. When the request that
changed it is over (the whole of it: an EXEC, a script) the engine takes the ready keys in the order of their
first change and offers each to its waiters, the first come first. What a waiter gets is decided by its
`attempt`, as if the command came only now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from sortedcontainers import SortedDict

from cluster.session.session import Session
from cluster.session.watches import Place
from protocol.resp.types import LATER, Reply


def _never(_key: bytes) -> Reply:
    return LATER


@dataclass(eq=False, slots=True)
class Waiter:
    """One client's wait.

    `attempt(key)` is called when one of the `keys` may be ready, on the session's own context; it returns the
    client's reply, or LATER to go on waiting, or raises CommandError. With `kind` it is called only while the
    key holds a value of that class; without, at every change, the key's removal among them. With `wants_new`
    it is called only when the key has been added.

    `nothing()` is the reply when time is over. `deadline_ms` is unix milliseconds, 0 for never.
    """

    session: Session
    database: int
    keys: tuple[bytes, ...]
    nothing: Callable[[], Reply]
    attempt: Callable[[bytes], Reply] = _never
    kind: type | None = None
    deadline_ms: int = 0
    wants_new: bool = False
    number: int = field(default=0, init=False)


class Waiters:
    """All waits of one node. `ready` has the places that have changed and were not yet looked at, in order,
    and whether the key is new."""

    def __init__(self) -> None:
        self.ready: dict[Place, bool] = {}
        self._queues: dict[Place, dict[Waiter, None]] = {}
        self._all: dict[Waiter, None] = {}
        self._deadlines: SortedDict[tuple[int, int], Waiter] = SortedDict()
        self._next_number = 1

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Waiter]:
        return iter(list(self._all))

    def add(self, waiter: Waiter) -> None:
        """From now on the session waits."""
        waiter.number = self._next_number
        self._next_number += 1
        waiter.session.waiting = waiter
        self._all[waiter] = None
        for key in waiter.keys:
            self._queues.setdefault((waiter.database, key), {})[waiter] = None
        if waiter.deadline_ms:
            self._deadlines[waiter.deadline_ms, waiter.number] = waiter

    def forget(self, waiter: Waiter) -> None:
        """Its wait has ended, or its client has gone."""
        self._all.pop(waiter, None)
        self._deadlines.pop((waiter.deadline_ms, waiter.number), None)
        for key in dict.fromkeys(waiter.keys):
            place = (waiter.database, key)
            queue = self._queues.get(place)
            if queue is not None:
                queue.pop(waiter, None)
                if not queue:
                    del self._queues[place]

    def touch(self, place: Place) -> None:
        """The key has changed."""
        if place in self._queues:
            self.ready.setdefault(place, False)

    def add_key(self, place: Place) -> None:
        """The key was not there, and is now."""
        if place in self._queues:
            self.ready[place] = True

    def touch_database(self, index: int) -> None:
        """All keys of the database are gone or others."""
        for place in self._queues:
            if place[0] == index:
                self.ready[place] = True

    def take_ready(self) -> tuple[Place, bool]:
        """The place that has been ready for the longest time, and whether its key was added. Raises KeyError
        when there is none."""
        for place in self.ready:
            return place, self.ready.pop(place)
        raise KeyError

    def at(self, place: Place) -> list[Waiter]:
        """Who waits for a key, in order of arrival."""
        return list(self._queues.get(place, ()))

    def due(self, now_ms: int) -> list[Waiter]:
        """Whose time is over."""
        end = self._deadlines.bisect_right((now_ms, self._next_number))
        return [self._deadlines.values()[index] for index in range(end)]
