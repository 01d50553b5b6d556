from __future__ import annotations

from typing import Any

import pytest

from cluster.core.core import Core
from cluster.core.orders import AddSlots, Replicate, SetConfigEpoch, SetSlotImporting, SetSlotMigrating
from cluster.core.routing import DOWN, DOWN_FOR_WRITES, TRY_AGAIN, UNBOUND
from tests.cluster.core.alone import introduce, make_core, node_id

MIGRATING, IMPORTED, MINE, ANOTHERS = 7, 9001, 1, 9000


def primary(**settings: Any) -> Core:
    core = make_core(**settings)
    core.order(core.now_ms, SetConfigEpoch(1))
    core.order(core.now_ms, AddSlots(tuple(range(8192))))
    introduce(core, 1, slots=range(8192, 16384), epoch=2)
    core.order(core.now_ms, SetSlotMigrating(MIGRATING, node_id(1)))
    core.order(core.now_ms, SetSlotImporting(IMPORTED, node_id(1)))
    return core


def route(core: Core, slot: int, **question: object) -> str | None:
    asked: dict[str, object] = {"writes": True, "readonly": False, "asking": False, "keys": 1, "missing": 0}
    return core.route(slot, **{**asked, **question})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("slot", "question", "answer"),
    [
        (MINE, {}, None),
        (ANOTHERS, {}, f"MOVED {ANOTHERS} 10.0.0.1:7101"),
        (ANOTHERS, {"asking": True}, f"MOVED {ANOTHERS} 10.0.0.1:7101"),
        (ANOTHERS, {"writes": False, "readonly": True}, f"MOVED {ANOTHERS} 10.0.0.1:7101"),
        (MIGRATING, {}, None),
        (MIGRATING, {"missing": 1}, f"ASK {MIGRATING} 10.0.0.1:7101"),
        (MIGRATING, {"keys": 2, "missing": 2}, f"ASK {MIGRATING} 10.0.0.1:7101"),
        (MIGRATING, {"keys": 2, "missing": 1}, TRY_AGAIN),
        (MIGRATING, {"missing": 1, "migrate": True}, None),
        (IMPORTED, {}, f"MOVED {IMPORTED} 10.0.0.1:7101"),
        (IMPORTED, {"asking": True, "missing": 1}, None),
        (IMPORTED, {"asking": True, "keys": 2, "missing": 1}, TRY_AGAIN),
        (IMPORTED, {"asking": True, "keys": 2}, None),
        (IMPORTED, {"migrate": True}, None),
    ],
)
def test_a_primary_answers_as_redis_does(slot: int, question: dict[str, object], answer: str | None) -> None:
    assert route(primary(), slot, **question) == answer


def test_a_replica_reads_for_its_primary_when_asked_to() -> None:
    core = make_core()
    introduce(core, 1, slots=range(16384), epoch=2)
    core.order(core.now_ms, Replicate(node_id(1), 0))
    assert route(core, 5, writes=False, readonly=True) is None
    assert route(core, 5, writes=False) == "MOVED 5 10.0.0.1:7101"
    assert route(core, 5, readonly=True) == "MOVED 5 10.0.0.1:7101"


def test_what_is_said_when_the_cluster_is_down() -> None:
    core = make_core()
    introduce(core, 1, slots=range(100), epoch=2)
    assert not core.is_ok
    assert route(core, 500) == UNBOUND
    assert route(core, 5) == DOWN
    assert route(core, 5, pubsub=True) == "MOVED 5 10.0.0.1:7101"
    core.settings.allow_pubsub_when_down = False
    assert route(core, 5, pubsub=True) == DOWN
    core.settings.allow_reads_when_down = True
    assert route(core, 5) == DOWN_FOR_WRITES
    assert route(core, 5, writes=False) == "MOVED 5 10.0.0.1:7101"


@pytest.mark.parametrize(
    ("preferred", "hostname", "host"),
    [
        ("ip", "one.example.org", "10.0.0.1"),
        ("hostname", "one.example.org", "one.example.org"),
        ("hostname", "", "?"),
        ("unknown-endpoint", "one.example.org", ""),
    ],
)
def test_the_preferred_endpoint(preferred: str, hostname: str, host: str) -> None:
    core = primary(preferred_endpoint=preferred)
    core.peers[node_id(1)].hostname = hostname
    assert route(core, ANOTHERS) == f"MOVED {ANOTHERS} {host}:7101"
    assert core.endpoint(core.peers[node_id(1)]) == host
