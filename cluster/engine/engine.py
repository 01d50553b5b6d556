"""One request in, one reply out: lookup, gates, handler, propagation.

serve() is the hot path: a request of a plain client to a calm node needs one lookup, an arity check, in
cluster mode one look at its slot, and its handler. Whatever is not plain goes through the gates in their
order.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence

from cluster.commands.context import Context, Server
from cluster.commands.redaction import redacted
from cluster.core.core import Core
from cluster.engine.applier import Applier
from cluster.engine.durations import note_duration
from cluster.engine.entries import Entry, Table
from cluster.engine.gates import GATES, UNQUEUED, Request
from cluster.engine.propagate import Propagation
from cluster.engine.room import TICK_REQUESTS, Room
from cluster.engine.unblocking import Unblocker
from cluster.engine.untouched import restore, uses
from cluster.session.session import Session, TrackingMode
from cluster.session.waiters import Waiter
from cluster.spec.command import CommandSpec
from cluster.spec.errors import CommandError
from cluster.store import libraries
from protocol.keyslot import key_slot
from protocol.resp.types import LATER, NO_REPLY, OK, QUEUED, ErrorReply, Reply

ACTIVE_EXPIRY_KEYS = 200
"""Expired keys that one tick removes for each point of active-expire-effort, in each database."""

SHOWN_BYTES = 128
"""How much of an unknown command, and of its arguments, the error repeats."""

UNSHOWN = frozenset(("admin", "skip_monitor"))
"""Requests that MONITOR does not show once they have been served."""

WEB_REQUEST = frozenset((b"post", b"host:"))
"""The words by which a web page's request to our port betrays itself."""


class Engine:
    """Serves the requests of one node."""

    def __init__(self, server: Server) -> None:
        """Raises ValueError when rename-command names what is not there, or names one twice."""
        self._server = server
        self._replication = server.replication
        self._core = server.core
        self._table = Table(server.statistics, server.options.rename_command)
        self._hot = self._table.hot
        self._propagation = Propagation(server.replication, server.journal)
        self._applier = Applier(server, self._applied)
        self._replayer = Applier(server, self._replayed)
        self._room = Room(server, self._propagation)
        server.make_room = self._room.make
        self._waiters = server.waiters
        self._unblocker = Unblocker(server, self._attempt)
        self._depth = 0
        self._next_id = 1
        self._followed_id: str | None = None
        self._parked: dict[Session, list[bytes]] = {}
        self._serving: Session | None = None
        self._stopwatch_ns = server.clock.stopwatch_ns
        server.runner = self
        for database in server.databases:
            database.on_expired = self._expiry_of(database.index)
            database.on_fields_expired = self._field_expiry_of(database.index)
        server.refresh()

    # clients

    def open(
        self, address: str, local_address: str, deliver: Callable[[Reply], None], close: Callable[[], None]
    ) -> Session:
        """A client has come."""
        server = self._server
        session = Session(self._new_id(), address, local_address, deliver, close, server.clock.now_ms)
        session.last_interaction_ms = session.created_ms
        session.authenticated = not server.options.requirepass
        session.context = Context(server, session)
        session.refresh()
        server.sessions[session.id] = session
        server.statistics.connections += 1
        return session

    def _new_id(self) -> int:
        self._next_id += 1
        return self._next_id - 1

    def open_primary(self, address: str, local_address: str, close: Callable[[], None]) -> Session:
        """We are in step with our primary: its link is one of the clients now, for people who look at them or
        close some. One that goes on with the stream of another keeps its number, as in Redis."""
        session, now_ms = self._applier.session, self._server.clock.now_ms
        session.address, session.local_address, session.close = address, local_address, close
        if not session.id:
            session.id, session.created_ms = self._new_id(), now_ms
        session.last_interaction_ms = now_ms
        self._server.sessions[session.id] = session
        return session

    def close_primary(self) -> None:
        """The link has ended, if there was one."""
        self._server.sessions.pop(self._applier.session.id, None)

    def close(self, session: Session) -> None:
        """A client has gone."""
        self._server.sessions.pop(session.id, None)
        self._server.watches.forget(session)
        self._server.pubsub.forget(session)
        self._server.monitors.forget(session)
        self._server.tracking.stop(session)
        self._unblocker.forget(session)
        self._parked.pop(session, None)

    def hang_up(self, session: Session) -> None:
        """Closes a client; the one being served after its reply."""
        if session is self._serving and self._depth:
            session.close_after_reply = True
        else:
            session.close()

    # serving

    def serve(self, session: Session, argv: list[bytes]) -> Reply:
        """The reply to a request: LATER when it comes through session.finish(), NO_REPLY when there is
        none."""
        entry = self._hot.get(argv[0])
        server = self._server
        if (
            entry is None
            or not session.plain
            or not server.calm
            or server.in_transfer
            or self._replication.primary is not None
        ):
            return self._serve_gated(session, argv)
        words = len(argv)
        if words != entry.words_min and (words < entry.words_min or entry.words_exact):
            return self._serve_gated(session, argv)
        if self._core is not None:
            at = entry.single_key
            if at:
                if not self._core.serving[key_slot(argv[at])]:
                    return self._serve_gated(session, argv)
            elif entry.is_keyed:
                return self._serve_gated(session, argv)
        return self._call(session, entry, argv)

    def run(self, session: Session, argv: list[bytes]) -> Reply:
        """Runs a request that the gates have let through, inside the one being served (EXEC's)."""
        entry = self._table.find(argv)
        assert entry is not None  # it was found when it was queued
        return self._call_gated(session, entry, argv)

    def is_nested(self) -> bool:
        """Whether the request being run is inside another one (EXEC's): then it cannot reply LATER."""
        return self._depth > 1

    def lookup(self, argv: Sequence[bytes]) -> CommandSpec | None:
        """The command or subcommand that a request names."""
        entry = self._table.find(argv)
        return entry.spec if entry is not None else None

    def specs(self) -> dict[bytes, CommandSpec]:
        """Every command under its name on this node."""
        return self._table.specs

    def _call(self, session: Session, entry: Entry, argv: list[bytes]) -> Reply:
        """Runs a handler, counts, and propagates what it has written."""
        server = self._server
        context: Context = session.context
        context.argv = argv
        session.last_command = entry.name
        session.last_interaction_ms = server.clock.now_ms
        self._serving = session
        dirty = server.dirty
        self._depth += 1
        reply: Reply
        if server.monitors.sessions and "skip_monitor" in entry.flags:
            self._show(session, argv)
        began_ns = self._stopwatch_ns()
        try:
            reply = entry.handler(context, *argv[entry.first :])
        except CommandError as error:
            reply = error.reply
            context.instead = None
        except Exception:
            reply = self._mistake(argv)
            context.instead = None
        usec = (self._stopwatch_ns() - began_ns) / 1000
        self._depth -= 1
        stats = entry.stats
        stats.calls += 1
        stats.usec += usec
        if usec < server.ordinary_usec:
            durations, whole = stats.durations, int(usec)
            durations[whole] = durations.get(whole, 0) + 1
        else:
            note_duration(server, session, entry, argv, int(usec))
        if server.monitors.sessions and entry.flags.isdisjoint(UNSHOWN):
            self._show(session, argv)
        if session.tracking is not None:
            self._track(session, session.tracking, entry, argv)
        if type(reply) is ErrorReply:
            stats.failed_calls += 1
            server.statistics.count_error(reply)
        if entry.may_replicate and (server.dirty != dirty or context.instead is not None):
            self._wrote(context, argv)
        if not self._depth:
            if self._propagation.pending:
                self._flush(session)
            if self._waiters.ready:
                self._unblocker.serve_ready()
        return reply

    def _call_gated(self, session: Session, entry: Entry, argv: list[bytes]) -> Reply:
        """As _call(), for a client that is not plain: its use of the keys may not count."""
        if not session.no_touch:
            return self._call(session, entry, argv)
        database = session.context.db
        before = uses(database, entry, argv)
        reply = self._call(session, entry, argv)
        restore(database, before)
        return reply

    def _show(self, session: Session, argv: list[bytes]) -> None:
        """To those who MONITOR: a request when it has been served (a script before what it calls)."""
        self._server.monitors.show(self._server.host.unix_us(), session, redacted(argv))

    def _track(self, session: Session, mode: TrackingMode, entry: Entry, argv: list[bytes]) -> None:
        """The keys that this client has just read, it may keep: it is to hear of their changes."""
        if "readonly" in entry.flags and entry.is_keyed:
            keys_max = self._server.options.tracking_table_max_keys
            self._server.tracking.remember(session, entry.spec.keys(argv), keys_max)
        if not self._depth and session.queue is None and not entry.name.startswith("client|"):
            mode.next_is_excepted = False

    def _attempt(self, waiter: Waiter, key: bytes) -> Reply:
        """What a client that waits for a key can have of it now: a request of its own, but it counts as one
        with the one that began the wait."""
        context: Context = waiter.session.context
        dirty = self._server.dirty
        self._depth += 1
        reply: Reply
        try:
            reply = waiter.attempt(key)
        except CommandError as error:
            reply = error.reply
            context.instead = None
        except Exception:
            reply = self._mistake(context.argv)
            context.instead = None
        self._depth -= 1
        if self._server.dirty != dirty or context.instead is not None:
            self._wrote(context, context.argv)
            self._flush(waiter.session)
        return reply

    def _flush(self, session: Session) -> None:
        """Feeds what one request of this client has written."""
        self._propagation.flush(together=True)
        session.write_offset = self._replication.offset

    def _wrote(self, context: Context, argv: list[bytes]) -> None:
        commands, context.instead = context.instead, None
        if not self._propagation.is_wanted():
            return
        for command in [argv] if commands is None else commands:
            self._propagation.pending.append((context.db.index, command))

    def _mistake(self, argv: list[bytes]) -> ErrorReply:
        """A handler has failed in a way that it must not: our mistake costs one request, never the node."""
        self._server.statistics.unexpected_errors += 1
        name = argv[0][:SHOWN_BYTES].decode(errors="replace")
        self._server.host.log("warning", f"Internal error in {name}:\n{traceback.format_exc()}")
        return ErrorReply(b"ERR internal error")

    # the gates

    def _serve_gated(self, session: Session, argv: list[bytes]) -> Reply:
        """What is true of the reply whatever the request: CLIENT REPLY, and ASKING for one request only."""
        skips, asked = session.skip_next > 0, session.asking
        reply = self._pass_gates(session, argv)
        if session in self._parked:
            return LATER
        if reply is LATER:
            session.skips_late = skips or not session.replies_on
        if skips:
            session.skip_next -= 1
        if asked and argv[0].lower() != b"asking":
            session.asking = False
        if skips or asked:
            session.refresh()
        return NO_REPLY if (skips or not session.replies_on) and reply is not LATER else reply

    def _pass_gates(self, session: Session, argv: list[bytes]) -> Reply:
        entry = self._table.get(argv[0])
        if entry is None:
            return self._refuse(session, None, self._unknown(session, argv))
        found = entry.find(argv)
        if found is None:
            return self._refuse(session, None, _unknown_subcommand(argv))
        if not found.spec.takes(len(argv)):
            return self._refuse(
                session,
                found,
                ErrorReply(b"ERR wrong number of arguments for '%b' command" % found.name.encode()),
            )
        if session.queue is not None and "no_multi" in found.flags:
            return self._refuse(session, found, ErrorReply(b"ERR Command not allowed inside a transaction"))
        request = Request(session, argv, found, self._queued(session) if found.name == "exec" else [])
        for gate in GATES:
            refusal = gate(self._server, request)
            if refusal is LATER:
                self._parked[session] = argv
                return LATER
            if type(refusal) is ErrorReply:
                return self._refuse(session, found, refusal)
        if session.queue is not None and found.name not in UNQUEUED:
            session.enqueue(argv)
            return QUEUED
        return self._call_gated(session, found, argv)

    def _queued(self, session: Session) -> list[tuple[Entry, list[bytes]]]:
        pairs = ((self._table.find(argv), argv) for argv in session.queue or ())
        return [(entry, argv) for entry, argv in pairs if entry is not None]

    def _refuse(self, session: Session, entry: Entry | None, refusal: ErrorReply) -> ErrorReply:
        """Counts a refusal; a transaction that it concerns will not run."""
        if entry is not None:
            entry.stats.rejected_calls += 1
        if session.queue is not None:
            session.queue_failed = True
        if entry is not None and entry.name == "exec":
            self._server.watches.forget(session)
            session.forget_transaction()
            if not refusal.startswith((b"MOVED ", b"ASK ", b"TRYAGAIN ", b"CLUSTERDOWN ", b"CROSSSLOT ")):
                reason = refusal.removeprefix(b"ERR ")
                refusal = ErrorReply(b"EXECABORT Transaction discarded because of: " + reason)
        self._server.statistics.count_error(refusal)
        return refusal

    def _unknown(self, session: Session, argv: list[bytes]) -> ErrorReply:
        if argv[0].lower() in WEB_REQUEST:
            self._server.host.log(
                "warning",
                f"Possible SECURITY ATTACK detected: {session.address} sends HTTP, as a web page does that "
                "was made to talk to this server. Connection aborted.",
            )
            session.close_after_reply = True
        shown = b""
        for word in argv[1:]:
            if len(shown) >= SHOWN_BYTES:
                break
            shown += b"'%b' " % _printed(word, SHOWN_BYTES - len(shown))
        name = _printed(argv[0], SHOWN_BYTES)
        return ErrorReply(b"ERR unknown command '%b', with args beginning with: %b" % (name, shown))

    # parked requests

    def retry_parked(self) -> None:
        """Serves what was parked anew: a pause has ended, a key has moved, a slot has another owner."""
        parked, self._parked = self._parked, {}
        for session, argv in parked.items():
            reply = self.serve(session, argv)
            if reply is not LATER:
                session.finish(reply)

    def serving_changed(self) -> None:
        """What this node serves may be more now, or less."""
        core, pubsub = self._core, self._server.pubsub
        if core is not None and pubsub.shard_channel_count:
            pubsub.drop_shard_channels(lambda channel: not _carries(core, key_slot(channel)))
        self.retry_parked()

    def pause_writes(self, until_ms: int) -> None:
        """A manual failover holds writes until this unix time; 0 lets them go."""
        if until_ms:
            self._server.pause("failover", until_ms, everything=False)
        else:
            self._server.unpause("failover")
            self.retry_parked()

    def role_changed(self) -> None:
        """We follow another primary now, or none. Parked requests hear of it with the next tick: this may be
        called in the middle of one."""
        self._server.refresh()
        if self._replication.primary is not None:
            self._unblocker.role_changed()
            if self._core is not None and self._core.me.primary_id != self._followed_id:
                # As in Redis: the shard's channels are served by another node now, where clients are to go.
                self._server.pubsub.drop_shard_channels(lambda _channel: True)
        self._followed_id = self._core.me.primary_id if self._core is not None else None

    def unblock(self, session: Session, error: ErrorReply | None) -> bool:
        """Ends a client's wait with an error, or as if its time were over; whether it was waiting."""
        return self._unblocker.unblock(session, error)

    def end_wait(self, waiter: Waiter) -> None:
        """Ends a wait for something else than a key, with the reply that it has for the end of its time."""
        self._unblocker.end(waiter, waiter.nothing())

    # what does not come from clients

    def propagate(self, database: int, argv: list[bytes]) -> None:
        """Sends on a write that the node itself has made."""
        self._propagation.add(database, argv)
        self._propagation.flush(together=False)

    def apply(self, argv: list[bytes]) -> None:
        """Carries out a command of the primary's stream: no gates, no reply. Our replicas have it from the
        primary's own bytes; our append only file gets it from here."""
        self._applier.apply(argv)
        if self._propagation.pending:
            self._propagation.flush(together=True, to_replicas=False)

    def replay(self, argv: list[bytes]) -> None:
        """Carries out a command of a file: no gates, no reply, not propagated, not counted."""
        self._replayer.apply(argv)

    def restart_replay(self) -> None:
        """A file begins: in database 0, with no transaction."""
        self._replayer.restart()

    def _replayed(self, session: Session, argv: list[bytes]) -> Reply:
        entry = self._table.find(argv)
        if entry is None or entry.is_container or not entry.spec.takes(len(argv)):
            return self._kept_library(argv)
        context: Context = session.context
        context.argv = argv
        reply: Reply
        try:
            reply = entry.handler(context, *argv[entry.first :])
        except CommandError as error:
            reply = error.reply
        except Exception:
            reply = self._mistake(argv)
        context.instead = None
        return reply

    def _kept_library(self, argv: list[bytes]) -> Reply:
        """For what is no command here: libraries of functions are handed on, though they can't be called."""
        kept = libraries.changed(self._server.libraries, argv)
        if kept is None:
            return ErrorReply(b"ERR no such command")
        self._server.keep_libraries(kept)
        return OK

    @property
    def applied_database(self) -> int:
        """The database that the primary's stream has selected."""
        return self._applier.database

    def restart_stream(self) -> None:
        """The stream begins anew, behind a full copy, or ends: half a transaction will not become whole."""
        self._applier.restart()

    def _applied(self, session: Session, argv: list[bytes]) -> Reply:
        entry = self._table.find(argv)
        if entry is None or entry.is_container or not entry.spec.takes(len(argv)):
            reply = self._kept_library(argv)
            if reply is OK:
                self._propagation.add(session.database, argv)
            return reply
        self._depth += 1
        reply = self._call(session, entry, argv)
        self._depth -= 1
        if self._waiters.ready and not self._depth:
            self._unblocker.serve_ready()
        return reply

    def _expiry_of(self, database: int) -> Callable[[bytes], None]:
        server = self._server

        def expired(key: bytes) -> None:
            server.watches.expired((database, key))
            server.waiters.touch((database, key))
            server.events.tell(database, b"expired", key)
            server.tracking.changed(key, None)
            word = b"UNLINK" if server.options.lazyfree_lazy_expire else b"DEL"
            self._propagation.add(database, [word, key])

        return expired

    def _field_expiry_of(self, database: int) -> Callable[[bytes, list[bytes], bool], None]:
        server = self._server

        def expired(key: bytes, fields: list[bytes], emptied: bool) -> None:
            server.touched(database, key, b"hexpired")
            if emptied:
                server.events.tell(database, b"del", key)
            self._propagation.add(database, [b"HDEL", key, *fields])

        return expired

    # time

    def _save_failed(self) -> bool:
        options = self._server.options
        if not options.stop_writes_on_bgsave_error or not options.save:
            return False
        return self._server.host.info_fields("persistence").get("rdb_last_bgsave_status") == "err"

    def tick(self) -> None:
        """Ten times a second: pauses that are over, memory, expired keys."""
        server = self._server
        server.save_failed = self._save_failed()
        server.refresh()
        if server.near_limit:
            self._room.make(TICK_REQUESTS)
        if self._parked:
            self.retry_parked()
        if server.active_expiry:
            budget = ACTIVE_EXPIRY_KEYS * server.options.active_expire_effort
            for database in server.databases:
                database.expire_some(budget)
                database.expire_fields(budget)
                if self._replication.primary is not None:
                    database.expire_own(budget)
            self._propagation.flush(together=False)
        if self._waiters:
            self._tick_waiters()
        server.statistics.sample(server.clock.now_ms)

    def _tick_waiters(self) -> None:
        """Behind active expiry, and behind whatever the node itself has changed."""
        self._unblocker.serve_ready()
        self._unblocker.expire()
        if self._core is not None:
            self._unblocker.redirect()


def _carries(core: Core, slot: int) -> bool:
    """Whether the slot is this shard's: shard channels are served by its replicas too."""
    owner = core.owners[slot]
    return owner is not None and owner.node_id in (core.me.node_id, core.me.primary_id)


def _printed(word: bytes, bytes_max: int) -> bytes:
    """A word as C prints it: up to its first NUL."""
    return word.split(b"\0", 1)[0][:bytes_max]


def _unknown_subcommand(argv: list[bytes]) -> ErrorReply:
    return ErrorReply(
        b"ERR unknown subcommand '%b'. Try %b HELP." % (_printed(argv[1], SHOWN_BYTES), argv[0].upper())
    )
