"""Replication's state and decisions: ids, offsets, the backlog, who follows whom. No sockets.

A history is named by an id of 40 hex characters, and a place in it by an offset: the number of bytes of the
stream until then. Two nodes with the same id and offset hold the same data. A promoted replica starts a
history with a new id but remembers the old one as `id2`, valid up to `offset2`, so that its siblings can go
on without a full copy.

What can go wrong: a primary that was cut off may hold writes that its successor never saw. Its offset is then
beyond `offset2`, the successor refuses to continue, and the full copy throws those writes away. A write that
no offset counts must never be possible within one id: that is why a stream begins, and ends with its backlog,
under a new id.

Source: https://redis.io/docs/latest/operate/oss_and_stack/management/replication/
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from cluster.replication.backlog import Backlog
from cluster.replication.primary import ONLINE, Replica, Replicas
from cluster.spec.options import Options
from protocol.psync import CommandStream, Continue, FullResync
from protocol.resp.writer import encode_command

NO_ID = "0" * 40
NO_DATABASE = -1
UNKNOWN_OFFSET = 1 << 63
"""Beyond all that a stream can have."""
UNCOUNTED = frozenset((b"ping", b"replconf", b"select", b"multi", b"exec"))
"""What the stream has besides the commands that clients sent."""

NONE = "none"
CONNECT = "connect"
CONNECTING = "connecting"
HANDSHAKE = "handshake"
SYNC = "sync"
CONNECTED = "connected"

NO_FAILOVER = "no-failover"
WAITING_FOR_SYNC = "waiting-for-sync"
FAILING_OVER = "failover-in-progress"


@dataclass(slots=True)
class LinkStatus:
    """The link to our primary, as ROLE and INFO tell of it. Times are unix milliseconds, 0 for never.

    `sync_total_bytes` is -1 before the snapshot begins, and 0 where its length is not told beforehand.
    `was_up`: since we are a replica.
    """

    state: str = NONE
    down_since_ms: int = 0
    last_io_ms: int = 0
    sync_total_bytes: int = 0
    sync_read_bytes: int = 0
    was_up: bool = False


class Replication:
    """Both sides: what we feed to replicas, and what we are of a primary. All times are unix milliseconds.

    id                  replication id, 40 hex characters
    id2, offset2        the id before the last promotion, and the first offset beyond what it is valid for; -1
    offset              bytes of the stream so far (master_repl_offset)
    primary             (host, port) that we follow, or None
    link                the link to it
    node_id             our name in the cluster, which our primary is told; "" outside of one
    failover_state      of a FAILOVER: none, we wait for a replica, or we ask it to be the primary
    synced_offset       how much of that our append only file has on disk for certain; -1 where there is none
    is_void             our data has been thrown away, and no whole copy has taken its place
    is_behind           our data is a file's, and may lack what we have acknowledged since it was written
    """

    def __init__(self, options: Options, rng: random.Random) -> None:
        self._options = options
        self._rng = rng
        self.id = new_id(rng)
        self.id2 = NO_ID
        self.offset = 0
        self.offset2 = -1
        self.synced_offset = -1
        self.failover_state = NO_FAILOVER
        self.is_void = False
        self._catches_up_at = 0
        self.node_id = ""
        self.primary: tuple[str, int] | None = None
        self.link = LinkStatus()
        self.backlog: Backlog | None = None
        self.attachments = Replicas()
        self.full_syncs = 0
        self.partial_syncs = 0
        self.partial_refusals = 0
        self.on_outgoing: Callable[[], None] = lambda: None
        """Called when something waits for the replicas and nothing did before: take_outgoing() is due
        soon."""
        self.on_synced: Callable[[], None] = lambda: None
        """Called when more of the stream is on disk than a moment ago, for a replica to tell its primary."""
        self._outgoing = bytearray()
        self._database = NO_DATABASE
        self._alone_since_ms = 0
        self._pinged_ms = 0
        self.holds_still = False
        """Whether a replica waits to reach our offset in a manual failover: a PING would move it away."""

    # what the rest of the node asks

    @property
    def replicas(self) -> list[Replica]:
        """The attached replicas, in order of arrival."""
        return self.attachments.attached

    @property
    def link_state(self) -> str:
        """ "none", "connect", "connecting", "handshake", "sync" or "connected", as ROLE words them."""
        return self.link.state

    @property
    def link_up(self) -> bool:
        """Whether what our primary writes arrives here."""
        return self.link.state == CONNECTED

    @property
    def is_behind(self) -> bool:
        return self.offset < self._catches_up_at

    @property
    def syncing(self) -> bool:
        """Whether a full copy is being received."""
        return self.link.state == SYNC

    def acknowledged_by(self, offset: int) -> int:
        """How many replicas have acknowledged so much: for WAIT."""
        return self.attachments.acknowledged_by(offset)

    def synced_by(self, offset: int) -> int:
        """How many replicas have so much on disk: for WAITAOF."""
        return self.attachments.synced_by(offset)

    def good_replicas(self, now_ms: int) -> int:
        """How many replicas lag no more than min-replicas-max-lag."""
        return self.attachments.good(now_ms, self._options.min_replicas_max_lag)

    # the stream

    def feeds_anyone(self) -> bool:
        """Whether feed() has anywhere to put data; when not, the engine need not even encode it."""
        return self.backlog is not None and self.primary is None

    def feed(self, data: bytes | bytearray, database: int = 0) -> None:
        """Appends a propagated write (RESP) to the stream: backlog and every attached replica."""
        if not self.feeds_anyone():
            return
        if database != self._database:
            self._database = database
            self._append(encode_command([b"SELECT", b"%d" % database]))
        self._append(data)

    def feed_verbatim(self, data: bytes) -> None:
        """Our primary's own bytes, applied here: our replicas get them unchanged, under the same offsets."""
        if self.backlog is None:
            self.offset += len(data)
        else:
            self._append(data)

    def _append(self, data: bytes | bytearray) -> None:
        self.offset += len(data)
        was_empty = not self._outgoing
        self._outgoing += data
        if was_empty:
            self.on_outgoing()

    def take_outgoing(self) -> bytes:
        """What has been fed since the last call, now in the backlog, to be sent to every replica."""
        data = bytes(self._outgoing)
        self._outgoing.clear()
        if self.backlog is not None and data:
            self.backlog.append(data)
        return data

    def ask_for_acks(self) -> None:
        """Has the replicas tell their offsets now, not within a second."""
        self.feed(encode_command([b"REPLCONF", b"GETACK", b"*"]), self.database)

    # replicas

    def answer(self, replica: Replica, asked_id: str, asked_offset: int) -> tuple[Continue | FullResync, str]:
        """Decides on a PSYNC, and says it in a log line. What take_outgoing() gives has been sent before."""
        refusal = self._refusal(replica, asked_id, asked_offset)
        if refusal:
            self.partial_refusals += asked_id != "?"
            return FullResync(self.id, self.offset, self._parted_at(replica, asked_id, asked_offset)), refusal
        assert self.backlog is not None
        self.partial_syncs += 1
        length = self.backlog.next_offset - asked_offset
        return Continue(self.id if replica.takes_new_id else "", self.offset if replica.node_id else -1), (
            f"Partial resynchronization request from {replica.address} accepted. "
            f"Sending {length} bytes of backlog starting from offset {asked_offset}."
        )

    def _parted_at(self, replica: Replica, asked_id: str, asked_offset: int) -> int:
        """Where a former primary's history and ours part, if it went on alone."""
        has_tail = asked_id.lower() == self.id2 and asked_offset > self.offset2
        return self.offset2 - 1 if has_tail and replica.node_id else -1

    def discarded(self, parted_at: int) -> str:
        """What of our history no other has, for the log: a full copy is about to take its place."""
        size, count = self.offset - parted_at, 0
        if self.backlog is None or not self.backlog.covers(parted_at + 1):
            return f"{size} bytes, of commands that are not in the backlog any more"
        stream = CommandStream()
        stream.feed(self.backlog.since(parted_at + 1) + bytes(self._outgoing))
        while (found := stream.next()) is not None:
            argv, _ = found
            count += bool(argv) and argv[0].lower() not in UNCOUNTED
        return f"{size} bytes, {count} commands"

    def _refusal(self, replica: Replica, asked_id: str, asked_offset: int) -> str:
        if asked_id == "?":
            return f"Full resync requested by replica {replica.address}"
        asked_id = asked_id.lower()
        if asked_id != self.id and asked_id != self.id2:
            return (
                "Partial resynchronization not accepted: Replication ID mismatch "
                f"(Replica asked for '{asked_id}', my replication IDs are '{self.id}' and '{self.id2}')"
            )
        if asked_id != self.id and asked_offset > self.offset2:
            return (
                "Partial resynchronization not accepted: Requested offset for second ID was "
                f"{asked_offset}, but I can reply up to {self.offset2}"
            )
        if self.backlog is None or not self.backlog.covers(asked_offset):
            return (
                f"Unable to partial resync with replica {replica.address} for lack of backlog "
                f"(Replica request was: {asked_offset})."
            )
        return ""

    def attach(self, replica: Replica, now_ms: int) -> None:
        """Counts a replica in; the first one starts a stream."""
        self._begin_history()
        replica.ack_ms = now_ms
        self.replicas.append(replica)

    def _begin_history(self) -> None:
        """Makes the backlog where there is none. Writes made without one have no offset, so the history that
        our id names is not what we hold: a new id keeps anyone from continuing it."""
        if self.backlog is not None:
            return
        self.id, self.id2, self.offset2 = new_id(self._rng), NO_ID, -1
        self._outgoing.clear()
        self.backlog = Backlog(self._options.repl_backlog_size, self.offset + 1)

    @property
    def database(self) -> int:
        """The database that the stream we feed has selected; 0 where it names one before it writes again."""
        return max(self._database, 0)

    def copy_begins(self) -> None:
        """A snapshot is being taken at this offset: the stream behind it must name its database anew."""
        self.full_syncs += 1
        self._database = NO_DATABASE

    def detach(self, replica: Replica, now_ms: int) -> None:
        """Its connection is gone."""
        if replica in self.replicas:
            self.replicas.remove(replica)
            self._alone_since_ms = now_ms

    # what we are of a primary

    def follow(self, host: str, port: int, now_ms: int) -> None:
        """Be a replica of that one. Our id and offset stay: they are what we ask it to continue from."""
        self.primary = (host, port)
        self.link = LinkStatus(CONNECT, down_since_ms=now_ms, was_up=self.link.was_up)
        if self.backlog is None:
            # What was written without one has no offset, so that our id does not name what we hold.
            self.begin_anew()

    def promote(self, now_ms: int) -> None:
        """Be a primary: a new history begins where the one that we followed ends."""
        if self.primary is None:
            return
        self.primary = None
        self.is_void = False
        self._catches_up_at = 0
        self.link = LinkStatus()
        self.id2, self.offset2 = self.id, self.offset + 1
        self.id = new_id(self._rng)
        self._database = NO_DATABASE
        self._alone_since_ms = now_ms

    def adopt(self, history_id: str, offset: int) -> None:
        """A full copy has been loaded: its history is ours. Replicas of ours have to be disconnected."""
        self.id, self.id2 = history_id, NO_ID
        self.offset, self.offset2 = offset, -1
        self.is_void = False
        self._catches_up_at = 0
        self._outgoing.clear()
        self.backlog = Backlog(self._options.repl_backlog_size, offset + 1)

    def go_on(self, history_id: str, offset: int) -> None:
        """A replica's data has been read from a file: it holds this history up to there, and is behind until
        its primary's stream has brought all that there was when their link stood again.
        """
        self.id, self.offset = history_id, offset
        self._catches_up_at = UNKNOWN_OFFSET
        self.backlog = Backlog(self._options.repl_backlog_size, offset + 1)

    def continued(self, reaches: int) -> None:
        """Our primary goes on with the stream from where we are; it `reaches` that far by now, -1 where we
        are not told.
        """
        if self.is_behind and reaches >= 0:
            self._catches_up_at = reaches
        if self.backlog is None:
            self.backlog = Backlog(self._options.repl_backlog_size, self.offset + 1)

    def succeed(self, history_id: str, offset: int, now_ms: int) -> None:
        """A primary's data has been read from a file: ours is a new history that begins where the file's
        ends, so that replicas that are just as far go on without a full copy."""
        self.id2, self.offset, self.offset2 = history_id, offset, offset + 1
        self.backlog = Backlog(self._options.repl_backlog_size, offset + 1)
        self._alone_since_ms = now_ms

    def void(self) -> None:
        """Our data is being thrown away for a copy: what we hold is no place in any history."""
        self.begin_anew()
        self.is_void = True
        self.offset = 0
        self._outgoing.clear()
        self.backlog = Backlog(self._options.repl_backlog_size, 1)

    def begin_anew(self) -> None:
        """Take a new id and forget the one before: whoever asks to continue gets a full copy."""
        self.id, self.id2, self.offset2 = new_id(self._rng), NO_ID, -1

    def rename(self, history_id: str) -> bool:
        """Our primary continues our history under this id. Whether it is a new one: then replicas of ours
        have to be disconnected, so that they hear of it."""
        if history_id in ("", self.id):
            return False
        self.id2, self.offset2 = self.id, self.offset + 1
        self.id = history_id
        return True

    # time

    def tick(self, now_ms: int) -> None:
        """Once or more a second: PINGs to replicas, the backlog's size and life, the ends of WAITs."""
        self.attachments.look()
        if self.primary is None and self.replicas:
            period_ms = self._options.repl_ping_replica_period * 1000
            if now_ms - self._pinged_ms >= period_ms and not self.holds_still:
                self._pinged_ms = now_ms
                self.feed(encode_command([b"PING"]), self.database)
        elif self.backlog is not None and self.primary is None:
            self._forget_backlog(now_ms)
        if self.backlog is not None and self.backlog.size_bytes != self._options.repl_backlog_size:
            self.backlog.resize(self._options.repl_backlog_size)

    def _forget_backlog(self, now_ms: int) -> None:
        ttl_ms = self._options.repl_backlog_ttl * 1000
        if ttl_ms and now_ms - self._alone_since_ms > ttl_ms:
            self.backlog = None
            self._outgoing.clear()
            self.id, self.id2, self.offset2 = new_id(self._rng), NO_ID, -1

    # INFO replication

    def info_fields(self, now_ms: int) -> dict[str, str | int]:
        """INFO's replication section, in its order."""
        fields: dict[str, str | int] = {"role": "master"}
        if self.primary is not None:
            fields = self._link_fields(self.primary, now_ms)
        fields["connected_slaves"] = len(self.replicas)
        if self._options.min_replicas_to_write and self._options.min_replicas_max_lag:
            fields["min_slaves_good_slaves"] = self.good_replicas(now_ms)
        for index, replica in enumerate(self.replicas):
            lag_s = replica.lag_s(now_ms) if replica.state == ONLINE else 0
            fields[f"slave{index}"] = (
                f"ip={replica.announced_host or replica.host},port={replica.port},state={replica.state},"
                f"offset={replica.ack_offset},lag={lag_s}"
            )
        backlog = self.backlog
        fields |= {
            "master_failover_state": self.failover_state,
            "master_replid": self.id,
            "master_replid2": self.id2,
            "master_repl_offset": self.offset,
            "second_repl_offset": self.offset2,
            "repl_backlog_active": int(backlog is not None),
            "repl_backlog_size": self._options.repl_backlog_size,
            "repl_backlog_first_byte_offset": backlog.first_offset if backlog is not None else 0,
            "repl_backlog_histlen": self.offset + 1 - backlog.first_offset if backlog is not None else 0,
        }
        return fields

    def _link_fields(self, primary: tuple[str, int], now_ms: int) -> dict[str, str | int]:
        link = self.link
        io_s = (now_ms - link.last_io_ms) // 1000 if link.last_io_ms else -1
        fields: dict[str, str | int] = {
            "role": "slave",
            "master_host": primary[0],
            "master_port": primary[1],
            "master_link_status": "up" if self.link_up else "down",
            "master_last_io_seconds_ago": io_s if self.link_up else -1,
            "master_sync_in_progress": int(self.syncing),
            "slave_read_repl_offset": self.offset,
            "slave_repl_offset": self.offset,
        }
        if self.syncing:
            total, read = link.sync_total_bytes, link.sync_read_bytes
            fields |= {
                "master_sync_total_bytes": total,
                "master_sync_read_bytes": read,
                "master_sync_left_bytes": total - read,
                "master_sync_perc": f"{100 * read / total:.2f}" if total else "0.00",
                "master_sync_last_io_seconds_ago": io_s,
            }
        if not self.link_up:
            down_s = (now_ms - link.down_since_ms) // 1000 if link.was_up else -1
            fields["master_link_down_since_seconds"] = down_s
        fields["slave_priority"] = self._options.replica_priority
        fields["slave_read_only"] = int(self._options.replica_read_only)
        fields["replica_announced"] = int(self._options.replica_announced)
        return fields


def new_id(rng: random.Random) -> str:
    """A replication id."""
    return f"{rng.getrandbits(160):040x}"
