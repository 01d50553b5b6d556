"""Streams: adding, reading by range, removing. Groups of consumers are in stream_groups and its neighbours.

Source: https://redis.io/docs/latest/commands/?group=stream
"""

from __future__ import annotations

from itertools import islice
from typing import Final

from cluster.commands.arguments import integer
from cluster.commands.collections import target, wrong_arity
from cluster.commands.context import Context
from cluster.commands.stream_arguments import count_option, first_id, last_id, stream_id, told
from cluster.commands.stream_trimming import Options, parse_options
from cluster.spec.command import command
from cluster.spec.errors import NO_SUCH_KEY, SYNTAX, CommandError
from cluster.store.values.stream import Stream
from cluster.store.values.stream_id import HALF_BITS, HALF_MAX, ID_MAX, format_id, make_id
from protocol.resp.types import NULL_ARRAY, OK, Reply

_TRIM: Final = (
    "strategy={MAXLEN | MINID} operator=[equal='=' | approximately='~'] threshold [LIMIT count:integer]"
)
_NOT_ABOVE_TOP: Final = "ERR The ID specified in XADD is equal or smaller than the target stream top item"
_EXHAUSTED: Final = "ERR The stream has exhausted the last possible ID, unable to add more items"


@command("XADD", "key [NOMKSTREAM] trim=[" + _TRIM + "] id_or_auto={auto_id='*' | id}"
         " field_value={field value}+", group="stream", since="5.0.0", flags="WRITE DENYOOM FAST",
         keys="RW UPDATE # An update, because it may trim", tips=("nondeterministic_output",),
         complexity="O(1), O(N) where N entries are trimmed",
         history=(("6.2.0", "The options NOMKSTREAM, MINID and LIMIT."),
                  ("7.0.0", "An id of the form <ms>-*.")))  # fmt: skip
def xadd(ctx: Context, key: bytes, *words: bytes) -> Reply:
    """Appends an entry to a stream, which is made where there is none."""
    options = parse_options(ctx, adds=True)
    items = words[options.id_at - 1 :]
    if len(items) < 2 or len(items) % 2:
        raise wrong_arity("xadd")
    if options.id_ == 0 and options.has_seq:
        raise CommandError("ERR The ID specified in XADD must be greater than 0-0")
    found = target(ctx, key, Stream)
    if found is None and not options.makes_stream:
        return None
    stream = Stream() if found is None else found
    id_ = _next_id(ctx, stream.last_id, options)
    try:
        stream.append(id_, items, ctx.server.options)
    except OverflowError:
        raise CommandError("ERR Elements are too large to be stored") from None
    if found is None:
        ctx.db.put(key, stream)
    _added(ctx, key, stream, options)
    return format_id(id_)


def _next_id(ctx: Context, top_id: int, options: Options) -> int:
    """The id that a new entry gets behind the one at the top. Raises CommandError."""
    if top_id == ID_MAX:
        raise CommandError(_EXHAUSTED)
    id_ = options.id_
    if id_ is None:
        return max(make_id(ctx.now_ms, 0), top_id + 1)
    if not options.has_seq and id_ >> HALF_BITS == top_id >> HALF_BITS and top_id & HALF_MAX != HALF_MAX:
        return top_id + 1
    if id_ <= top_id:
        raise CommandError(_NOT_ABOVE_TOP)
    return id_


def _added(ctx: Context, key: bytes, stream: Stream, options: Options) -> None:
    """Trims, tells and propagates, with the id and the trimming as they have come out."""
    ctx.changed(key, b"xadd")
    trim = options.trim()
    if trim is None and options.id_ is not None and options.has_seq:
        return
    argv = [*ctx.argv]
    argv[options.id_at] = format_id(stream.last_id)
    if trim is not None:
        if stream.trim(trim):
            ctx.changed(key, b"xtrim", 0)
        if not trim.exact:
            options.rewrite(argv, stream)
    ctx.propagate_instead([argv])


@command("XTRIM", "key trim={" + _TRIM + "}", group="stream", since="5.0.0", flags="WRITE", keys="RW DELETE",
         tips=("nondeterministic_output",), complexity="O(N) where N entries are trimmed",
         history=(("6.2.0", "The options MINID and LIMIT."),))  # fmt: skip
def xtrim(ctx: Context, key: bytes, *_words: bytes) -> Reply:
    """Removes the oldest entries of a stream: all but so many, or those below an id."""
    options = parse_options(ctx, adds=False)
    stream = target(ctx, key, Stream)
    trim = options.trim()
    if stream is None or trim is None:
        return 0
    deleted = stream.trim(trim)
    if deleted:
        ctx.changed(key, b"xtrim", deleted)
        if not trim.exact:
            argv = [*ctx.argv]
            options.rewrite(argv, stream)
            ctx.propagate_instead([argv])
    return deleted


@command("XDEL", "key id+", group="stream", since="5.0.0", flags="WRITE FAST", keys="RW DELETE",
         complexity="O(log N) for each entry removed")  # fmt: skip
def xdel(ctx: Context, key: bytes, *ids: bytes) -> Reply:
    """Removes entries of a stream by their ids; the reply is how many were there."""
    stream = target(ctx, key, Stream)
    if stream is None:
        return 0
    deleted = stream.delete([stream_id(text) for text in ids])
    if deleted:
        ctx.changed(key, b"xdel", deleted)
    return deleted


@command("XLEN", "key", group="stream", since="5.0.0", flags="READONLY FAST", keys="RO")
def xlen(ctx: Context, key: bytes) -> Reply:
    """How many entries a stream has."""
    stream = ctx.db.typed(key, Stream)
    return 0 if stream is None else len(stream)


@command("XRANGE", "key start end [COUNT count:integer]", group="stream", since="5.0.0", flags="READONLY",
         keys="RO ACCESS", complexity="O(log N + M) for M entries returned of N",
         history=(("6.2.0", "Intervals without their ends."),))  # fmt: skip
def xrange(ctx: Context, key: bytes, start: bytes, end: bytes, *options: bytes) -> Reply:
    """The entries of a stream between two ids."""
    return _range(ctx, key, (first_id(start), last_id(end)), options, reverse=False)


@command("XREVRANGE", "key end start [COUNT count:integer]", group="stream", since="5.0.0", flags="READONLY",
         keys="RO ACCESS", complexity="O(log N + M) for M entries returned of N",
         history=(("6.2.0", "Intervals without their ends."),))  # fmt: skip
def xrevrange(ctx: Context, key: bytes, end: bytes, start: bytes, *options: bytes) -> Reply:
    """The entries of a stream between two ids, the last ones first."""
    low = first_id(start)
    return _range(ctx, key, (low, last_id(end)), options, reverse=True)


def _range(
    ctx: Context, key: bytes, interval: tuple[int, int], options: tuple[bytes, ...], *, reverse: bool
) -> Reply:
    count = count_option(options)
    stream = ctx.db.typed(key, Stream)
    if stream is None:
        return []
    if count == 0:
        return NULL_ARRAY
    entries = stream.reversed_range(*interval) if reverse else stream.range(*interval)
    return told(entries if count is None else islice(entries, min(count, len(stream))))


@command("XSETID", "key last-id entries_added=[ENTRIESADDED entries_added:integer]"
         " max_deleted_entry_id=[MAXDELETEDID max_deleted_entry_id]",
         group="stream", since="5.0.0", flags="WRITE DENYOOM FAST", keys="RW UPDATE",
         history=(("7.0.0", "The options ENTRIESADDED and MAXDELETEDID."),))  # fmt: skip
def xsetid(ctx: Context, key: bytes, top: bytes, *options: bytes) -> Reply:
    """Sets a stream's last id, as a replica is told to."""
    id_ = stream_id(top)
    entries_added, max_deleted_id = _setid_options(options, id_)
    stream = target(ctx, key, Stream)
    if stream is None:
        raise CommandError(NO_SUCH_KEY)
    if len(stream):
        if id_ < stream.last_living_id():
            raise CommandError("ERR The ID specified in XSETID is smaller than the target stream top item")
        if entries_added is not None and entries_added < len(stream):
            raise CommandError(
                "ERR The entries_added specified in XSETID is smaller than the target stream length"
            )
    stream.last_id = id_
    if entries_added is not None:
        stream.entries_added = entries_added
    if max_deleted_id:
        stream.max_deleted_id = max_deleted_id
    ctx.noted(key, b"xsetid")
    return OK


def _setid_options(options: tuple[bytes, ...], top_id: int) -> tuple[int | None, int]:
    entries_added, max_deleted_id = None, 0
    for at in range(0, len(options), 2):
        word = options[at].lower()
        if at + 1 == len(options) or word not in (b"entriesadded", b"maxdeletedid"):
            raise CommandError(SYNTAX)
        if word == b"entriesadded":
            entries_added = integer(options[at + 1])
            if entries_added < 0:
                raise CommandError("ERR entries_added must be positive")
        else:
            max_deleted_id = stream_id(options[at + 1])
            if top_id < max_deleted_id:
                raise CommandError(
                    "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id"
                )
    return entries_added, max_deleted_id
