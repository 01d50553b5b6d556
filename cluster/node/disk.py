"""The RDB file: loaded at the start, saved on demand, in the background and at the save points."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from cluster.commands.context import Server
from cluster.node.accounts import RDB, Account, Accounts
from cluster.node.loading import LoadError, Work
from cluster.node.log import Log
from cluster.node.world import BY_SIGNAL, STOPPED, Child, World
from cluster.replication.primary import DATA, FUNCTIONS, RDB_PARTS
from cluster.store import dump
from protocol.rdb.records import CorruptFile

_IN_PROGRESS = "ERR Background save already in progress"
_FAILED = "ERR"
_STARTED = "Background saving started"
_SCHEDULED = "Background saving scheduled"
_REWRITING = (
    "ERR Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE SCHEDULE in order to "
    "schedule a BGSAVE whenever possible."
)
PART_BYTES = 256 * 1024
_RETRY_MS = 5000
"""After a failed background save the save points wait so long, as Redis does."""


def _nobody(_failure: str) -> None:
    """Nobody waits for the end."""


class Disk:
    """`aux` gives what the file says of the node (replication id and offset) beside Redis's usual fields."""

    def __init__(
        self,
        world: World,
        log: Log,
        server: Server,
        aux: Callable[[], dict[bytes, bytes]],
    ) -> None:
        self._world = world
        self._log = log
        self._server = server
        self._options = server.options
        self._own_aux = aux
        self.accounts = Accounts(world)
        self._child: Child | None = None
        self.is_rewriting: Callable[[], bool] = lambda: False
        """Whether a child is rewriting the append only file."""
        self._child_since_ms = 0
        self._child_dirty = 0
        self._flush_is_due = False
        self._failed_ms = 0
        self.last_save_ms = world.unix_ms()
        self.last_ok = True
        self.last_duration_s = -1
        self.saves = 0
        self.keys_loaded = 0
        self.expired_keys: list[tuple[int, bytes]] = []
        self.aux: dict[bytes, bytes] = {}
        self.is_scheduled = False
        self._idle_calls: list[Callable[[], None]] = []
        self.total_bytes = 0
        self.loaded_bytes = 0

    @property
    def is_saving(self) -> bool:
        """Whether a background save is under way."""
        return self._child is not None

    @property
    def is_busy(self) -> bool:
        """Whether a child is at work on a file: there is one at a time."""
        return self._child is not None or self.is_rewriting()

    def when_idle(self, call: Callable[[], None]) -> None:
        """Calls back soon after no child is at work any more."""
        self._idle_calls.append(call)

    # loading

    def load(self, *, alive_at_ms: int, may_be_missing: bool = True) -> Work:
        """Loads the RDB file, if there is one, in steps; `aux` has its auxiliary fields at the end.

        Keys that have expired by `alive_at_ms` (unix time) are left out and noted in `expired_keys`. Raises
        LoadError: the databases are empty then.
        """
        name = self._options.dbfilename
        started_ms = self._world.now_ms()
        self.aux = {}
        self.expired_keys = []
        loader = dump.Loader(
            self._server.databases,
            self.expired_keys,
            limits=self._options,
            alive_at_ms=alive_at_ms,
            checksum=self._options.rdbchecksum,
        )
        try:
            self.total_bytes = self._world.files.size_bytes(name) or 0
            for part in self._world.files.read_parts(name, PART_BYTES):
                loader.feed(part)
                yield from self._steps(loader)
            loader.end()
            yield from self._steps(loader)
            loader.check_end()
        except FileNotFoundError as error:
            if not may_be_missing:
                raise LoadError(f"{name}: {error.strerror}") from error
            return
        except (OSError, CorruptFile) as error:
            for database in self._server.databases:
                database.clear()
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise LoadError(f"{name}: {reason}") from error
        self.aux = loader.aux
        self._server.keep_libraries(loader.libraries)
        self.keys_loaded = loader.keys_loaded
        self._told_of_load(loader, started_ms)

    def _steps(self, loader: dump.Loader) -> Work:
        for _ in loader.steps():
            self.loaded_bytes = loader.offset
            yield True

    def _told_of_load(self, loader: dump.Loader, started_ms: int) -> None:
        aux = loader.aux
        self._log("notice", f"Loading RDB produced by version {aux.get(b'redis-ver', b'unknown').decode()}")
        if aux.get(b"ctime", b"").isdigit():
            age_s = max(0, self._world.unix_ms() // 1000 - int(aux[b"ctime"]))
            self._log("notice", f"RDB age {age_s} seconds")
        self._log(
            "notice",
            f"Done loading RDB, keys loaded: {loader.keys_loaded}, keys expired: {len(self.expired_keys)}.",
        )
        seconds = (self._world.now_ms() - started_ms) / 1000
        self._log("notice", f"DB loaded from disk: {seconds:.3f} seconds")

    def copied(self) -> None:
        """A primary's data has taken the place of ours: they are not kept where we keep nothing."""
        options = self._options
        if options.rdb_del_sync_files and not options.save and not options.appendonly:
            self._log(
                "notice",
                "Removing the RDB file used to feed replicas in a persistence-less instance",
            )
            self._world.files.remove(options.dbfilename)
        self._server.dirty = 0

    # saving

    def account(self) -> Account:
        """Of a child that is to write all that there is."""
        return self.accounts.open(sum(map(len, self._server.databases)))

    def snapshot(
        self,
        *,
        is_aof_base: bool = False,
        count: Callable[[int], None] = lambda _: None,
        parts: frozenset[str] = RDB_PARTS,
    ) -> Iterable[bytes]:
        """The data set, or some parts of it, as an RDB file, in chunks; `count` is told how many keys are
        done."""
        options, now_ms = self._options, self._world.unix_ms()
        aux = {b"redis-ver": b"7.0.15", b"redis-bits": b"64", b"ctime": b"%d" % (now_ms // 1000)}
        aux |= {b"aof-base": b"1"} if is_aof_base else self._own_aux() | {b"aof-base": b"0"}
        return dump.snapshot(
            self._server.databases if DATA in parts else (),
            aux,
            self._server.libraries if FUNCTIONS in parts else (),
            uses=dump.uses_under(options.maxmemory_policy, now_ms, options.lfu_decay_time),
            compress=options.rdbcompression,
            checksum=options.rdbchecksum,
            count=count,
        )

    def save(self) -> str | None:
        """SAVE: as write(), unless a child is writing the file as well."""
        if self._child is not None:
            return _IN_PROGRESS
        self.saves += 1
        return self.write()

    def write(self) -> str | None:
        """Writes the file now, while nobody is served; the reason when it can't. That is told to whoever
        wanted it: writes are refused only when a save fails that nobody waits for."""
        try:
            self._world.files.write_atomically(self._options.dbfilename, self.snapshot())
        except OSError as error:
            self._log("warning", f"Write error saving DB on disk: {error.strerror or error}")
            return _FAILED
        self._saved(self._server.dirty)
        self._log("notice", "DB saved on disk")
        return None

    def flushed(self, *, saves_now: bool) -> None:
        """All data is gone: neither the file nor a child that still writes it may bring it back. Not
        `saves_now`: with the next settle_flush(). While an append only file is loaded that is no news."""
        if self._server.loading:
            return
        if self._child is not None:
            self._child.kill()
            self._child_dirty = 0
        self._flush_is_due = bool(self._options.save)
        if saves_now:
            self.settle_flush()

    def settle_flush(self) -> None:
        """Saves what there is behind a FLUSHALL, and the place in the stream that goes with it."""
        if self._flush_is_due:
            self._flush_is_due = False
            self.write()

    def ask(self, *, may_wait: bool, is_nested: bool) -> str:
        """BGSAVE: what the client is told; an error begins with ERR. `may_wait` for another child's end
        (SCHEDULE); `is_nested` in a transaction, which nothing is forked in the middle of."""
        if self._child is not None:
            return _IN_PROGRESS
        if self.is_rewriting() or is_nested:
            if not may_wait and not is_nested:
                return _REWRITING
            self.is_scheduled = True
            return _SCHEDULED
        return _FAILED if self.save_in_background() else _STARTED

    def save_in_background(self, done: Callable[[str], None] = _nobody) -> str | None:
        """Has a forked child write the file, where is_busy is False; the reason when it can't. Otherwise
        `done("")` comes in the end, or done(why it failed)."""
        self.is_scheduled = False
        self.saves += 1
        account = self.account()

        def ended(failure: str) -> None:
            self.accounts.close(account, RDB)
            self._ended(failure, done)

        try:
            child = self._world.fork_save(
                self._options.dbfilename, lambda: self.snapshot(count=account.count), ended, account
            )
        except OSError as error:
            self.accounts.close(account, RDB)
            self._noted(ok=False)
            self._failed_ms = self._world.now_ms()
            self._log("warning", f"Can't save in background: fork: {error.strerror}")
            return str(error)
        self._child, self._child_since_ms, self._child_dirty = child, self._world.now_ms(), self._server.dirty
        self._log("notice", f"Background saving started by pid {child.pid}")
        return None

    def _ended(self, failure: str, done: Callable[[str], None]) -> None:
        self._child = None
        self.last_duration_s = (self._world.now_ms() - self._child_since_ms) // 1000
        if failure:
            words = failure if failure.startswith(BY_SIGNAL) else f"error: {failure}"
            self._log("warning", f"Background saving {words}")
            if failure != STOPPED:
                self._noted(ok=False)
                self._failed_ms = self._world.now_ms()
        else:
            self._saved(self._child_dirty)
            self._log("notice", "Background saving terminated with success")
        done(failure)

    def _noted(self, *, ok: bool) -> None:
        """How the last save went."""
        self.last_ok = ok
        self.refuse_writes()

    def refuse_writes(self) -> None:
        """Has writes refused from now on, or no longer, as the last save and the options say."""
        options = self._options
        self._server.save_failed = (
            not self.last_ok and options.stop_writes_on_bgsave_error and bool(options.save)
        )
        self._server.refresh()

    def _saved(self, dirty: int) -> None:
        self._server.dirty -= dirty
        self.last_save_ms = self._world.unix_ms()
        self._noted(ok=True)

    def tick(self) -> None:
        """A few times a second: what waits for the end of another child, and the save points."""
        while self._idle_calls and not self.is_busy:
            self._idle_calls.pop(0)()
        if self.is_busy or (not self.last_ok and self._world.now_ms() - self._failed_ms < _RETRY_MS):
            return
        if self.is_scheduled:
            self.save_in_background()
            return
        if not self._server.dirty:
            return
        since_ms = self._world.unix_ms() - self.last_save_ms
        for seconds, changes in self._options.save:
            if self._server.dirty >= changes and since_ms > seconds * 1000:
                self._log("notice", f"{changes} changes in {seconds} seconds. Saving...")
                self.save_in_background()
                return

    def stop(self) -> None:
        """The node is ending: a child's file is not wanted any more."""
        if self._child is not None:
            self._log("warning", "There is a child saving an .rdb. Killing it!")
            self._child.kill()

    def info_fields(self) -> dict[str, str | int]:
        """What INFO persistence tells of the RDB file."""
        current_s = (self._world.now_ms() - self._child_since_ms) // 1000 if self._child else -1
        return {
            "rdb_changes_since_last_save": self._server.dirty,
            "rdb_bgsave_in_progress": int(self.is_saving),
            "rdb_last_save_time": self.last_save_ms // 1000,
            "rdb_last_bgsave_status": "ok" if self.last_ok else "err",
            "rdb_last_bgsave_time_sec": self.last_duration_s,
            "rdb_current_bgsave_time_sec": current_s,
            "rdb_saves": self.saves,
            **self.accounts.info_fields(),
            "rdb_last_load_keys_expired": len(self.expired_keys),
            "rdb_last_load_keys_loaded": self.keys_loaded,
        }
