"""The twin of cluster/commands/slow.py."""

from __future__ import annotations

from typing import Any

import pytest

from protocol.resp.types import OK, ErrorReply, Reply, Verbatim
from tests.support.served import NOW_MS, Served


@pytest.fixture
def served() -> Served:
    return Served()


def _take(served: Served, usec: int, *argv: str) -> None:
    served.stopwatch.step_usec = usec
    served.call(*argv)
    served.stopwatch.step_usec = 0


def _list(reply: Reply) -> list[Any]:
    assert isinstance(reply, list)
    return reply


def test_the_slow_log_has_the_newest_first_and_as_many_as_asked_for(served: Served) -> None:
    served.call("CONFIG", "SET", "slowlog-log-slower-than", "1000")
    for name in ("a", "b", "c"):
        _take(served, 1000, "GET", name)
    keys = {
        count: [entry[3][1] for entry in _list(served.call("SLOWLOG", "GET", *count))]
        for count in ((), ("2",), ("-1",), ("0",))
    }
    assert keys == {(): [b"c", b"b", b"a"], ("2",): [b"c", b"b"], ("-1",): [b"c", b"b", b"a"], ("0",): []}


@pytest.mark.parametrize("count", ["-2", "x"])
def test_a_count_that_is_none(served: Served, count: str) -> None:
    refusal = served.call("SLOWLOG", "GET", count)
    assert isinstance(refusal, ErrorReply)
    assert refusal == b"ERR count should be greater than or equal to -1"


def test_a_reset_forgets_and_ids_go_on(served: Served) -> None:
    served.call("CONFIG", "SET", "slowlog-log-slower-than", "1000")
    _take(served, 1000, "GET", "a")
    assert (served.call("SLOWLOG", "RESET"), served.call("SLOWLOG", "LEN")) == (OK, 0)
    _take(served, 1000, "GET", "b")
    assert [entry[0] for entry in _list(served.call("SLOWLOG", "GET"))] == [1]


def test_spikes_by_event(served: Served) -> None:
    served.call("CONFIG", "SET", "latency-monitor-threshold", "5")
    for usec, argv in ((7000, ("GET", "k")), (5000, ("GET", "k")), (9000, ("SET", "k", "v"))):
        _take(served, usec, *argv)
    unix_s = NOW_MS // 1000
    assert served.call("LATENCY", "LATEST") == [
        [b"fast-command", unix_s, 7, 7],
        [b"command", unix_s, 9, 9],
    ]
    served.clock.now_ms += 1000
    _take(served, 6000, "GET", "k")
    assert served.call("LATENCY", "HISTORY", "fast-command") == [[unix_s, 7], [unix_s + 1, 6]]
    assert served.call("LATENCY", "HISTORY", "nosuch") == []
    assert served.call("LATENCY", "RESET", "nosuch", "command") == 1
    assert [event[0] for event in _list(served.call("LATENCY", "LATEST"))] == [b"fast-command"]


def test_the_doctor_says_whether_it_watches_and_what_it_saw(served: Served) -> None:
    def words() -> bytes:
        reply = served.call("LATENCY", "DOCTOR")
        assert isinstance(reply, Verbatim)
        return reply.text

    assert b"is off" in words()
    served.call("CONFIG", "SET", "latency-monitor-threshold", "5")
    assert words() == b"No spikes.\n"
    _take(served, 7000, "GET", "k")
    assert b"fast-command: 1 spikes above 5 ms, 7 ms on average, 7 ms at worst." in words()


def test_histograms_of_all_of_some_and_of_subcommands(served: Served) -> None:
    for usec in (0, 1, 3, 3, 200):
        _take(served, usec, "GET", "k")
    _take(served, 5, "CONFIG", "GET", "port")
    told = {b"calls": 5, b"histogram_usec": {1: 2, 4: 4, 264: 5}}
    assert served.call("LATENCY", "HISTOGRAM", "get", "nosuch") == {b"get": told}
    assert served.call("LATENCY", "HISTOGRAM", "GET", "set") == {b"get": told}
    of_config, of_all = (served.call("LATENCY", "HISTOGRAM", *names) for names in (("config",), ()))
    assert isinstance(of_config, dict)
    assert isinstance(of_all, dict)
    assert set(of_config) == {b"config|get"}
    assert set(of_all) == {b"get", b"config|get", b"latency|histogram"}


def test_percentiles_in_info(served: Served) -> None:
    def lines() -> list[str]:
        reply = served.call("INFO", "latencystats")
        assert isinstance(reply, Verbatim)
        return [line for line in reply.text.decode().split("\r\n") if "_usec_get:" in line]

    assert lines() == []
    for usec in (1, 15):
        _take(served, usec, "GET", "k")
    assert lines() == ["latency_percentiles_usec_get:p50=1.003,p99=15.039,p99.9=15.039"]
    served.call("CONFIG", "SET", "latency-tracking-info-percentiles", "0 100")
    assert lines() == ["latency_percentiles_usec_get:p0=1.000,p100=15.039"]
    served.call("CONFIG", "RESETSTAT")
    assert lines() == []
