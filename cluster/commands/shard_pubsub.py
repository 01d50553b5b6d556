"""Shard channels: publish and subscribe on the nodes of one hash slot's shard.

Source: https://redis.io/docs/latest/develop/interact/pubsub/ (sharded pub/sub)
"""

from __future__ import annotations

from cluster.commands.context import Context
from cluster.commands.pubsub import FLAGS, LOOK, wanted_channels
from cluster.core.orders import Publish
from cluster.spec.command import command
from cluster.spec.errors import CommandError
from protocol.resp.types import NO_REPLY, Push, Reply


@command("SSUBSCRIBE", "shardchannel+", group="pubsub", since="7.0.0", flags=FLAGS,
         keys="not_key @ index:1 range:-1,1,0",
         complexity="O(N) where N is the number of shard channels.")  # fmt: skip
def ssubscribe(ctx: Context, *channels: bytes) -> Reply:
    """Listens to shard channels."""
    if ctx.server.runner.is_nested():
        raise CommandError("ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client")
    for channel in channels:
        ctx.server.pubsub.subscribe_shard(ctx.session, channel)
        _confirm(ctx, b"ssubscribe", channel)
    return NO_REPLY


@command("SUNSUBSCRIBE", "[shardchannel+]", group="pubsub", since="7.0.0", flags=FLAGS,
         keys="not_key @ index:1 range:-1,1,0",
         complexity="O(N) where N is the number of the client's shard channels.")  # fmt: skip
def sunsubscribe(ctx: Context, *channels: bytes) -> Reply:
    """Listens no more to shard channels, or to any."""
    names = channels or tuple(ctx.session.shard_channels)
    for channel in names:
        ctx.server.pubsub.unsubscribe_shard(ctx.session, channel)
        _confirm(ctx, b"sunsubscribe", channel)
    if not names:
        _confirm(ctx, b"sunsubscribe", None)
    return NO_REPLY


def _confirm(ctx: Context, kind: bytes, channel: bytes | None) -> None:
    ctx.session.deliver(Push([kind, channel, len(ctx.session.shard_channels)]))


@command("SPUBLISH", "shardchannel message", group="pubsub", since="7.0.0",
         flags="PUBSUB LOADING STALE FAST MAY_REPLICATE", keys="not_key @ index:1 range:0,1,0",
         complexity="O(N) where N is the number of the shard channel's clients.")  # fmt: skip
def spublish(ctx: Context, channel: bytes, message: bytes) -> Reply:
    """Sends a message to everyone who listens to a shard channel."""
    receivers = ctx.server.pubsub.publish_to_shard(channel, message)
    core = ctx.server.core
    if core is None:
        ctx.propagate_instead([ctx.argv])
    else:
        core.order(core.now_ms, Publish(channel, message, sharded=True))
    return receivers


@command("PUBSUB SHARDCHANNELS", "[pattern:pattern]", group="pubsub", since="7.0.0", flags=LOOK,
         complexity="O(N) where N is the number of shard channels.")  # fmt: skip
def pubsub_shardchannels(ctx: Context, *pattern: bytes) -> Reply:
    """Lists the shard channels that someone listens to."""
    matches = wanted_channels(ctx, pattern)
    return [name for name in ctx.server.pubsub.shard_channels if matches is None or matches(name)]


@command("PUBSUB SHARDNUMSUB", "[shardchannel+]", group="pubsub", since="7.0.0", flags=LOOK,
         complexity="O(N) where N is the number of shard channels asked for.")  # fmt: skip
def pubsub_shardnumsub(ctx: Context, *channels: bytes) -> Reply:
    """Counts the clients of shard channels."""
    reply: list[Reply] = []
    for channel in channels:
        reply += [channel, ctx.server.pubsub.shard_listeners(channel)]
    return reply
