from __future__ import annotations

from collections.abc import Callable

import pytest

from cluster.core.core import Core
from cluster.core.peers import Peer
from protocol.gossip import slotset
from tools.sim.flock import Flock
from tools.sim.measure import SPLIT_MS

COUNT, PRIMARIES = 24, 12


def parted_by_itself(seed: int) -> Flock:
    """A flock that was whole, and was cut where load_parted() cuts."""
    loaded = Flock(seed)
    halves = loaded.load_parted(COUNT, PRIMARIES)
    flock = Flock(seed)
    flock.load(COUNT, PRIMARIES)
    flock.run(1000)
    flock.fabric.split(*halves)
    flock.links_changed()
    flock.run(SPLIT_MS)
    return flock


@pytest.mark.parametrize("seed", range(6))
def test_a_flock_comes_to_what_is_loaded_as_parted(seed: int) -> None:
    by_itself = parted_by_itself(seed)
    loaded = Flock(seed)
    loaded.load_parted(COUNT, PRIMARIES)
    loaded.run(500)
    for name, node in loaded.nodes.items():
        core, other = node.core, by_itself.core(name)
        assert other.me.node_id == core.me.node_id
        assert other.me.is_replica == core.me.is_replica
        assert _failed(other) == _failed(core)
        assert _ids(other, lambda peer: peer.stale()) == _ids(core, lambda peer: peer.stale())
        assert [peer and peer.node_id for peer in other.owners[:]] == [
            peer and peer.node_id for peer in core.owners[:]
        ]
        # A replica has no vote, and finds out one by one who is silent.
        assert other.troubled.keys() <= core.troubled.keys()
        if not core.me.is_replica:
            assert other.troubled.keys() == core.troubled.keys()
            assert other.is_ok == core.is_ok


def _failed(core: Core) -> set[str]:
    return _ids(core, lambda peer: peer.failed)


def _ids(core: Core, holds: Callable[[Peer], bool]) -> set[str]:
    return {peer.node_id for peer in core.peers.values() if holds(peer)}


def test_a_side_with_a_majority_has_replaced_the_dead_whose_replica_it_has() -> None:
    flock = Flock(3)
    halves = flock.load_parted(COUNT, PRIMARIES)
    of_whom = {name: half for half in halves for name in half}
    names = {node.core.me.node_id: name for name, node in flock.nodes.items()}
    majorities = [half for half in halves if any(peer.failed for peer in flock.core(half[0]).peers.values())]
    assert len(majorities) == 1
    core = flock.core(majorities[0][0])
    for slot in range(slotset.SLOTS):
        owner = core.owners[slot]
        assert owner is not None
        claimants = [peer for peer in core.peers.values() if slotset.contains(peer.claims, slot)]
        heirs = [peer for peer in claimants if of_whom[names[peer.node_id]] is majorities[0]]
        assert owner in (heirs or claimants)


@pytest.mark.parametrize("seed", range(4))
def test_a_loaded_parted_flock_heals(seed: int) -> None:
    flock = Flock(seed)
    for half in flock.load_parted(COUNT, PRIMARIES):
        flock.rename(half[0], "seen.by.half")
    flock.run(300)
    assert len(flock.views) > 1
    flock.fabric.heal()
    flock.links_changed()
    assert flock.run_until(lambda: len(flock.views) == 1, 10_000) is not None
    assert (
        flock.run_until(lambda: all(node.core.is_ok for node in flock.running()) and flock.agree(), 10_000)
        is not None
    )
