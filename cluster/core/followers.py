"""Who follows whom: the replicas of each primary, without going through all members."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cluster.core.peers import Peer
from cluster.core.roster import Base, with_id, without_id


class Followers:
    """The ids of each primary's replicas, in order. What differs from the base is this node's own."""

    __slots__ = ("_base", "_count", "_own")

    def __init__(self, base: Base) -> None:
        self._base = base.follower_ids
        self._own: dict[str, tuple[str, ...]] = {}
        self._count = sum(map(len, self._base.values()))

    def __len__(self) -> int:
        """How many replicas there are."""
        return self._count

    def of(self, primary_id: str) -> tuple[str, ...]:
        own = self._own.get(primary_id)
        return self._base.get(primary_id, ()) if own is None else own

    def followed(self) -> Iterator[str]:
        """The ids of those that have replicas."""
        yield from (primary_id for primary_id, ids in self._own.items() if ids)
        yield from (primary_id for primary_id in self._base if primary_id not in self._own)

    def move(self, node_id: str, before: str | None, after: str | None) -> None:
        """A member follows another primary than before; none (None) when it is a primary itself, or gone."""
        if before is not None:
            self._put(before, without_id(self.of(before), node_id))
        if after is not None:
            self._put(after, with_id(self.of(after), node_id))

    def _put(self, primary_id: str, ids: tuple[str, ...]) -> None:
        self._count += len(ids) - len(self.of(primary_id))
        self._own[primary_id] = ids

    def list_all(self, peers: Iterable[Peer]) -> None:
        """Begins anew, from what the peers say of themselves."""
        self._base, self._own, self._count = {}, {}, 0
        for peer in peers:
            self.move(peer.node_id, None, peer.primary_id)
