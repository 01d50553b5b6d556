"""A primary that has lost its replicas is given one that another primary can spare."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.cluster import RunningCluster
from tools.admin.form import link_is_up, view

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e"), pytest.mark.timeout(120)]


def test_a_spare_replica_moves_to_a_primary_without_one_when_the_barrier_lets_it(tmp_path: Path) -> None:
    cluster = RunningCluster(tmp_path)
    try:
        rich, poor, other = (member.address[1] for member in cluster.primaries())
        (given,) = _followers(cluster, seen_by=rich, of=other)
        cluster.client(given).call("CLUSTER", "REPLICATE", view(cluster.client(rich))[0].id)
        cluster.until("two replicas", lambda: len(_followers(cluster, seen_by=poor, of=rich)) == 2)
        _lose_the_replica(cluster, rich, poor)
    finally:
        cluster.stop()


def _lose_the_replica(cluster: RunningCluster, rich: int, poor: int) -> None:
    spare = _followers(cluster, seen_by=poor, of=rich)
    (lost,) = _followers(cluster, seen_by=poor, of=poor)
    _set_barrier(cluster, spare, 2)
    cluster.kill(lost)
    cluster.until("the dead one to be found", lambda: all(_failed(cluster, port) == {lost} for port in spare))
    assert _followers(cluster, seen_by=poor, of=rich) == spare
    _set_barrier(cluster, spare, 1)
    cluster.until("one to move", lambda: _followers(cluster, seen_by=poor, of=poor) != {lost})
    (moved,) = _followers(cluster, seen_by=poor, of=poor) - {lost}
    assert moved == min(spare, key=lambda port: view(cluster.client(port))[0].id)
    cluster.until("its link", lambda: link_is_up(cluster.client(moved)))
    assert _followers(cluster, seen_by=moved, of=rich) == spare - {moved}


def _set_barrier(cluster: RunningCluster, ports: set[int], barrier: int) -> None:
    for port in ports:
        cluster.client(port).call("CONFIG", "SET", "cluster-migration-barrier", str(barrier))


def _followers(cluster: RunningCluster, seen_by: int, of: int) -> set[int]:
    members = view(cluster.client(seen_by))
    primary = next(member for member in members if member.address[1] == of)
    return {member.address[1] for member in members if member.primary_id == primary.id}


def _failed(cluster: RunningCluster, seen_by: int) -> set[int]:
    return {member.address[1] for member in view(cluster.client(seen_by)) if "fail" in member.flags}
