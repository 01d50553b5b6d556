from __future__ import annotations

import pytest

from tools.sim.flock import Flock
from tools.sim.measure import MEASURES, Arrivals, Case, with_seed

CASE = Case(nodes=12, loss=0.02)


@pytest.mark.parametrize("name", ["idle", "rumor", "rumor-with-dead", "crash", "heal", "shards"])
def test_a_measure_has_an_answer_and_always_the_same(name: str) -> None:
    first, again = MEASURES[name](CASE), MEASURES[name](CASE)
    assert first == again
    assert all(value is not None for value in first.figures.values()), first.figures
    assert first.bytes_by_kind.keys() == first.messages_by_kind.keys()


def test_a_large_cluster_begins_parted_to_be_healed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.sim.measure.PARTS_BY_ITSELF_MAX", CASE.nodes - 1)
    monkeypatch.setattr(Flock, "load", None)
    outcome = MEASURES["heal"](CASE)
    assert outcome.figures["views_before"] == 2
    assert outcome.figures["last_ms"] is not None


def test_a_rumor_is_timed_at_each_node() -> None:
    outcome = MEASURES["rumor"](CASE)
    assert len(outcome.times_ms) == CASE.nodes - 1
    assert max(outcome.times_ms) == outcome.figures["last_ms"]


def test_short_pauses_are_looked_at_for_as_long_as_asked() -> None:
    outcome = MEASURES["pauses"](Case(nodes=8, duration_ms=2000))
    assert outcome.figures["false_fails"] == 0


def test_patience_grows_with_node_timeout() -> None:
    assert [Case(node_timeout_ms=ms).patience_ms for ms in (1000, 15_000, 60_000)] == [
        60_000,
        60_000,
        240_000,
    ]
    outcome = MEASURES["crash"](Case(nodes=6, node_timeout_ms=60_000))
    assert outcome.figures["last_ms"] is not None


def test_a_shard_is_served_by_one_of_its_replicas() -> None:
    outcome = MEASURES["shards"](Case(nodes=15, primaries=5))
    assert len(outcome.times_ms) == 2
    assert outcome.figures["served_last_ms"] == max(outcome.times_ms)


def test_what_never_comes_is_no_figure() -> None:
    flock = Flock(1)
    flock.load(3, 3)
    arrivals = Arrivals(flock, flock.running(), lambda node: node.name == "n1")
    assert arrivals.finish(100) is None
    assert len(arrivals.times_ms) == 1


def test_seeds_give_different_clusters() -> None:
    one, other = (MEASURES["rumor"](with_seed(CASE, seed)) for seed in (1, 2))
    assert one.case.seed != other.case.seed
    assert one.figures["events"] != other.figures["events"]
