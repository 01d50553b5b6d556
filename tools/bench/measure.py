"""One measurement: redis-benchmark against one server, with the CPU time that the server spent on it."""

from __future__ import annotations

import csv
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from tools.admin.client import AdminError, Client

CLIENTS = 50
KEYS = 100_000
TIMEOUT_S = 300
SERVER_CORE, LOAD_CORE = 0, 1


@dataclass(frozen=True)
class Figure:
    """What one run gave."""

    server: str
    cluster_mode: bool
    command: str
    pipeline: int
    requests_per_s: float
    latency_p50_ms: float
    latency_p99_ms: float
    server_cpu_us: float
    """Server CPU time for each request."""


@dataclass(frozen=True)
class Subject:
    """A running server to measure."""

    name: str
    port: int
    cluster_mode: bool
    client: Client
    pid: int = 0


def measure(subject: Subject, command: str, pipeline: int, requests: int) -> Figure:
    """Runs redis-benchmark with random keys. Raises AdminError when it fails."""
    before_s = cpu_s(subject.client)
    what = ["-t", command.lower(), "-n", str(requests), "-P", str(pipeline)]
    row = _run_benchmark(["-p", str(subject.port), *what, "-c", str(CLIENTS), "-r", str(KEYS), "--csv"])
    spent_s = cpu_s(subject.client) - before_s
    return Figure(
        subject.name,
        subject.cluster_mode,
        command,
        pipeline,
        float(row["rps"]),
        float(row["p50_latency_ms"]),
        float(row["p99_latency_ms"]),
        spent_s * 1e6 / requests,
    )


def cpu_s(client: Client) -> float:
    """The CPU time that a server has used, in user and system mode, of its main process."""
    lines = client.text("INFO", "cpu").splitlines()
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    return float(fields["used_cpu_user"]) + float(fields["used_cpu_sys"])


def _run_benchmark(words: Sequence[str]) -> dict[str, str]:
    try:
        process = subprocess.Popen(
            ["redis-benchmark", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
    except FileNotFoundError as error:
        raise AdminError("redis-benchmark is not installed (Debian: apt install redis-tools)") from error
    pin(process.pid, LOAD_CORE)
    try:
        text, complaint = process.communicate(timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired as error:
        process.kill()
        process.communicate()
        # It waits for ever when its server goes away.
        raise AdminError(f"redis-benchmark has not ended within {TIMEOUT_S} s") from error
    return read_csv(text) if process.returncode == 0 else _fail(complaint or text)


def _fail(complaint: str) -> dict[str, str]:
    raise AdminError(f"redis-benchmark failed: {complaint.strip()}")


def read_csv(text: str) -> dict[str, str]:
    """The one row that a run of one test gives. Raises AdminError."""
    start = text.find('"test"')
    rows = list(csv.DictReader(text[start:].splitlines())) if start >= 0 else []
    if len(rows) != 1:
        raise AdminError(f"redis-benchmark gave no figures: {text.strip()[-200:]}")
    return rows[0]


def pin(pid: int, core: int) -> None:
    """Keeps a process on one core, so that server and load do not chase each other; where possible."""
    if hasattr(os, "sched_setaffinity") and core in os.sched_getaffinity(0):
        os.sched_setaffinity(pid, {core})
