"""Consumer groups: making and removing them and their consumers, and acknowledging.

Source: https://redis.io/docs/latest/commands/?group=stream
"""

from __future__ import annotations

from cluster.commands.arguments import integer
from cluster.commands.collections import target
from cluster.commands.context import Context
from cluster.commands.helptext import help_of
from cluster.commands.stream_arguments import (
    Named,
    is_word,
    loose_id,
    printed,
    stream_id,
    wrong_subcommand,
)
from cluster.spec.command import command, container
from cluster.spec.errors import CommandError
from cluster.store.values.stream import Stream
from cluster.store.values.stream_groups import Consumer, Group, Pending
from cluster.store.values.stream_id import format_id
from protocol.resp.types import OK, Reply

_NO_STREAM = (
    "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the"
    " MKSTREAM option to create an empty stream automatically."
)
_CREATE_OPTIONS_MAX = 3

_HISTORY = (("7.0.0", "The option ENTRIESREAD."),)
_ENTRIES_READ = "entries_read=[ENTRIESREAD entries_read:integer]"
_ID = "id={id | new_id='$'}"

container("XGROUP", "Makes and removes consumer groups", group="stream", since="5.0.0")


@command("XGROUP CREATE", f"key groupname {_ID} [MKSTREAM] {_ENTRIES_READ}", group="stream", since="5.0.0",
         flags="WRITE DENYOOM", keys="RW INSERT", history=_HISTORY)  # fmt: skip
def create(ctx: Context, key: bytes, name: bytes, last: bytes, *words: bytes) -> Reply:
    """Makes a consumer group, which is to read what comes behind an id."""
    makes_stream, entries_read = _options(ctx, words, takes_mkstream=True)
    stream = target(ctx, key, Stream)
    if stream is None and not makes_stream:
        raise CommandError(_NO_STREAM)
    if len(words) > _CREATE_OPTIONS_MAX:
        wrong_subcommand(ctx)
    if not is_word(last, b"$"):
        id_ = stream_id(last)
    else:
        id_ = 0 if stream is None else stream.last_id
    if stream is None:
        stream = Stream()
        ctx.db.put(key, stream)
        ctx.changed(key, b"xgroup-create")
    elif name in stream.groups:
        raise CommandError("BUSYGROUP Consumer Group name already exists")
    else:
        ctx.noted(key, b"xgroup-create")
    stream.groups[name] = Group(id_, entries_read)
    return OK


@command("XGROUP SETID", f"key groupname {_ID} {_ENTRIES_READ}", group="stream", since="5.0.0", flags="WRITE",
         keys="RW UPDATE", history=_HISTORY)  # fmt: skip
def set_id(ctx: Context, key: bytes, name: bytes, last: bytes, *words: bytes) -> Reply:
    """Sets the last id that a group has been delivered."""
    _, entries_read = _options(ctx, words, takes_mkstream=False)
    stream, group = _group(ctx, key, name)
    if len(words) not in (0, 2):
        wrong_subcommand(ctx)
    group.last_id = stream.last_id if is_word(last, b"$") else loose_id(last)
    group.entries_read = entries_read
    ctx.noted(key, b"xgroup-setid")
    return OK


@command("XGROUP DESTROY", "key groupname", group="stream", since="5.0.0", flags="WRITE", keys="RW DELETE",
         complexity="O(N) for N pending entries of the group")  # fmt: skip
def destroy(ctx: Context, key: bytes, name: bytes) -> Reply:
    """Removes a group."""
    stream = _stream(ctx, key)
    if stream.groups.pop(name, None) is None:
        return 0
    stream.news += 1
    ctx.noted(key, b"xgroup-destroy")
    ctx.server.waiters.touch((ctx.db.index, key))
    return 1


@command("XGROUP CREATECONSUMER", "key groupname consumername", group="stream", since="6.2.0",
         flags="WRITE DENYOOM", keys="RW INSERT")  # fmt: skip
def create_consumer(ctx: Context, key: bytes, name: bytes, consumer: bytes) -> Reply:
    """Makes a consumer of a group."""
    _, group = _group(ctx, key, name)
    if consumer in group.consumers:
        return 0
    add_consumer(ctx, key, group, consumer)
    return 1


@command("XGROUP DELCONSUMER", "key groupname consumername", group="stream", since="5.0.0", flags="WRITE",
         keys="RW DELETE")  # fmt: skip
def delete_consumer(ctx: Context, key: bytes, name: bytes, consumer: bytes) -> Reply:
    """Removes a consumer of a group; the reply is how many entries it had pending."""
    _, group = _group(ctx, key, name)
    if consumer not in group.consumers:
        return 0
    pending = group.remove_consumer(consumer)
    ctx.noted(key, b"xgroup-delconsumer")
    return pending


@command("XGROUP HELP", group="stream", since="5.0.0", flags="LOADING STALE")
def help_(_ctx: Context) -> Reply:
    """Lists the subcommands."""
    return help_of("XGROUP")


@command("XACK", "key group id+", group="stream", since="5.0.0", flags="WRITE FAST", keys="RW UPDATE",
         complexity="O(log N) for each id")  # fmt: skip
def xack(ctx: Context, key: bytes, name: bytes, *ids: bytes) -> Reply:
    """Says that entries have been dealt with: they are no longer pending. The reply is how many were."""
    stream = ctx.db.typed(key, Stream)
    group = None if stream is None else stream.groups.get(name)
    if group is None:
        return 0
    acknowledged = sum([group.acknowledge(id_) for id_ in [stream_id(text) for text in ids]])
    ctx.server.dirty += acknowledged
    return acknowledged


def add_consumer(ctx: Context, key: bytes, group: Group, name: bytes) -> Consumer:
    """Makes a consumer that is not there, and tells of it."""
    ctx.noted(key, b"xgroup-createconsumer")
    return group.add_consumer(name, ctx.now_ms)


def claim_command(named: Named, id_: bytes, pending: Pending) -> list[bytes]:
    """What a replica is to be told of a pending entry: whose it is, since when, and how far the group is.

    JUSTID spares it looking the entry up; FORCE makes it pending whether or not it was.
    """
    owner, last = pending.consumer.name, format_id(named.group.last_id)
    when = [b"TIME", b"%d" % pending.delivered_ms, b"RETRYCOUNT", b"%d" % pending.deliveries]
    return [b"XCLAIM", named.key, named.name, owner, b"0", id_, *when, b"FORCE", b"JUSTID", b"LASTID", last]


def set_id_command(named: Named) -> list[bytes]:
    """What a replica is to be told of how far a group is."""
    read = named.group.entries_read
    last = format_id(named.group.last_id)
    count = b"%d" % (-1 if read is None else read)
    return [b"XGROUP", b"SETID", named.key, named.name, last, b"ENTRIESREAD", count]


def _options(ctx: Context, words: tuple[bytes, ...], *, takes_mkstream: bool) -> tuple[bool, int | None]:
    """[MKSTREAM] [ENTRIESREAD n]. Raises CommandError."""
    makes_stream, entries_read = False, -1
    rest = iter(words)
    for word in rest:
        name = word.lower()
        count = next(rest, None) if name == b"entriesread" else None
        if takes_mkstream and name == b"mkstream":
            makes_stream = True
        elif count is not None:
            entries_read = integer(count)
            if entries_read < -1:
                raise CommandError("ERR value for ENTRIESREAD must be positive or -1")
        else:
            wrong_subcommand(ctx)
    return makes_stream, None if entries_read == -1 else entries_read


def _stream(ctx: Context, key: bytes) -> Stream:
    stream = target(ctx, key, Stream)
    if stream is None:
        raise CommandError(_NO_STREAM)
    return stream


def _group(ctx: Context, key: bytes, name: bytes) -> tuple[Stream, Group]:
    stream = _stream(ctx, key)
    group = stream.groups.get(name)
    if group is None:
        raise no_group(key, name)
    return stream, group


def no_group(key: bytes, name: bytes) -> CommandError:
    """For a stream that has no such group."""
    return CommandError(
        b"NOGROUP No such consumer group '%b' for key name '%b'" % (printed(name), printed(key))
    )
