from __future__ import annotations

import pytest

from cluster.core.effects import Address, Send
from protocol.gossip.messages import Vote
from tools.sim.flock import Flock, SimNode
from tools.sim.invariants import InvariantBroken, Invariants, check_converged


def watched() -> tuple[Flock, Invariants]:
    flock = Flock(1)
    invariants = Invariants(flock)
    flock.load(6, 3)
    flock.run(1500)
    return flock, invariants


def look(flock: Flock, name: str) -> None:
    assert flock.watch is not None
    flock.watch(flock.nodes[name])


def vote(flock: Flock, voter: str, epoch: int, candidate: str) -> None:
    assert flock.sends is not None
    to = flock.nodes[candidate].address
    flock.sends(flock.nodes[voter], Send(to, Vote(flock.id(voter), epoch, epoch)))


def test_a_failover_breaks_nothing() -> None:
    flock, _ = watched()
    flock.kill("n1")
    flock.run(5000)
    assert not flock.core("n4").me.is_replica
    check_converged(flock)


def test_a_vote_is_given_once_an_epoch() -> None:
    flock, _ = watched()
    vote(flock, "n1", 9, "n4")
    vote(flock, "n1", 9, "n4")
    vote(flock, "n1", 10, "n5")
    with pytest.raises(InvariantBroken, match="n1 votes in epoch 9 for n5 after n4"):
        vote(flock, "n1", 9, "n5")
    nobody = Address("10.9.9.9", 1)
    flock.sends(flock.nodes["n2"], Send(nobody, Vote(flock.id("n2"), 9, 9)))  # type: ignore[misc]


def test_an_epoch_has_one_winner() -> None:
    flock, _ = watched()
    for voter, name in (("n1", "n4"), ("n2", "n5")):
        vote(flock, voter, 9, name)
        me = flock.core(name).me
        me.is_replica, me.claims, me.config_epoch = False, 1, 9
    look(flock, "n4")
    with pytest.raises(InvariantBroken, match="n4 and n5 both win epoch 9"):
        look(flock, "n5")


def test_config_epochs_only_grow() -> None:
    flock, _ = watched()
    flock.core("n2").me.config_epoch = 1
    with pytest.raises(InvariantBroken, match="n2's configEpoch goes from 2 to 1"):
        look(flock, "n2")


@pytest.mark.parametrize(
    ("voters", "why"), [(["n1"], "by 1 of 3 votes"), (["n1", "n3"], "votes against n2 that n3 never gave")]
)
def test_a_fail_needs_the_votes_of_a_majority_that_meant_it(voters: list[str], why: str) -> None:
    flock, _ = watched()
    peer = flock.core("n1").peers[flock.id("n2")]
    peer.suspected = True
    flock.core("n1").judged(peer)
    look(flock, "n1")
    peer.failed, peer.failed_incarnation, peer.failed_roster_size = True, peer.incarnation, 3
    core = flock.core("n1")
    peer.failed_voters = sum(1 << (core.place(flock.id(name)) or 0) for name in voters)
    core.fail_voters(peer.node_id)
    peer.failed_roster = core._suspicion._roster_hash
    with pytest.raises(InvariantBroken, match=why):
        look(flock, "n1")


def test_what_else_wants_to_look_may() -> None:
    flock, seen = Flock(1), []

    def note(node: SimNode) -> None:
        seen.append(node.name)

    Invariants(flock, note)
    flock.load(3, 3)
    assert seen == ["n1", "n2", "n3"]


def test_once_converged_a_slot_has_one_owner_that_alone_serves_it() -> None:
    flock, _ = watched()
    check_converged(flock)
    flock.core("n5").serving[0] = 1
    with pytest.raises(InvariantBroken, match="slot 0 is served by n1 n5"):
        check_converged(flock)
    flock.core("n5").serving[0] = 0
    flock.core("n5").me.owned = 1
    with pytest.raises(InvariantBroken):
        check_converged(flock)
