"""The append only file while the node serves: what was written reaches the file before its reply leaves.

What lasts through what depends on appendfsync. `always`: fsynced before the reply leaves, one fsync for all
that one read brought; where that fails the process ends, because a reply must not promise what the disk does
not hold. `everysec`: written before the reply leaves (unless the disk is busy with an fsync: then up to 2
seconds later), fsynced once a second on a thread. `no`: written, and the system syncs when it likes.

Source: https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/
"""

from __future__ import annotations

import os
from typing import Final

from cluster.commands.context import Server
from cluster.node.aof_folder import TEMPORARY_INCREMENT, AofFolder
from cluster.node.log import Log, Throttle
from cluster.node.world import AppendFile, World
from protocol.aof_manifest import Manifest

OFF: Final = "off"
WAITING: Final = "waiting"
ON: Final = "on"
POSTPONED_MS_MAX: Final = 2000
SYNC_INTERVAL_MS: Final = 1000
RETRY_MS: Final = 1000
ERROR_LOG_INTERVAL_MS: Final = 30_000


class AppendOnly:
    """`state` is OFF, WAITING (switched on, but the first base is not written: what is appended goes to a
    temporary file that no manifest names) or ON."""

    def __init__(self, world: World, log: Log, server: Server, folder: AofFolder) -> None:
        self._world = world
        self._log = log
        self._server = server
        self._options = server.options
        self._journal = server.journal
        self._complain = Throttle(log, world.now_ms, ERROR_LOG_INTERVAL_MS)
        self._file: AppendFile | None = None
        self._syncing = False
        self._unsynced_bytes = 0
        self._synced_ms = world.now_ms()
        self._postponed_since_ms: int | None = None
        self._written = (0, 0)
        self._held_at_bytes: int | None = None
        self._write_error = ""
        self._sync_error = ""
        self._retry_ms = 0
        self.folder = folder
        self.state = OFF
        self.size_bytes = 0
        self.delayed_syncs = 0
        self.is_rewriting = False

    # which file is written

    def open_last(self) -> None:
        """At the start: goes on with the last increment, or begins the first. Raises OSError."""
        manifest = self.folder.manifest.copy()
        if manifest.increments:
            name = manifest.increments[-1].name
            self._open(name)
            self._log("notice", f"Opening AOF incr file {name} on server start")
        else:
            name = manifest.add_increment(self.folder.prefix).name
            self._open(name)
            self.folder.persist(manifest)
            self._log("notice", f"Creating AOF incr file {name} on server start")
        self.state = ON
        self.count()

    def begin_increment(self) -> None:
        """Has what comes from now on in a file of its own: a new base is to hold all before it. Raises
        OSError: the old file stays in use.

        Where the old file cannot take what is on its way (the disk is full) nothing more is written until
        there is a base or there will be none: written to a new file, what comes would stand behind a gap, and
        should the base fail, the gap would stay. With the base in place what the old file lacks is in it, and
        replace_increment() goes on behind that; without it, let_go() goes on with the old file.
        """
        if self.state == WAITING:
            old = self._file
            self._world.files.remove(self.folder.path(TEMPORARY_INCREMENT))
            self._open(TEMPORARY_INCREMENT)
            if old is not None:
                old.close()
            self._forget(self._journal.fed_bytes)
            self._log("notice", f"Creating AOF incr file {TEMPORARY_INCREMENT} on background rewrite")
            return
        self.flush(force=True)
        if self._journal.pending:
            self._held_at_bytes = self._journal.fed_bytes
            self._journal.begin()
            return
        self._settle()
        manifest = self.folder.manifest.copy()
        manifest.add_increment(self.folder.prefix)
        self._switch(manifest)

    @property
    def is_held(self) -> bool:
        """Whether nothing is written until the new base is there."""
        return self._held_at_bytes is not None

    def replace_increment(self, manifest: Manifest) -> None:
        """The new base is there: goes on behind it, in the last increment of this manifest. Raises OSError:
        all is as before."""
        assert self._held_at_bytes is not None
        self._switch(manifest)
        self._forget(self._held_at_bytes)
        self._held_at_bytes = None
        self.flush(force=True)

    def let_go(self) -> None:
        """There will be no new base."""
        self._held_at_bytes = None

    def _switch(self, manifest: Manifest) -> None:
        """Makes this the manifest, and goes on with its last increment. Raises OSError: the old file stays in
        use."""
        name = manifest.increments[-1].name
        # Whatever a crash has left under this name was never named by a manifest.
        self._world.files.remove(self.folder.path(name))
        old = self._file
        self._open(name)
        try:
            self.folder.persist(manifest)
        except OSError:
            self._close()
            self._file = old
            raise
        if old is not None:
            old.close()
        self._log("notice", f"Creating AOF incr file {name} on background rewrite")

    def _forget(self, fed_bytes: int) -> None:
        """What was fed until then needs no file any more: a base has it, or is to have it."""
        journal = self._journal
        del journal.pending[: fed_bytes - journal.taken_bytes]
        journal.taken_bytes = fed_bytes
        if not journal.pending:
            self._wrote()

    def adopt_increment(self, name: str) -> None:
        """The first base is there: the temporary file becomes an increment. Raises OSError."""
        self.flush(force=True)
        self._close()
        path = self.folder.path(name)
        self._world.files.rename(self.folder.path(TEMPORARY_INCREMENT), path)
        self._file = self._world.open_append(path)
        self._log(
            "notice", f"Successfully renamed the temporary AOF incr file {TEMPORARY_INCREMENT} into {name}"
        )

    def _open(self, name: str) -> None:
        self._file = self._world.open_append(self.folder.path(name))
        self._journal.is_open = True
        self._journal.begin()

    def _settle(self) -> None:
        """What has been written to the present file is on disk. Raises OSError.

        A power cut may then leave only the last increment without its end, whatever appendfsync is; with the
        end of an earlier one missing, those behind it would make no sense.
        """
        if self._file is not None:
            self._file.sync()
            self._unsynced_bytes = 0
            self._is_on_disk(self._written)

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file = None

    def wait_for_base(self) -> None:
        """CONFIG SET appendonly yes: a base comes first."""
        self.state = WAITING

    def put_on_disk(self) -> None:
        """What is on its way is written and fsynced."""
        if self._file is None:
            return
        self.flush(force=True)
        try:
            self._file.sync()
        except OSError as error:
            self._log("warning", f"Fail to fsync the AOF file: {error.strerror}")

    def stop(self) -> None:
        """CONFIG SET appendonly no, or the end of the node: what is on its way is written and fsynced."""
        self.put_on_disk()
        self._close()
        self.state = OFF
        self._journal.is_open = False
        self._journal.pending.clear()
        self._server.replication.synced_offset = -1
        self._unsynced_bytes = 0
        self._write_error = self._sync_error = ""
        self._told()

    # writing

    def flush(self, *, force: bool = False) -> None:
        """Writes what is on its way; `force` does not wait for a busy disk."""
        file, journal = self._file, self._journal
        if file is None or not journal.pending or self.is_held:
            return
        if not force and self._is_busy():
            return
        data = bytes(journal.pending)
        try:
            file.write(data)
        except OSError as error:
            self._write_failed(error)
            return
        journal.pending.clear()
        journal.taken_bytes += len(data)
        self._written = (journal.taken_bytes, self._server.replication.offset)
        self._unsynced_bytes += len(data)
        self.size_bytes += len(data)
        self._wrote()
        if self._options.appendfsync == "always" and not self._spares_disk():
            self._sync_now(file)

    def _wrote(self) -> None:
        """Everything has been written."""
        if self._write_error:
            self._log("warning", "AOF write error looks solved, Redis can write again.")
            self._write_error = ""
            self._told()

    def _is_busy(self) -> bool:
        """everysec: a write would wait for the fsync that is under way, and all clients with it."""
        if self._options.appendfsync != "everysec" or not self._syncing:
            self._postponed_since_ms = None
            return False
        now_ms = self._world.now_ms()
        if self._postponed_since_ms is None:
            self._postponed_since_ms = now_ms
        if now_ms - self._postponed_since_ms < POSTPONED_MS_MAX:
            return True
        self._postponed_since_ms = None
        self.delayed_syncs += 1
        self._log(
            "notice",
            "Asynchronous AOF fsync is taking too long (disk is busy?). Writing the AOF buffer without "
            "waiting for fsync to complete, this may slow down Redis.",
        )
        return False

    def _spares_disk(self) -> bool:
        return self._options.no_appendfsync_on_rewrite and self.is_rewriting

    def _write_failed(self, error: OSError) -> None:
        reason = os.strerror(error.errno or 0)
        if self._options.appendfsync == "always":
            self._log(
                "warning",
                f"Error writing to the AOF file: {reason}. Can't recover from AOF write error when the AOF "
                "fsync policy is 'always'. Exiting...",
            )
            self._world.abort(1)
        self._complain("warning", f"Error writing to the AOF file: {reason}")
        self._write_error = reason
        self._retry_ms = self._world.now_ms() + RETRY_MS
        self._told()

    def _sync_now(self, file: AppendFile) -> None:
        try:
            file.sync()
        except OSError as error:
            self._log(
                "warning",
                "Can't persist AOF for fsync error when the AOF fsync policy is 'always': "
                f"{os.strerror(error.errno or 0)}. Exiting...",
            )
            self._world.abort(1)
        self._unsynced_bytes = 0
        self._synced_ms = self._world.now_ms()
        self._is_on_disk(self._written)

    def _is_on_disk(self, written: tuple[int, int]) -> None:
        """So many bytes of the journal, and so much of the replication stream, are in the file, fsynced."""
        if self.state == ON:
            self._journal.synced_bytes, self._server.replication.synced_offset = written
            self._server.replication.attachments.look()

    def _told(self) -> None:
        """Whether writes are to be refused."""
        self._journal.error = self._write_error or self._sync_error
        self._server.refresh()

    # time

    def tick(self) -> None:
        """Ten times a second: the fsync of everysec, and what could not be written before."""
        now_ms = self._world.now_ms()
        if self._journal.pending and (not self._write_error or now_ms >= self._retry_ms):
            self.flush()
        if (
            self._file is not None
            and self._unsynced_bytes
            and self._options.appendfsync == "everysec"
            and not self._syncing
            and not self._spares_disk()
            and now_ms - self._synced_ms >= SYNC_INTERVAL_MS
        ):
            self._syncing = True
            self._unsynced_bytes = 0
            self._synced_ms = now_ms
            written = self._written
            self._file.sync_soon(lambda failure: self._synced(failure, written))
        elif self._file is not None and not self._unsynced_bytes and not self._syncing and self.is_well:
            # Whatever the stream has brought since (a PING) changed nothing that would have to be written.
            self._written = (self._journal.fed_bytes, self._server.replication.offset)
            if not self._journal.pending:
                self._is_on_disk(self._written)

    def _synced(self, failure: str, written: tuple[int, int]) -> None:
        self._syncing = False
        if not failure:
            self._is_on_disk(written)
            self._server.replication.on_synced()
        if failure:
            self._complain("warning", f"Fail to fsync the AOF file: {failure}")
            self._unsynced_bytes += 1
        if failure != self._sync_error:
            self._sync_error = failure
            self._told()
        if self._postponed_since_ms is not None:
            self.flush()

    def count(self) -> None:
        """Counts the size of all files anew. Raises OSError."""
        self.size_bytes = sum(self.folder.size_bytes(each) for each in self.folder.manifest.files)

    # INFO

    @property
    def is_well(self) -> bool:
        """Whether the last write and the last fsync succeeded."""
        return not self._write_error and not self._sync_error

    @property
    def syncs_pending(self) -> int:
        """How many fsyncs are under way."""
        return int(self._syncing)
