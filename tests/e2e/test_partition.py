"""A network that parts and heals, on real processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.partition import FIRST, HEIR, SECOND, THIRD, Divisible, Writer, refusal

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e"), pytest.mark.timeout(120)]

KEY = "7"
"""In slot 1716, which is the first node's."""


def test_a_primary_that_is_cut_off_refuses_writes_and_comes_back_as_a_replica(tmp_path: Path) -> None:
    with Divisible(tmp_path) as nodes:
        first, heir = nodes.clients[FIRST], nodes.clients[HEIR]
        assert refusal(first, KEY) == ""
        assert refusal(heir, KEY) == "MOVED"
        with Writer(nodes) as writer:
            nodes.cut()
            nodes.until("the minority to refuse writes", lambda: refusal(first, KEY) == "CLUSTERDOWN")
            nodes.until("the replica to take over", lambda: refusal(heir, KEY) == "")
            nodes.until("the majority to go on", lambda: min(writer.taken.values()) > 20)
            assert refusal(first, KEY) == "CLUSTERDOWN"
            assert first.call("ROLE")[0] == b"master"
            assert nodes.strait.dropped > 0
            nodes.heal()
            nodes.until("the old primary to follow", lambda: nodes.follows(FIRST) == nodes.id(HEIR))
            nodes.wait_until_whole()
        health = nodes.health()
        assert health.is_sound, health.lines()
        assert refusal(first, KEY) == "MOVED"
        lost = {
            key: value
            for key, value in writer.acknowledged.items()
            if value.encode() not in _values(nodes, key)
        }
        assert lost == {}


def _values(nodes: Divisible, key: str) -> list[object]:
    """What the owner of a key has; the others redirect."""
    return [
        reply
        for number in (SECOND, THIRD, HEIR)
        for reply in nodes.clients[number].pipeline([("GET", key)])
        if not isinstance(reply, Exception)
    ]
