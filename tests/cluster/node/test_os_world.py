from __future__ import annotations

from functools import partial

from cluster.node.os_world import OsWorld
from tests.cluster.node.loops import run_until


def test_timers_never_fire_early_and_can_be_cancelled(world: OsWorld) -> None:
    start_ms = world.now_ms()
    fired: list[tuple[int, int]] = []

    def note(when_ms: int) -> None:
        fired.append((when_ms, world.now_ms()))

    for delay_ms in (30, 1, 12, 7):
        world.call_at(start_ms + delay_ms, partial(note, start_ms + delay_ms))
    world.call_at(start_ms + 5, lambda: fired.append((0, 0))).cancel()
    run_until(world, lambda: len(fired) == 4)
    assert [when for when, _ in fired] == sorted(when for when, _ in fired)
    assert all(at >= when > 0 for when, at in fired)


def test_the_steady_clock_starts_at_unix_time(world: OsWorld) -> None:
    assert abs(world.now_ms() - world.unix_ms()) < 1000
    assert abs(world.unix_us() // 1000 - world.unix_ms()) < 1000


def test_stop_ends_run_with_its_exit_code() -> None:
    world = OsWorld()
    world.loop.call_soon(world.stop, 3)
    assert world.run() == 3


def test_usage_is_plausible(world: OsWorld) -> None:
    usage = world.usage()
    assert 1 << 20 < usage.rss_bytes <= usage.rss_peak_bytes * 1.2
    assert usage.system_memory_bytes > usage.rss_bytes
    assert usage.cpu_user_s > 0


def test_a_stalled_process_stands_still(world: OsWorld) -> None:
    before_ms = world.now_ms()
    world.stall(20_000)
    assert world.now_ms() >= before_ms + 19
