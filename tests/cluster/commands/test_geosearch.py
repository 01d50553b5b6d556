"""The twin of cluster/commands/geosearch.py: what is propagated and notified, and what a search looks at.
Replies are compared in tests/parity."""

from __future__ import annotations

import pytest

from cluster.store.values.sorted_set import SortedSet
from tests.support.local import Local

STORES = [
    b"GEOSEARCHSTORE near k FROMLONLAT 15 37 BYRADIUS 200 km",
    b"GEORADIUS k 15 37 200 km STORE near",
    b"GEORADIUSBYMEMBER k Catania 200 km STOREDIST near",
]


@pytest.fixture
def local() -> Local:
    made = Local()
    made.call("GEOADD", "k", "13.361389", "38.115556", "Palermo", "15.087269", "37.502669", "Catania")
    made.events.clear()
    made.written.clear()
    return made


@pytest.mark.parametrize("request_", STORES)
def test_a_stored_search_is_told_and_propagated(local: Local, request_: bytes) -> None:
    event = b"geosearchstore" if request_.startswith(b"GEOSEARCH") else b"georadiusstore"
    assert local.call(*request_.split()) == 2
    assert [(key, told) for key, told, _ in local.events] == [(b"near", event)]
    assert local.written == [request_.split()]


@pytest.mark.parametrize("request_", STORES)
def test_an_empty_result_removes_the_key(local: Local, request_: bytes) -> None:
    local.call("ZADD", "near", 1, "old")
    local.call("DEL", "k")
    local.events.clear()
    assert local.call(*request_.split()) == 0
    assert local.call("EXISTS", "near") == 0
    assert local.events == [(b"near", b"del", 1)]
    assert local.call(*request_.split()) == 0
    assert len(local.events) == 1


def test_a_search_writes_nothing(local: Local) -> None:
    assert local.call("GEORADIUS", "k", 15, 37, 200, "km", "ASC") == [b"Catania", b"Palermo"]
    assert local.written == []


def test_distances_are_kept_in_the_unit_asked_for(local: Local) -> None:
    local.call("GEOSEARCHSTORE", "near", "k", "FROMMEMBER", "Catania", "BYRADIUS", 200, "km", "STOREDIST")
    assert local.call("ZSCORE", "near", "Palermo") == pytest.approx(166.2742, abs=1e-4)


def test_only_members_in_the_cells_around_are_read(local: Local, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(2000):
        local.call("GEOADD", "k", number % 170 - 85, number // 170 * 5 - 30, f"m{number}")
    read: list[int] = []
    slice_ = SortedSet.slice

    def counted(
        self: SortedSet, start: int, stop: int, *, reverse: bool = False
    ) -> list[tuple[bytes, float]]:
        read.append(stop - start)
        return slice_(self, start, stop, reverse=reverse)

    monkeypatch.setattr(SortedSet, "slice", counted)
    assert local.call("GEOSEARCH", "k", "FROMMEMBER", "Catania", "BYRADIUS", 10, "km") == [b"Catania"]
    assert sum(read) < 20
    read.clear()
    local.call("GEOSEARCH", "k", "FROMMEMBER", "Catania", "BYRADIUS", 40_000, "km", "COUNT", 3, "ANY")
    assert sum(read) < 600
