from __future__ import annotations

import random

import pytest

from tests.tools.sim.test_network import Pair
from tools.sim.disk import SimDisk
from tools.sim.world import ProcessEnded, SimWorld


def test_a_power_cut_takes_what_was_not_synced() -> None:
    sizes, replaced = set(), set()
    for seed in range(40):
        pair = Pair()
        disk = SimDisk()
        world = SimWorld(pair.simulation, pair.network, "10.0.0.9", disk, 0)
        file = world.open_append("log")
        file.write(b"synced")
        file.sync()
        file.write(b"more")
        world.files.write_atomically("config", b"old")
        world.files.write_atomically("config", b"new", durable=False)
        disk.cut_power(random.Random(seed))
        assert b"syncedmore".startswith(disk.contents["log"])
        sizes.add(len(disk.contents["log"]))
        replaced.add(disk.contents["config"])
    assert sizes == set(range(6, 11))
    assert replaced == {b"old", b"new"}


def test_a_sync_in_the_background_covers_what_was_there_when_it_began() -> None:
    pair = Pair()
    disk = SimDisk()
    world = SimWorld(pair.simulation, pair.network, "10.0.0.9", disk, 0)
    file = world.open_append("log")
    file.write(b"before")
    done: list[str] = []
    file.sync_soon(done.append)
    file.write(b"after")
    pair.simulation.run_for(100)
    assert done == [""]
    assert disk.unsynced == {"log": b"before"}
    assert file.size_bytes == 11


def test_what_was_removed_may_come_back_unless_it_is_made_anew() -> None:
    found = set()
    for seed in range(10):
        pair = Pair()
        disk = SimDisk()
        world = SimWorld(pair.simulation, pair.network, "10.0.0.9", disk, 0)
        for name in ("gone", "again"):
            world.files.write_atomically(name, b"old")
            world.files.remove(name)
        world.open_append("again")
        disk.cut_power(random.Random(seed))
        assert disk.contents["again"] == b""
        found.add(disk.contents.get("gone"))
    assert found == {None, b"old"}


def test_the_power_fails_in_the_middle_of_a_change() -> None:
    left = set()
    for seed in range(20):
        pair = Pair()
        disk = SimDisk()
        world = SimWorld(pair.simulation, pair.network, "10.0.0.9", disk, 0)
        world.files.write_atomically("config", b"old")
        disk.changes_left = 1
        world.files.write_atomically("other", b"whole")
        with pytest.raises(ProcessEnded):
            world.files.write_atomically("config", b"older")
        assert not world.alive
        disk.changes_left = None
        disk.cut_power(random.Random(seed))
        assert disk.contents["other"] == b"whole"
        left.add(disk.contents["config"])
    assert left == {b"old", b"older"}
