from __future__ import annotations

import pytest

from tools.sim.control import FAIL_BYTES, HEADER_BYTES, SECTION_BYTES, Heartbeats, crash, idle
from tools.sim.measure import Case


def test_a_message_weighs_what_redis_7_sends() -> None:
    outcome = idle(Case(nodes=12, node_timeout_ms=2000, duration_ms=2000))
    assert outcome.messages_by_kind["ping"] == pytest.approx(outcome.messages_by_kind["pong"], abs=12)
    for kind, count in outcome.messages_by_kind.items():
        assert outcome.bytes_by_kind[kind] == count * (HEADER_BYTES + 3 * SECTION_BYTES)


def test_sections_grow_with_the_cluster() -> None:
    small, large = (idle(Case(nodes=nodes, node_timeout_ms=5000, duration_ms=1000)) for nodes in (10, 60))
    weights = [outcome.bytes_by_kind["ping"] / outcome.messages_by_kind["ping"] for outcome in (small, large)]
    assert weights == pytest.approx(
        [HEADER_BYTES + 3 * SECTION_BYTES, HEADER_BYTES + 6 * SECTION_BYTES], rel=0.01
    )


def test_a_dead_primary_is_fail_everywhere_after_node_timeout() -> None:
    outcome = crash(Case(nodes=12, node_timeout_ms=1000, seed=3))
    assert len(outcome.times_ms) == 11
    last_ms = outcome.figures["last_ms"]
    assert last_ms is not None
    assert 1000 <= last_ms <= 2500
    assert outcome.bytes_by_kind["fail"] >= 11 * FAIL_BYTES
    assert crash(Case(nodes=12, node_timeout_ms=1000, seed=3)) == outcome


def test_patience_grows_with_node_timeout() -> None:
    assert crash(Case(nodes=6, node_timeout_ms=60_000)).figures["last_ms"] is not None


def test_without_a_majority_nobody_is_fail() -> None:
    model = Heartbeats(Case(nodes=9, primaries=4))
    for heart in model.hearts[:2]:
        heart.is_alive = False
    assert not model.run_until(lambda: any(heart.fail for heart in model.hearts), 6000)
    assert any(heart.pfail for heart in model.hearts)
