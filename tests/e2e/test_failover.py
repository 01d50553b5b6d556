"""End to end: a primary is killed under load, and nothing that was acknowledged is gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.cluster import RunningCluster
from tests.e2e.failover import kill_primaries

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("failover"), pytest.mark.timeout(180)]


def test_with_write_acks_a_killed_primary_takes_nothing_with_it(tmp_path: Path) -> None:
    options = {"cluster-write-acks": "1", "cluster-write-acks-timeout-ms": "5000"}
    cluster = RunningCluster(tmp_path, 3, 1, **options)
    try:
        found = kill_primaries(cluster, 1, seed=1)
    finally:
        cluster.stop()
    assert found.lost == set()
    assert found.acknowledged >= 200
