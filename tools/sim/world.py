"""The simulated World: what cluster.node.world promises, on virtual time, a simulated network and a simulated
disk (tools.sim.disk).
"""

from __future__ import annotations

import contextlib
import errno
import random
from collections import deque
from collections.abc import Callable, Iterable
from typing import NoReturn

from cluster.commands.context import Usage
from cluster.commands.gauge import Allocated
from cluster.node.world import STOPPED, ChildAccount, Endpoint
from tools.sim.clock import Event, Simulation
from tools.sim.disk import SimAppendFile, SimDisk, SimFiles
from tools.sim.network import Network, SimLink

_WILDCARDS = ("*", "0.0.0.0")
_CHUNK_BYTES = 1 << 16
_FORK_CHUNK_US = 1000

__all__ = ["NOTHING", "ProcessEnded", "SimAppendFile", "SimChild", "SimDisk", "SimWorld"]

NOTHING = Allocated(0, 0)
"""Many nodes share this process, so none can tell what is its own; and no run may depend on it."""


class SimListener:
    """A listening port, or a bound datagram port."""

    def __init__(self, forget: Callable[[], None], port: int) -> None:
        self._forget = forget
        self.port = port

    def close(self) -> None:
        self._forget()


class SimDatagrams(SimListener):
    """A bound datagram port."""

    def __init__(self, network: Network, host: str, port: int, forget: Callable[[], None]) -> None:
        super().__init__(forget, port)
        self._network = network
        self._host = host

    def send(self, data: bytes, host: str, port: int) -> None:
        self._network.send_datagram(data, (self._host, self.port), (host, port))


class SimChild:
    """A forked child: the copy of memory is made by running it to its end at once."""

    pid = 2

    def __init__(
        self,
        world: SimWorld,
        chunks: list[bytes],
        chunk: Callable[[bytes], None],
        done: Callable[[str], None],
    ) -> None:
        self._world = world
        self._chunks = deque(chunks)
        self._chunk = chunk
        self._done = done
        self._paused = False
        self._failure = ""
        self._plan()

    def pause_reading(self) -> None:
        self._paused = True

    def resume_reading(self) -> None:
        if self._paused:
            self._paused = False
            self._plan()

    def kill(self) -> None:
        self._chunks.clear()
        self._failure = STOPPED

    def _plan(self) -> None:
        self._world.later(_FORK_CHUNK_US, "child", self._turn)

    def _turn(self) -> None:
        if self._paused:
            return
        if self._chunks:
            self._chunk(self._chunks.popleft())
            self._plan()
        else:
            self._done(self._failure)


class ProcessEnded(BaseException):
    """Leaves the code of a process that has ended itself."""


class SimWorld:
    """One process on one host. `kill`, `pause` and `resume` are what a fault injector does to it."""

    pid = 1

    def __init__(self, simulation: Simulation, network: Network, host: str, disk: SimDisk, run: int) -> None:
        """`run` counts the processes that this host has had: each has its own randomness."""
        self.simulation = simulation
        self.network = network
        self.host = host
        self.links: list[SimLink] = []
        self.random = random.Random(f"{simulation.seed} {host} {run}")
        self.files = SimFiles(simulation, host, disk)
        self.exit_code: int | None = None
        self.lines: list[str] = []
        self._disk = disk
        disk.power_fails = self._lose_power
        self._paused = False
        self._held: deque[Callable[[], None]] = deque()

    @property
    def alive(self) -> bool:
        """Whether the process is still there."""
        return self.exit_code is None

    # the fault injector's side

    def kill(self) -> None:
        """kill -9: nothing more runs, and the system closes its ports and streams."""
        self._end(137)

    def _lose_power(self) -> None:
        self._end(137)
        raise ProcessEnded

    def pause(self) -> None:
        """SIGSTOP: what arrives waits."""
        self._paused = True

    def resume(self) -> None:
        """SIGCONT: all that has waited happens now, in order."""
        self._paused = False
        while self._held and not self._paused:
            self.run(self._held.popleft())

    def run(self, action: Callable[[], None]) -> None:
        """Runs code of this process now; later when it is paused, never when it is dead."""
        if not self.alive:
            return
        if self._paused:
            self._held.append(action)
            return
        with contextlib.suppress(ProcessEnded):
            action()

    def later(self, delay_us: int, what: str, action: Callable[[], None]) -> Event:
        """Runs code of this process in a while."""
        return self.simulation.at(
            self.simulation.now_us + delay_us, self.host, what, lambda: self.run(action)
        )

    def _end(self, exit_code: int) -> None:
        if not self.alive:
            return
        self.exit_code = exit_code
        self.network.drop_process(self)
        self._disk.locks.clear()
        for link in list(self.links):
            link.owner_died()

    # the World

    def now_ms(self) -> int:
        return self.simulation.now_ms

    def unix_ms(self) -> int:
        return self.simulation.now_ms

    def unix_us(self) -> int:
        return self.simulation.now_us

    def stopwatch_ns(self) -> int:
        return self.simulation.now_us * 1000

    def call_at(self, when_ms: int, callback: Callable[[], None]) -> Event:
        return self.later(max(0, when_ms * 1000 - self.simulation.now_us), "timer", callback)

    def listen(
        self, host: str, port: int, accept: Callable[[], Endpoint], *, backlog: int = 511
    ) -> SimListener:
        del backlog
        return SimListener(self.network.bind_stream(self, self._own(host), port, accept), port)

    def listen_unix(self, path: str, mode: int, accept: Callable[[], Endpoint]) -> SimListener:
        del mode, accept
        raise OSError(errno.EOPNOTSUPP, "Operation not supported", path)

    def connect(self, host: str, port: int, endpoint: Endpoint, *, timeout_ms: int = 5000) -> None:
        self.network.connect(self, (host, port), endpoint, timeout_ms)

    def datagram(self, host: str, port: int, received: Callable[[bytes, str, int], None]) -> SimDatagrams:
        forget = self.network.bind_datagrams(self, self._own(host), port, received)
        return SimDatagrams(self.network, self.host, port, forget)

    def _own(self, host: str) -> str:
        if host in _WILDCARDS:
            return self.host
        if host != self.host:
            raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")
        return host

    def fork_stream(
        self,
        produce: Callable[[], Iterable[bytes]],
        chunk: Callable[[bytes], None],
        done: Callable[[str], None],
        account: ChildAccount | None = None,
    ) -> SimChild:
        data = _produced(produce, account)
        chunks = [data[at : at + _CHUNK_BYTES] for at in range(0, len(data), _CHUNK_BYTES)]
        return SimChild(self, chunks, chunk, done)

    def fork_save(
        self,
        name: str,
        produce: Callable[[], Iterable[bytes]],
        done: Callable[[str], None],
        account: ChildAccount | None = None,
    ) -> SimChild:
        data = _produced(produce, account)
        return SimChild(self, [data], lambda chunk: self.files.write_atomically(name, chunk), done)

    def open_append(self, name: str) -> SimAppendFile:
        return SimAppendFile(self.later, self._disk, name)

    def log(self, line: str) -> None:
        self.simulation.note(self.host, line)
        self.lines.append(line)

    def stall(self, duration_us: int) -> None:
        self.pause()
        self.simulation.at(self.simulation.now_us + duration_us, self.host, "awake", self.resume)

    def usage(self) -> Usage:
        return Usage(0, 0, 0, 0.0, 0.0, 0.0, 0.0, 0, 0)

    def allocated(self) -> Allocated:
        return NOTHING

    def release_memory(self) -> None:
        pass

    def stop(self, exit_code: int) -> None:
        # The streams close after what has been written is delivered, so the process ends behind that.
        self.later(1_000, "exit", lambda: self._end(exit_code))

    def abort(self, exit_code: int) -> NoReturn:
        self._end(exit_code)
        raise ProcessEnded


def _produced(produce: Callable[[], Iterable[bytes]], account: ChildAccount | None) -> bytes:
    """All chunks at once, as code takes no time here; the child has a copy of everything and copies none."""
    data = b"".join(produce())
    if account is not None:
        account.told(account.keys_done, 0)
    return data
