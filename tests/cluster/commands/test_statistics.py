"""The twin of cluster/commands/statistics.py."""

from __future__ import annotations

from cluster.commands.statistics import ERROR_CODES_MAX, LATENCY_SAMPLES_MAX, Statistics


def test_errors_are_counted_by_code_and_made_up_codes_are_bounded() -> None:
    statistics = Statistics()
    for number in range(2 * ERROR_CODES_MAX):
        statistics.count_error(b"CODE%d of a script" % number)
    statistics.count_error(b"CODE1 again")
    assert len(statistics.errors) == ERROR_CODES_MAX
    assert statistics.errors["CODE1"] == 2


def test_requests_a_second_follow_the_last_samples() -> None:
    statistics = Statistics()
    assert statistics.ops_per_second() == 0
    for tick in range(40):
        statistics.of("get").calls += 50 if tick >= 20 else 0
        statistics.sample(100 * tick)
    assert statistics.ops_per_second() == 500


def test_a_long_request_is_kept_short() -> None:
    statistics = Statistics()
    statistics.slow_request([b"x" * 200] * 40, 5, 1, "a:1", b"name", 10)
    words = statistics.slow[0].argv
    assert (len(words), words[0], words[-1]) == (
        32,
        b"x" * 128 + b"... (72 more bytes)",
        b"... (9 more arguments)",
    )


def test_the_slow_log_keeps_the_newest() -> None:
    statistics = Statistics()
    for number in range(5):
        statistics.slow_request([b"%d" % number], 5, 1, "a:1", b"", 3)
    assert [entry.id for entry in statistics.slow] == [4, 3, 2]


def test_spikes_one_a_second_and_so_many_seconds() -> None:
    statistics = Statistics()
    for unix_s in range(LATENCY_SAMPLES_MAX + 10):
        for spike_ms in (3, 9, 5):
            statistics.late("command", unix_s, spike_ms)
    samples = statistics.latency["command"]
    assert (len(samples), samples[-1]) == (LATENCY_SAMPLES_MAX, (LATENCY_SAMPLES_MAX + 9, 9))


def test_a_reset_keeps_what_is_history() -> None:
    statistics = Statistics()
    statistics.slow_request([b"x"], 5, 1, "a:1", b"", 3)
    statistics.late("command", 1, 3)
    statistics.of("get").calls = 3
    statistics.of("get").durations[1] = 3
    statistics.count_error(b"ERR x")
    statistics.reset()
    assert (statistics.calls, statistics.error_count, statistics.of("get").durations) == (0, 0, {})
    assert (len(statistics.slow), list(statistics.latency)) == (1, ["command"])
