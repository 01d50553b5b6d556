from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cluster.core.delegation import Arc, Duty, Names, Ring, covers, split

rosters = st.sets(st.integers(0, 999), min_size=1, max_size=200).map(
    lambda numbers: tuple(f"{number:03d}" for number in sorted(numbers))
)


def everyone(node_id: str) -> bool:
    return True


def told(duty: Duty, parts: int, roster: tuple[str, ...], dead: frozenset[str] = frozenset()) -> list[str]:
    """All that are told when every head splits what it is handed."""
    found = []
    for head, rest in split(duty, parts, roster, lambda node_id: node_id not in dead):
        found.append(head)
        found += told(rest, parts, roster, dead)
    return found


@given(rosters, st.integers(1, 5), st.integers(0, 1 << 32))
def test_everyone_is_told_once(roster: tuple[str, ...], parts: int, seed: int) -> None:
    assert sorted(told(Ring(seed), parts, roster)) == list(roster)
    assert sorted(told(Names(roster), parts, roster)) == list(roster)


@given(rosters, st.integers(1, 5), st.integers(0, 1 << 32), st.data())
def test_the_dead_are_passed_over(
    roster: tuple[str, ...], parts: int, seed: int, data: st.DataObject
) -> None:
    dead = frozenset(data.draw(st.sets(st.sampled_from(roster))))
    assert set(told(Ring(seed), parts, roster, dead)) == set(roster) - dead
    assert set(told(Names(roster), parts, roster, dead)) == set(roster) - dead


@given(rosters, st.data())
def test_a_stretch_is_those_behind_its_beginning_up_to_its_end(
    roster: tuple[str, ...], data: st.DataObject
) -> None:
    after, until = data.draw(st.sampled_from(roster)), data.draw(st.sampled_from(roster))
    inside = {
        node_id
        for node_id in roster
        if (after < node_id <= until if after <= until else node_id > after or node_id <= until)
    }
    assert set(told(Arc(after, until), 3, roster)) == inside


def test_who_cannot_be_a_head_is_told_alone_if_it_is_a_leaf() -> None:
    roster = tuple(f"{number:03d}" for number in range(30))
    leaves = {"001", "011", "012"}
    parts = split(Arc("000", "029"), 3, roster, lambda node_id: node_id not in leaves, leaves.__contains__)
    assert [(head, rest) for head, rest in parts if head in leaves] == [
        (leaf, Arc(leaf, leaf)) for leaf in ("001", "011", "012") if leaf in {head for head, _ in parts}
    ]
    assert ("001", Arc("001", "001")) in parts
    named = split(
        Names(("001", "002", "003")), 3, roster, lambda node_id: node_id != "001", leaves.__contains__
    )
    assert ("001", Names(())) in named
    assert len(named) == 3


def test_heads_get_about_equal_parts() -> None:
    roster = tuple(f"{number:03d}" for number in range(91))
    sizes = [len(told(rest, 3, roster)) for _, rest in split(Arc("000", "090"), 3, roster, everyone)]
    assert sizes == [29, 29, 29]


@given(*(st.integers(0, 30) for _ in range(4)))
def test_what_covers_a_stretch_has_all_of_its_members(a: int, b: int, c: int, d: int) -> None:
    roster = tuple(f"{number:03d}" for number in range(31))
    outer, inner = Arc(roster[a], roster[b]), Arc(roster[c], roster[d])
    if covers(outer, inner):
        assert set(told(inner, 3, roster)) <= set(told(outer, 3, roster))
    assert covers(inner, inner)


def test_a_part_of_a_stretch_is_covered_by_it() -> None:
    assert covers(Arc("100", "500"), Arc("200", "300"))
    assert covers(Arc("500", "100"), Arc("600", "050"))
    assert not covers(Arc("100", "500"), Arc("300", "200"))
    assert not covers(Arc("100", "500"), Arc("300", "600"))
