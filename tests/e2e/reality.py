"""The gossip of real processes beside Redis's and beside the simulator's two models: traffic at rest, and how
long a dead primary takes to be FAIL everywhere. `python -m tests.e2e.reality --plot docs/gossip-reality.png`.

Each row is measured in one way on both sides. Starling's bytes are what CLUSTER INFO counts, Redis's what the
kernel counts on the sockets of its bus; neither has the headers of TCP, UDP and IP. When a node holds the
dead one for FAIL is read from its log, which both write in the same words, to the millisecond.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

from tests.e2e.cluster import SERVER_VARIABLE, RunningCluster
from tools.admin.form import cluster_info
from tools.admin.waiting import wait_until
from tools.sim.measure import Case
from tools.sim.runs import measured

LATENCY_MS = 0.1
"""What the simulator is told of a loopback."""

SETTLE_S = 20.0
PATIENCE_S = 300.0
_LOG_LINE = re.compile(
    r"\S+ (\d+ \w+ \d+ \d+:\d+:\d+\.\d+) . (?:Marking node|FAIL message received from \w+ about) (\w+)"
)


@dataclass
class Measured:
    """Per node: bytes and messages sent a second at rest; seconds from a kill to FAIL at the first and at the
    last node, a row each."""

    who: str
    node_timeout_ms: int
    bytes_s: float = 0.0
    messages_s: float = 0.0
    first_s: list[float] = field(default_factory=list)
    last_s: list[float] = field(default_factory=list)


def real(who: str, given: argparse.Namespace, node_timeout_ms: int) -> Measured:
    """Forty processes, or so many as asked for, of Starling or of redis-server."""
    os.environ.pop(SERVER_VARIABLE, None)
    if who == "Redis":
        os.environ[SERVER_VARIABLE] = given.server
    found = Measured(who, node_timeout_ms)
    with tempfile.TemporaryDirectory() as folder:
        options = {"cluster-node-timeout": str(node_timeout_ms), "loglevel": "verbose"}
        cluster = RunningCluster(Path(folder), given.primaries, given.replicas, **options)
        try:
            cluster.wait_until_ok(PATIENCE_S)
            time.sleep(SETTLE_S)
            sent_bytes = _bytes_of_redis if who == "Redis" else _bytes_of_starling
            found.bytes_s, found.messages_s = _rates(cluster, sent_bytes, given.window_s)
            for round_ in range(given.rounds):
                first_s, last_s = _crash(cluster, random.Random(round_))
                found.first_s.append(first_s)
                found.last_s.append(last_s)
        finally:
            cluster.stop()
    return found


def _rates(
    cluster: RunningCluster, sent_bytes: Callable[[RunningCluster], int], window_s: float
) -> tuple[float, float]:
    before, started_s = (sent_bytes(cluster), _messages(cluster)), time.monotonic()
    time.sleep(window_s)
    after, took_s = (sent_bytes(cluster), _messages(cluster)), time.monotonic() - started_s
    share = took_s * len(cluster.local.places)
    return (after[0] - before[0]) / share, (after[1] - before[1]) / share


def _messages(cluster: RunningCluster) -> int:
    return _total(cluster, "cluster_stats_messages_sent")


def _bytes_of_starling(cluster: RunningCluster) -> int:
    return _total(cluster, "cluster_stats_bytes_sent")


def _total(cluster: RunningCluster, field_name: str) -> int:
    return sum(int(cluster_info(cluster.client(place.port))[field_name]) for place in cluster.local.places)


def _bytes_of_redis(cluster: RunningCluster) -> int:
    """Both ends of each link are here, and each counts what it sent."""
    first, last = cluster.port + 10_000, cluster.port + 10_000 + len(cluster.local.places) - 1
    ends = [f"( {end} >= :{first} and {end} <= :{last} )" for end in ("sport", "dport")]
    command = ["ss", "-tinH", "state", "established", " or ".join(ends)]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return sum(int(count) for count in re.findall(r"bytes_sent:(\d+)", text))


def _crash(cluster: RunningCluster, choice: random.Random) -> tuple[float, float]:
    """Kills a primary; seconds until the first and the last of the others held it for FAIL."""
    victim = choice.choice(cluster.primaries())
    port = victim.address[1]
    others = [place for place in cluster.local.places if place.port != port]
    ends = {place: place.log.stat().st_size for place in others}
    killed_s = time.time()
    cluster.kill(port)
    seen: dict[int, float] = {}

    def missing() -> str:
        for place in others:
            if place.port not in seen:
                at_s = _said_fail(place.log, ends[place], victim.id)
                if at_s is not None:
                    seen[place.port] = at_s - killed_s
        return "" if len(seen) == len(others) else f"{len(seen)} of {len(others)} nodes have it"

    wait_until("FAIL everywhere", missing, PATIENCE_S)
    cluster.restart(port)
    cluster.wait_until_ok(PATIENCE_S)
    return min(seen.values()), max(seen.values())


def _said_fail(log: Path, begin: int, node_id: str) -> float | None:
    """The unix time at which a log, from this place on, first says that a node is FAIL."""
    with log.open("rb") as file:
        file.seek(begin)
        for line in file.read().decode(errors="replace").splitlines():
            found = _LOG_LINE.match(line)
            if found is not None and found[2] == node_id:
                return datetime.strptime(found[1], "%d %b %Y %H:%M:%S.%f").timestamp()
    return None


def simulated(who: str, given: argparse.Namespace, node_timeout_ms: int) -> Measured:
    """The same cluster in the simulator: Starling's own core, or the model of Redis's heartbeat."""
    prefix = "redis-" if who == "Redis" else ""
    count = given.primaries * (given.replicas + 1)
    found = Measured(f"{who}, simulated", node_timeout_ms)
    cases = [
        Case(count, given.primaries, seed=seed, latency_ms=LATENCY_MS, node_timeout_ms=node_timeout_ms,
             duration_ms=int(given.window_s * 1000))
        for seed in range(1, given.seeds + 1)
    ]  # fmt: skip
    rest = [outcome.figures for outcome in measured(f"{prefix}idle", cases)]
    found.bytes_s = statistics.median(figures["bytes_per_node_s"] or 0.0 for figures in rest)
    found.messages_s = statistics.median(figures["messages_per_node_s"] or 0.0 for figures in rest)
    for outcome in measured(f"{prefix}crash", cases):
        found.first_s.append(min(outcome.times_ms) / 1000)
        found.last_s.append(max(outcome.times_ms) / 1000)
    return found


def table(rows: Sequence[Measured]) -> str:
    """Markdown."""
    lines = [
        "| node-timeout | who | bytes/s a node | messages/s a node | first FAIL | last FAIL (range) |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        first_s, last_s = statistics.median(row.first_s), statistics.median(row.last_s)
        lines.append(
            f"| {row.node_timeout_ms / 1000:g} s | {row.who} | {row.bytes_s:,.0f} | {row.messages_s:.1f} "
            f"| {first_s:.2f} s | {last_s:.2f} s ({min(row.last_s):.2f} to {max(row.last_s):.2f}) |"
        )
    return "\n".join(lines)


def draw(rows: Sequence[Measured], path: Path) -> None:
    """Traffic at rest, and every measured time to FAIL."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 0.45 * len(rows) + 2), layout="constrained")
    FigureCanvasAgg(figure)
    traffic, times = figure.subplots(1, 2, sharey=True)
    names = [f"{row.who}, {row.node_timeout_ms / 1000:g} s" for row in rows]
    traffic.set_yticks(range(len(rows)), names)
    traffic.invert_yaxis()
    for place, row in enumerate(rows):
        color = "tab:red" if "Redis" in row.who else "tab:blue"
        shade = 0.4 if "simulated" in row.who else 0.9
        traffic.barh(place, row.bytes_s, color=color, alpha=shade)
        traffic.annotate(f" {row.bytes_s:,.0f}", (row.bytes_s, place), va="center")
        times.plot(
            row.first_s, [place - 0.12] * len(row.first_s), "|", color=color, alpha=shade, markersize=9
        )
        times.plot(row.last_s, [place + 0.12] * len(row.last_s), "o", color=color, alpha=shade, markersize=4)
    traffic.set(title="At rest", xlabel="bytes a second a node (logarithmic)", xscale="log")
    traffic.margins(x=0.15)
    times.set(title="From a crash to FAIL: first node |, last node o", xlabel="seconds", xlim=(0, None))
    times.grid(axis="x", alpha=0.3)
    figure.savefig(path, dpi=100)


def main() -> None:
    """Measures all, one after the other, and prints the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.reality")
    parser.add_argument("--primaries", type=int, default=20)
    parser.add_argument("--replicas", type=int, default=1)
    parser.add_argument("--node-timeouts-ms", type=int, nargs="+", default=[5000, 15000])
    parser.add_argument("--window-s", type=float, default=60.0)
    parser.add_argument("--rounds", type=int, default=5, help="kills of real primaries")
    parser.add_argument("--seeds", type=int, default=20, help="of each simulation")
    parser.add_argument("--server", default="redis-server")
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    rows: list[Measured] = []
    for node_timeout_ms in given.node_timeouts_ms:
        for who in ("Starling", "Redis"):
            rows.append(real(who, given, node_timeout_ms))
            rows.append(simulated(who, given, node_timeout_ms))
            print(*rows[-2:], sep="\n", flush=True)
    print(table(rows))
    if given.json is not None:
        given.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    if given.plot is not None:
        draw(rows, given.plot)


if __name__ == "__main__":
    main()
