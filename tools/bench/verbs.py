"""`starling bench`: Starling and redis-server side by side on this machine."""

from __future__ import annotations

import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from tools.admin.client import AdminError, Client, ServerError, UnreachableError
from tools.admin.form import cluster_info
from tools.admin.waiting import wait_until
from tools.bench.measure import LOAD_CORE, SERVER_CORE, Figure, Subject, measure, pin
from tools.bench.promised import SECONDS, Promise, promises
from tools.bench.snapshots import Course, background_save, fill, full_sync
from tools.output import out, say
from tools.up.processes import NODE_COMMAND

app = typer.Typer()

COMMANDS = ("SET", "GET")
PIPELINES = (1, 16)
_QUIET = ("--save", "", "--appendonly", "no", "--bind", "127.0.0.1", "--enable-debug-command", "yes")


@app.command()
def bench(
    requests: Annotated[int, typer.Option(min=1000, help="Of each kind, when not pipelined.")] = 100_000,
    keys: Annotated[
        int, typer.Option(min=0, help="For BGSAVE and a full sync, of 100 bytes each; 0 leaves these out.")
    ] = 1_000_000,
    as_json: Annotated[bool, typer.Option("--json", help="Print figures as JSON.")] = False,
) -> None:
    """Measures one Starling node and one redis-server in the same run.

    Requests without and with cluster mode; writes that are answered when a replica has them; and what
    snapshots and full copies cost.
    """
    server = shutil.which("redis-server")
    if server is None:
        raise AdminError("redis-server is not installed (Debian: apt install redis-server)")
    figures: list[Figure] = []
    for cluster_mode in (False, True):
        with (
            _running("starling", NODE_COMMAND, cluster_mode) as ours,
            _running("redis-server", [server], cluster_mode) as theirs,
        ):
            for command in COMMANDS:
                for pipeline in PIPELINES:
                    figures += [
                        measure(subject, command, pipeline, requests * (1 if pipeline == 1 else 5))
                        for subject in (ours, theirs)
                    ]
    kept = [*_promises("starling", NODE_COMMAND), *_promises("redis-server", [server])]
    courses: list[list[Course]] = []
    if keys:
        courses = [_courses("starling", NODE_COMMAND, keys), _courses("redis-server", [server], keys)]
    if as_json:
        sys.stdout.write(
            json.dumps(
                {
                    "machine": _machine(),
                    "figures": [asdict(one) for one in figures],
                    "promises": [asdict(one) for one in kept],
                    "snapshots": [asdict(one) for each in courses for one in each],
                }
            )
            + "\n"
        )
        return
    say(_machine())
    out.print(table(figures))
    out.print(promise_table(kept))
    if courses:
        out.print(snapshot_table(keys, *courses))


def _courses(name: str, command: Sequence[str], keys: int) -> list[Course]:
    """One server at a time, so that the two nodes of a full sync have the machine to themselves."""
    with _running(name, command, False) as subject, _running(name, command, False, core=LOAD_CORE) as replica:
        fill(subject, keys)
        return [background_save(subject), *full_sync(subject, replica)]


def _promises(name: str, command: Sequence[str], seconds: float = SECONDS) -> list[Promise]:
    with (
        _running(name, command, True) as subject,
        _running(name, command, True, core=LOAD_CORE, is_empty=True) as replica,
    ):
        return list(promises(subject, replica, seconds))


@contextmanager
def _running(
    name: str, command: Sequence[str], cluster_mode: bool, *, core: int = SERVER_CORE, is_empty: bool = False
) -> Iterator[Subject]:
    """A server on a free port that keeps nothing, pinned to a core. A cluster, unless `is_empty`."""
    with tempfile.TemporaryDirectory() as folder:
        port = _free_port()
        words = [*command, "--port", str(port), "--dir", folder, *_QUIET]
        words += ["--cluster-enabled", "yes"] if cluster_mode else []
        with (Path(folder) / "log").open("wb") as log:
            process = subprocess.Popen(words, stdout=log, stderr=log)
        client = Client(("127.0.0.1", port))
        try:
            pin(process.pid, core)
            wait_until(f"{name} to answer", lambda: _missing(client), 20.0)
            if cluster_mode and not is_empty:
                client.call("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
                wait_until(f"{name} to be a cluster", lambda: _not_ok(client), 20.0)
            yield Subject(name, port, cluster_mode, client, process.pid)
        finally:
            client.close()
            process.terminate()
            process.wait()


def _missing(client: Client) -> str:
    try:
        client.call("PING")
    except (ServerError, UnreachableError) as error:
        return str(error)
    return ""


def _not_ok(client: Client) -> str:
    state = cluster_info(client)["cluster_state"]
    return "" if state == "ok" else f"cluster_state:{state}"


def _free_port() -> int:
    """A port whose bus port is free as well."""
    while True:
        with socket.socket() as client_port, socket.socket() as bus_port:
            client_port.bind(("127.0.0.1", 0))
            port: int = client_port.getsockname()[1]
            try:
                bus_port.bind(("127.0.0.1", port + 10000))
            except (OSError, OverflowError):
                continue
            return port


def _machine() -> str:
    system = f"{platform.system()} {platform.machine()}"
    return f"{os.cpu_count()} cores, Python {platform.python_version()}, {system}"


def table(figures: Sequence[Figure]) -> Table:
    """Figures in pairs, ours then theirs, with the ratios of ours to theirs."""
    found = Table(
        "test", "Starling req/s", "redis-server req/s", "ratio", "CPU us/req", "redis CPU us/req", "ratio"
    )
    for ours, theirs in zip(figures[::2], figures[1::2], strict=True):
        mode = "cluster" if ours.cluster_mode else "single"
        found.add_row(
            f"{ours.command} -P {ours.pipeline} {mode}",
            f"{ours.requests_per_s:,.0f}",
            f"{theirs.requests_per_s:,.0f}",
            f"{ours.requests_per_s / theirs.requests_per_s:.2f}",
            f"{ours.server_cpu_us:.2f}",
            f"{theirs.server_cpu_us:.2f}",
            f"{ours.server_cpu_us / max(theirs.server_cpu_us, 0.001):.2f}",
        )
    return found


def promise_table(promises: Sequence[Promise]) -> Table:
    """Writes to a primary with a replica, by when they are answered."""
    found = Table("50 clients, a replica", "answered", "writes/s", "p50 ms", "p99 ms")
    for one in promises:
        found.add_row(
            one.server,
            one.how,
            f"{one.writes_per_s:,.0f}",
            f"{one.latency_p50_ms:.2f}",
            f"{one.latency_p99_ms:.2f}",
        )
    return found


def snapshot_table(keys: int, ours: Sequence[Course], theirs: Sequence[Course]) -> Table:
    """What snapshots cost, ours beside theirs."""
    found = Table(
        f"{keys:,} keys",
        "Starling s",
        "redis s",
        "ratio",
        "CPU s",
        "redis CPU s",
        "ratio",
        "pause ms",
        "redis pause ms",
        "ratio",
        "MB",
        "redis MB",
    )
    for our, their in zip(ours, theirs, strict=True):
        found.add_row(
            our.what,
            f"{our.seconds:.2f}",
            f"{their.seconds:.2f}",
            f"{our.seconds / max(their.seconds, 0.001):.1f}",
            f"{our.cpu_s:.2f}",
            f"{their.cpu_s:.2f}",
            f"{our.cpu_s / max(their.cpu_s, 0.001):.1f}",
            f"{our.pause_ms:.1f}",
            f"{their.pause_ms:.1f}",
            f"{our.pause_ms / max(their.pause_ms, 0.001):.1f}",
            f"{our.extra_mb:.0f}",
            f"{their.extra_mb:.0f}",
        )
    return found
