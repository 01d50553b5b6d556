"""Full copies of our data for replicas.

A copy is taken by a forked child at one moment of the stream: `+FULLRESYNC` names that moment, and what the
stream brings meanwhile is held for each replica and sent behind the copy. All replicas that wait at the
moment of a fork, and want the same parts, share it. Unlike Redis, which waits repl-diskless-sync-delay for
more of them, the fork comes at once: a replica that is late only costs another fork.

The child's bytes go straight to the replicas (repl-diskless-sync), as fast as the slowest of them takes them.
With repl-diskless-sync no, or where one of them does not know how such a copy ends, they become our RDB file,
which is then sent from the disk. Neither way is more in memory than what a replica has not taken of the last
few megabytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from cluster.commands.context import Server
from cluster.node.accounts import RDB
from cluster.node.clients import ClientConnection
from cluster.node.disk import Disk
from cluster.node.log import Log
from cluster.node.world import Child, World
from cluster.replication.primary import DATA, RDB_PARTS, SEND_BULK, WAIT_BGSAVE, Replica
from cluster.replication.replication import Replication
from cluster.spec.options import Options
from protocol.psync import FullResync

UNSENT_BYTES_PAUSE = 8 << 20
"""While a replica has not taken so much of its copy, whoever produces it waits."""
LOOK_AGAIN_MS = 10
PART_BYTES = 256 * 1024


class CopyingHost(Protocol):
    """What full copies need of the node."""

    world: World
    log: Log
    options: Options
    replication: Replication
    disk: Disk
    server: Server


class Outlet:
    """A replica's connection. `held` has the stream since its copy's moment, until it may be sent; None when
    nothing is to be held. `is_being_sent`: its copy, from a file. Times are unix milliseconds."""

    __slots__ = ("connection", "held", "is_being_sent", "moved_ms", "replica", "unsent_bytes")

    def __init__(self, replica: Replica, connection: ClientConnection) -> None:
        self.replica = replica
        self.connection = connection
        self.held: bytearray | None = None
        self.is_being_sent = False
        self.unsent_bytes = 0
        self.moved_ms = 0


class FullCopy:
    """One fork, and the replicas that get what it produces: these parts."""

    def __init__(self, outlets: list[Outlet], marker: bytes, parts: frozenset[str]) -> None:
        self.outlets = outlets
        self.parts = parts
        self.marker = marker
        self.child: Child | None = None
        self.is_paused = False


class FullCopies:
    """`outlets` are all replicas' connections; `flush` sends what the stream has until now; `done` is called
    with an outlet that has its whole copy and need not acknowledge it."""

    def __init__(
        self,
        host: CopyingHost,
        outlets: dict[int, Outlet],
        flush: Callable[[], None],
        done: Callable[[Outlet], None],
    ) -> None:
        self._host = host
        self._outlets = outlets
        self._flush = flush
        self._done = done
        self._copy: FullCopy | None = None
        self._is_due = False

    def begin_soon(self) -> None:
        """A replica waits for a copy."""
        # Behind what this turn of the loop still brings, so that replicas that come together share a fork.
        if not self._is_due and self._copy is None:
            self._is_due = True
            self._host.world.call_at(self._host.world.now_ms(), self._begin)

    def stop(self) -> None:
        """The node is ending."""
        if self._copy is not None and self._copy.child is not None:
            self._copy.child.kill()

    def is_over(self, outlet: Outlet) -> bool:
        """Whether no copy is being sent there."""
        return not outlet.is_being_sent and (self._copy is None or outlet not in self._copy.outlets)

    def gone(self, outlet: Outlet) -> None:
        """Its connection is closed."""
        outlet.is_being_sent = False
        copy = self._copy
        if copy is not None and outlet in copy.outlets:
            copy.outlets.remove(outlet)
            if not copy.outlets and copy.child is not None:
                self._host.log("notice", "Diskless rdb transfer, last replica dropped, killing fork child.")
                copy.child.kill()

    def _begin(self) -> None:
        self._is_due = False
        waiting = [
            each
            for each in self._outlets.values()
            if each.replica.state == WAIT_BGSAVE and each.replica in self._host.replication.replicas
        ]
        if not waiting or self._copy is not None:
            return
        waiting = self._able(waiting)
        if not waiting:
            return
        self._flush()
        parts = waiting[0].replica.rdb_parts
        waiting = [each for each in waiting if each.replica.rdb_parts == parts]
        takes_eof = all(each.replica.takes_eof for each in waiting)
        # Our RDB file is never to have less than all.
        streams = parts != RDB_PARTS or (self._host.options.repl_diskless_sync and takes_eof)
        copy = FullCopy(waiting, b"%040x" % self._host.world.random.getrandbits(160), parts)
        if streams:
            self._begin_stream(copy)
        else:
            self._begin_file(copy)

    def _able(self, waiting: list[Outlet]) -> list[Outlet]:
        """Those that can read what we have: a redis-server 7.0 ends itself over a hash whose fields have
        ends. The others are sent off, to ask again; who only keeps the file (redis-cli --rdb) may have it."""
        if not any(each.field_expiry.has_ends() for each in self._host.server.databases):
            return waiting
        able = []
        for each in waiting:
            replica = each.replica
            if replica.takes_field_ends or replica.rdb_only or DATA not in replica.rdb_parts:
                able.append(each)
                continue
            self._host.log(
                "warning",
                f"Replica {replica.address} gets no copy: it has not said that it can read hashes whose "
                "fields expire (HEXPIRE), and there are some.",
            )
            each.connection.write(b"-NOMASTERLINK Can't SYNC: there are hashes whose fields expire\r\n")
            each.connection.close()
        return able

    def _tell_moment(self, copy: FullCopy) -> None:
        """To each replica, which place in the stream the copy is of."""
        replication = self._host.replication
        for outlet in copy.outlets:
            outlet.replica.state = SEND_BULK
            outlet.held = bytearray()
            outlet.moved_ms = self._host.world.unix_ms()
            if not outlet.replica.old_protocol:
                answer = FullResync(replication.id, replication.offset, outlet.replica.parted_at)
                outlet.connection.write(answer.line())

    def _failed(self, copy: FullCopy, failure: str) -> None:
        self._copy = None
        self._host.log("warning", f"Background RDB transfer error: {failure}")
        for outlet in list(copy.outlets):
            outlet.connection.abort()
        self.begin_soon()

    # straight to the sockets

    def _begin_stream(self, copy: FullCopy) -> None:
        host, self._copy = self._host, copy
        host.replication.copy_begins()
        host.log("notice", "Starting BGSAVE for SYNC with target: replicas sockets")
        account = host.disk.account()

        def streamed(failure: str) -> None:
            host.disk.accounts.close(account, RDB)
            self._streamed(failure)

        try:
            copy.child = host.world.fork_stream(
                lambda: host.disk.snapshot(count=account.count, parts=copy.parts),
                self._chunk,
                streamed,
                account,
            )
        except OSError as error:
            host.disk.accounts.close(account, RDB)
            self._failed(copy, f"Can't fork: {error.strerror}")
            return
        host.log("notice", f"Background RDB transfer started by pid {copy.child.pid}")
        self._tell_moment(copy)
        for outlet in copy.outlets:
            outlet.connection.write(b"$EOF:%b\r\n" % copy.marker)

    def _chunk(self, data: bytes) -> None:
        copy = self._copy
        if copy is None:
            return
        for outlet in list(copy.outlets):
            outlet.connection.write(data)
        self._throttle(copy)

    def _throttle(self, copy: FullCopy) -> None:
        """Holds the child while a replica is behind, and lets it go on when all have taken most of it."""
        if copy is not self._copy or copy.child is None:
            return
        is_behind = any(_is_behind(each) for each in copy.outlets)
        if is_behind and not copy.is_paused:
            copy.child.pause_reading()
        elif copy.is_paused and not is_behind:
            copy.child.resume_reading()
        copy.is_paused = is_behind
        if is_behind:
            self._host.world.call_at(self._host.world.now_ms() + LOOK_AGAIN_MS, lambda: self._throttle(copy))

    def _streamed(self, failure: str) -> None:
        copy = self._copy
        if copy is None:
            return
        if failure:
            self._failed(copy, failure)
            return
        self._copy = None
        self._host.log("notice", "Background RDB transfer terminated with success")
        for outlet in list(copy.outlets):
            outlet.connection.write(copy.marker)
            self._host.log(
                "notice",
                f"Streamed RDB transfer with replica {outlet.replica.address} succeeded (socket). "
                "Waiting for REPLCONF ACK from slave to enable streaming",
            )
        self.begin_soon()

    # by way of our RDB file

    def _begin_file(self, copy: FullCopy) -> None:
        host = self._host
        if host.disk.is_busy:
            host.log(
                "notice", "Can't attach the replica to the current BGSAVE. Waiting for next BGSAVE for SYNC"
            )
            host.disk.when_idle(self.begin_soon)
            return
        self._copy = copy
        host.replication.copy_begins()
        host.log("notice", "Starting BGSAVE for SYNC with target: disk")
        failure = host.disk.save_in_background(lambda failure: self._saved(copy, failure))
        if failure:
            self._failed(copy, failure)
            return
        self._tell_moment(copy)

    def _saved(self, copy: FullCopy, failure: str) -> None:
        if failure:
            self._failed(copy, failure)
            return
        self._copy = None
        files, name = self._host.world.files, self._host.options.dbfilename
        for outlet in list(copy.outlets):
            try:
                size = files.size_bytes(name) or 0
                outlet.connection.write(b"$%d\r\n" % size)
                outlet.is_being_sent = True
                self._send(outlet, files.read_parts(name, PART_BYTES))
            except OSError as error:
                self._host.log("warning", f"Failed to open/stat DB file after BGSAVE: {error.strerror}")
                outlet.connection.abort()
        self.begin_soon()

    def _send(self, outlet: Outlet, parts: Iterator[bytes]) -> None:
        """As much as it takes now, and the rest when it has taken that."""
        while outlet.is_being_sent and not _is_behind(outlet):
            part = next(parts, None)
            if part is None:
                outlet.is_being_sent = False
                if not outlet.replica.rdb_only:
                    self._done(outlet)
                return
            outlet.connection.write(part)
        if outlet.is_being_sent:
            world = self._host.world
            world.call_at(world.now_ms() + LOOK_AGAIN_MS, lambda: self._send(outlet, parts))


def _is_behind(outlet: Outlet) -> bool:
    return outlet.connection.unsent_bytes() > UNSENT_BYTES_PAUSE
