from __future__ import annotations

import pytest

from cluster.core.antientropy import AntiEntropy
from cluster.core.core import Core
from cluster.core.election import Election
from cluster.core.gossip import Gossip
from cluster.core.peers import Peer
from cluster.core.slots import Slots
from cluster.core.snapshot import Snapshot
from cluster.core.state import State
from protocol.gossip.messages import Vote
from tools.sim.faults import Plan, broken_by, try_seed
from tools.sim.flock import Flock
from tools.sim.invariants import InvariantBroken, Invariants
from tools.sim.runs import each
from tools.sim.script import Script

SEEDS = 200
SEEDS_AT_ONCE = 20


@pytest.mark.parametrize("first", range(0, SEEDS, SEEDS_AT_ONCE))
def test_no_fault_of_many_seeds_breaks_an_invariant(first: int) -> None:
    seeds = range(first, first + SEEDS_AT_ONCE)
    assert [broken for broken in map(try_seed, seeds) if broken is not None] == []


def test_plans_have_every_kind_of_fault_and_differ() -> None:
    plans = [Plan(seed).script() for seed in range(60)]
    words = {command.split()[0] for plan in plans for command in plan}
    assert words == {
        "cluster", "load", "run", "kill", "power-cut", "wipe", "restart", "move", "rejoin", "stop", "resume",
        "drift", "slow", "split", "cut", "flap", "heal", "weather", "order", "offset", "settle",
    }  # fmt: skip
    assert len({tuple(plan) for plan in plans}) == 60
    assert Plan(7).script() == Plan(7).script()


def test_a_core_that_votes_twice_is_found_with_a_short_script(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Election, "_has_voted", lambda *_: False)
    monkeypatch.setattr(Election, "_why_not", lambda *_: "")
    broken = next(found for found in map(try_seed, range(100)) if found is not None)
    assert "votes in epoch" in broken.reason or "win epoch" in broken.reason
    assert len(broken.script) < len(Plan(broken.seed).script())
    assert broken_by(list(broken.script)) is not None
    assert broken.log


def test_a_core_that_forgets_its_votes_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """It votes, is killed, comes back without knowing, and is asked again."""
    monkeypatch.setattr(State, "save", lambda *_args, **_kwargs: None)
    assert any(try_seed(seed, shortest=False) for seed in range(150))


def test_a_core_that_counts_too_few_votes_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(State, "quorum", lambda state: len(state.primary_ids) // 2)
    broken = next(found for found in map(try_seed, range(100)) if found is not None)
    assert "FAIL by" in broken.reason or "win epoch" in broken.reason


def _begins_at_epoch_0(core: Core, loaded: Snapshot) -> None:
    loaded.me.config_epoch = 0
    _restore(core, loaded)


def _prefers_itself(slots: Slots, changed: int) -> list[tuple[int, str, int]]:
    return sorted(_contenders(slots, changed), key=lambda one: one[1] != slots._state.me.node_id)


_restore, _contenders = Core._restore, Slots._contenders
WRONG_RULES = {
    "configEpoch goes from": (Core, "_restore", _begins_at_epoch_0),
    "no agreement within 30000 ms on who owns what": (Slots, "_contenders", _prefers_itself),
    "no agreement within 30000 ms on the views": (AntiEntropy, "compare", lambda *_: None),
    "Standstill: n": (Election, "deadline_ms", lambda election: election._state.now_ms),
}


@pytest.mark.parametrize("why", WRONG_RULES)
def test_a_core_with_a_wrong_rule_breaks_the_invariant_that_it_is_about(
    monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    monkeypatch.setattr(*WRONG_RULES[why])
    found = (try_seed(seed, shortest=False) for seed in range(100))
    assert any(broken is not None and why in broken.reason.splitlines()[0] for broken in found)


def test_a_core_that_needs_no_majority_has_two_winners(monkeypatch: pytest.MonkeyPatch) -> None:
    def takes_any_vote(election: Election, _source: Peer, message: Vote) -> None:
        primary = election._state.primary()
        if primary is not None and message.election_epoch == election._epoch:
            election.take_over(primary, message.election_epoch)

    monkeypatch.setattr(Election, "receive_vote", takes_any_vote)
    flock = Flock(1)
    Invariants(flock)
    flock.load(9, 4)
    flock.run(1500)
    flock.kill("n1")
    dead = flock.id("n1")
    flock.run_until(lambda: all(node.core.peers[dead].failed for node in flock.running()), 5000)
    flock.fabric.split(["n5", "n2"], ["n9", "n3", "n4"])
    with pytest.raises(InvariantBroken, match="both win epoch 5"):
        flock.run(5000)


def test_a_core_that_dies_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Gossip, "receive_rumors", lambda *_: 1 // 0)
    broken = try_seed(1)
    assert broken is not None
    assert "ZeroDivisionError" in broken.reason


def test_seeds_can_be_tried_in_other_processes() -> None:
    assert list(each(try_seed, [1, 2], workers=2)) == [None, None]


def test_scripts_of_plans_are_scripts() -> None:
    assert Script().run(Plan(3).head)[-1:] == []
