"""A writer and a reader that keep a cluster busy and remember what they were promised."""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from redis.cluster import RedisCluster
from redis.exceptions import RedisError


@dataclass
class Promise:
    """What is known of one key: the last acknowledged number, when that was, and the last one tried."""

    acknowledged: int = 0
    at_s: float = 0.0
    tried: int = 0


@dataclass
class Tally:
    """What happened during a load."""

    writes: int = 0
    reads: int = 0
    errors: list[str] = field(default_factory=list)
    stale_reads: list[str] = field(default_factory=list)
    gap_s: float = 0.0
    """The longest time between two acknowledged writes."""


class Busy:
    """Threads that run as long as a context does; they end soon after `_stopping` is set."""

    def __init__(self, *targets: Callable[[], None]) -> None:
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=target) for target in targets]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()


class Load(Busy):
    """One writer and one reader, each with a client of its own, over `keys` keys. A context manager.

    Every write raises its key's number by one, so a read must give at least what was acknowledged before it
    began and at
    most what had been tried when it ended.
    """

    def __init__(self, connect: Callable[[], RedisCluster], keys: int = 500) -> None:
        self._connect = connect
        own = uuid.uuid4().hex[:8]
        self._names = [f"load:{own}:{number}" for number in range(keys)]
        self.promises = {name: Promise() for name in self._names}
        self.tally = Tally()
        super().__init__(self._write, self._read)

    def wait_for_writes(self, count: int, timeout_s: float = 30.0) -> None:
        """Waits until so many more writes have been acknowledged."""
        due, deadline_s = self.tally.writes + count, time.monotonic() + timeout_s
        while self.tally.writes < due:
            assert time.monotonic() < deadline_s, (
                f"no {count} writes in {timeout_s} s: {self.tally.errors[-3:]}"
            )
            time.sleep(0.005)

    def _write(self) -> None:
        client = self._connect()
        choice = random.Random(1)
        last_s = time.monotonic()
        while not self._stopping.is_set():
            name = choice.choice(self._names)
            promise = self.promises[name]
            promise.tried += 1
            try:
                client.set(name, promise.tried)
            except (RedisError, OSError) as error:
                self.tally.errors.append(f"write {name}: {error!r}")
                continue
            now_s = time.monotonic()
            promise.acknowledged, promise.at_s = promise.tried, now_s
            self.tally.writes += 1
            self.tally.gap_s = max(self.tally.gap_s, now_s - last_s)
            last_s = now_s
        client.close()

    def _read(self) -> None:
        client = self._connect()
        choice = random.Random(2)
        while not self._stopping.is_set():
            name = choice.choice(self._names)
            promise = self.promises[name]
            least = promise.acknowledged
            try:
                value = int(client.get(name) or 0)
            except (RedisError, OSError) as error:
                self.tally.errors.append(f"read {name}: {error!r}")
                continue
            self.tally.reads += 1
            if not least <= value <= promise.tried:
                self.tally.stale_reads.append(f"{name}: {value} is not within {least}..{promise.tried}")
        client.close()

    def lost(self) -> dict[str, float]:
        """After the load: keys that are behind what was acknowledged, and when that was."""
        client = self._connect()
        found = {}
        for name, promise in self.promises.items():
            value = int(client.get(name) or 0)
            assert value <= promise.tried, f"{name} has {value}, which nobody wrote"
            if value < promise.acknowledged:
                found[name] = promise.at_s
        client.close()
        return found
