"""MIGRATE's transfers: keys dumped here, restored on another node, and then deleted here.

Why no write is lost: from the moment that its keys are dumped until their end, a transfer has them in
server.in_transfer, and the engine parks every request that touches one. A parked request is routed anew when
the transfer is over: it finds the key still here, or gone, and is then sent to the target (ASK).

What can go wrong: - The link breaks, or time runs out, before the target's answer is here. The target may
hold a copy or may not; ours
  stays, and as long as the slot is not given away ours is the one that is served. The next attempt says so
  with BUSYKEY, or overwrites the copy with REPLACE.
- This node is demoted meanwhile. It deletes nothing then: its new primary has the keys, and decides. - The
slot is taken away meanwhile, and its keys with it. There is nothing left to delete, and only a key that was
  deleted here is propagated as such.
In each case every key is on at least one of the two, and the owner of the slot has one that is served.
"""

from __future__ import annotations

from typing import Final, Protocol

import hiredis

from cluster.commands.context import Migration, Server
from cluster.engine.engine import Engine
from cluster.node.world import Link, World
from cluster.replication.replication import Replication
from cluster.session.session import Session
from cluster.spec.options import Options
from cluster.store import dump
from protocol.resp.types import OK, ErrorReply, Reply
from protocol.resp.writer import encode_command

IDLE_MS_MAX = 10_000
IDLE_LINKS_MAX = 64
REFUSED = "Connection refused"
_NOTHING: Final = object()


class TransferHost(Protocol):
    """What transfers need of the node."""

    world: World
    options: Options
    server: Server
    engine: Engine
    replication: Replication

    def after_requests(self) -> None: ...


class Target:
    """A link to another node: an Endpoint of the World. It serves one transfer at a time, and is kept for a
    while."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.address = address
        self.link: Link | None = None
        self.database = 0
        self.transfer: Transfer | None = None
        self.idle_since_ms = 0
        self._reader = hiredis.Reader(notEnoughData=_NOTHING)

    def connected(self, link: Link) -> None:
        """The connection stands."""
        self.link = link
        if self.transfer is not None:
            self.transfer.connected()
        else:
            link.abort()

    def received(self, data: bytes) -> None:
        """Bytes of the target's replies."""
        try:
            self._reader.feed(data)
            while (reply := self._reader.gets()) is not _NOTHING:
                if self.transfer is None:
                    self.abort()
                    return
                self.transfer.replied(reply)
        except hiredis.ProtocolError:
            self.abort()

    def closed(self, reason: str) -> None:
        """The connection is gone, or was never made."""
        was_connected, self.link = self.link is not None, None
        if self.transfer is not None:
            self.transfer.lost(reason, was_connected=was_connected)

    def abort(self) -> None:
        """Closes at once."""
        if self.link is not None:
            self.link.abort()


class Transfer:
    """One MIGRATE under way."""

    def __init__(self, transfers: Transfers, session: Session, request: Migration) -> None:
        self._transfers = transfers
        self._host = transfers.host
        self._session = session
        self._request = request
        self._database = self._host.server.databases[session.database]
        self._target: Target
        self._was_kept = False
        self._awaited: list[bytes | None] = []
        self._moved: list[bytes] = []
        self._error: ErrorReply | None = None
        self._heard = False
        self._is_over = False
        self._progress_ms = self._host.world.now_ms()

    def start(self) -> None:
        """Takes the keys, and a link."""
        self._host.server.in_transfer.update(self._request.keys)
        self._watch_clock()
        self._take_link(self._transfers.kept((self._request.host, self._request.port)))

    def _take_link(self, kept: Target | None) -> None:
        self._was_kept = kept is not None
        if kept is not None:
            self._target = kept
            kept.transfer = self
            self.connected()
            return
        self._target = Target((self._request.host, self._request.port))
        self._target.transfer = self
        self._host.world.connect(
            self._request.host, self._request.port, self._target, timeout_ms=self._request.timeout_ms
        )

    def connected(self) -> None:
        """Sends all there is to send, in one go."""
        if self._is_over or self._target.link is None:
            self._target.abort()
            return
        self._progress_ms = self._host.world.now_ms()
        request, out = self._request, bytearray()
        self._awaited = []
        if request.password is not None:
            user = [] if request.user is None else [request.user]
            out += encode_command([b"AUTH", *user, request.password])
            self._awaited.append(None)
        if request.database != self._target.database:
            out += encode_command([b"SELECT", b"%d" % request.database])
            self._awaited.append(None)
        for key in request.keys:
            command = self._restore(key)
            if command:
                out += command
                self._awaited.append(key)
        self._awaited.reverse()
        self._target.link.write(out)

    def _restore(self, key: bytes) -> bytes:
        """The command that makes the key there; nothing when it has just expired."""
        entry = self._database.peek(key)
        if entry is None:
            return b""
        now_ms = self._host.world.unix_ms()
        ttl_ms = max(1, entry.expire_ms - now_ms) if entry.expire_ms else 0
        payload = dump.dump(entry.value, compress=self._host.options.rdbcompression)
        name = b"RESTORE-ASKING" if self._host.options.cluster_enabled else b"RESTORE"
        replace = [b"REPLACE"] if self._request.replace else []
        return encode_command([name, key, b"%d" % ttl_ms, payload, *replace])

    # what comes back

    def replied(self, reply: object) -> None:
        """One reply of the target's."""
        if not self._awaited:
            self._target.abort()
            return
        self._heard = True
        self._progress_ms = self._host.world.now_ms()
        key = self._awaited.pop()
        if isinstance(reply, hiredis.ReplyError):
            if self._error is None:
                text = str(reply).encode("utf-8", "surrogateescape")
                self._error = ErrorReply(b"ERR Target instance replied with error: " + text)
        elif key is not None:
            self._moved.append(key)
        if not self._awaited:
            self._end(keeps_link=self._error is None)

    def lost(self, reason: str, *, was_connected: bool) -> None:
        """The link is gone. One that had been kept may have been closed long ago: then a new one is tried."""
        if self._is_over:
            return
        if self._was_kept and not self._heard:
            self._take_link(None)
        elif was_connected:
            self._fail("reading to target instance")
        else:
            # Redis hears of a refused connection when it writes, of other failures before.
            refused = reason == REFUSED
            self._fail("writing to target instance" if refused else "connecting to the client")

    def _waits_for(self) -> str:
        link = self._target.link
        if link is None:
            return "connecting to the client"
        return f"{'writing' if link.unsent_bytes() else 'reading'} to target instance"

    def _watch_clock(self) -> None:
        if self._is_over:
            return
        due_ms = self._progress_ms + self._request.timeout_ms
        if self._host.world.now_ms() < due_ms:
            self._host.world.call_at(due_ms, self._watch_clock)
        else:
            self._fail(self._waits_for())

    def _fail(self, doing: str) -> None:
        if self._error is None:
            self._error = ErrorReply(f"IOERR error or timeout {doing}".encode())
        self._end(keeps_link=False)

    # the end

    def _end(self, *, keeps_link: bool) -> None:
        self._is_over = True
        self._target.transfer = None
        if keeps_link:
            self._target.database = self._request.database
            self._transfers.keep(self._target)
        else:
            self._target.abort()
        server = self._host.server
        server.clock.now_ms = self._host.world.unix_ms()
        reply = self._delete_moved()
        server.in_transfer.difference_update(self._request.keys)
        self._session.finish(reply)
        self._host.engine.retry_parked()
        self._host.after_requests()

    def _delete_moved(self) -> Reply:
        """Deletes what the target has now; what the client is to be told."""
        reply = OK if self._error is None else self._error
        if self._request.copy:
            return reply
        replication, database = self._host.replication, self._database
        if replication.primary is not None:
            return ErrorReply(b"READONLY You can't write against a read only replica.")
        gone = [key for key in self._moved if database.delete(key)]
        if gone:
            server = self._host.server
            server.dirty += len(gone)
            for key in gone:
                server.touched(database.index, key, b"del")
            self._host.engine.propagate(database.index, [b"DEL", *gone])
            self._session.write_offset = replication.offset
        return reply


class Transfers:
    """All transfers of a node, and the links that are kept for the next ones."""

    def __init__(self, host: TransferHost) -> None:
        self.host = host
        self._kept: list[Target] = []

    def start(self, session: Session, request: Migration) -> None:
        """Begins a transfer; the session gets its reply at the end."""
        transfer = Transfer(self, session, request)
        session.waiting = transfer
        transfer.start()

    def kept(self, address: tuple[str, int]) -> Target | None:
        """An idle link to that node, if there is one."""
        for target in self._kept:
            if target.address == address and target.link is not None:
                self._kept.remove(target)
                return target
        return None

    def keep(self, target: Target) -> None:
        """Takes a link that is idle now; it is closed when nobody wants it."""
        now_ms = self.host.world.now_ms()
        target.idle_since_ms = now_ms
        self._kept.append(target)
        if len(self._kept) > IDLE_LINKS_MAX:
            self._kept.pop(0).abort()
        self.host.world.call_at(now_ms + IDLE_MS_MAX, self._close_idle)

    def _close_idle(self) -> None:
        now_ms = self.host.world.now_ms()
        for target in list(self._kept):
            if now_ms - target.idle_since_ms >= IDLE_MS_MAX:
                self._kept.remove(target)
                target.abort()
