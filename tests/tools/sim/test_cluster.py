"""The node code that runs on sockets, in the simulated World: a cluster fails over; one seed, one history."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools.sim.cluster import SimCluster

KEYS = {f"key:{number}": f"value {number}" for number in range(60)}


def formed(seed: int, **settings: str) -> SimCluster:
    """Three primaries and three replicas, with some keys."""
    cluster = SimCluster(seed, 6, cluster_node_timeout="1000", **settings)
    cluster.form(primaries=3)
    for key, value in KEYS.items():
        cluster.set(key, value)
    # Replication is asynchronous: what is to survive a crash must have reached a replica.
    cluster.simulation.run_for(500)
    return cluster


def check_keys(cluster: SimCluster) -> None:
    for key, value in KEYS.items():
        assert cluster.get(key) == value.encode()


def failed_over(seed: int) -> SimCluster:
    """After a primary has crashed, a replica has taken over, and the crashed node has come back."""
    cluster = formed(seed)
    first = cluster.hosts[0]
    first.crash()
    cluster.until(lambda: not cluster.is_ok(cluster.hosts[1]), 10_000)
    cluster.until(lambda: all(cluster.is_ok(host) for host in cluster.alive()), 10_000)
    check_keys(cluster)
    first.start()
    cluster.until(lambda: first.node.replication.link_up, 10_000)
    cluster.until(lambda: cluster.is_ok(first), 10_000)
    assert first.node.core is not None
    assert first.node.core.me.is_replica
    check_keys(cluster)
    return cluster


def test_a_replica_that_was_in_step_for_a_moment_only_takes_over() -> None:
    cluster = SimCluster(5, 6, cluster_node_timeout="1000")
    cluster.form(primaries=3)
    first, heir = cluster.hosts[0], cluster.hosts[3]
    heir.node.follow(None)
    core = heir.node.core
    assert core is not None
    core.synced = False
    heir.node.follow(("10.0.0.1", 7000))
    cluster.until(lambda: heir.node.replication.link_up, 10_000)
    first.crash()
    cluster.until(lambda: not heir.node.replication.link_up, 10_000)
    cluster.until(lambda: not core.me.is_replica, 10_000)


def history(seed: int) -> str:
    """The hash of all events up to and behind a failover."""
    return failed_over(seed).simulation.trace_hash()


def test_a_replica_takes_over_and_one_seed_has_one_history() -> None:
    assert history(1) == history(1)
    assert history(2) != history(1)


def test_history_does_not_depend_on_how_python_hashes_strings() -> None:
    program = "from tests.tools.sim.test_cluster import history; print(history(7))"
    hashes = {
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=Path(__file__).parents[3],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(hashes) == 1


@pytest.mark.parametrize("seed", range(10, 15))
def test_failover_at_other_seeds(seed: int) -> None:
    failed_over(seed)


def test_datagram_loss_slows_but_does_not_stop_it() -> None:
    cluster = formed(3)
    cluster.network.conditions.loss = 0.2
    cluster.hosts[1].crash()
    cluster.until(lambda: not cluster.is_ok(cluster.hosts[0]), 30_000)
    cluster.until(lambda: all(cluster.is_ok(host) for host in cluster.alive()), 60_000)
    check_keys(cluster)


def test_a_primary_that_is_cut_off_stops_serving_and_comes_back_as_a_replica() -> None:
    cluster = formed(4)
    lone, *others = cluster.hosts
    cluster.network.cut([lone.host], [host.host for host in others])
    cluster.until(lambda: not cluster.is_ok(lone), 10_000)
    assert lone.node.core is not None
    lone_id = lone.node.core.me.node_id
    cores = [host.node.core for host in others if host.node.core is not None]
    cluster.until(lambda: not any(core.peers[lone_id].owned for core in cores), 10_000)
    cluster.network.heal()
    cluster.until(lambda: lone.node.replication.link_up, 30_000)
    cluster.until(lambda: all(cluster.is_ok(host) for host in cluster.hosts), 30_000)
    check_keys(cluster)


def test_a_primary_that_was_stopped_steps_down_when_it_goes_on() -> None:
    cluster = formed(5)
    first = cluster.hosts[0]
    first.world.pause()
    others = cluster.hosts[1:]
    cluster.until(lambda: not cluster.is_ok(others[0]), 10_000)
    cluster.until(lambda: all(cluster.is_ok(host) for host in others), 10_000)
    first.world.resume()
    cluster.until(lambda: first.node.replication.link_up and cluster.is_ok(first), 30_000)
    check_keys(cluster)


def test_a_node_that_is_told_to_end_saves_its_data() -> None:
    cluster = formed(6)
    first = cluster.hosts[0]
    before = len(first.node.server.databases[0])
    assert before > 0
    assert first.node.shutdown(save=True, now=False, force=False) is None
    cluster.until(lambda: not first.world.alive, 15_000)
    assert first.world.exit_code == 0
    first.start()
    assert len(first.node.server.databases[0]) == before


def test_a_demoted_primary_says_what_it_discards() -> None:
    cluster = formed(7)
    lone, *others = cluster.hosts
    cluster.network.cut([lone.host], [host.host for host in others])
    # Its slot, 3300, is the first primary's, which does not know yet that it is alone.
    assert lone.call("SET", "b", "written alone") == b"OK"
    heir = others[2].node.core
    assert heir is not None
    cluster.until(lambda: not heir.me.is_replica, 10_000)
    cluster.network.heal()
    cluster.until(lambda: lone.node.replication.link_up, 30_000)
    told = [line for line in lone.world.lines if "Discarding what I wrote" in line]
    assert len(told) == 1
    assert told[0].endswith(" 1 commands.")
