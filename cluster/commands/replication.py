"""Who follows whom, and how far: REPLICAOF, ROLE, WAIT, and what replicas say to their primary."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cluster.commands.arguments import integer, integer_between, positive
from cluster.commands.blocking import timeout_ms
from cluster.commands.context import Context
from cluster.replication.primary import ONLINE
from cluster.replication.primary import Waiter as AckWaiter
from cluster.replication.replication import NO_FAILOVER
from cluster.session.waiters import Waiter
from cluster.spec.command import command
from cluster.spec.errors import SYNTAX, CommandError
from protocol.resp.types import LATER, OK, Reply, Status

FOLLOW_SYNTAX = "args={host-port={host port:integer} | no-one={NO ONE}}"
PORT_MAX = 65535


@command(
    "REPLICAOF",
    FOLLOW_SYNTAX,
    group="server",
    since="5.0.0",
    flags="ADMIN NOSCRIPT STALE NO_ASYNC_LOADING",
)
def replicaof(ctx: Context, host: bytes, port_text: bytes) -> Reply:
    """Makes the server follow another one, or nobody."""
    server = ctx.server
    if server.core is not None:
        raise CommandError("ERR REPLICAOF not allowed in cluster mode.")
    if server.replication.failover_state != NO_FAILOVER:
        raise CommandError("ERR REPLICAOF not allowed while failing over.")
    if (host.lower(), port_text.lower()) == (b"no", b"one"):
        if server.replication.primary is not None:
            server.host.follow(None)
            server.host.log("notice", f"MASTER MODE enabled (user request from '{_client(ctx)}')")
        return OK
    port = integer_between(port_text, 0, PORT_MAX, "ERR Invalid master port")
    primary = (host.decode("utf-8", "surrogateescape"), port)
    if server.replication.primary == primary:
        return Status(b"OK Already connected to specified master")
    server.host.follow(primary)
    server.host.log("notice", f"REPLICAOF {primary[0]}:{port} enabled (user request from '{_client(ctx)}')")
    return OK


@command(
    "SLAVEOF",
    FOLLOW_SYNTAX,
    group="server",
    since="1.0.0",
    flags="ADMIN NOSCRIPT STALE NO_ASYNC_LOADING",
    doc_flags=("deprecated",),
    deprecated_since="5.0.0",
    replaced_by="`REPLICAOF`",
)
def slaveof(ctx: Context, host: bytes, port_text: bytes) -> Reply:
    """Makes the server follow another one, or nobody."""
    return replicaof(ctx, host, port_text)


def _client(ctx: Context) -> str:
    return f"id={ctx.session.id} addr={ctx.session.address}"


@command(
    "FAILOVER",
    "[target=TO {host port:integer [FORCE]}] [ABORT] [TIMEOUT milliseconds:integer]",
    group="server",
    since="6.2.0",
    flags="ADMIN NOSCRIPT STALE",
    complexity="O(1)",
)
def failover(ctx: Context, *words: bytes) -> Reply:
    """Hands the primary's role to one of its replicas without losing a write."""
    server, replication = ctx.server, ctx.server.replication
    if server.core is not None:
        raise CommandError("ERR FAILOVER not allowed in cluster mode. Use CLUSTER FAILOVER command instead.")
    if [word.lower() for word in words] == [b"abort"]:
        if replication.failover_state == NO_FAILOVER:
            raise CommandError("ERR No failover in progress.")
        server.host.abort_failover()
        return OK
    target, time_ms, forces = _failover_words(words)
    if replication.failover_state != NO_FAILOVER:
        raise CommandError("ERR FAILOVER already in progress.")
    if replication.primary is not None:
        raise CommandError("ERR FAILOVER is not valid when server is a replica.")
    if not replication.replicas:
        raise CommandError("ERR FAILOVER requires connected replicas.")
    if forces and (not time_ms or target is None):
        raise CommandError("ERR FAILOVER with force option requires both a timeout and target HOST and IP.")
    if target is not None:
        replica = next((each for each in replication.replicas if each.name == target), None)
        if replica is None:
            raise CommandError("ERR FAILOVER target HOST and PORT is not a replica.")
        if not replica.is_online:
            raise CommandError("ERR FAILOVER target replica is not online.")
    server.host.begin_failover(target, timeout_ms=time_ms, forces=forces)
    return OK


def _failover_words(words: Sequence[bytes]) -> tuple[tuple[str, int] | None, int, bool]:
    """The target, the timeout and whether it is forced, in whatever order. Raises CommandError."""
    target: tuple[str, int] | None = None
    time_ms, forces = 0, False
    rest = list(words)
    while rest:
        word = rest.pop(0).lower()
        if word == b"timeout" and rest and not time_ms:
            time_ms = integer(rest.pop(0))
            if time_ms <= 0:
                raise CommandError("ERR FAILOVER timeout must be greater than 0")
        elif word == b"to" and len(rest) > 1 and target is None:
            host = rest.pop(0).decode("utf-8", "surrogateescape")
            target = host, integer(rest.pop(0))
        elif word == b"force" and not forces:
            forces = True
        else:
            raise CommandError(SYNTAX)
    return target, time_ms, forces


@command("ROLE", group="server", since="2.8.12", flags="NOSCRIPT LOADING STALE FAST", acl="ADMIN DANGEROUS")
def role(ctx: Context) -> Reply:
    """Tells whether the server is a primary or a replica, and of whom."""
    replication = ctx.server.replication
    if replication.primary is not None:
        host, port = replication.primary
        offset = replication.offset if replication.link_up else -1
        return [b"slave", _text(host), port, replication.link_state.encode(), offset]
    online: list[Reply] = [
        [_text(each.announced_host or each.host), b"%d" % each.port, b"%d" % each.ack_offset]
        for each in replication.replicas
        if each.state == ONLINE
    ]
    return [b"master", replication.offset, online]


def _text(host: str) -> bytes:
    return host.encode("utf-8", "surrogateescape")


@command(
    "WAIT",
    "numreplicas:integer timeout:integer",
    group="generic",
    since="3.0.0",
    flags="NOSCRIPT",
    acl="CONNECTION",
    tips=("request_policy:all_shards", "response_policy:agg_min"),
)
def wait(ctx: Context, count_text: bytes, timeout_text: bytes) -> Reply:
    """Waits until so many replicas have this client's writes; replies how many have them."""
    server, session = ctx.server, ctx.session
    replication = server.replication
    if replication.primary is not None:
        raise CommandError(
            "ERR WAIT cannot be used with replica instances. Please also note that since Redis 4.0 if a "
            "replica is configured to be writable (which is not the default) writes to replicas are just "
            "local and are not propagated."
        )
    count = integer(count_text)
    deadline_ms = timeout_ms(ctx, timeout_text)
    offset = session.write_offset
    acknowledged = replication.acknowledged_by(offset)
    if acknowledged >= count or server.runner.is_nested():
        return acknowledged
    return _await(
        ctx,
        lambda: replication.acknowledged_by(offset) >= count,
        lambda: replication.acknowledged_by(offset),
        deadline_ms,
    )


def _await(ctx: Context, is_met: Callable[[], bool], reply: Callable[[], Reply], deadline_ms: int) -> Reply:
    """Replies when it is met, or at the deadline."""
    server, session = ctx.server, ctx.session
    waiter = Waiter(session, ctx.db.index, (), reply, deadline_ms=deadline_ms)
    server.waiters.add(waiter)
    server.replication.attachments.waiters.append(
        AckWaiter(is_met, lambda: server.runner.end_wait(waiter), lambda: session.waiting is waiter)
    )
    server.replication.ask_for_acks()
    return LATER


@command(
    "WAITAOF",
    "numlocal:integer numreplicas:integer timeout:integer",
    group="generic",
    since="7.2.0",
    flags="BLOCKING",
    acl="CONNECTION",
    complexity="O(1)",
    tips=("request_policy:all_shards", "response_policy:agg_min"),
)
def waitaof(ctx: Context, local_text: bytes, replicas_text: bytes, timeout_text: bytes) -> Reply:
    """Waits until this client's writes are on disk: here, if numlocal is 1, and on so many replicas."""
    server, offset = ctx.server, ctx.session.write_offset
    journal, replication = server.journal, server.replication
    local = integer(local_text)
    if not 0 <= local <= 1:
        raise CommandError("ERR value is out of range, value must between 0 and 1")
    count = positive(replicas_text)
    deadline_ms = timeout_ms(ctx, timeout_text)
    if replication.primary is not None:
        raise CommandError(
            "ERR WAITAOF cannot be used with replica instances. Please also note that writes to replicas are "
            "just local and are not propagated."
        )
    if local and not journal.is_open:
        raise CommandError("ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.")
    # All that has been written until now, by whomever: no less than what this client has.
    written_bytes = journal.fed_bytes

    def synced() -> tuple[int, int]:
        is_on_disk = replication.synced_offset >= 0 and journal.synced_bytes >= written_bytes
        return int(is_on_disk), replication.synced_by(offset)

    def is_met() -> bool:
        here, there = synced()
        return here >= local and there >= count

    if is_met() or server.runner.is_nested():
        return list(synced())
    return _await(ctx, is_met, lambda: list(synced()), deadline_ms)


@command(
    "REPLCONF",
    arity=-1,
    group="server",
    since="3.0.0",
    flags="ADMIN NOSCRIPT LOADING STALE ALLOW_BUSY",
    doc_flags=("syscmd",),
)
def replconf(ctx: Context, *_words: bytes) -> Reply:
    """Tells a primary about the replica on this connection, and how far it is."""
    return ctx.server.host.become_replica_link(ctx.session, "REPLCONF", ctx.argv)


@command(
    "PSYNC",
    "replicationid offset:integer",
    arity=-3,
    group="server",
    since="2.8.0",
    flags="ADMIN NOSCRIPT NO_ASYNC_LOADING NO_MULTI",
    complexity="",
)
def psync(ctx: Context, _history: bytes, _offset: bytes, *_more: bytes) -> Reply:
    """Makes this connection a replica's, from a place in a history if possible."""
    return ctx.server.host.become_replica_link(ctx.session, "PSYNC", ctx.argv)


@command(
    "SYNC",
    group="server",
    since="1.0.0",
    flags="ADMIN NOSCRIPT NO_ASYNC_LOADING NO_MULTI",
    complexity="",
)
def sync(ctx: Context) -> Reply:
    """Makes this connection a replica's, with a full copy."""
    return ctx.server.host.become_replica_link(ctx.session, "SYNC", ctx.argv)


def _needs_cluster(ctx: Context) -> None:
    if ctx.server.core is None:
        raise CommandError("ERR This instance has cluster support disabled")


@command("READONLY", group="cluster", since="3.0.0", flags="LOADING STALE FAST", acl="CONNECTION")
def readonly(ctx: Context) -> Reply:
    """Lets this client read from a replica the keys of its primary's slots."""
    _needs_cluster(ctx)
    ctx.session.readonly = True
    ctx.session.refresh()
    return OK


@command("READWRITE", group="cluster", since="3.0.0", flags="LOADING STALE FAST", acl="CONNECTION")
def readwrite(ctx: Context) -> Reply:
    """Ends what READONLY began."""
    _needs_cluster(ctx)
    ctx.session.readonly = False
    ctx.session.refresh()
    return OK


@command("ASKING", group="cluster", since="3.0.0", flags="FAST", acl="CONNECTION")
def asking(ctx: Context) -> Reply:
    """Lets this client's next request into a slot that is being imported."""
    _needs_cluster(ctx)
    ctx.session.asking = True
    ctx.session.refresh()
    return OK
