"""XREAD and XREADGROUP: what is new in streams, for one reader or shared out among a group's consumers.

Source: https://redis.io/docs/latest/commands/?group=stream
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Final

from cluster.commands.arguments import integer
from cluster.commands.blocking import timeout_ms, wait_for
from cluster.commands.collections import target
from cluster.commands.context import Context
from cluster.commands.stream_arguments import Named, group_of, is_word, stream_id, told
from cluster.commands.stream_groups import add_consumer, claim_command, set_id_command
from cluster.spec.command import command
from cluster.spec.errors import SYNTAX, CommandError
from cluster.store.values.stream import Items, Stream
from cluster.store.values.stream_groups import Consumer
from cluster.store.values.stream_id import ID_MAX, format_id
from protocol.resp.types import LATER, NULL_ARRAY, MapReply, Reply

_WAITED_COUNT: Final = 1000
"""How many entries a client gets at most that has waited and has not said how many it wants."""

_NEW: Final = ID_MAX
"""The id that ">" stands for; as in Redis, one written out means the same."""

_UNBALANCED: Final = (
    "ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified."
)
"""Of XREADGROUP as well, as Redis has it."""
_ONLY_GROUPS: Final = "ERR The {} option is only supported by XREADGROUP. You called XREAD instead."
_DOLLAR: Final = (
    "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer"
    " by specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty"
    " result set."
)
_GREATER: Final = (
    "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option."
)
_GROUP_GONE: Final = "NOGROUP the consumer group this client was blocked on no longer exists"
_KEY_GONE: Final = "UNBLOCKED the stream key no longer exists"


@dataclass(slots=True)
class _Request:
    """`count` is 0 for all; `deadline_ms` None where the client does not want to wait."""

    count: int = 0
    deadline_ms: int | None = None
    group: bytes | None = None
    consumer: bytes = b""
    acknowledged: bool = False
    keys: tuple[bytes, ...] = ()
    ids: tuple[bytes, ...] = ()


def _request(ctx: Context, words: tuple[bytes, ...], *, grouped: bool) -> _Request:
    request = _Request()
    at, end = 0, len(words)
    while at < end:
        word, left = words[at].lower(), end - at - 1
        if word == b"streams" and left:
            _streams(request, words[at + 1 :])
            break
        if word == b"block" and left:
            request.deadline_ms = timeout_ms(ctx, words[at + 1])
        elif word == b"count" and left:
            request.count = max(0, integer(words[at + 1]))
        elif word == b"group" and left >= 2:
            if not grouped:
                raise CommandError(_ONLY_GROUPS.format("GROUP"))
            request.group, request.consumer = words[at + 1 : at + 3]
        elif word == b"noack":
            if not grouped:
                raise CommandError(_ONLY_GROUPS.format("NOACK"))
            request.acknowledged = True
        else:
            raise CommandError(SYNTAX)
        at += {b"group": 3, b"noack": 1}.get(word, 2)
    if not request.keys:
        raise CommandError(SYNTAX)
    if grouped and request.group is None:
        raise CommandError("ERR Missing GROUP option for XREADGROUP")
    return request


def _streams(request: _Request, words: tuple[bytes, ...]) -> None:
    half, odd = divmod(len(words), 2)
    if odd:
        raise CommandError(_UNBALANCED)
    request.keys, request.ids = words[:half], words[half:]


def _named_keys(argv: list[bytes]) -> list[int]:
    """Where the keys stand: STREAMS may also be the name of a group or a consumer before them."""
    at = 1
    skipped = {b"block": 2, b"count": 2, b"group": 3, b"noack": 1}
    while at < len(argv) and argv[at].lower() in skipped:
        at += skipped[argv[at].lower()]
    if at >= len(argv) or argv[at].lower() != b"streams" or (len(argv) - at - 1) % 2:
        return []
    return list(range(at + 1, at + 1 + (len(argv) - at - 1) // 2))


def _reply(ctx: Context, found: list[tuple[bytes, list[Reply]]]) -> Reply:
    """Entries by key: a map in RESP3, where a key that was asked for twice stands twice."""
    if ctx.session.protocol == 3:
        return MapReply(part for pair in found for part in pair)
    return [[key, entries] for key, entries in found]


@command("XREAD", "[COUNT count:integer] milliseconds=[BLOCK milliseconds:integer]"
         " streams=STREAMS{key+ id+}", group="stream", since="5.0.0", flags="READONLY BLOCKING",
         keys="RO ACCESS @ keyword:STREAMS,1 range:-1,1,2", key_finder=_named_keys,
         complexity="O(log N + M) for each stream of N entries with M returned")  # fmt: skip
def xread(ctx: Context, *words: bytes) -> Reply:
    """The entries of streams behind ids; can wait for new ones."""
    request = _request(ctx, words, grouped=False)
    asked = list(zip(request.keys, request.ids, strict=True))
    after = [(key, _after(text, ctx.db.typed(key, Stream))) for key, text in asked]
    first: dict[bytes, int] = {}
    found: list[tuple[bytes, Iterable[tuple[int, Items]]]] = []
    for key, id_ in after:
        stream = ctx.db.typed(key, Stream)  # Redis looks twice as well, and each look is a hit or a miss
        first.setdefault(key, id_)
        if stream is not None and stream.last_living_id() > id_:
            found.append((key, _limited(stream, id_ + 1, request.count)))
    if found:
        return _reply(ctx, [(key, told(entries)) for key, entries in found])
    if request.deadline_ms is None:
        return NULL_ARRAY
    news = _News(ctx, request.keys)
    count = request.count or _WAITED_COUNT

    def attempt(key: bytes) -> Reply:
        stream = target(ctx, key, Stream)
        if stream is None or not news.has_come(key, stream) or stream.last_id <= first[key]:
            return LATER
        return _reply(ctx, [(key, told(_limited(stream, first[key] + 1, count)))])

    return wait_for(ctx, request.keys, attempt, kind=Stream, deadline_ms=request.deadline_ms)


def _after(text: bytes, stream: Stream | None) -> int:
    if is_word(text, b"$"):
        return 0 if stream is None else stream.last_id
    if is_word(text, b">"):
        raise CommandError(_GREATER)
    return stream_id(text)


def _limited(stream: Stream, low: int, count: int) -> Iterable[tuple[int, Items]]:
    entries = stream.range(low, ID_MAX)
    return islice(entries, min(count, len(stream))) if count else entries


class _News:
    """Tells what can end a wait for a stream's entries from any other change of it."""

    __slots__ = ("_ctx", "_seen")

    def __init__(self, ctx: Context, keys: Iterable[bytes]) -> None:
        self._ctx = ctx
        self._seen: dict[bytes, tuple[Stream | None, int]] = {}
        for key in keys:
            entry = ctx.db.peek(key)
            stream = entry.value if entry is not None and isinstance(entry.value, Stream) else None
            self._seen[key] = (stream, 0 if stream is None else stream.news)

    def has_come(self, key: bytes, stream: Stream) -> bool:
        before, count = self._seen[key]
        self._seen[key] = (stream, stream.news)
        return stream is not before or stream.news != count


@command("XREADGROUP", "group_consumer=GROUP{group consumer} [COUNT count:integer]"
         " milliseconds=[BLOCK milliseconds:integer] [NOACK] streams=STREAMS{key+ id+}",
         group="stream", since="5.0.0", flags="WRITE BLOCKING",
         keys="RO ACCESS @ keyword:STREAMS,4 range:-1,1,2", key_finder=_named_keys,
         complexity="O(M * log N) for each stream with M entries returned and N pending")  # fmt: skip
def xreadgroup(ctx: Context, *words: bytes) -> Reply:
    """The entries of streams that are new to a group, or those pending for a consumer; can wait."""
    request = _request(ctx, words, grouped=True)
    named, after = _groups(ctx, request)
    delivery = _Delivery(ctx, request, request.count)
    found = []
    for each, id_ in zip(named, after, strict=True):
        ctx.db.get(each.key)  # the second look, as with XREAD
        if id_ != _NEW:
            found.append((each.key, delivery.history(each, id_ + 1)))
        elif each.stream.last_living_id() > each.group.last_id:
            found.append((each.key, delivery.new(each)))
    if found:
        delivery.propagate()
        return _reply(ctx, found)
    ctx.propagate_instead([])
    if request.deadline_ms is None:
        return NULL_ARRAY
    attempt = _group_attempt(ctx, request)
    return wait_for(ctx, request.keys, attempt, kind=None, deadline_ms=request.deadline_ms)


def _groups(ctx: Context, request: _Request) -> tuple[list[Named], list[int]]:
    """The groups with their streams, and the ids asked for. Raises CommandError."""
    assert request.group is not None  # _request() has seen to it
    named, after = [], []
    for key, text in zip(request.keys, request.ids, strict=True):
        stream = ctx.db.typed(key, Stream)
        named.append(group_of(stream, key, request.group, " in XREADGROUP with GROUP option"))
        if is_word(text, b"$"):
            raise CommandError(_DOLLAR)
        after.append(_NEW if is_word(text, b">") else stream_id(text))
    return named, after


def _group_attempt(ctx: Context, request: _Request) -> Callable[[bytes], Reply]:
    name = request.group or b""
    news = _News(ctx, request.keys)

    def attempt(key: bytes) -> Reply:
        entry = ctx.db.target(key)
        if entry is None or not isinstance(entry.value, Stream):
            raise CommandError(_KEY_GONE)
        stream = entry.value
        group = stream.groups.get(name)
        if group is None:
            raise CommandError(_GROUP_GONE)
        if not news.has_come(key, stream) or stream.last_id <= group.last_id:
            return LATER
        delivery = _Delivery(ctx, request, request.count or _WAITED_COUNT)
        entries = delivery.new(Named(key, name, stream, group))
        delivery.propagate()
        return _reply(ctx, [(key, entries)])

    return attempt


class _Delivery:
    """Gives entries to one consumer. A replica is told what has become pending, and not what was read."""

    def __init__(self, ctx: Context, request: _Request, count: int) -> None:
        self._ctx = ctx
        self._request = request
        self._count = count
        self._propagated: list[list[bytes]] = []

    def propagate(self) -> None:
        """Says what is to be propagated in place of the request."""
        self._ctx.propagate_instead(self._propagated)

    def new(self, named: Named) -> list[Reply]:
        """Entries that the group has not been given yet."""
        stream, group, now_ms = named.stream, named.group, self._ctx.now_ms
        consumer = self._consumer(named)
        entries = list(_limited(stream, group.last_id + 1, self._count))
        for id_, _ in entries:
            stream.advance(group, id_)
            if not self._request.acknowledged:
                pending = group.deliver(id_, consumer, now_ms)
                self._propagated.append(claim_command(named, format_id(id_), pending))
        if entries and self._request.acknowledged:
            self._propagated.append(set_id_command(named))
        return told(entries)

    def history(self, named: Named, low: int) -> list[Reply]:
        """Entries that are pending for the consumer; those that are gone from the stream without content."""
        consumer = self._consumer(named)
        pending = consumer.pending.items(low)
        found: list[Reply] = []
        for id_, each in islice(pending, min(self._count, len(consumer.pending))) if self._count else pending:
            items = named.stream.entry(id_)
            if items is not None:
                each.delivered_ms = self._ctx.now_ms
                each.deliveries += 1
            found.append([format_id(id_), NULL_ARRAY if items is None else [*items]])
        return found

    def _consumer(self, named: Named) -> Consumer:
        """The consumer, made where it is not there; it has been seen now."""
        self._ctx.server.dirty += 1
        name = self._request.consumer
        found = named.group.consumers.get(name)
        if found is not None:
            found.seen_ms = self._ctx.now_ms
            return found
        if self._request.acknowledged:
            self._propagated.append([b"XGROUP", b"CREATECONSUMER", named.key, named.name, name])
        return add_consumer(self._ctx, named.key, named.group, name)
