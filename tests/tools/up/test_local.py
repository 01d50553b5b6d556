"""What a folder remembers; whole clusters are started in tests/e2e."""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path

import pytest

from tests.support.ports import free_port
from tools.admin.client import AdminError
from tools.up.local import Layout, LocalCluster, read_layout

FAILURE = (sys.executable, "-c", "print('Bad directive'); raise SystemExit(1)")
LAYOUT = Layout(port=7000, primaries=3, replicas=1, options={})


def test_six_neighbouring_ports() -> None:
    assert LAYOUT.ports == [7000, 7001, 7002, 7003, 7004, 7005]
    assert [place.folder.name for place in LAYOUT.places(Path("x"))] == [str(port) for port in LAYOUT.ports]


def test_no_layout_no_cluster(tmp_path: Path) -> None:
    assert read_layout(tmp_path) is None


def test_a_layout_is_read_back(tmp_path: Path) -> None:
    fields = {"port": 7000, "primaries": 3, "replicas": 1, "options": {}}
    (tmp_path / "cluster.json").write_text(json.dumps(fields))
    assert read_layout(tmp_path) == LAYOUT


@pytest.mark.parametrize("text", ["", "[]", '{"port": 7000}', "{"])
def test_a_broken_layout_is_reported(tmp_path: Path, text: str) -> None:
    (tmp_path / "cluster.json").write_text(text)
    with pytest.raises(AdminError, match="cannot be read"):
        read_layout(tmp_path)


def test_a_taken_port_stops_it_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", free_port())) as taken:
        port = taken.getsockname()[1]
        cluster = LocalCluster(tmp_path / "c", Layout(port, 3, 0, {}), FAILURE)
        with pytest.raises(AdminError, match=f"port {port} "):
            cluster.up()
    assert cluster.processes == {}
    assert not (tmp_path / "c" / str(port) / "node.log").exists()


def test_a_node_that_does_not_start_ends_the_others(tmp_path: Path) -> None:
    cluster = LocalCluster(tmp_path, Layout(free_port(3), 3, 0, {}), FAILURE)
    with pytest.raises(AdminError, match="did not start: Bad directive"):
        cluster.up()
    assert all(process.poll() is not None for process in cluster.processes.values())
    assert all(place.pid() is None for place in cluster.places)
    assert read_layout(tmp_path) is None
