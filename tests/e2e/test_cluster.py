"""End to end: real processes, redis-cli, redis-py, and what happens to both when the cluster changes under
them.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import NO_SERVER, REQUIRED
from tests.e2e import scenarios
from tests.e2e.broadcast import broadcast
from tests.e2e.cluster import REDIS_CLI, RunningCluster, redis_cli

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e"), pytest.mark.timeout(120)]
needs_redis_cli = pytest.mark.skipif(REDIS_CLI is None and not REQUIRED, reason=NO_SERVER)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCluster]:
    """Six nodes, shared by the tests of this file; each leaves the cluster whole."""
    running = RunningCluster(tmp_path_factory.mktemp("cluster"))
    yield running
    running.stop()


@needs_redis_cli
def test_redis_cli_follows_redirects(cluster: RunningCluster) -> None:
    lines = [f"SET cli:{number} value:{number}" for number in range(1000)]
    lines += [f"GET cli:{number}" for number in range(1000)]
    done = subprocess.run(
        [str(REDIS_CLI), "-c", "-p", str(cluster.port)],
        input="\n".join(lines),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    replies = [line for line in done.stdout.splitlines() if not line.startswith("-> Redirected")]
    assert replies == ["OK"] * 1000 + [f"value:{number}" for number in range(1000)]


@needs_redis_cli
def test_redis_cli_finds_the_cluster_sound(cluster: RunningCluster) -> None:
    text = redis_cli("--cluster", "check", cluster.address)
    assert "[OK] All nodes agree about slots configuration." in text
    assert "[OK] All 16384 slots covered." in text


def test_starling_finds_the_cluster_sound(cluster: RunningCluster) -> None:
    text = scenarios.starling("check", cluster.address)
    assert "[OK] All nodes agree about slots configuration." in text
    assert "[OK] All 16384 slots covered." in text


def test_redis_py_sees_every_shard(cluster: RunningCluster) -> None:
    client = cluster.redis()
    for number in range(300):
        client.set(f"py:{number}", number)
    assert [client.get(f"py:{number}") for number in range(300)] == [b"%d" % number for number in range(300)]
    client.close()
    # CLUSTER SLOTS leaves a replica out until news of its offset has come round.
    cluster.until("all nodes to be listed", lambda: _servers(cluster) == ["primary"] * 3 + ["replica"] * 3)


def _servers(cluster: RunningCluster) -> list[str]:
    client = cluster.redis()
    found = sorted(str(node.server_type) for node in client.nodes_manager.nodes_cache.values())
    client.close()
    return found


@needs_redis_cli
def test_slots_move_under_load_unnoticed(cluster: RunningCluster) -> None:
    tally, lost = scenarios.reshard_there_and_back(cluster, slots=100)
    assert tally.errors == []
    assert tally.stale_reads == []
    assert lost == {}
    assert tally.reads > 0
    cluster.wait_until_ok()


def test_what_is_published_on_a_node_is_heard_once_and_in_order_on_all(cluster: RunningCluster) -> None:
    heard = broadcast(cluster, messages=600)
    assert heard.messages == 600
    assert heard.faults == []


def test_a_killed_primary_is_replaced(cluster: RunningCluster) -> None:
    found = scenarios.kill_primaries(cluster, rounds=1)
    assert found.kills[0].takeover_s < scenarios.takeover_s_max()
    assert all(0 <= before_s < scenarios.REPLICATION_LAG_S for before_s in found.lost_s)
    assert cluster.health().is_sound


def test_a_paused_primary_steps_down(cluster: RunningCluster) -> None:
    found = scenarios.pause_primary(cluster, pause_s=3.0)
    assert found.violations == []
    assert found.rounds > 5
    assert found.step_down_s < scenarios.STEP_DOWN_S_MAX
    assert cluster.health().is_sound


def test_a_cluster_starts_again_with_its_nodes(tmp_path: Path) -> None:
    cluster = RunningCluster(tmp_path, replicas=0)
    before = {member.id: member.slots for member in cluster.primaries()}
    cluster.stop()
    cluster.local.up()
    try:
        assert {member.id: member.slots for member in cluster.primaries()} == before
    finally:
        cluster.stop()
