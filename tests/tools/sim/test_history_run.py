"""Whole nodes under faults: with cluster-write-acks nothing acknowledged is lost. Without, the check finds
that something is.
"""

from __future__ import annotations

import pytest

from tools.sim.history_run import Outcome, try_history


@pytest.mark.parametrize("first", range(0, 20, 5))
def test_no_acknowledged_write_is_lost(first: int) -> None:
    outcomes = [try_history(seed) for seed in range(first, first + 5)]
    assert [(each.seed, each.reason) for each in outcomes if each.is_broken] == []
    assert all(each.appends.acknowledged > 20 for each in outcomes)


def test_without_write_acks_some_are() -> None:
    assert try_history(4, acks=0).appends.lost


def test_one_seed_has_one_history() -> None:
    assert try_history(3).trace_hash == try_history(3).trace_hash


def test_what_is_wrong_is_told() -> None:
    assert not Outcome(1).is_broken
    outcome = Outcome(1, stuck="did not recover", wrong={"k": []})
    assert outcome.is_broken
    assert outcome.reason == "not linearizable: k; did not recover"
