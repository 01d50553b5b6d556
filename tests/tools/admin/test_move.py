from __future__ import annotations

import pytest

from tests.tools.admin.flock import Counted, Flock, three
from tools.admin.move import MoveError, count_keys, move_slots
from tools.admin.plan import Move


def moves(flock: Flock, *slots: int) -> list[Move]:
    return [Move(slot, flock.nodes[1].id, flock.nodes[2].id) for slot in slots]


def test_keys_and_slots_arrive() -> None:
    flock, progress = three(), Counted()
    cluster = flock.cluster(1)
    assert count_keys(cluster, moves(flock, 0, 1, 100)) == 10
    move_slots(cluster, moves(flock, 0, 1, 100), progress, batch=2)
    assert {0, 1, 100} <= flock.nodes[2].slots
    assert not {0, 1, 100} & flock.nodes[1].slots
    assert len(flock.keys(2)) == 10
    assert len(flock.keys(1)) == 5
    assert (progress.keys, progress.slots) == (10, 3)
    assert not flock.nodes[1].migrating
    assert not flock.nodes[2].importing


def test_the_target_opens_first_and_learns_of_its_ownership_first() -> None:
    flock = three()
    move_slots(flock.cluster(1), moves(flock, 0), Counted())
    assert flock.sent("CLUSTER SETSLOT") == [2, 1, 2, 1, 3]
    assert flock.sent("CLUSTER SETSLOT 0 NODE") == [2, 1, 3]


def test_a_leftover_at_the_target_is_replaced() -> None:
    flock = three()
    flock.nodes[2].keys = {0: {b"0:1": b"old"}}
    move_slots(flock.cluster(1), moves(flock, 0), Counted())
    assert flock.nodes[2].keys[0][b"0:1"] == b"v"
    assert not flock.nodes[1].keys[0]


def test_another_primary_that_fails_does_not_stop_the_move() -> None:
    flock = three()
    cluster = flock.cluster(1)
    flock.nodes[3].is_down = True
    move_slots(cluster, moves(flock, 0), Counted())
    assert 0 in flock.nodes[2].slots


def test_a_failure_names_the_slot_and_the_way_on() -> None:
    flock = three()
    flock.fail_once[(1, "MIGRATE")] = "IOERR error or timeout writing to target instance"
    with pytest.raises(
        MoveError, match=r"slot 1 stopped .*IOERR.* 0 of 2 slots .*starling fix 127\.0\.0\.1:1"
    ):
        move_slots(flock.cluster(1), moves(flock, 1, 2), Counted())
    assert flock.nodes[1].migrating


def test_a_key_that_came_late_is_moved_before_the_source_lets_go() -> None:
    flock = three()
    flock.fail_once[(1, "CLUSTER SETSLOT 0 NODE")] = "ERR Can't assign hashslot 0 ... while I still hold keys"
    move_slots(flock.cluster(1), moves(flock, 0), Counted())
    assert flock.sent("CLUSTER SETSLOT 0 NODE") == [2, 1, 1, 3]
