"""The checks that a request passes before its handler runs, in Redis's order. The first that refuses decides.

Source: the order and the texts are those of Redis 7.0, as a client sees them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from cluster.commands.context import Server
from cluster.engine.entries import Entry
from cluster.engine.touched import keys_of, routed_slot
from cluster.session.session import Kind, Session
from cluster.spec.errors import LOADING
from protocol.resp.types import LATER, ErrorReply, Reply

OPEN: Final = None
"""The gate has nothing to say."""


class Request:
    """A request at the gates; `queued` is what an EXEC is going to run."""

    __slots__ = ("argv", "entry", "queued", "session")

    def __init__(
        self, session: Session, argv: list[bytes], entry: Entry, queued: list[tuple[Entry, list[bytes]]]
    ) -> None:
        self.session = session
        self.argv = argv
        self.entry = entry
        self.queued = queued

    def any(self, flag: str) -> bool:
        """Whether the command, or one of those that EXEC is to run, has a flag."""
        return flag in self.entry.flags or any(flag in entry.flags for entry, _ in self.queued)

    def every(self, flag: str) -> bool:
        """Whether the command, and all of those that EXEC is to run, have a flag."""
        return flag in self.entry.flags and all(flag in entry.flags for entry, _ in self.queued)


Gate = Callable[[Server, Request], Reply]

UNQUEUED = frozenset(("exec", "discard", "multi", "watch", "quit", "reset"))
SUBSCRIBED_MAY = frozenset(
    (
        "ping",
        "subscribe",
        "ssubscribe",
        "sunsubscribe",
        "psubscribe",
        "unsubscribe",
        "punsubscribe",
        "quit",
        "reset",
    )
)


def authenticated(_server: Server, request: Request) -> Reply:
    if request.session.authenticated or "no_auth" in request.entry.flags:
        return OPEN
    return ErrorReply(b"NOAUTH Authentication required.")


def protected(server: Server, request: Request) -> Reply:
    if "protected" not in request.entry.flags:
        return OPEN
    setting = server.options.enable_debug_command
    is_local = request.session.address.startswith(("127.", "[::1]", "/"))
    if setting == "yes" or (setting == "local" and is_local):
        return OPEN
    return ErrorReply(
        b'ERR DEBUG command not allowed. If the enable-debug-command option is set to "local", you can run '
        b"it from a local connection, otherwise you need to set this option in the configuration file, and "
        b"then restart the server."
    )


def routed(server: Server, request: Request) -> Reply:
    """Cluster mode: are all keys in one slot, and is that slot ours to serve?"""
    core = server.core
    if core is None or request.session.kind is Kind.PRIMARY:
        return OPEN
    keys = keys_of(request.entry, request.argv, request.queued)
    if not keys:
        return OPEN
    slot = routed_slot(keys)
    if slot is None:
        return ErrorReply(b"CROSSSLOT Keys in request don't hash to the same slot")
    missing = 0
    # Channels have no place of their own: they move with their slot, at once.
    on_channels = request.any("pubsub")
    if not on_channels and (slot in core.migrating or slot in core.importing):
        # Each key once: a key named twice is still one key that may have moved.
        peek = server.databases[0].peek
        keys = list(dict.fromkeys(keys))
        missing = sum(peek(key) is None for key in keys)
    session = request.session
    refusal = core.route(
        slot,
        writes=request.any("write"),
        readonly=session.readonly or on_channels,
        asking=session.asking or "asking" in request.entry.flags,
        keys=len(keys),
        missing=missing,
        pubsub=on_channels,
    )
    return OPEN if refusal is None else ErrorReply(refusal.encode())


def memory(server: Server, request: Request) -> Reply:
    if not server.near_limit:
        return OPEN
    adds = request.any("denyoom")
    if not server.make_room() and (
        adds or (request.session.queue is not None and request.entry.name not in UNQUEUED)
    ):
        return ErrorReply(b"OOM command not allowed when used memory > 'maxmemory'.")
    if adds:
        server.gauge.wrote(request.argv)
    return OPEN


def savable(server: Server, request: Request) -> Reply:
    """PING is refused as well, so that whoever watches the node hears of it."""
    failed = server.save_failed or server.journal.error
    if not failed or server.replication.primary is not None:
        return OPEN
    if not request.any("write") and request.entry.name != "ping":
        return OPEN
    if server.journal.error:
        return ErrorReply(b"MISCONF Errors writing to the AOF file: " + server.journal.error.encode())
    return ErrorReply(
        b"MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. "
        b"Commands that may modify the data set are disabled, because this instance is configured to report "
        b"errors during writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check "
        b"the Redis logs for details about the RDB error."
    )


def enough_replicas(server: Server, request: Request) -> Reply:
    options = server.options
    if server.lacks_in_sync and request.any("write"):
        return ErrorReply(b"NOREPLICAS Not enough good replicas to write.")
    if (
        not options.min_replicas_to_write
        or not options.min_replicas_max_lag
        or server.replication.primary is not None
        or not request.any("write")
        or server.replication.good_replicas(server.clock.now_ms) >= options.min_replicas_to_write
    ):
        return OPEN
    return ErrorReply(b"NOREPLICAS Not enough good replicas to write.")


def writable(server: Server, request: Request) -> Reply:
    if server.replication.primary is None or not server.options.replica_read_only or not request.any("write"):
        return OPEN
    return ErrorReply(b"READONLY You can't write against a read only replica.")


def subscribed(_server: Server, request: Request) -> Reply:
    session = request.session
    if session.kind is not Kind.PUBSUB or session.protocol == 3 or request.entry.name in SUBSCRIBED_MAY:
        return OPEN
    return ErrorReply(
        b"ERR Can't execute '%s': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed "
        b"in this context" % request.entry.name.encode()
    )


def fresh(server: Server, request: Request) -> Reply:
    replication = server.replication
    if (
        replication.primary is None
        or server.options.replica_serve_stale_data
        or replication.link_up
        or request.every("stale")
    ):
        return OPEN
    return ErrorReply(b"MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.")


def loaded(server: Server, request: Request) -> Reply:
    if not server.loading:
        return OPEN
    if not request.any("no_async_loading") if server.loads_aside else request.every("loading"):
        return OPEN
    return ErrorReply(LOADING.encode())


def data_from_client(_server: Server, request: Request) -> Reply:
    session = request.session
    if not (session.kind is Kind.REPLICA or session.monitors):
        return OPEN
    if request.any("write") or request.any("readonly"):
        return ErrorReply(b"ERR Replica can't interact with the keyspace")
    return OPEN


def unpaused(server: Server, request: Request) -> Reply:
    """A request that a pause or a running MIGRATE holds up is parked.

    A key that is being moved must not be written here: the other node has its copy already, and ours will be
    deleted. Parked requests are routed anew when the transfer ends, and then find the key moved (ASK) or
    still here.
    """
    if request.session.kind is Kind.REPLICA:
        return OPEN
    if server.paused(writes=request.any("write") or request.any("may_replicate")):
        return LATER
    if server.in_transfer and _touches_transfer(server, request):
        return LATER
    return OPEN


def _touches_transfer(server: Server, request: Request) -> bool:
    if not request.entry.is_keyed and request.entry.writes:
        return True
    if any(entry.writes and not entry.is_keyed for entry, _ in request.queued):
        return True
    keys = keys_of(request.entry, request.argv, request.queued)
    return not server.in_transfer.isdisjoint(keys)


GATES: tuple[Gate, ...] = (
    protected,
    authenticated,
    routed,
    memory,
    savable,
    enough_replicas,
    writable,
    subscribed,
    fresh,
    loaded,
    data_from_client,
    unpaused,
)
"""In order. Queueing in MULTI comes behind the last."""
