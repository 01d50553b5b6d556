"""Loading a data set while the loop goes on: in slices of a few milliseconds.

Meanwhile whoever asks for data hears -LOADING, as from Redis, and the bus, PING and INFO of other nodes and
of people do not have to wait for the end. In the simulated World code takes no time, so there is one slice
only."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import Protocol, TypeAlias

from cluster.commands.context import Server
from cluster.node.log import Log
from cluster.node.world import Timer, World

SLICE_NS = 5_000_000
LOG_INTERVAL_MS = 5000

Work: TypeAlias = Iterator[bool]
"""Does some of the work at each step; False when there is nothing to go on with until wake()."""


class LoadError(Exception):
    """The data is there but cannot be loaded; str() says where and why. Nothing has been changed on disk."""


class Progress(Protocol):
    """What is being loaded: its size (0 where it is not known), and how much of that is done."""

    total_bytes: int
    loaded_bytes: int


class Loading:
    """The one data set that is being loaded, if any."""

    def __init__(self, world: World, log: Log, server: Server) -> None:
        self._world = world
        self._log = log
        self._server = server
        self._work: Work | None = None
        self._done: Callable[[LoadError | None], None]
        self._progress: Progress
        self._timer: Timer | None = None
        self._is_starved = False
        self._since_ms = 0
        self._logged_ms = 0

    @property
    def is_active(self) -> bool:
        """Whether something is being loaded."""
        return self._work is not None

    def begin(
        self,
        work: Work,
        progress: Progress,
        done: Callable[[LoadError | None], None],
        *,
        serves_meanwhile: bool = False,
    ) -> None:
        """Starts with a slice now. `done` is called once, behind the last one or with what `work` has raised;
        that may be before this returns. `serves_meanwhile`: what we have is still good enough to be read."""
        self.stop()
        self._work, self._progress, self._done = work, progress, done
        self._is_starved = False
        self._since_ms = self._world.unix_ms()
        self._logged_ms = self._world.now_ms()
        self._server.loads_aside = serves_meanwhile
        self._server.loading = True
        self._slice()

    def wake(self) -> None:
        """There is something to go on with."""
        if self._work is not None and self._is_starved:
            self._is_starved = False
            self._soon()

    def stop(self) -> None:
        """Lets go of what is being loaded, without a word to whoever began it."""
        if self._work is None:
            return
        work, self._work = self._work, None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if isinstance(work, Generator):
            work.close()
        self._server.loading = self._server.loads_aside = False

    def _soon(self) -> None:
        self._timer = self._world.call_at(self._world.now_ms(), self._slice)

    def _slice(self) -> None:
        self._timer = None
        work = self._work
        if work is None:
            return
        clock_ns = self._world.stopwatch_ns
        end_ns = clock_ns() + SLICE_NS
        try:
            for has_more in work:
                if not has_more:
                    self._is_starved = True
                    return
                if clock_ns() > end_ns:
                    self._tell()
                    self._soon()
                    return
        except LoadError as error:
            self._end(error)
            return
        self._end(None)

    def _end(self, error: LoadError | None) -> None:
        self._work = None
        self._server.loading = self._server.loads_aside = False
        self._done(error)

    def _tell(self) -> None:
        now_ms = self._world.now_ms()
        if now_ms - self._logged_ms >= LOG_INTERVAL_MS:
            self._logged_ms = now_ms
            progress = self._progress
            self._log(
                "notice",
                f"Loading DB in memory: {progress.loaded_bytes} of {progress.total_bytes} bytes, "
                f"{self._percent():.2f}%",
            )

    def _percent(self) -> float:
        total = self._progress.total_bytes
        return 100 * self._progress.loaded_bytes / total if total else 0.0

    def info_fields(self) -> dict[str, str | int]:
        """What INFO persistence tells of it."""
        if self._work is None:
            return {}
        progress, aside = self._progress, self._server.loads_aside
        left = max(1, progress.total_bytes - progress.loaded_bytes)
        elapsed_s = self._world.unix_ms() // 1000 - self._since_ms // 1000
        return {
            "loading": int(not aside),
            "async_loading": int(aside),
            "loading_start_time": self._since_ms // 1000,
            "loading_total_bytes": progress.total_bytes,
            "loading_rdb_used_mem": 0,
            "loading_loaded_bytes": progress.loaded_bytes,
            "loading_loaded_perc": f"{self._percent():.2f}",
            "loading_eta_seconds": elapsed_s * left // (progress.loaded_bytes + 1) if elapsed_s else 1,
        }
