"""A full copy of a primary's data on its way into memory, in one of two ways.

By way of a file (repl-diskless-load disabled): what we have is served on until the copy is whole, on disk and
its checksum right. Only then are our data thrown away, and the file, which has become our RDB file, is
loaded. So one data set at a time is in memory, and a link that breaks, or a primary that sends garbage, costs
nothing.

Straight from the socket (swapdb, or on-empty-db where there is nothing to lose): into databases of their own,
which take the old ones' place when the copy is whole and sound.

Either way in slices of the loop (cluster.node.loading); where memory is the slower one, the link waits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

from cluster.commands.context import Server
from cluster.node.disk import Disk
from cluster.node.loading import LoadError, Loading, Work
from cluster.node.log import Log
from cluster.node.world import AppendFile, Link, World
from cluster.replication.replication import Replication
from cluster.spec.options import Options
from cluster.store import dump
from cluster.store.clock import Clock
from cluster.store.keyspace import SLOTS, Keyspace
from protocol.rdb.records import CorruptFile
from protocol.rdb.seal import Seal

UNLOADED_BYTES_PAUSE = 1 << 20
"""So much may have arrived and not been loaded before the link waits."""


class CopyHost(Protocol):
    """What a copy needs of the node."""

    world: World
    log: Log
    options: Options
    clock: Clock
    server: Server
    replication: Replication
    disk: Disk
    loading: Loading


Done = Callable[[dict[bytes, bytes], str], None]
"""The copy is our data now, and these are its auxiliary fields; or why it is not."""


class Copy(Protocol):
    """One copy: its bytes come with take(), end() says that they are all here. `done` is called once behind
    that, unless abandon() comes before. `is_loading` when what we had is gone and the link does not
    matter."""

    is_loading: bool

    def take(self, data: bytes) -> None:
        """Raises OSError."""

    def end(self) -> None: ...

    def abandon(self) -> None: ...


def begin(host: CopyHost, link: Link, done: Done, *, length: int | None, is_our_history: bool) -> Copy:
    """Begins in the way that repl-diskless-load asks for. Raises OSError."""
    way = host.options.repl_diskless_load
    is_empty = not any(len(database) for database in host.server.databases)
    if way == "swapdb" or (way == "on-empty-db" and is_empty):
        return SocketCopy(host, link, done, length or 0, serves_meanwhile=way == "swapdb" and is_our_history)
    return FileCopy(host, done)


class FileCopy:
    """By way of a file."""

    def __init__(self, host: CopyHost, done: Done) -> None:
        """Raises OSError."""
        self._host = host
        self._done = done
        self._name = f"temp-{host.world.unix_ms() // 1000}.{host.world.pid}.rdb"
        self._file: AppendFile | None = host.world.open_append(self._name)
        self._seal = Seal(checksum=host.options.rdbchecksum)
        self._is_abandoned = False
        self.is_loading = False

    def take(self, data: bytes) -> None:
        assert self._file is not None
        self._file.write(data)
        self._seal.pass_by(data)

    def end(self) -> None:
        assert self._file is not None
        fault = self._seal.fault()
        if fault:
            self._remove()
            self._done({}, fault)
            return
        self._file.sync_soon(self._synced)

    def abandon(self) -> None:
        self._is_abandoned = True
        if self.is_loading:
            self._host.loading.stop()
            for database in self._host.server.databases:
                database.clear()
        self._remove()

    def _remove(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
            self._host.world.files.remove(self._name)

    def _synced(self, failure: str) -> None:
        if self._is_abandoned:
            return
        host = self._host
        try:
            if failure:
                raise OSError(failure)
            host.disk.stop()
            assert self._file is not None
            self._file.close()
            self._file = None
            host.world.files.rename(self._name, host.options.dbfilename)
        except OSError as error:
            host.log(
                "warning",
                "Failed trying to rename the temp DB into "
                f"{host.options.dbfilename} in MASTER <-> REPLICA synchronization: {error.strerror or error}",
            )
            self._remove()
            self._done({}, error.strerror or str(error))
            return
        self.is_loading = True
        host.log("notice", "MASTER <-> REPLICA sync: Flushing old data")
        host.replication.void()
        old = taken_out(host)
        host.log("notice", "MASTER <-> REPLICA sync: Loading DB in memory")
        host.loading.begin(self._work(old), host.disk, self._loaded)

    def _work(self, old: Sequence[Keyspace]) -> Work:
        yield from freed(old)
        yield from self._host.disk.load(alive_at_ms=0)

    def _loaded(self, error: LoadError | None) -> None:
        self.is_loading = False
        self._done(self._host.disk.aux, "" if error is None else str(error))


class SocketCopy:
    """Straight from the socket."""

    def __init__(
        self, host: CopyHost, link: Link, done: Done, length: int, *, serves_meanwhile: bool
    ) -> None:
        self._host = host
        self._link = link
        self._done = done
        self._fresh = [Keyspace(host.clock, each.index) for each in host.server.databases]
        self._loader = dump.Loader(self._fresh, [], limits=host.options, checksum=host.options.rdbchecksum)
        self._is_whole = False
        self._is_held = False
        self._taken_bytes = 0
        self.total_bytes = length
        self.loaded_bytes = 0
        self.is_loading = False
        host.log("notice", "MASTER <-> REPLICA sync: Loading DB in memory")
        host.loading.begin(self._work(), self, self._loaded, serves_meanwhile=serves_meanwhile)

    def take(self, data: bytes) -> None:
        self._taken_bytes += len(data)
        self._loader.feed(data)
        if not self._is_held and self._taken_bytes - self.loaded_bytes > UNLOADED_BYTES_PAUSE:
            self._is_held = True
            self._link.pause_reading()
        self._host.loading.wake()

    def end(self) -> None:
        self._is_whole = True
        self._loader.end()
        self._host.loading.wake()

    def abandon(self) -> None:
        self._host.loading.stop()

    def _work(self) -> Work:
        loader = self._loader
        try:
            while not loader.is_over:
                seen = self._taken_bytes, self._is_whole
                for _ in loader.steps():
                    self.loaded_bytes = loader.offset
                    yield True
                if seen != (self._taken_bytes, self._is_whole):
                    continue  # between two slices; nobody will wake us for it again
                if self._is_whole:
                    break
                self._resume()
                yield False
            while not self._is_whole:
                yield False
            loader.check_end()
        except CorruptFile as error:
            raise LoadError(str(error)) from error

    def _resume(self) -> None:
        # What is not loaded now belongs to a value that is not whole: only more of it helps.
        self.loaded_bytes = self._taken_bytes
        if self._is_held:
            self._is_held = False
            self._link.resume_reading()

    def _loaded(self, error: LoadError | None) -> None:
        host = self._host
        if error is not None:
            self._done({}, str(error))
            return
        host.log("notice", "MASTER <-> REPLICA sync: Swapping active DB with loaded DB")
        old = taken_out(host, self._fresh)
        for mine, fresh in zip(host.server.databases, self._fresh, strict=True):
            mine.swap(fresh)
        host.log("notice", "MASTER <-> REPLICA sync: Discarding old DB in background")
        free_in_background(host.world, freed(old))
        host.server.keep_libraries(self._loader.libraries)
        self._done(self._loader.aux, "")


def taken_out(host: CopyHost, fresh: Sequence[Keyspace] = ()) -> list[Keyspace]:
    """All data, out of the databases that clients see. `fresh` are those that take their place, where they
    are there already: who watches a key that is in neither sees no change."""
    server, old = host.server, []
    for database in server.databases:
        index = database.index
        aside = Keyspace(host.clock, index)
        database.swap(aside)
        old.append(aside)
        server.exchanged(index, partial(_is_in, (aside, *fresh[index : index + 1])))
    server.tracking.flushed(None)
    return old


def _is_in(databases: Sequence[Keyspace], key: bytes) -> bool:
    return any(database.stored(key) is not None for database in databases)


def freed(old: Sequence[Keyspace]) -> Work:
    """Lets go of data bit by bit: at once it would stop the loop for as long as it took to make them."""
    for database in old:
        if len(database):
            for slot in range(SLOTS):
                if database.clear_slot(slot):
                    yield True
        database.clear()


def free_in_background(world: World, work: Work) -> None:
    """Goes through it in the loop, a few milliseconds at a time."""
    end_ns = world.stopwatch_ns() + FREE_SLICE_NS
    for _ in work:
        if world.stopwatch_ns() > end_ns:
            world.call_at(world.now_ms(), lambda: free_in_background(world, work))
            return


FREE_SLICE_NS = 2_000_000
