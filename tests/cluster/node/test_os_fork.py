from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Iterator
from pathlib import Path

from cluster.node.os_world import OsWorld
from tests.cluster.node.loops import run_until


def test_a_child_streams_the_memory_of_its_moment(world: OsWorld) -> None:
    state = {"value": b"before"}
    chunks: list[bytes] = []
    done: list[str] = []

    def produce() -> Iterable[bytes]:
        yield state["value"]
        for _ in range(100):
            yield b"x" * 50_000

    child = world.fork_stream(produce, chunks.append, done.append)
    state["value"] = b"after"
    child.pause_reading()
    assert not chunks
    child.resume_reading()
    run_until(world, lambda: bool(done))
    assert done == [""]
    assert b"".join(chunks) == b"before" + b"x" * 5_000_000
    child.kill()


def test_a_child_that_fails_or_is_killed_says_so(world: OsWorld) -> None:
    done: list[str] = []

    def fail() -> Iterable[bytes]:
        yield b"some"
        raise RuntimeError("no more")

    world.fork_stream(fail, lambda _: None, done.append)
    run_until(world, lambda: len(done) == 1)
    assert done == ["no more"]

    def forever() -> Iterable[bytes]:
        while True:
            yield b"x" * 1_000_000

    world.fork_stream(forever, lambda _: None, done.append).kill()
    run_until(world, lambda: len(done) == 2)
    assert done[1] == "terminated by signal 10"


def test_a_child_saves_a_file_or_leaves_the_old_one(world: OsWorld, tmp_path: Path) -> None:
    target = tmp_path / "dump.rdb"
    done: list[str] = []
    world.fork_save(str(target), lambda: [b"one", b"two"], done.append)
    run_until(world, lambda: len(done) == 1)
    assert target.read_bytes() == b"onetwo"

    def fail() -> Iterable[bytes]:
        yield b"half"
        raise OSError("disk is gone")

    world.fork_save(str(target), fail, done.append)
    run_until(world, lambda: len(done) == 2)
    assert done == ["", "disk is gone"]
    assert [path.name for path in tmp_path.iterdir()] == ["dump.rdb"]
    assert target.read_bytes() == b"onetwo"


def test_nothing_is_left_of_a_child_that_a_signal_has_ended(world: OsWorld, tmp_path: Path) -> None:
    done: list[str] = []
    target = tmp_path / "dump.rdb"

    def forever() -> Iterable[bytes]:
        while True:
            yield b"x" * 1_000_000

    child = world.fork_save(str(target), forever, done.append)
    temporary = tmp_path / f"temp-{child.pid}.rdb"
    run_until(world, temporary.exists)
    os.kill(child.pid, signal.SIGSTOP)
    child.kill()
    assert list(tmp_path.iterdir()) == []
    child.kill()
    child = world.fork_save(str(target), forever, done.append)
    temporary = tmp_path / f"temp-{child.pid}.rdb"
    run_until(world, temporary.exists)
    os.kill(child.pid, signal.SIGKILL)
    run_until(world, lambda: len(done) == 2)
    assert done == ["terminated by signal 10", "terminated by signal 9"]
    assert list(tmp_path.iterdir()) == []


def test_a_child_tells_how_far_it_came_before_it_is_done(world: OsWorld, tmp_path: Path) -> None:
    account = Told()
    done: list[str] = []
    world.fork_save(str(tmp_path / "file"), lambda: account.counted(b"a", b"b"), done.append, account)
    run_until(world, lambda: bool(done))
    assert (done, account.keys_done, len(account.cow_bytes)) == ([""], 2, 1)
    assert account.cow_bytes[0] > 0


class Told:
    """Counts each chunk as a key."""

    def __init__(self) -> None:
        self.keys_done = 0
        self.cow_bytes: list[int] = []

    def counted(self, *chunks: bytes) -> Iterator[bytes]:
        for chunk in chunks:
            self.keys_done += 1
            yield chunk

    def told(self, keys_done: int, cow_bytes: int) -> None:
        self.keys_done = keys_done
        self.cow_bytes.append(cow_bytes)
