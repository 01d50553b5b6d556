"""The twin of cluster/engine/durations.py."""

from __future__ import annotations

import pytest

from tests.support.served import Served


@pytest.fixture
def served() -> Served:
    return Served()


def _take(served: Served, usec: int, *argv: str) -> None:
    served.stopwatch.step_usec = usec
    served.call(*argv)
    served.stopwatch.step_usec = 0


def test_what_is_slow_and_what_is_late_are_two_questions(served: Served) -> None:
    served.call("CONFIG", "SET", "slowlog-log-slower-than", "3000", "latency-monitor-threshold", "2")
    for usec in (1999, 2000, 3000):
        _take(served, usec, "GET", "k")
    statistics = served.server.statistics
    assert [entry.usec for entry in statistics.slow] == [3000]
    assert [ms for _, ms in statistics.latency["fast-command"]] == [3], "the worst of a second"
    assert sum(statistics.of("get").durations.values()) == 3


@pytest.mark.parametrize(("threshold", "kept"), [("0", 1), ("-1", 0)])
def test_a_threshold_of_0_keeps_all_and_minus_1_none(served: Served, threshold: str, kept: int) -> None:
    served.call("CONFIG", "SET", "slowlog-log-slower-than", threshold)
    served.call("SLOWLOG", "RESET")
    _take(served, 50_000_000, "GET", "k")
    slow = served.server.statistics.slow
    assert sum(entry.argv[0] == b"GET" for entry in slow) == kept


def test_a_slow_log_of_no_length_keeps_none(served: Served) -> None:
    served.call("CONFIG", "SET", "slowlog-log-slower-than", "0", "slowlog-max-len", "0")
    _take(served, 5, "GET", "k")
    assert not served.server.statistics.slow


def test_nothing_is_tracked_when_tracking_is_off(served: Served) -> None:
    served.call("CONFIG", "SET", "latency-tracking", "no")
    _take(served, 5, "GET", "k")
    assert (served.server.statistics.of("get").durations, served.server.statistics.of("get").calls) == ({}, 1)


def test_secrets_do_not_get_into_the_slow_log(served: Served) -> None:
    served.call("CONFIG", "SET", "slowlog-log-slower-than", "0")
    _take(served, 5, "AUTH", "secret")
    assert served.server.statistics.slow[0].argv == [b"AUTH", b"(redacted)"]
