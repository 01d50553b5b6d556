from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.admin.client import AdminError
from tools.admin.plan import balance, seat, take


def test_sources_give_in_proportion_lowest_slots_first() -> None:
    moves = take({"a": set(range(100)), "b": set(range(100, 150))}, "c", 30)
    assert Counter(move.source_id for move in moves) == {"a": 20, "b": 10}
    assert [move.slot for move in moves] == [*range(20), *range(100, 110)]
    assert {move.target_id for move in moves} == {"c"}


@given(st.lists(st.integers(0, 40), min_size=1, max_size=5), st.data())
def test_exactly_as_many_as_asked_for(sizes: list[int], data: st.DataObject) -> None:
    sources = {str(index): set(range(index * 100, index * 100 + size)) for index, size in enumerate(sizes)}
    total = sum(sizes)
    if total == 0:
        return
    count = data.draw(st.integers(1, total))
    moves = take(sources, "target", count)
    assert len({move.slot for move in moves}) == count
    assert all(move.slot in sources[move.source_id] for move in moves)


@pytest.mark.parametrize("count", [0, 11])
def test_more_than_there_is_cannot_be_taken(count: int) -> None:
    with pytest.raises(AdminError, match="the sources have 10"):
        take({"a": set(range(10))}, "b", count)


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 3)), min_size=1, max_size=6).filter(
        lambda nodes: sum(weight for _, weight in nodes) > 0
    )
)
def test_a_balance_gives_each_its_weight(nodes: list[tuple[int, int]]) -> None:
    owned = {str(index): set(range(index * 100, index * 100 + size)) for index, (size, _) in enumerate(nodes)}
    weights = {str(index): float(weight) for index, (_, weight) in enumerate(nodes)}
    total = sum(size for size, _ in nodes)
    after = {node_id: len(slots) for node_id, slots in owned.items()}
    for move in balance(owned, weights):
        assert move.slot in owned[move.source_id]
        after[move.source_id] -= 1
        after[move.target_id] += 1
    for node_id, count in after.items():
        assert abs(count - total * weights[node_id] / sum(weights.values())) <= 1


def test_a_balance_needs_a_weight() -> None:
    with pytest.raises(AdminError, match="all weights are 0"):
        balance({"a": {1}}, {"a": 0.0})


def test_seats_of_one_host() -> None:
    seats = seat([("h", port) for port in range(6)], replicas=1)
    assert [one.slots for one in seats[:3]] == [(0, 5460), (5461, 10922), (10923, 16383)]
    assert [one.primary for one in seats[3:]] == [("h", 0), ("h", 1), ("h", 2)]


def test_a_replica_sits_on_another_host() -> None:
    seats = seat([(host, port) for host in "abc" for port in (1, 2)], replicas=1)
    primaries = [one.address for one in seats if one.slots]
    assert sorted(host for host, _ in primaries) == ["a", "b", "c"]
    assert all(one.primary and one.primary[0] != one.address[0] for one in seats if not one.slots)


def test_spare_nodes_become_further_replicas() -> None:
    seats = seat([("h", port) for port in range(7)], replicas=1)
    assert Counter(one.primary for one in seats if one.primary) == {("h", 0): 2, ("h", 1): 1, ("h", 2): 1}


@pytest.mark.parametrize(("count", "replicas"), [(2, 0), (5, 1)])
def test_three_primaries_at_least(count: int, replicas: int) -> None:
    with pytest.raises(AdminError, match="at least 3 primaries"):
        seat([("h", port) for port in range(count)], replicas)


def test_no_address_twice() -> None:
    with pytest.raises(AdminError, match="twice"):
        seat([("h", 1)] * 3, 0)
