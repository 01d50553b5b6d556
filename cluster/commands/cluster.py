"""CLUSTER: who is a member, who follows whom, and epochs. What is asked for is the core's to do or to
refuse."""

from __future__ import annotations

from cluster.commands.arguments import integer
from cluster.commands.context import Context
from cluster.commands.helptext import help_of
from cluster.core.core import Core
from cluster.core.orders import (
    BumpEpoch,
    Failover,
    Forget,
    Meet,
    Order,
    OrderRefused,
    Replicate,
    Reset,
    SaveConfig,
    SetConfigEpoch,
)
from cluster.spec.command import command, container
from cluster.spec.errors import SYNTAX, CommandError
from protocol.resp.types import Reply, Status

BUS_PORT_OFFSET = 10000
ADMIN = "ADMIN STALE NO_ASYNC_LOADING"

container("CLUSTER", "Tells of the cluster and changes it", group="cluster", since="3.0.0")


def core_of(ctx: Context) -> Core:
    """The cluster's state machine. Raises CommandError on a node that is in no cluster."""
    if ctx.server.core is None:
        raise CommandError("ERR This instance has cluster support disabled")
    return ctx.server.core


def ordered(ctx: Context, order: Order) -> Reply:
    """Has the core carry out an order. Raises CommandError with the core's refusal."""
    core = core_of(ctx)
    try:
        # The core's own time goes on with its next tick: the wall clock that commands go by may jump.
        return Status(core.order(core.now_ms, order).encode())
    except OrderRefused as refusal:
        raise CommandError(str(refusal)) from None


def text(word: bytes) -> str:
    """A client's word as a string; what is no UTF-8 comes back unchanged in an error."""
    return word.decode("utf-8", "surrogateescape")


def too_many_words(ctx: Context) -> CommandError:
    """Redis's error for a subcommand whose arity is right but whose words are too many."""
    shown = text(ctx.argv[1][:128])
    return CommandError(
        f"ERR unknown subcommand or wrong number of arguments for '{shown}'. Try CLUSTER HELP."
    )


def key_count(ctx: Context) -> int:
    """All keys of the node, expired ones that are still there among them."""
    return sum(len(database) for database in ctx.server.databases)


@command("CLUSTER HELP", group="cluster", since="5.0.0", flags="LOADING STALE")
def cluster_help(ctx: Context) -> Reply:
    """Shows the subcommands."""
    core_of(ctx)
    return help_of("cluster")


@command(
    "CLUSTER MEET",
    "ip port:integer [cluster_bus_port:integer]",
    group="cluster",
    since="3.0.0",
    flags=ADMIN,
    history=(("4.0.0", "The argument `cluster_bus_port`."),),
)
def cluster_meet(ctx: Context, host: bytes, port_text: bytes, *more: bytes) -> Reply:
    """Makes another node known to this one, and through it to all."""
    core_of(ctx)
    if len(more) > 1:
        raise too_many_words(ctx)
    port = integer(port_text, f"ERR Invalid TCP base port specified: {text(port_text)}")
    bus_port = port + BUS_PORT_OFFSET
    if more:
        bus_port = integer(more[0], f"ERR Invalid TCP bus port specified: {text(more[0])}")
    return ordered(ctx, Meet(text(host), port, bus_port))


@command("CLUSTER FORGET", "node-id", group="cluster", since="3.0.0", flags=ADMIN)
def cluster_forget(ctx: Context, node_id: bytes) -> Reply:
    """Strikes a node from the list of members, and keeps it off for a minute."""
    return ordered(ctx, Forget(text(node_id)))


@command("CLUSTER REPLICATE", "node-id", group="cluster", since="3.0.0", flags=ADMIN)
def cluster_replicate(ctx: Context, node_id: bytes) -> Reply:
    """Makes this node a replica of a primary."""
    return ordered(ctx, Replicate(text(node_id), key_count(ctx)))


@command(
    "CLUSTER FAILOVER",
    "[options={FORCE | TAKEOVER}]",
    group="cluster",
    since="3.0.0",
    flags=ADMIN,
)
def cluster_failover(ctx: Context, *words: bytes) -> Reply:
    """Has this replica take its primary's place."""
    core_of(ctx)
    if len(words) > 1:
        raise too_many_words(ctx)
    mode = text(words[0]).upper() if words else ""
    if mode not in ("", "FORCE", "TAKEOVER"):
        raise CommandError(SYNTAX)
    return ordered(ctx, Failover(mode))


@command(
    "CLUSTER RESET",
    "[hard_soft={HARD | SOFT}]",
    group="cluster",
    since="3.0.0",
    flags="ADMIN NOSCRIPT STALE",
    complexity="O(N) where N is the number of known nodes. It may delete all keys as a side effect.",
)
def cluster_reset(ctx: Context, *words: bytes) -> Reply:
    """Makes this node one that knows nobody and owns nothing."""
    core = core_of(ctx)
    if len(words) > 1:
        raise too_many_words(ctx)
    mode = words[0].lower() if words else b"soft"
    if mode not in (b"hard", b"soft"):
        raise CommandError(SYNTAX)
    was_replica = core.me.is_replica
    reply = ordered(ctx, Reset(mode == b"hard", key_count(ctx)))
    if was_replica:
        # They were a copy of another node's keys, and this node has nothing to do with that one any more.
        for database in ctx.server.databases:
            count = len(database)
            database.clear()
            ctx.flushed(database, count)
    return reply


@command(
    "CLUSTER BUMPEPOCH",
    group="cluster",
    since="3.0.0",
    flags=ADMIN,
    tips=("nondeterministic_output",),
)
def cluster_bumpepoch(ctx: Context) -> Reply:
    """Gives this node a config epoch above all others."""
    return ordered(ctx, BumpEpoch())


@command("CLUSTER SET-CONFIG-EPOCH", "config-epoch:integer", group="cluster", since="3.0.0", flags=ADMIN)
def cluster_set_config_epoch(ctx: Context, epoch: bytes) -> Reply:
    """Gives a node that knows no other its first config epoch."""
    core_of(ctx)
    return ordered(ctx, SetConfigEpoch(integer(epoch)))


@command("CLUSTER SAVECONFIG", group="cluster", since="3.0.0", flags=ADMIN)
def cluster_saveconfig(ctx: Context) -> Reply:
    """Writes what is known of the cluster to disk."""
    return ordered(ctx, SaveConfig())
