from __future__ import annotations

from cluster.core.settings import Settings
from tests.cluster.core.alone import introduce, make_core, node_id


def test_the_defaults_are_redis_s() -> None:
    settings = Settings()
    assert (settings.node_timeout_ms, settings.replica_validity_factor) == (15000, 10)
    assert settings.require_full_coverage
    assert settings.allow_replica_migration
    assert not settings.allow_reads_when_down
    assert settings.preferred_endpoint == "ip"


def test_what_is_changed_in_place_counts_from_then_on() -> None:
    core = make_core()
    introduce(core, 1)
    core.settings.node_timeout_ms = 300
    core.settings_changed(core.now_ms)
    while not core.peers[node_id(1)].suspected:
        core.tick(core.deadline_ms() or 0)
        assert core.now_ms < 1_000_800
