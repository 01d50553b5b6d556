"""Publish and subscribe. Shard channels are in shard_pubsub.py."""

from __future__ import annotations

from collections.abc import Callable

from cluster.commands.context import Context
from cluster.commands.helptext import help_of
from cluster.commands.stream_arguments import wrong_subcommand
from cluster.core.orders import Publish
from cluster.session.session import Session
from cluster.spec.command import command, container
from cluster.store.glob import matcher
from protocol.resp.types import NO_REPLY, Push, Reply

FLAGS = "PUBSUB NOSCRIPT LOADING STALE"
LOOK = "PUBSUB LOADING STALE"


@command(
    "SUBSCRIBE",
    "channel+",
    group="pubsub",
    since="2.0.0",
    flags=FLAGS,
    complexity="O(N) where N is the number of channels.",
)
def subscribe(ctx: Context, *channels: bytes) -> Reply:
    """Listens to channels."""
    return _each(ctx, b"subscribe", channels, ctx.server.pubsub.subscribe)


@command(
    "PSUBSCRIBE",
    "pattern=(pattern:pattern)+",
    group="pubsub",
    since="2.0.0",
    flags=FLAGS,
    complexity="O(N) where N is the number of the client's patterns.",
)
def psubscribe(ctx: Context, *patterns: bytes) -> Reply:
    """Listens to the channels that match patterns."""
    return _each(ctx, b"psubscribe", patterns, ctx.server.pubsub.subscribe_pattern)


@command(
    "UNSUBSCRIBE",
    "[channel+]",
    group="pubsub",
    since="2.0.0",
    flags=FLAGS,
    complexity="O(N) where N is the number of the client's channels.",
)
def unsubscribe(ctx: Context, *channels: bytes) -> Reply:
    """Listens no more to channels, or to any."""
    names = channels or tuple(ctx.session.channels)
    return _each(ctx, b"unsubscribe", names, ctx.server.pubsub.unsubscribe)


@command(
    "PUNSUBSCRIBE",
    "[pattern:pattern+]",
    group="pubsub",
    since="2.0.0",
    flags=FLAGS,
    complexity="O(N + M) where N is the number of the client's patterns and M that of all patterns.",
)
def punsubscribe(ctx: Context, *patterns: bytes) -> Reply:
    """Listens no more to patterns, or to any."""
    names = patterns or tuple(ctx.session.patterns)
    return _each(ctx, b"punsubscribe", names, ctx.server.pubsub.unsubscribe_pattern)


def _each(
    ctx: Context, kind: bytes, names: tuple[bytes, ...], act: Callable[[Session, bytes], None]
) -> Reply:
    """One confirmation for each name; one without a name where there was nothing to unsubscribe from."""
    session = ctx.session
    for name in names:
        act(session, name)
        session.deliver(Push([kind, name, len(session.channels) + len(session.patterns)]))
    if not names:
        session.deliver(Push([kind, None, len(session.channels) + len(session.patterns)]))
    return NO_REPLY


@command(
    "PUBLISH",
    "channel message",
    group="pubsub",
    since="2.0.0",
    flags="PUBSUB LOADING STALE FAST MAY_REPLICATE",
    complexity="O(N + M) where N is the number of the channel's clients and M that of all patterns.",
)
def publish(ctx: Context, channel: bytes, message: bytes) -> Reply:
    """Sends a message to everyone who listens to a channel."""
    receivers = ctx.server.pubsub.publish(channel, message)
    core = ctx.server.core
    if core is None:
        ctx.propagate_instead([ctx.argv])
    else:
        core.order(core.now_ms, Publish(channel, message, sharded=False))
    return receivers


container("PUBSUB", "A container for commands about channels and patterns", group="pubsub", since="2.8.0")


def wanted_channels(ctx: Context, pattern: tuple[bytes, ...]) -> Callable[[bytes], bool] | None:
    """The test of a channel's name, None for all. Raises CommandError."""
    if len(pattern) > 1:
        wrong_subcommand(ctx)
    return matcher(pattern[0]) if pattern else None


@command(
    "PUBSUB CHANNELS",
    "[pattern:pattern]",
    group="pubsub",
    since="2.8.0",
    flags=LOOK,
    complexity="O(N) where N is the number of channels.",
)
def pubsub_channels(ctx: Context, *pattern: bytes) -> Reply:
    """Lists the channels that someone listens to."""
    matches = wanted_channels(ctx, pattern)
    return [channel for channel in ctx.server.pubsub.channels if matches is None or matches(channel)]


@command(
    "PUBSUB NUMSUB",
    "[channel+]",
    group="pubsub",
    since="2.8.0",
    flags=LOOK,
    complexity="O(N) where N is the number of channels asked for.",
)
def pubsub_numsub(ctx: Context, *channels: bytes) -> Reply:
    """Counts the clients of channels, not those that come by a pattern."""
    reply: list[Reply] = []
    for channel in channels:
        reply += [channel, ctx.server.pubsub.listeners(channel)]
    return reply


@command("PUBSUB NUMPAT", group="pubsub", since="2.8.0", flags=LOOK)
def pubsub_numpat(ctx: Context) -> Reply:
    """Counts the patterns that someone listens to."""
    return ctx.server.pubsub.pattern_count


@command("PUBSUB HELP", group="pubsub", since="6.2.0", flags="LOADING STALE", acl="-PUBSUB")
def pubsub_help(_ctx: Context) -> Reply:
    """Lists the subcommands."""
    return help_of("PUBSUB")
