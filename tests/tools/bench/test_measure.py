from __future__ import annotations

import os
import shutil
from typing import Any

import pytest

from tools.admin.client import AdminError, Client
from tools.bench import measure

CSV = (
    '"test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_latency_ms",'
    '"p99_latency_ms","max_latency_ms"\n'
    '"GET","89686.10","0.283","0.104","0.271","0.327","0.535","1.879"\n'
)


class Busy(Client):
    """A server that has used a second more each time that it is asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 1))
        self.asked = 0

    def call(self, *words: Any, timeout_s: float | None = None) -> Any:
        self.asked += 1
        return b"# CPU\r\nused_cpu_sys:%d.5\r\nused_cpu_user:0.25\r\n" % self.asked


def test_a_run_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "_run_benchmark", lambda words: measure.read_csv(CSV))
    figure = measure.measure(measure.Subject("starling", 7000, False, Busy()), "GET", 16, 100_000)
    assert figure.requests_per_s == 89686.10
    assert (figure.latency_p50_ms, figure.latency_p99_ms) == (0.271, 0.535)
    assert figure.server_cpu_us == pytest.approx(10.0)


@pytest.mark.parametrize("text", ["", "WARNING: Could not fetch server CONFIG\n", CSV.splitlines()[0]])
def test_no_figures(text: str) -> None:
    with pytest.raises(AdminError, match="no figures"):
        measure.read_csv(text)


def test_figures_are_found_after_a_warning() -> None:
    assert measure.read_csv("WARNING: something\n" + CSV)["test"] == "GET"


def test_without_redis_benchmark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(AdminError, match="redis-tools"):
        measure._run_benchmark([])


@pytest.mark.skipif(shutil.which("redis-benchmark") is None, reason="no redis-benchmark")
def test_a_failure_is_reported() -> None:
    with pytest.raises(AdminError, match="redis-benchmark failed"):
        measure._run_benchmark(["--no-such-option"])


@pytest.mark.skipif(shutil.which("redis-benchmark") is None, reason="no redis-benchmark")
def test_a_server_that_is_gone_does_not_hang_us(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "TIMEOUT_S", 0.05)
    with pytest.raises(AdminError, match="has not ended"):
        measure._run_benchmark(["-p", "1", "-h", "127.255.255.254", "-t", "get"])


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity here")
def test_pinning_to_a_core_that_is_not_ours_is_left_alone() -> None:
    before = os.sched_getaffinity(0)
    measure.pin(os.getpid(), 10_000)
    assert os.sched_getaffinity(0) == before
