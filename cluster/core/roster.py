"""The peers of a node in the shapes that its rooms need them in: by id, in order, by slot.

Nothing here costs a node more than the members with whom it has had to do, beyond what it can share with
other nodes of the same process. That is what lets a simulation hold ten thousand nodes that know each other.
"""

from __future__ import annotations

import copy
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from functools import cached_property
from typing import overload

from cluster.core.peers import Peer
from cluster.core.viewhash import ViewHash
from protocol.gossip import slotset


class Base:
    """A whole view that many nodes start from: a simulation of a formed cluster has it once, not once a node.

    Nobody changes it.
    """

    def __init__(self, peers: Iterable[Peer] = (), current_epoch: int = 0) -> None:
        self.peers: Mapping[str, Peer] = {peer.node_id: peer for peer in peers}
        self.current_epoch = current_epoch
        for peer in self.peers.values():
            peer.record_hash = peer.digest()
        for primary_id in self.follower_ids:
            self.peers[primary_id].wants_replicas = True

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """All members, in order."""
        return tuple(sorted(self.peers))

    @cached_property
    def primary_ids(self) -> tuple[str, ...]:
        """Those that own slots, in order."""
        return tuple(node_id for node_id in self.ids if self.peers[node_id].owned)

    @cached_property
    def troubled_ids(self) -> tuple[str, ...]:
        """Those that are suspected or failed."""
        return tuple(node_id for node_id in self.ids if self.peers[node_id].troubled)

    @cached_property
    def stale_ids(self) -> tuple[str, ...]:
        """Those that claim what is another's."""
        return tuple(node_id for node_id in self.ids if self.peers[node_id].stale())

    @cached_property
    def follower_ids(self) -> dict[str, tuple[str, ...]]:
        """The ids of each primary's replicas, in order."""
        found: dict[str, list[str]] = {}
        for node_id in self.ids:
            found.setdefault(self.peers[node_id].primary_id or "", []).append(node_id)
        found.pop("", None)
        return {primary_id: tuple(ids) for primary_id, ids in found.items()}

    @cached_property
    def owner_ids(self) -> list[str]:
        """By slot; "" where there is none."""
        owner_ids = [""] * slotset.SLOTS
        for peer in self.peers.values():
            for first, last in slotset.to_ranges(peer.owned):
                owner_ids[first : last + 1] = [peer.node_id] * (last - first + 1)
        return owner_ids

    @cached_property
    def view(self) -> ViewHash:
        """What State.view is at a node that knows just this."""
        found = ViewHash()
        for peer in self.peers.values():
            found.change(peer.node_id, 0, peer.record_hash)
        return found


class PeerTable(MutableMapping[str, Peer]):
    """A node's peers by id. One of the base becomes the node's own when it is first looked at; going through
    the values makes all of them its own."""

    __slots__ = ("_base", "_gone", "_own")

    def __init__(self, base: Base) -> None:
        self._base = base.peers
        self._gone: set[str] = set()
        self._own: dict[str, Peer] = {}

    def __getitem__(self, node_id: str) -> Peer:
        own = self._own.get(node_id)
        if own is None:
            if node_id in self._gone:
                raise KeyError(node_id)
            own = self._own[node_id] = copy.copy(self._base[node_id])
        return own

    def look(self, node_id: str) -> Peer:
        """One that is not to be changed: it stays the base's. Raises KeyError."""
        own = self._own.get(node_id)
        return self._base[node_id] if own is None and node_id not in self._gone else self[node_id]

    def __setitem__(self, node_id: str, peer: Peer) -> None:
        self._own[node_id] = peer

    def __delitem__(self, node_id: str) -> None:
        if node_id not in self:
            raise KeyError(node_id)
        self._own.pop(node_id, None)
        if node_id in self._base:
            self._gone.add(node_id)

    def __contains__(self, node_id: object) -> bool:
        return node_id in self._own or (node_id in self._base and node_id not in self._gone)

    def __iter__(self) -> Iterator[str]:
        yield from list(self._own)
        for node_id in self._base:
            if node_id not in self._own and node_id not in self._gone:
                yield node_id

    def __len__(self) -> int:
        base_only = len(self._base) - sum(node_id in self._base for node_id in {*self._own, *self._gone})
        return len(self._own) + base_only


class Ordered(Sequence[Peer]):
    """The peers of these ids, in their order, without one of them."""

    __slots__ = ("_ids", "_peers", "_skip")

    def __init__(self, peers: Mapping[str, Peer], ids: tuple[str, ...], without: str = "") -> None:
        self._peers = peers
        self._ids = ids
        place = place_of(ids, without)
        self._skip = len(ids) if place is None else place

    def __len__(self) -> int:
        return len(self._ids) - (self._skip < len(self._ids))

    @overload
    def __getitem__(self, place: int) -> Peer: ...

    @overload
    def __getitem__(self, place: slice) -> list[Peer]: ...

    def __getitem__(self, place: int | slice) -> Peer | list[Peer]:
        if isinstance(place, slice):
            return [self[at] for at in range(*place.indices(len(self)))]
        if place < 0:
            place += len(self)
        if not 0 <= place < len(self):
            raise IndexError(place)
        return self._peers[self._ids[place + (place >= self._skip)]]

    def __iter__(self) -> Iterator[Peer]:
        for place, node_id in enumerate(self._ids):
            if place != self._skip:
                yield self._peers[node_id]


class Owners:
    """Who owns each slot. The table is shared with the base until it differs."""

    __slots__ = ("_ids", "_peers", "_shared")

    def __init__(self, peers: Mapping[str, Peer], base: Base) -> None:
        self._peers = peers
        self._ids = base.owner_ids
        self._shared = True

    @overload
    def __getitem__(self, slot: int) -> Peer | None: ...

    @overload
    def __getitem__(self, slot: slice) -> list[Peer | None]: ...

    def __getitem__(self, slot: int | slice) -> Peer | list[Peer | None] | None:
        if isinstance(slot, slice):
            return [self._peers.get(node_id) for node_id in self._ids[slot]]
        node_id = self._ids[slot]
        return self._peers.get(node_id) if node_id else None

    def among(self, slots: int) -> set[str]:
        """The ids of those that own some of these slots."""
        found: set[str] = set()
        for first, last in slotset.to_ranges(slots):
            found.update(self._ids[first : last + 1])
        found.discard("")
        return found

    def give(self, slots: int, node_id: str) -> None:
        """Has these slots owned by this node; by none with ""."""
        if self._shared and slots:
            self._ids = list(self._ids)
            self._shared = False
        for first, last in slotset.to_ranges(slots):
            self._ids[first : last + 1] = [node_id] * (last - first + 1)


def place_of(ids: Sequence[str], node_id: str) -> int | None:
    """Where an id stands in these, which are in order."""
    place = bisect_left(ids, node_id)
    return place if place < len(ids) and ids[place] == node_id else None


def with_id(ids: tuple[str, ...], node_id: str) -> tuple[str, ...]:
    """These ids, which are in order, and this one."""
    place = bisect_left(ids, node_id)
    return ids if ids[place : place + 1] == (node_id,) else (*ids[:place], node_id, *ids[place:])


def without_id(ids: tuple[str, ...], node_id: str) -> tuple[str, ...]:
    """These ids, which are in order, but for this one."""
    place = place_of(ids, node_id)
    return ids if place is None else ids[:place] + ids[place + 1 :]
