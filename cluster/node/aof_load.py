"""Loading an append only file: base and increments, command by command.

A crash leaves the last file with half a record, or half a transaction, at its end: that part was never
acknowledged as durable, and is cut away (aof-load-truncated). Anything else that does not hold together is
not ours to guess at: the start is refused, and the files stay as they are.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from itertools import chain

from cluster.commands.context import Server
from cluster.engine.engine import Engine
from cluster.node.aof_folder import AofFolder, AofFolderError
from cluster.node.loading import LoadError, Work
from cluster.node.log import Log
from cluster.node.world import World
from cluster.store import dump, libraries
from protocol.aof import AofReader, CorruptAof, Remark
from protocol.aof_manifest import AofFile
from protocol.rdb.records import CorruptFile

PART_BYTES = 256 * 1024
COMMANDS_A_STEP = 32
RDB_MAGIC = b"REDIS"


class Truncated(Exception):
    """A file ends in the middle of something; `offset` is where that begins."""

    def __init__(self, offset: int, reason: str) -> None:
        super().__init__(reason)
        self.offset = offset


class AofLoader:
    """Loads the files of a folder into an engine."""

    def __init__(self, world: World, log: Log, server: Server, engine: Engine, folder: AofFolder) -> None:
        self._world = world
        self._files = world.files
        self._log = log
        self._server = server
        self._engine = engine
        self._folder = folder
        self._behind_bytes = 0
        self.has_loaded = False
        self.total_bytes = 0
        self.loaded_bytes = 0

    def load(self) -> Work:
        """Loads all, in steps; `has_loaded` says in the end whether there was anything. Raises LoadError: the
        databases are empty then."""
        started_ms = self._world.now_ms()
        self.has_loaded = False
        self._behind_bytes = 0
        try:
            self._folder.read()
            files = self._folder.manifest.files
            self.total_bytes = sum(map(self._folder.size_bytes, files))
            for file in files:
                yield from self._load(file, is_last=file is files[-1])
        except (AofFolderError, LoadError) as error:
            self._clear()
            raise LoadError(str(error)) from error
        except OSError as error:
            self._clear()
            raise LoadError(
                f"Fatal error: can't open the append log file {error.filename} for reading: {error.strerror}"
            ) from error
        if not files:
            return
        self.has_loaded = True
        self._server.dirty = 0
        seconds = (self._world.now_ms() - started_ms) / 1000
        self._log("notice", f"DB loaded from append only file: {seconds:.3f} seconds")

    def _clear(self) -> None:
        for database in self._server.databases:
            database.clear()

    def _load(self, file: AofFile, *, is_last: bool) -> Work:
        started_ms = self._world.now_ms()
        self._engine.restart_replay()
        size = self._folder.size_bytes(file)
        try:
            parts = self._files.read_parts(self._folder.path(file.name), PART_BYTES)
            position, rest = yield from self._load_rdb(file, parts)
            yield from self._load_commands(file, position, chain([rest], parts), size)
        except Truncated as error:
            self._end_truncated(file, error, is_last=is_last)
        except CorruptAof as error:
            raise LoadError(
                f"Bad file format reading the append only file {file.name}: {error}: make a backup of your "
                f"AOF file, then use starling check-aof --fix {self._folder.prefix}.manifest"
            ) from error
        self._behind_bytes += size
        if size:
            kind = "base" if file is self._folder.manifest.base else "incr"
            seconds = (self._world.now_ms() - started_ms) / 1000
            self._log("notice", f"DB loaded from {kind} file {file.name}: {seconds:.3f} seconds")

    def _load_rdb(self, file: AofFile, parts: Iterator[bytes]) -> Generator[bool, None, tuple[int, bytes]]:
        """Loads what a file has of an RDB file; the offset behind it, and what has been read from there."""
        part = next(parts, b"")
        if not part.startswith(RDB_MAGIC):
            return 0, part
        is_base = file is self._folder.manifest.base
        self._log("notice", f"Reading RDB {'base file' if is_base else 'preamble'} on AOF loading...")
        # Expired keys as well: commands that follow were written when they were still there.
        options = self._server.options
        loader = dump.Loader(self._server.databases, [], limits=options, checksum=options.rdbchecksum)
        try:
            while part:
                loader.feed(part)
                yield from self._steps(loader)
                part = b"" if loader.is_over else next(parts, b"")
            loader.end()
            yield from self._steps(loader)
        except CorruptFile as error:
            raise LoadError(
                f"Error reading the RDB preamble of the AOF file {file.name}, AOF loading aborted: {error}"
            ) from error
        self._server.keep_libraries(loader.libraries)
        version = loader.aux.get(b"redis-ver", b"unknown").decode()
        self._log("notice", f"Loading RDB produced by version {version}")
        self._log("notice", "RDB is base AOF")
        rest = loader.rest()
        if rest:
            self._log("notice", "Reading the remaining AOF tail...")
        return loader.offset, rest

    def _steps(self, loader: dump.Loader) -> Work:
        for _ in loader.steps():
            self.loaded_bytes = self._behind_bytes + loader.offset
            yield True

    def _load_commands(self, file: AofFile, position: int, parts: Iterable[bytes], size: int) -> Work:
        """Raises Truncated, CorruptAof, LoadError."""
        reader = AofReader(position)
        begun: int | None = None
        count = 0
        for part in parts:
            reader.feed(part)
            while True:
                start = reader.position
                record = reader.next()
                if record is None:
                    break
                if isinstance(record, Remark):
                    continue
                begun = self._transaction(record, start, begun)
                self._check(file, record, start)
                self._engine.replay(record)
                count += 1
                if not count % COMMANDS_A_STEP:
                    self.loaded_bytes = self._behind_bytes + start
                    yield True
        if begun is not None:
            self._log("warning", f"Revert incomplete MULTI/EXEC transaction from AOF file {file.name}")
            raise Truncated(begun, "a transaction without its EXEC")
        if reader.position < size:
            raise Truncated(reader.position, "half a command")

    def _transaction(self, argv: list[bytes], start: int, begun: int | None) -> int | None:
        """Where the transaction begins that is open behind this command."""
        name = argv[0].upper()
        if name == b"MULTI":
            return start
        return None if name == b"EXEC" else begun

    def _check(self, file: AofFile, argv: list[bytes], start: int) -> None:
        spec = self._engine.lookup(argv)
        shown = argv[0][:128].decode(errors="replace")
        if spec is None:
            if libraries.changed((), argv) is not None:
                return
            raise LoadError(
                f"Unknown command '{shown}' reading the append only file {file.name} at offset {start}"
            )
        if not spec.takes(len(argv)):
            raise LoadError(
                f"Wrong number of arguments for '{shown}' reading the append only file {file.name} at offset "
                f"{start}"
            )

    def _end_truncated(self, file: AofFile, error: Truncated, *, is_last: bool) -> None:
        """Cuts the end away, if that is wanted. Raises LoadError."""
        where = f"{file.name}: {error} at offset {error.offset}"
        if not is_last:
            raise LoadError(f"Fatal error: the truncated file is not the last file: {where}")
        if not self._server.options.aof_load_truncated:
            raise LoadError(
                f"Unexpected end of file reading the append only file {where}. You can: 1) Make a backup of "
                f"your AOF file, then use starling check-aof --fix {self._folder.prefix}.manifest. "
                "2) Alternatively you can set the 'aof-load-truncated' configuration option to yes and "
                "restart the server."
            )
        self._log("warning", f"!!! Warning: short read while loading the AOF file {file.name}!!!")
        self._log("warning", f"Truncating the AOF {file.name} at offset {error.offset}")
        self._files.truncate(self._folder.path(file.name), error.offset)
        self._log("warning", f"AOF {file.name} loaded anyway because aof-load-truncated is enabled")
