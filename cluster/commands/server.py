"""The process as a whole: time, snapshots, shutdown."""

from __future__ import annotations

from cluster.commands.arguments import integer
from cluster.commands.context import Context
from cluster.session.waiters import Waiter
from cluster.spec.command import command
from cluster.spec.errors import SYNTAX, CommandError
from cluster.spec.version import REDIS_VERSION
from protocol.resp.types import LATER, NO_REPLY, OK, ErrorReply, Reply, Status, Verbatim

_NOT_ENDED = "ERR Errors trying to SHUTDOWN. Check logs."

FLOCK = r"""
            .   ,
         ,  \\ //   .            ,
      .   \\ \V/  ,//        .   \\  ,
   ,  \\   `-v-' //  ,    ,  \\   `v//
    \\ `v-'  .   v-'//  .  \\ `v-'  '
     `v'   ,  \\  ,  `v'    `v'  ,
         .  \\ `v//  .   ,       \\ ,
       ,  \\ `v-'  // ,  \\  ,    `v'
        \\ `v'  , `v-//   `v//
         `v'     \\  v'    '
                  `v'
"""


@command("TIME", group="server", since="2.6.0", flags="LOADING STALE FAST", tips=("nondeterministic_output",))
def time(ctx: Context) -> Reply:
    """Tells the server's time: seconds, and microseconds within the second."""
    seconds, micros = divmod(ctx.server.host.unix_us(), 1_000_000)
    return [b"%d" % seconds, b"%d" % micros]


@command(
    "SHUTDOWN",
    "nosave_save=[NOSAVE | SAVE] [NOW] [FORCE] [ABORT]",
    group="server",
    since="1.0.0",
    flags="ADMIN NOSCRIPT LOADING STALE NO_MULTI ALLOW_BUSY",
    complexity="O(N) where N is the number of keys when it saves, else O(1).",
    history=(("7.0.0", "The options NOW, FORCE and ABORT."),),
)
def shutdown(ctx: Context, *words: bytes) -> Reply:
    """Saves what is to be saved, and ends the server."""
    options = {word.upper() for word in words}
    if (
        not options <= {b"NOSAVE", b"SAVE", b"NOW", b"FORCE", b"ABORT"}
        or options >= {b"NOSAVE", b"SAVE"}
        or (b"ABORT" in options and len(words) > 1)
    ):
        raise CommandError(SYNTAX)
    host = ctx.server.host
    if b"ABORT" in options:
        if not host.abort_shutdown():
            raise CommandError("ERR No shutdown in progress.")
        return OK
    save = True if b"SAVE" in options else False if b"NOSAVE" in options else None
    if host.shutdown(save=save, now=b"NOW" in options, force=b"FORCE" in options):
        raise CommandError(_NOT_ENDED)
    if not host.is_shutting_down:
        return NO_REPLY
    waiter = Waiter(ctx.session, ctx.db.index, (), lambda: ErrorReply(_NOT_ENDED.encode()))
    ctx.server.waiters.add(waiter)
    host.when_shutdown_called_off(lambda: ctx.server.runner.end_wait(waiter))
    return LATER


@command(
    "SAVE",
    group="server",
    since="1.0.0",
    flags="ADMIN NOSCRIPT NO_ASYNC_LOADING NO_MULTI",
    complexity="O(N) where N is the number of keys.",
)
def save(ctx: Context) -> Reply:
    """Writes all data to disk while everyone waits."""
    reason = ctx.server.host.save()
    if reason:
        raise CommandError(reason)
    return OK


@command(
    "BGSAVE",
    "[SCHEDULE]",
    group="server",
    since="1.0.0",
    flags="ADMIN NOSCRIPT NO_ASYNC_LOADING",
    history=(("3.2.2", "The option SCHEDULE."),),
)
def bgsave(ctx: Context, *words: bytes) -> Reply:
    """Writes all data to disk in the background."""
    if len(words) > 1 or (words and words[0].upper() != b"SCHEDULE"):
        raise CommandError(SYNTAX)
    answer = ctx.server.host.save_in_background(may_wait=bool(words))
    if answer.startswith("ERR"):
        raise CommandError(answer)
    return Status(answer.encode())


@command(
    "BGREWRITEAOF",
    group="server",
    since="1.0.0",
    flags="ADMIN NOSCRIPT NO_ASYNC_LOADING",
    complexity="O(1)",
)
def bgrewriteaof(ctx: Context) -> Reply:
    """Writes the append only file anew in the background."""
    answer = ctx.server.host.rewrite_append_only_file()
    if answer.startswith("ERR "):
        raise CommandError(answer)
    return Status(answer.encode())


@command(
    "LASTSAVE",
    group="server",
    since="1.0.0",
    flags="LOADING STALE FAST",
    acl="ADMIN DANGEROUS",
    tips=("nondeterministic_output",),
)
def lastsave(ctx: Context) -> Reply:
    """Tells when the data was last saved, as a unix time."""
    return int(ctx.server.host.info_fields("persistence")["rdb_last_save_time"])


@command("LOLWUT", "[VERSION version:integer]", group="server", since="5.0.0", flags="READONLY FAST")
def lolwut(_ctx: Context, *words: bytes) -> Reply:
    """Shows a small flock, and the version."""
    if len(words) > 1 and words[0].upper() == b"VERSION":
        integer(words[1])
    return Verbatim(FLOCK.strip("\n").encode() + f"\n\nRedis ver. {REDIS_VERSION}\n".encode())
