"""The simulated disk: files that outlive a process, and what a power cut leaves of them."""

from __future__ import annotations

import errno
import random
import zlib
from collections.abc import Callable, Iterable, Iterator

from tools.sim.clock import Event, Simulation

_SYNC_US = 20_000
Later = Callable[[int, str, Callable[[], None]], Event]


class SimDisk:
    """A host's files. They outlive its processes. `unsynced` has what a file was (None: not there) before
    what was done to it without an fsync; those in `whole` were replaced or removed, the others have grown.
    `changes_left` is after how many changes the power fails, in the middle of one; None: it does not."""

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}
        self.locks: set[str] = set()
        self.unsynced: dict[str, bytes | None] = {}
        self.whole: set[str] = set()
        self.changes_left: int | None = None
        self.power_fails: Callable[[], None] = lambda: None

    def changing(self) -> None:
        """Called within each change, before it is sure to last."""
        if self.changes_left is not None:
            self.changes_left -= 1
            if self.changes_left < 0:
                self.power_fails()

    def unsure(self, name: str, *, whole: bool) -> None:
        """A change to this file begins that the next synced() makes last."""
        self.unsynced.setdefault(name, self.contents.get(name))
        if whole:
            self.whole.add(name)

    def synced(self, name: str) -> None:
        """What this file is now, it is for good."""
        self.unsynced.pop(name, None)
        self.whole.discard(name)

    def cut_power(self, rng: random.Random) -> None:
        """What was not synced is lost: of what was appended a part, from any byte on; of what was replaced
        or removed all or nothing."""
        for name, before in sorted(self.unsynced.items()):
            now = self.contents.get(name, b"")
            if before is not None and name not in self.whole and now.startswith(before):
                self.contents[name] = now[: rng.randint(len(before), len(now))]
            elif rng.random() < 0.5:
                if before is None:
                    self.contents.pop(name, None)
                else:
                    self.contents[name] = before
        self.unsynced.clear()
        self.whole.clear()


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
        self._disk.unsure(name, whole=True)
        self._disk.contents[name] = data
        self._disk.changing()
        if durable:
            self._disk.synced(name)

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
        self._disk.changing()
        self._disk.contents[name] = self._disk.contents[name][:size_bytes]
        self._disk.synced(name)

    def rename(self, old: str, new: str) -> None:
        self._disk.changing()
        before = self._disk.unsynced.get(old)
        self._disk.synced(old)
        self._disk.synced(new)
        if before is not None:
            self._disk.unsynced[new] = before
        self._disk.contents[new] = self._disk.contents.pop(old)

    def make_folder(self, name: str) -> None:
        """Folders are nothing but parts of names here."""

    def remove(self, name: str) -> None:
        if name in self._disk.contents:
            self._disk.unsure(name, whole=True)
            del self._disk.contents[name]
            self._disk.changing()

    def lock(self, name: str) -> bool:
        if name in self._disk.locks:
            return False
        self._disk.locks.add(name)
        return True


class SimAppendFile:
    """cluster.node.world.AppendFile on a SimDisk."""

    def __init__(self, later: Later, disk: SimDisk, name: str) -> None:
        self._later = later
        self._disk = disk
        self._name = name
        if name not in disk.contents:
            disk.changing()
            disk.contents[name] = b""
            disk.synced(name)

    @property
    def size_bytes(self) -> int:
        return len(self._disk.contents[self._name])

    def write(self, data: bytes) -> None:
        self._disk.unsure(self._name, whole=False)
        self._disk.contents[self._name] += data
        self._disk.changing()

    def sync(self) -> None:
        self._disk.changing()
        self._disk.synced(self._name)

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

        self._later(_SYNC_US, "fsync", end)

    def close(self) -> None:
        """There is nothing to let go of."""
