"""Slices: the simulated World's stopwatch stands still while code runs, so here it is wound by hand."""

from __future__ import annotations

import pytest

from cluster.node.loading import SLICE_NS, LoadError, Work
from tests.cluster.node.single import Single

LOADING = b"-LOADING Redis is loading the dataset in memory\r\n"


class Slow:
    """Work of so many steps, each of which takes a whole slice."""

    total_bytes = 200

    def __init__(self, single: Single, steps: int, failure: str = "") -> None:
        self.loaded_bytes = 0
        self.ends: list[LoadError | None] = []
        self._steps = steps
        self._failure = failure
        self._passed_ns = 0
        single.world.stopwatch_ns = self._stopwatch_ns  # type: ignore[method-assign]

    def _stopwatch_ns(self) -> int:
        return self._passed_ns

    def work(self) -> Work:
        for _ in range(self._steps):
            self._passed_ns += SLICE_NS + 1
            self.loaded_bytes += 50
            yield True
        if self._failure:
            raise LoadError(self._failure)


def test_the_loop_turns_between_slices() -> None:
    single = Single()
    raw = single.connect()
    slow = Slow(single, 3)
    single.node.loading.begin(slow.work(), slow, slow.ends.append)
    assert single.node.loading.is_active
    fields = single.node.info_fields("persistence")
    assert (fields["loading"], fields["async_loading"], fields["loading_loaded_perc"]) == (1, 0, "25.00")
    single.simulation.run_for(10)
    assert slow.ends == [None]
    assert "loading_start_time" not in single.node.info_fields("persistence")
    assert raw.send(b"PING\r\n") == b"+PONG\r\n"


def test_what_is_refused_depends_on_whether_the_old_data_are_still_good() -> None:
    single = Single()
    raw = single.connect()
    raw.send(b"SET a 1\r\n")
    waiting: Work = iter([False])
    slow = Slow(single, 0)
    single.node.loading.begin(waiting, slow, slow.ends.append)
    assert raw.send(b"GET a\r\nPING\r\nBGSAVE\r\nECHO x\r\n") == LOADING * 3 + b"$1\r\nx\r\n"
    assert b"loading:1" in raw.send(b"INFO persistence\r\n")
    single.node.loading.stop()
    assert slow.ends == []
    single.node.loading.begin(iter([False]), slow, slow.ends.append, serves_meanwhile=True)
    assert raw.send(b"GET a\r\nPING\r\nBGSAVE\r\n") == b"$1\r\n1\r\n+PONG\r\n" + LOADING
    info = raw.send(b"INFO persistence\r\n")
    assert b"\r\nloading:0\r\nasync_loading:1\r\n" in info
    single.node.loading.wake()
    single.simulation.run_for(5)
    assert slow.ends == [None]
    assert raw.send(b"BGSAVE\r\n") == b"+Background saving started\r\n"


def test_a_shutdown_in_the_middle_saves_nothing() -> None:
    single = Single(save="1 1")
    raw = single.connect()
    raw.send(b"SET a 1\r\nSAVE\r\nSET a 2\r\n")
    saved = dict(single.disk.contents)
    slow = Slow(single, 0)
    single.node.loading.begin(iter([False]), slow, slow.ends.append)
    raw.send(b"SHUTDOWN\r\n")
    assert single.world.exit_code == 0
    assert single.disk.contents["dump.rdb"] == saved["dump.rdb"]


def test_a_failure_is_handed_on() -> None:
    single = Single()
    slow = Slow(single, 2, "dump.rdb: bad at offset 9")
    single.node.loading.begin(slow.work(), slow, slow.ends.append)
    single.simulation.run_for(10)
    assert [str(end) for end in slow.ends] == ["dump.rdb: bad at offset 9"]
    assert not single.node.server.loading


@pytest.mark.parametrize(("keys", "size"), [(200, 1), (9, 100_000)])
@pytest.mark.parametrize("appendonly", ["no", "yes"])
def test_a_start_that_takes_long_answers_before_it_is_over(appendonly: str, keys: int, size: int) -> None:
    """Many keys, or a few large ones of which each piece of the file holds but some."""
    single = Single(appendonly=appendonly, rdbcompression="no")
    raw = single.connect()
    for at in range(keys):
        raw.send(b"SET key:%d %b\r\n" % (at, b"v" * size), wait_ms=0)
    raw.send(b"SAVE\r\n")
    single.world.kill()

    class Winding:
        passed_ns = 0

        def __call__(self) -> int:
            self.passed_ns += SLICE_NS
            return self.passed_ns

    single.stopwatch_ns = Winding()
    single.start()
    assert not single.logged("Ready to accept connections")
    raw = single.connect_soon()
    single.simulation.run_for(1)
    assert single.node.server.loading or single.logged("Ready to accept connections")
    single.simulation.run_for(1000)
    assert single.logged("Ready to accept connections")
    assert raw.send(b"DBSIZE\r\n") == b":%d\r\n" % keys


def test_a_file_that_turns_out_bad_late_ends_the_process() -> None:
    single = Single()
    raw = single.connect()
    for at in range(200):
        raw.send(b"SET key:%d %d\r\n" % (at, at), wait_ms=0)
    raw.send(b"SAVE\r\n")
    single.world.kill()
    single.disk.contents["dump.rdb"] = single.disk.contents["dump.rdb"][:-1] + b"\0"
    passed = iter(range(0, 1 << 60, SLICE_NS))
    single.stopwatch_ns = lambda: next(passed)
    single.start()
    single.simulation.run_for(1000)
    assert single.world.exit_code == 1
    assert single.logged("Fatal error loading the DB: dump.rdb: Wrong RDB checksum")
