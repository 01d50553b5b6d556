"""The simulated World: what cluster.node.world promises, on virtual time, a simulated network and a simulated
disk.
"""

from __future__ import annotations

import contextlib
import errno
import random
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import NoReturn

from cluster.commands.context import Usage
from cluster.commands.gauge import Allocated
from cluster.node.world import Endpoint
from tools.sim.clock import Event, Simulation
from tools.sim.network import Network, SimLink

_WILDCARDS = ("*", "0.0.0.0")
_CHUNK_BYTES = 1 << 16
_FORK_CHUNK_US = 1000
_SYNC_US = 20_000

NOTHING = Allocated(0, 0)
"""Many nodes share this process, so none can tell what is its own; and no run may depend on it."""


class SimDisk:
    """A host's files. They outlive its processes. `unsynced` has what a file was (None: not there) before
    what was written to it without an fsync."""

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}
        self.locks: set[str] = set()
        self.unsynced: dict[str, bytes | None] = {}

    def cut_power(self, rng: random.Random) -> None:
        """What was not synced is lost: of what was appended a part, from any byte on; of what was replaced
        all or nothing."""
        for name, before in sorted(self.unsynced.items()):
            now = self.contents.get(name, b"")
            if before is not None and now.startswith(before):
                self.contents[name] = now[: rng.randint(len(before), len(now))]
            elif rng.random() < 0.5:
                if before is None:
                    self.contents.pop(name, None)
                else:
                    self.contents[name] = before
        self.unsynced.clear()


class SimFiles:
    """cluster.node.world.Files on a SimDisk."""

    def __init__(self, simulation: Simulation, host: str, disk: SimDisk) -> None:
        self._simulation = simulation
        self._host = host
        self._disk = disk

    def read(self, name: str) -> bytes | None:
        return self._disk.contents.get(name)

    def write_atomically(self, name: str, chunks: bytes | Iterable[bytes], *, durable: bool = True) -> None:
        data = chunks if isinstance(chunks, bytes) else b"".join(chunks)
        kept = "file" if durable else "unsynced file"
        self._simulation.note(self._host, f"{kept} {name} {len(data)} {zlib.crc32(data):08x}")
        if durable:
            self._disk.unsynced.pop(name, None)
        else:
            self._disk.unsynced.setdefault(name, self._disk.contents.get(name))
        self._disk.contents[name] = data

    def append(self, name: str, data: bytes) -> None:
        self._disk.contents[name] = self._disk.contents.get(name, b"") + data

    def read_parts(self, name: str, part_bytes: int) -> Iterator[bytes]:
        data = self._disk.contents.get(name)
        if data is None:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", name)
        for at in range(0, len(data), part_bytes):
            yield data[at : at + part_bytes]

    def size_bytes(self, name: str) -> int | None:
        data = self._disk.contents.get(name)
        return None if data is None else len(data)

    def truncate(self, name: str, size_bytes: int) -> None:
        self._disk.contents[name] = self._disk.contents[name][:size_bytes]
        self._disk.unsynced.pop(name, None)

    def rename(self, old: str, new: str) -> None:
        if old in self._disk.unsynced:
            self._disk.unsynced[new] = self._disk.unsynced.pop(old)
        self._disk.contents[new] = self._disk.contents.pop(old)

    def make_folder(self, name: str) -> None:
        """Folders are nothing but parts of names here."""

    def remove(self, name: str) -> None:
        self._disk.contents.pop(name, None)
        self._disk.unsynced.pop(name, None)

    def lock(self, name: str) -> bool:
        if name in self._disk.locks:
            return False
        self._disk.locks.add(name)
        return True


class SimAppendFile:
    """cluster.node.world.AppendFile on a SimDisk."""

    def __init__(self, world: SimWorld, disk: SimDisk, name: str) -> None:
        self._world = world
        self._disk = disk
        self._name = name
        disk.contents.setdefault(name, b"")

    @property
    def size_bytes(self) -> int:
        return len(self._disk.contents[self._name])

    def write(self, data: bytes) -> None:
        before = self._disk.contents[self._name]
        self._disk.contents[self._name] = before + data
        self._disk.unsynced.setdefault(self._name, before)

    def sync(self) -> None:
        self._disk.unsynced.pop(self._name, None)

    def sync_soon(self, done: Callable[[str], None]) -> None:
        """What was written when it began is on disk when it ends."""
        covered = self._disk.contents[self._name]

        def end() -> None:
            now = self._disk.contents.get(self._name, b"")
            if now == covered:
                self.sync()
            elif self._name in self._disk.unsynced:
                self._disk.unsynced[self._name] = covered
            done("")

        self._world.later(_SYNC_US, "fsync", end)

    def close(self) -> None:
        """There is nothing to let go of."""


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
        self._failure = "terminated by signal 9"

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
    ) -> SimChild:
        data = b"".join(produce())
        chunks = [data[at : at + _CHUNK_BYTES] for at in range(0, len(data), _CHUNK_BYTES)]
        return SimChild(self, chunks, chunk, done)

    def fork_save(
        self, name: str, produce: Callable[[], Iterable[bytes]], done: Callable[[str], None]
    ) -> SimChild:
        data = b"".join(produce())
        return SimChild(self, [data], lambda chunk: self.files.write_atomically(name, chunk), done)

    def open_append(self, name: str) -> SimAppendFile:
        return SimAppendFile(self, self._disk, name)

    def log(self, line: str) -> None:
        self.simulation.note(self.host, line)
        self.lines.append(line)

    def stall(self, duration_us: int) -> None:
        self.pause()
        self.simulation.at(self.simulation.now_us + duration_us, self.host, "awake", self.resume)

    def usage(self) -> Usage:
        return Usage(0, 0, 0, 0.0, 0.0, 0.0, 0.0)

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
