"""Who is to own what: pure decisions over slots and addresses, before anything is changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tools.admin.client import Address, AdminError
from tools.admin.slots import even_shares


@dataclass(frozen=True)
class Move:
    """One slot's way, by node ids."""

    slot: int
    source_id: str
    target_id: str


def take(sources: Mapping[str, set[int]], target_id: str, count: int) -> list[Move]:
    """Which `count` slots go to the target, from each source in proportion to what it has, lowest slots
    first.

    Raises AdminError when the sources have fewer.
    """
    total = sum(len(slots) for slots in sources.values())
    if not 0 < count <= total:
        raise AdminError(f"cannot move {count} slots: the sources have {total}")
    exact = {node_id: count * len(slots) / total for node_id, slots in sources.items()}
    shares = {node_id: int(share) for node_id, share in exact.items()}
    by_remainder = sorted(exact, key=lambda node_id: (shares[node_id] - exact[node_id], node_id))
    for node_id in by_remainder[: count - sum(shares.values())]:
        shares[node_id] += 1
    return [
        Move(slot, node_id, target_id)
        for node_id, share in shares.items()
        for slot in sorted(sources[node_id])[:share]
    ]


def balance(owned: Mapping[str, set[int]], weights: Mapping[str, float]) -> list[Move]:
    """Moves after which each node owns its weight's part of all slots. Raises AdminError when no weight is
    above 0.
    """
    total = sum(weights.values())
    if total <= 0:
        raise AdminError("no node is left to own slots: all weights are 0")
    ids = sorted(owned)
    slot_count = sum(len(slots) for slots in owned.values())
    edges = [
        round(slot_count * sum(weights[node_id] for node_id in ids[:end]) / total)
        for end in range(len(ids) + 1)
    ]
    due = {node_id: edges[index + 1] - edges[index] for index, node_id in enumerate(ids)}
    spare = [(slot, node_id) for node_id in ids for slot in sorted(owned[node_id])[due[node_id] :]]
    wanting = [node_id for node_id in ids for _ in range(due[node_id] - len(owned[node_id]))]
    return [Move(slot, source, target) for (slot, source), target in zip(spare, wanting, strict=True)]


@dataclass
class Seat:
    """A node's place in a new cluster: a primary's range of slots, or the primary that a replica follows."""

    address: Address
    slots: tuple[int, int] | None = None
    primary: Address | None = None


def seat(addresses: Sequence[Address], replicas: int) -> list[Seat]:
    """Places for all nodes of a new cluster; a replica stands on another host than its primary where it can.

    Raises AdminError when the nodes do not suffice for three primaries.
    """
    if len(set(addresses)) != len(addresses):
        raise AdminError("an address is given twice")
    count = len(addresses) // (replicas + 1)
    if count < 3:
        raise AdminError(
            f"a cluster needs at least 3 primaries: with {replicas} replicas each that is "
            f"{3 * (replicas + 1)} nodes, and {len(addresses)} are given"
        )
    dealt = _deal(addresses)
    seats = [
        Seat(address, slots=share) for address, share in zip(dealt[:count], even_shares(count), strict=True)
    ]
    followers: dict[Address, list[Address]] = {address: [] for address in dealt[:count]}
    followed: dict[Address, Address] = {}
    for address in dealt[count:]:
        followed[address] = _best_primary(address, followers)
        followers[followed[address]].append(address)
    _part_from_neighbours(followed)
    return [*seats, *(Seat(address, primary=primary) for address, primary in followed.items())]


def _deal(addresses: Sequence[Address]) -> list[Address]:
    """One of each host in turn, so that neighbouring places are on different hosts."""
    by_host: dict[str, list[Address]] = {}
    for address in addresses:
        by_host.setdefault(address[0], []).append(address)
    rounds = max(len(of_host) for of_host in by_host.values())
    return [of_host[turn] for turn in range(rounds) for of_host in by_host.values() if turn < len(of_host)]


def _part_from_neighbours(followed: dict[Address, Address]) -> None:
    """Swaps the primaries of two replicas wherever that parts one more of them from a primary on its own
    host.
    """

    def shared(replica: Address, primary: Address) -> bool:
        return replica[0] == primary[0]

    for one in followed:
        if not shared(one, followed[one]):
            continue
        for other in followed:
            before = shared(one, followed[one]) + shared(other, followed[other])
            if shared(one, followed[other]) + shared(other, followed[one]) < before:
                followed[one], followed[other] = followed[other], followed[one]


def _best_primary(address: Address, followers: Mapping[Address, list[Address]]) -> Address:
    """Fewest replicas first; then another host than the primary's and its replicas'; then the order given."""
    return min(
        followers,
        key=lambda primary: (
            len(followers[primary]),
            address[0] == primary[0],
            sum(address[0] == other[0] for other in followers[primary]),
        ),
    )
