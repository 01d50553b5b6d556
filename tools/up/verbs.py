"""`starling up` and `starling down`."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from tools.admin.client import AdminError, show
from tools.admin.form import view
from tools.admin.slots import show_ranges
from tools.output import out, say
from tools.up.local import HOST, Layout, LocalCluster, read_layout

app = typer.Typer()

_PORT, _PRIMARIES, _REPLICAS = 7000, 3, 1
_WATCH_S = 0.5

Folder = Annotated[Path, typer.Option("--dir", help="Where the nodes keep their files.")]


@app.command()
def up(
    primaries: Annotated[
        int | None, typer.Option(min=3, help=f"Primaries; {_PRIMARIES} when not given.")
    ] = None,
    replicas: Annotated[
        int | None, typer.Option(min=0, help=f"Of each primary; {_REPLICAS} when not given.")
    ] = None,
    port: Annotated[int | None, typer.Option(help=f"The first node's port; {_PORT} when not given.")] = None,
    folder: Folder = Path("starling-cluster"),
    detach: Annotated[bool, typer.Option("--detach", help="Leave it running in the background.")] = False,
    option: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE for every node; may be repeated.")
    ] = None,
) -> None:
    """Starts a cluster on this machine; a folder that has one starts again with its data."""
    layout = _layout(folder, primaries, replicas, port, _options(option or []))
    cluster = LocalCluster(folder, layout)
    if not detach:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    started_s = time.monotonic()
    cluster.up()
    try:
        _show(cluster, time.monotonic() - started_s)
        if not detach:
            _watch(cluster)
    finally:
        if not detach:
            say(f"{cluster.down()} nodes stopped")


@app.command()
def down(folder: Folder = Path("starling-cluster")) -> None:
    """Stops the cluster of a folder; its data stays."""
    layout = read_layout(folder)
    if layout is None:
        raise AdminError(f"there is no cluster in {folder}")
    say(f"{LocalCluster(folder, layout).down()} nodes stopped")


def _options(given: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise AdminError(f"'{text}' is not NAME=VALUE")
        found[name] = value
    return found


def _layout(
    folder: Path, primaries: int | None, replicas: int | None, port: int | None, options: dict[str, str]
) -> Layout:
    """What the folder has, which must not contradict what is asked for. Raises AdminError."""
    kept = read_layout(folder)
    if kept is None:
        return Layout(
            port or _PORT, primaries or _PRIMARIES, _REPLICAS if replicas is None else replicas, options
        )
    asked = {"primaries": primaries, "replicas": replicas, "port": port}
    for name, value in asked.items():
        if value is not None and value != getattr(kept, name):
            raise AdminError(
                f"{folder} has a cluster with {name} {getattr(kept, name)}, not {value}; give another --dir"
            )
    return Layout(kept.port, kept.primaries, kept.replicas, {**kept.options, **options})


def _show(cluster: LocalCluster, took_s: float) -> None:
    table = Table("node", "role", "slots", "id", "pid")
    for place in cluster.places:
        me = view(cluster.client(place))[0]
        by_id = {other.id: other for other in view(cluster.client(place))}
        primary = by_id.get(me.primary_id or "")
        role = f"replica of {show(primary.address)}" if primary else "primary"
        table.add_row(f"{HOST}:{place.port}", role, show_ranges(me.slots), me.id[:8], str(place.pid()))
    out.print(table)
    say(f"cluster_state:ok, {len(cluster.places)} nodes, ready after {took_s:.1f} s")
    say(f"connect with: redis-cli -c -p {cluster.layout.port}")


def _watch(cluster: LocalCluster) -> None:
    """Stays until Ctrl-C; a node that ends is reported, the others go on."""
    say("Ctrl-C stops it")
    ended: set[int] = set()
    try:
        while len(ended) < len(cluster.processes):
            time.sleep(_WATCH_S)
            for port, process in cluster.processes.items():
                if port not in ended and process.poll() is not None:
                    ended.add(port)
                    say(f"the node at port {port} ended with exit code {process.returncode}")
    except KeyboardInterrupt:
        say("stopping")
