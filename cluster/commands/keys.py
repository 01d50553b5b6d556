"""What can be done to a key, whatever its value is."""

from __future__ import annotations

from cluster.commands.arguments import integer
from cluster.commands.context import Context
from cluster.spec.command import command
from cluster.spec.errors import NO_SUCH_KEY, NOT_AN_INTEGER, SYNTAX, CommandError
from cluster.store.keyspace import Entry, Keyspace, Value, type_name
from cluster.store.values.string import Unshared, string_encoding
from protocol.resp.types import OK, Reply, Status

SAME_OBJECT = "ERR source and destination objects are the same"
DB_OUT_OF_RANGE = "ERR DB index is out of range"
INDEX_OUT_OF_RANGE = "ERR value is out of range, value must between -2147483648 and 2147483647"

EACH_SHARD = ("request_policy:multi_shard", "response_policy:agg_sum")


def look(ctx: Context, key: bytes, *, notifies: bool = True) -> Entry | None:
    """The live entry, for a command that asks about the key and so does not count as a use of it. With
    `notifies` its absence is a keyspace event."""
    entry = ctx.db.peek(key)
    if entry is None and notifies:
        ctx.db.missed(key)
    elif entry is None:
        ctx.db.misses += 1
    else:
        ctx.db.hits += 1
    return entry


def database_index(text: bytes, message: str = "") -> int:
    """The number of a database, which need not exist. Raises CommandError: `message`, or Redis's two for what
    is no number and for what is none of 32 bits."""
    index = integer(text, message or NOT_AN_INTEGER)
    if not -(1 << 31) <= index < 1 << 31:
        raise CommandError(message or INDEX_OUT_OF_RANGE)
    return index


def database(ctx: Context, index: int) -> Keyspace:
    """The database of a number. Raises CommandError."""
    if not 0 <= index < len(ctx.server.databases):
        raise CommandError(DB_OUT_OF_RANGE)
    return ctx.server.databases[index]


@command(
    "DEL",
    "key+",
    group="generic",
    since="1.0.0",
    flags="WRITE",
    keys="RM DELETE",
    tips=EACH_SHARD,
    complexity="O(N) where N is the number of keys, and of the members of collections among them.",
)
def del_(ctx: Context, *keys: bytes) -> Reply:
    """Removes keys."""
    removed = 0
    for key in keys:
        if ctx.db.delete(key):
            ctx.changed(key, b"del")
            removed += 1
    return removed


@command(
    "UNLINK",
    "key+",
    group="generic",
    since="4.0.0",
    flags="WRITE FAST",
    keys="RM DELETE",
    tips=EACH_SHARD,
    complexity="O(1) for each key.",
)
def unlink(ctx: Context, *keys: bytes) -> Reply:
    """Removes keys; their memory is given back later."""
    return del_(ctx, *keys)


@command(
    "EXISTS",
    "key+",
    group="generic",
    since="1.0.0",
    flags="READONLY FAST",
    keys="RO",
    tips=EACH_SHARD,
    complexity="O(N) where N is the number of keys.",
    history=(("3.0.3", "Takes several keys."),),
)
def exists(ctx: Context, *keys: bytes) -> Reply:
    """Counts how many of the keys exist; one that is named twice counts twice."""
    return sum(look(ctx, key) is not None for key in keys)


@command(
    "TOUCH",
    "key+",
    group="generic",
    since="3.2.1",
    flags="READONLY FAST",
    keys="RO",
    tips=EACH_SHARD,
    complexity="O(N) where N is the number of keys.",
)
def touch(ctx: Context, *keys: bytes) -> Reply:
    """Counts how many of the keys exist and sets their access time."""
    return sum(ctx.db.entry(key) is not None for key in keys)


@command("TYPE", "key", group="generic", since="1.0.0", flags="READONLY FAST", keys="RO")
def type_(ctx: Context, key: bytes) -> Reply:
    """Tells the type of a key's value."""
    entry = look(ctx, key)
    return Status(type_name(entry.value) if entry else b"none")


@command(
    "RENAME",
    "key newkey",
    group="generic",
    since="1.0.0",
    flags="WRITE",
    keys="RW ACCESS DELETE; OW UPDATE",
)
def rename(ctx: Context, key: bytes, new: bytes) -> Reply:
    """Gives a key another name, in place of whatever had that name."""
    entry = _source(ctx, key)
    if key != new:
        _rename(ctx, key, entry, new)
    return OK


@command(
    "RENAMENX",
    "key newkey",
    group="generic",
    since="1.0.0",
    flags="WRITE FAST",
    keys="RW ACCESS DELETE; OW INSERT",
    history=(("3.2.0", "The same name twice is no error."),),
)
def renamenx(ctx: Context, key: bytes, new: bytes) -> Reply:
    """Gives a key another name unless that is taken."""
    entry = _source(ctx, key)
    if ctx.db.target(new) is not None:
        return 0
    _rename(ctx, key, entry, new)
    return 1


def _source(ctx: Context, key: bytes) -> Entry:
    entry = ctx.db.target(key)
    if entry is None:
        raise CommandError(NO_SUCH_KEY)
    return entry


def _rename(ctx: Context, key: bytes, entry: Entry, new: bytes) -> None:
    ctx.db.delete(key)
    ctx.db.delete(new)
    ctx.db.put(new, entry.value, entry.expire_ms)
    ctx.db.field_expiry.note(new, entry.value, is_new=True)
    ctx.changed(key, b"rename_from")
    ctx.changed(new, b"rename_to", 0)


@command(
    "COPY",
    "source:key destination:key [DB destination-db:integer] [REPLACE]",
    group="generic",
    since="6.2.0",
    flags="WRITE DENYOOM",
    keys="RO ACCESS; OW UPDATE",
    complexity="O(N) where N is the number of members of a collection; O(1) for a string.",
)
def copy(ctx: Context, key: bytes, new: bytes, *words: bytes) -> Reply:
    """Copies a key's value and expiry to another key."""
    target, replace = _copy_options(ctx, words)
    if ctx.server.core is not None and (ctx.db.index or target.index):
        raise CommandError("ERR Copying to another database is not allowed in cluster mode")
    if target is ctx.db and key == new:
        raise CommandError(SAME_OBJECT)
    entry = ctx.db.entry(key)
    if entry is None or (not replace and target.target(new) is not None):
        return 0
    twin = _twin(entry.value)
    target.delete(new)
    target.put(new, twin, entry.expire_ms)
    target.field_expiry.note(new, twin, is_new=True)
    ctx.changed(new, b"copy_to", database=target)
    return 1


def _copy_options(ctx: Context, words: tuple[bytes, ...]) -> tuple[Keyspace, bool]:
    target, replace = ctx.db, False
    rest = iter(words)
    for word in rest:
        name = word.upper()
        index = next(rest, None) if name == b"DB" else None
        if name == b"REPLACE":
            replace = True
        elif index is not None:
            target = database(ctx, database_index(index))
        else:
            raise CommandError(SYNTAX)
    return target, replace


def _twin(value: Value) -> Value:
    """A copy that no later change to either can reach."""
    if not isinstance(value, bytes):
        return value.copy()
    return Unshared(value) if string_encoding(value) == "int" else value


@command(
    "MOVE", "key db:integer", group="generic", since="1.0.0", flags="WRITE FAST", keys="RW ACCESS UPDATE"
)
def move(ctx: Context, key: bytes, index: bytes) -> Reply:
    """Moves a key to another database."""
    if ctx.server.core is not None:
        raise CommandError("ERR MOVE is not allowed in cluster mode")
    target = database(ctx, database_index(index))
    if target is ctx.db:
        raise CommandError(SAME_OBJECT)
    entry = ctx.db.target(key)
    if entry is None or target.target(key) is not None:
        return 0
    ctx.db.delete(key)
    target.put(key, entry.value, entry.expire_ms)
    target.field_expiry.note(key, entry.value, is_new=True)
    ctx.changed(key, b"move_from")
    ctx.changed(key, b"move_to", 0, target)
    return 1
