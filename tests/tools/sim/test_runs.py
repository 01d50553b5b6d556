from __future__ import annotations

import pytest

from tools.sim.measure import Case, Outcome, with_seed
from tools.sim.runs import each, measured, percentile, together, why_not


def test_jobs_are_done_here_or_in_other_processes_alike() -> None:
    assert sorted(each(abs, [-1, 2, -3], workers=1)) == [1, 2, 3]
    assert sorted(each(abs, [-1, 2, -3], workers=2)) == [1, 2, 3]


def test_cases_are_measured() -> None:
    cases = [with_seed(Case(nodes=4), seed) for seed in (1,)]
    (outcome,) = measured("idle", cases, workers=1)
    assert outcome.case == cases[0]
    assert outcome.figures["bytes_per_node_s"]


@pytest.mark.parametrize(
    ("measure", "case", "reason"),
    [
        ("crash", Case(nodes=2), ""),
        ("crash", Case(nodes=3, primaries=3), ""),
        ("crash", Case(nodes=3, primaries=10), "10 of 3 nodes cannot be primaries"),
        ("shards", Case(nodes=6), ""),
        ("shards", Case(nodes=5), "3 primaries"),
        ("shards", Case(nodes=3, primaries=3), "a replica for each"),
        ("shards", Case(nodes=5, primaries=3), "a replica for each"),
    ],
)
def test_what_cannot_be_measured_is_told(measure: str, case: Case, reason: str) -> None:
    assert (reason in why_not(measure, case)) is True
    assert bool(why_not(measure, case)) is bool(reason)


@pytest.mark.parametrize(("share", "value"), [(0.5, 2), (0.99, 4), (0.0, 1)])
def test_percentiles(share: float, value: int) -> None:
    assert percentile([4, 1, 3, 2], share) == value


def test_what_fails_at_one_seed_fails_together() -> None:
    outcomes = [Outcome(Case(), {"a_ms": 1.0, "b_ms": None}), Outcome(Case(), {"a_ms": 2.0, "b_ms": 1.0})]
    assert together(outcomes) == {"a_ms": 2.0, "b_ms": None}
