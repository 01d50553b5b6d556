from __future__ import annotations

import pytest

from cluster.core.election import Election
from cluster.core.gossip import Gossip
from cluster.core.state import State
from tools.sim.faults import Plan, broken_by, try_seed
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


def test_a_core_that_dies_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Gossip, "receive_rumors", lambda *_: 1 // 0)
    broken = try_seed(1)
    assert broken is not None
    assert "ZeroDivisionError" in broken.reason


def test_seeds_can_be_tried_in_other_processes() -> None:
    assert list(each(try_seed, [1, 2], workers=2)) == [None, None]


def test_scripts_of_plans_are_scripts() -> None:
    assert Script().run(Plan(3).head)[-1:] == []
