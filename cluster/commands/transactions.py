"""MULTI, EXEC and the optimistic lock of WATCH."""

from __future__ import annotations

from cluster.commands.context import Context, Server
from cluster.session.session import Session
from cluster.spec.command import command
from cluster.spec.errors import CommandError
from protocol.resp.types import NULL_ARRAY, OK, Batch, Reply


@command("MULTI", group="transactions", since="1.2.0", flags="NOSCRIPT LOADING STALE FAST ALLOW_BUSY")
def multi(ctx: Context) -> Reply:
    """Begins a transaction: what follows is queued until EXEC."""
    if ctx.session.queue is not None:
        raise CommandError("ERR MULTI calls can not be nested")
    ctx.session.queue = []
    ctx.session.refresh()
    return OK


@command(
    "EXEC",
    group="transactions",
    since="1.2.0",
    flags="NOSCRIPT LOADING STALE SKIP_SLOWLOG",
    complexity="That of the queued commands.",
)
def exec_(ctx: Context) -> Reply:
    """Runs what is queued, with nothing in between."""
    session, server = ctx.session, ctx.server
    queue = session.queue
    if queue is None:
        raise CommandError("ERR EXEC without MULTI")
    failed, broken = session.queue_failed, _is_broken(server, session)
    _leave(ctx)
    if failed:
        raise CommandError("EXECABORT Transaction discarded because of previous errors.")
    if broken:
        return NULL_ARRAY
    written: list[Reply] = []
    deliver, session.deliver = session.deliver, written.append
    try:
        for argv in queue:
            reply = server.runner.run(session, argv)
            written.append(reply)
    finally:
        session.deliver = deliver
    return written if len(written) == len(queue) else Batch(written, len(queue))


@command(
    "DISCARD",
    group="transactions",
    since="2.0.0",
    flags="NOSCRIPT LOADING STALE FAST ALLOW_BUSY",
    complexity="O(N) where N is the number of queued commands.",
)
def discard(ctx: Context) -> Reply:
    """Forgets what is queued."""
    if ctx.session.queue is None:
        raise CommandError("ERR DISCARD without MULTI")
    _leave(ctx)
    return OK


@command(
    "WATCH",
    "key+",
    group="transactions",
    since="2.2.0",
    flags="NOSCRIPT LOADING STALE FAST ALLOW_BUSY",
    keys="RO",
    complexity="O(1) for each key.",
)
def watch(ctx: Context, *keys: bytes) -> Reply:
    """Lets the next EXEC run only if these keys have not changed until then."""
    if ctx.session.queue is not None:
        raise CommandError("ERR WATCH inside MULTI is not allowed")
    for key in keys:
        ctx.server.watches.watch(ctx.session, (ctx.db.index, key), ctx.db.lives(key))
    return OK


@command("UNWATCH", group="transactions", since="2.2.0", flags="NOSCRIPT LOADING STALE FAST ALLOW_BUSY")
def unwatch(ctx: Context) -> Reply:
    """Forgets the watched keys."""
    ctx.server.watches.forget(ctx.session)
    return OK


def _leave(ctx: Context) -> None:
    ctx.server.watches.forget(ctx.session)
    ctx.session.forget_transaction()


def _is_broken(server: Server, session: Session) -> bool:
    """A watched key that has expired has changed, whether or not anyone has removed it yet."""
    if session.watch_broken:
        return True
    return any(
        existed and not server.databases[index].lives(key)
        for (index, key), existed in session.watched.items()
    )
