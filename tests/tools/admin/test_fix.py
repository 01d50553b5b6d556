from __future__ import annotations

from tests.tools.admin.flock import Counted, Flock, three
from tools.admin.check import check
from tools.admin.fix import fix


def fixed(flock: Flock) -> list[str]:
    said: list[str] = []
    fix(flock.cluster(1), Counted(), said.append)
    assert check(flock.cluster(1)).is_sound
    return said


def test_nothing_to_do() -> None:
    assert fixed(three()) == []


def test_a_begun_move_is_finished() -> None:
    flock = three()
    flock.nodes[1].migrating[0] = flock.nodes[2].id
    flock.nodes[2].importing[0] = flock.nodes[1].id
    flock.nodes[2].keys = {0: {b"moved already": b"v"}}
    (said,) = fixed(flock)
    assert "going on with the move" in said
    assert 0 in flock.nodes[2].slots
    assert len(flock.nodes[2].keys[0]) == 6


def test_a_move_of_which_only_the_source_knows_is_undone() -> None:
    flock = three()
    flock.nodes[1].migrating[0] = flock.nodes[2].id
    fixed(flock)
    assert 0 in flock.nodes[1].slots
    assert len(flock.nodes[1].keys[0]) == 5


def test_keys_of_a_stray_import_come_back() -> None:
    flock = three()
    flock.nodes[3].importing[0] = flock.nodes[1].id
    flock.nodes[3].keys = {0: {b"stray": b"v", b"0:1": b"stale"}}
    fixed(flock)
    assert flock.nodes[1].keys[0][b"stray"] == b"v"
    assert flock.nodes[1].keys[0][b"0:1"] == b"v", "where both have a key, the owner's value stays"
    assert not flock.nodes[3].keys[0]


def test_an_orphaned_slot_goes_where_its_keys_are() -> None:
    flock = three()
    flock.nodes[1].slots.discard(0)
    flock.nodes[2].keys = {0: {b"one": b"v"}}
    fixed(flock)
    assert 0 in flock.nodes[1].slots
    assert len(flock.nodes[1].keys[0]) == 6


def test_an_empty_orphan_goes_to_the_poorest() -> None:
    flock = three()
    flock.nodes[2].slots -= {6000, 6001}
    fixed(flock)
    assert sorted(len(node.slots) for node in flock.nodes.values()) == [5461, 5461, 5462]


def test_of_two_owners_the_higher_epoch_stays() -> None:
    flock = three()
    flock.nodes[2].slots.add(0)
    flock.nodes[1].migrating[0] = flock.nodes[2].id
    fixed(flock)
    assert [port for port, node in flock.nodes.items() if 0 in node.slots] == [2]
    assert len(flock.nodes[2].keys[0]) == 5
