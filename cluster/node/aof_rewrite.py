"""Rewriting the append only file: a forked child writes a new base, and what it holds becomes history.

From the fork on writes go to an increment of their own. When the base is whole, one new manifest names it and
that increment; until then the old manifest names the old base and all increments, and both say the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain

from cluster.commands.context import Server
from cluster.node.accounts import AOF
from cluster.node.aof import OFF, ON, WAITING, AppendOnly
from cluster.node.disk import Disk
from cluster.node.log import Log
from cluster.node.world import BY_SIGNAL, STOPPED, Child, World
from cluster.store.rewrite import rewrite
from protocol.aof import timestamp_line

FAILURES_BEFORE_LIMIT = 3
LIMIT_MS_MAX = 60 * 60_000
MINUTE_MS = 60_000


class Rewriter:
    """Starts rewrites, on demand and by growth, and sees to their ends."""

    def __init__(self, world: World, log: Log, server: Server, aof: AppendOnly, disk: Disk) -> None:
        self._world = world
        self._log = log
        self._server = server
        self._options = server.options
        self._aof = aof
        self._folder = aof.folder
        self._disk = disk
        disk.is_rewriting = lambda: self.is_running
        self._child: Child | None = None
        self._began_ms = 0
        self._limited_until_ms = 0
        self.is_scheduled = False
        self.base_bytes = 0
        self.last_ok = True
        self.last_duration_s = -1
        self.count = 0
        self.failures = 0
        """Of children, one after the other."""
        self._tries_in_vain = 0

    @property
    def is_running(self) -> bool:
        """Whether a child is writing a base."""
        return self._child is not None

    # the first files

    def write_first_base(self) -> None:
        """At the start with nothing there: a base, written before anyone is served. Raises OSError."""
        self._folder.make()
        manifest = self._folder.manifest.copy()
        base = manifest.set_base(self._folder.prefix, is_rdb=self._options.aof_use_rdb_preamble)
        self._log("notice", f"Creating AOF base file {base.name} on server start")
        self._world.files.write_atomically(self._folder.path(base.name), self._base())
        self._folder.persist(manifest)

    def loaded(self) -> None:
        """The files have been loaded, or begun: growth is counted from here. Raises OSError."""
        self._folder.delete_history()
        base = self._folder.manifest.base
        self.base_bytes = self._folder.size_bytes(base) if base is not None else 0

    def _base(self, count: Callable[[int], None] = lambda _: None) -> Iterable[bytes]:
        if self._options.aof_use_rdb_preamble:
            return self._disk.snapshot(is_aof_base=True, count=count)
        stamp = timestamp_line(self._world.unix_ms() // 1000) if self._options.aof_timestamp_enabled else b""
        return chain([stamp], rewrite(self._server.databases, self._server.libraries, count))

    # CONFIG SET appendonly

    def switch_on(self) -> None:
        """Raises OSError."""
        self._aof.wait_for_base()
        if self._child is not None:
            self._log(
                "warning",
                "AOF was enabled but there is already an AOF rewriting in background. Stopping background "
                "AOF and starting a rewrite now.",
            )
            self._kill()
        if self._disk.is_saving:
            self.is_scheduled = True
            self._log(
                "warning",
                "AOF was enabled but there is already another background operation. An AOF background was "
                "scheduled to start when possible.",
            )
        elif self.start() is not None:
            self._aof.stop()
            raise OSError("Unable to turn on AOF. Check server logs.")

    def switch_off(self) -> None:
        """What is on its way is written first."""
        self._kill()
        self.is_scheduled = False
        self._aof.stop()

    def begin_anew(self) -> None:
        """Other data has taken the place of all that the files say (a full copy of a primary's)."""
        if self._aof.state != OFF:
            self.switch_off()
            try:
                self.switch_on()
            except OSError:
                self._aof.wait_for_base()
                self.is_scheduled = True

    def _kill(self) -> None:
        if self._child is not None:
            self._log("notice", f"Killing AOF child: {self._child.pid}")
            child, self._child = self._child, None
            child.kill()
            self._aof.is_rewriting = False
            self._aof.let_go()

    # BGREWRITEAOF

    def ask(self, *, is_nested: bool = False) -> str:
        """BGREWRITEAOF: what the client is told; an error begins with ERR. `is_nested` in a transaction,
        which nothing is forked in the middle of."""
        if self._child is not None:
            return "ERR Background append only file rewriting already in progress"
        if self._disk.is_saving or is_nested:
            self.is_scheduled = True
            self.failures = self._tries_in_vain = 0
            return "Background append only file rewriting scheduled"
        if self.start() is None:
            return "Background append only file rewriting started"
        return (
            "ERR Can't execute an AOF background rewriting. Please check the server logs for more "
            "information."
        )

    def start(self) -> str | None:
        """Forks the child; the reason when it can't."""
        self.is_scheduled = False
        manifest = self._folder.manifest.copy()
        base = manifest.set_base(self._folder.prefix, is_rdb=self._options.aof_use_rdb_preamble)
        account = self._disk.account()

        def ended(failure: str) -> None:
            self._disk.accounts.close(account, AOF)
            self._ended(child, failure)

        try:
            self._folder.make()
            if self._aof.state != OFF:
                self._aof.begin_increment()
            self.count += 1
            child = self._world.fork_save(
                self._folder.path(base.name), lambda: self._base(account.count), ended, account
            )
        except OSError as error:
            self._disk.accounts.close(account, AOF)
            self._aof.let_go()
            self._log("warning", f"Can't rewrite append only file in background: {error.strerror}")
            self._failed()
            return error.strerror or str(error)
        self._child = child
        self._began_ms = self._world.now_ms()
        self._aof.is_rewriting = True
        self._log("notice", f"Background append only file rewriting started by pid {child.pid}")
        return None

    def _ended(self, child: Child, failure: str) -> None:
        if child is not self._child:
            return
        self._child = None
        self._aof.is_rewriting = False
        self.last_duration_s = (self._world.now_ms() - self._began_ms) // 1000
        if not failure:
            self._log("notice", "Background AOF rewrite terminated with success")
            try:
                self._install()
            except OSError as error:
                failure = error.strerror or str(error)
        if failure:
            self._aof.let_go()
            words = failure if failure.startswith(BY_SIGNAL) else f"terminated with error: {failure}"
            self._log("warning", f"Background AOF rewrite {words}")
            if failure != STOPPED:
                self.failures += 1
                self._failed()
            self.is_scheduled = self._aof.state == WAITING
            return
        self._log("notice", "Background AOF rewrite finished successfully")

    def _install(self) -> None:
        """One manifest makes the new base count, and history of all that it holds."""
        aof = self._aof
        manifest = self._folder.manifest.copy()
        base = manifest.set_base(self._folder.prefix, is_rdb=self._options.aof_use_rdb_preamble)
        if aof.state == WAITING:
            aof.adopt_increment(manifest.add_increment(self._folder.prefix).name)
        elif aof.is_held:
            manifest.add_increment(self._folder.prefix)
        manifest.retire_increments(keep_last=aof.state != OFF)
        if aof.is_held:
            aof.replace_increment(manifest)
        else:
            self._folder.persist(manifest)
        if aof.state == WAITING:
            aof.state = ON
        self.base_bytes = self._folder.size_bytes(base)
        aof.count()
        self.last_ok = True
        self.failures = self._tries_in_vain = 0
        self._limited_until_ms = 0
        self._folder.delete_history()

    def _failed(self) -> None:
        """Each failure past the third doubles the time until the next try: each leaves one more increment,
        also where no child could be had."""
        self.last_ok = False
        self._tries_in_vain += 1
        if self._tries_in_vain >= FAILURES_BEFORE_LIMIT:
            wait_ms = min(LIMIT_MS_MAX, MINUTE_MS << (self._tries_in_vain - FAILURES_BEFORE_LIMIT))
            self._limited_until_ms = self._world.now_ms() + wait_ms
            self._log(
                "warning",
                "Background AOF rewrite has repeatedly failed and triggered the limit, will retry in "
                f"{wait_ms // MINUTE_MS} minutes",
            )

    # time

    def tick(self) -> None:
        """Ten times a second: what was scheduled, and growth."""
        if self._child is not None or self._disk.is_saving:
            return
        if self._world.now_ms() < self._limited_until_ms:
            return
        if self.is_scheduled:
            self.start()
            return
        percentage = self._options.auto_aof_rewrite_percentage
        size = self._aof.size_bytes
        if self._aof.state != ON or not percentage or size <= self._options.auto_aof_rewrite_min_size:
            return
        growth = size * 100 // max(1, self.base_bytes) - 100
        if growth >= percentage:
            self._log("notice", f"Starting automatic rewriting of AOF on {growth}% growth")
            self.start()

    def stop(self, *, force: bool) -> str | None:
        """The node is about to end: what was appended is put on disk. Appending goes on, as the end may still
        come to nothing. The reason why it must not come, unless by `force`: the data is in no file yet."""
        if self._aof.state == WAITING and self._child is not None:
            if not force:
                self._log("warning", "Writing initial AOF, can't exit.")
                return "Writing initial AOF, can't exit."
            self._log("warning", "Writing initial AOF. Exit anyway.")
        if self._child is not None:
            self._log("warning", "There is a child rewriting the AOF. Killing it!")
            self._kill()
        if self._aof.state != OFF:
            self._log("notice", "Calling fsync() on the AOF file.")
            self._aof.put_on_disk()
        return None

    # INFO

    def info_fields(self) -> dict[str, str | int]:
        """What INFO persistence tells of the append only file."""
        aof = self._aof
        current_s = (self._world.now_ms() - self._began_ms) // 1000 if self._child is not None else -1
        fields: dict[str, str | int] = {
            "aof_enabled": int(aof.state != OFF),
            "aof_rewrite_in_progress": int(self.is_running),
            "aof_rewrite_scheduled": int(self.is_scheduled),
            "aof_last_rewrite_time_sec": self.last_duration_s,
            "aof_current_rewrite_time_sec": current_s,
            "aof_last_bgrewrite_status": "ok" if self.last_ok else "err",
            "aof_rewrites": self.count,
            "aof_rewrites_consecutive_failures": self.failures,
            "aof_last_write_status": "ok" if aof.is_well else "err",
        }
        if aof.state != OFF:
            fields |= {
                "aof_current_size": aof.size_bytes,
                "aof_base_size": self.base_bytes,
                "aof_pending_rewrite": 0,
                "aof_buffer_length": len(self._server.journal.pending),
                "aof_pending_bio_fsync": aof.syncs_pending,
                "aof_delayed_fsync": aof.delayed_syncs,
            }
        return fields
