"""The twin of cluster/commands/durations.py."""

from __future__ import annotations

import pytest

from cluster.commands.durations import buckets, ordinary_usec, percentile_usec, shortened
from cluster.spec.options import Options


@pytest.mark.parametrize(
    ("settings", "usec"),
    [
        ({}, 1024),
        ({"slowlog-log-slower-than": "100"}, 100),
        ({"slowlog-log-slower-than": "-1"}, 1024),
        ({"latency-monitor-threshold": "1"}, 1000),
        ({"latency-tracking": "no"}, 0),
    ],
)
def test_ordinary_is_what_nobody_wants_to_hear_of(settings: dict[str, str], usec: int) -> None:
    options = Options()
    options.change(settings)
    assert ordinary_usec(options) == usec


def test_long_durations_share_few_entries() -> None:
    assert [shortened(usec) for usec in (0, 1023, 1024, 1031, 1032)] == [0, 1023, 1024, 1024, 1032]
    assert len({shortened(usec) for usec in range(1024, 1 << 16)}) == 6 * 128
    assert all(0 <= usec - shortened(usec) <= usec / 128 for usec in range(1 << 16))


@pytest.mark.parametrize(
    ("usec", "shown"),
    [(0, 0.001), (1, 1.003), (2, 2.007), (3, 3.007), (15, 15.039), (75, 75.263), (91, 91.135)],
)
def test_a_value_is_named_as_redis_names_it(usec: int, shown: float) -> None:
    """The right column is what redis-server 7.0 shows in INFO latencystats."""
    assert percentile_usec({usec: 1}, 50) == shown


def test_percentiles_count_calls() -> None:
    durations = {1: 50, 5: 49, 100: 1}
    shown = [percentile_usec(durations, percent) for percent in (0, 50, 50.6, 99, 99.9, 100)]
    assert shown == [1.0, 1.003, 5.023, 5.023, 100.351, 100.351]


def test_buckets_add_up_and_name_only_growth() -> None:
    assert buckets({0: 1, 1: 2, 2: 3, 33: 4, 200: 5}) == {1: 3, 2: 6, 33: 10, 264: 15}
    assert buckets({}) == {}
