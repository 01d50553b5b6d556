from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.tools.sim.test_network import Pair, Recorder
from tools.sim.world import SimDisk, SimWorld


def test_a_killed_process_runs_no_more_and_its_streams_end() -> None:
    pair = Pair()
    fired: list[int] = []
    pair.worlds[0].call_at(pair.worlds[0].now_ms() + 50, lambda: fired.append(1))
    pair.worlds[0].kill()
    pair.simulation.run_for(1000)
    assert (pair.worlds[0].exit_code, fired) == (137, [])
    assert pair.client.ends == [""]
    assert pair.server.ends == []
    late = Recorder()
    pair.worlds[1].connect("10.0.0.1", 7000, late)
    pair.simulation.run_for(100)
    assert late.ends == ["Connection refused"]


def test_a_paused_process_gets_everything_later_in_order() -> None:
    pair = Pair()
    fired: list[str] = []
    world = pair.worlds[0]
    world.pause()
    world.call_at(world.now_ms() + 10, lambda: fired.append("timer"))
    pair.client_link.write(b"one")
    pair.simulation.run_for(1000)
    assert (fired, pair.server.data) == ([], b"")
    world.resume()
    assert (fired, pair.server.data) == (["timer"], b"one")


def test_stop_lets_what_was_written_out() -> None:
    pair = Pair()
    pair.server_link.write(b"last words")
    pair.server_link.close()
    pair.worlds[0].stop(3)
    pair.simulation.run_for(100)
    assert pair.worlds[0].exit_code == 3
    assert pair.client.data == b"last words"


def test_ports_locks_and_addresses_are_exclusive() -> None:
    pair = Pair()
    world = pair.worlds[0]
    with pytest.raises(OSError, match="in use"):
        world.listen("*", 7000, Recorder)
    with pytest.raises(OSError, match="Cannot assign"):
        world.listen("::*", 7001, Recorder)
    with pytest.raises(OSError, match="not supported"):
        world.listen_unix("path", 0, Recorder)
    listener = world.listen("10.0.0.1", 7001, Recorder)
    listener.close()
    world.listen("10.0.0.1", 7001, Recorder)
    assert world.files.lock("lock")
    assert not world.files.lock("lock")


def test_files_outlive_the_process() -> None:
    pair, disk = Pair(), SimDisk()
    first = SimWorld(pair.simulation, pair.network, "10.0.0.3", disk, 1)
    first.files.write_atomically("a", [b"one", b"two"])
    first.files.append("a", b"three")
    assert first.files.lock("lock")
    first.kill()
    second = SimWorld(pair.simulation, pair.network, "10.0.0.3", disk, 2)
    assert second.files.read("a") == b"onetwothree"
    assert second.files.lock("lock")
    second.files.remove("a")
    assert second.files.read("a") is None
    assert first.random.random() != second.random.random()


def test_a_child_has_the_memory_of_its_moment() -> None:
    pair = Pair()
    world = pair.worlds[0]
    state = [b"before"]
    chunks: list[bytes] = []
    done: list[str] = []
    child = world.fork_stream(lambda: [state[0], b"x" * 200_000], chunks.append, done.append)
    state[0] = b"after"
    child.pause_reading()
    pair.simulation.run_for(100)
    assert not chunks
    child.resume_reading()
    pair.simulation.run_for(100)
    assert b"".join(chunks) == b"before" + b"x" * 200_000
    assert done == [""]
    world.fork_stream(lambda: [b"y"], chunks.append, done.append).kill()
    pair.simulation.run_for(100)
    assert done == ["", "terminated by signal 10"]
    world.fork_save("file", lambda: [b"saved"], done.append)
    pair.simulation.run_for(100)
    assert world.files.read("file") == b"saved"


def test_a_stalled_process_wakes_up_and_goes_on() -> None:
    pair = Pair()
    world = pair.worlds[0]
    start_ms = world.now_ms()
    at_ms: list[int] = []
    world.call_at(start_ms + 10, lambda: at_ms.append(world.now_ms() - start_ms))
    world.stall(50_000)
    pair.simulation.run_for(100)
    assert at_ms == [50]


def test_a_process_that_ends_itself_runs_no_more_of_its_code() -> None:
    pair = Pair()
    reached: list[int] = []

    abort: Callable[[int], object] = pair.worlds[0].abort

    def give_up() -> None:
        abort(1)
        reached.append(1)

    pair.worlds[0].call_at(pair.worlds[0].now_ms(), give_up)
    pair.simulation.run_for(10)
    assert pair.worlds[0].exit_code == 1
    assert not reached
