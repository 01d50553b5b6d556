"""DEBUG: what tests of data, of replication and of clients need.

Its subcommands stand in a table of their own, as COMMAND shows DEBUG as one command without subcommands.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final

from cluster.commands.arguments import positive, strtod
from cluster.commands.context import Context
from cluster.commands.debug_protocol import REPLIES, sample
from cluster.commands.objects import encoding, references
from cluster.spec.command import command
from cluster.spec.errors import NO_SUCH_KEY, CommandError
from cluster.spec.option_kinds import parse_memory
from cluster.store.digest import dataset_digest, value_digest
from cluster.store.dump import dump
from cluster.store.keyspace import Value
from cluster.store.values.list import List
from protocol.rdb.encode import quicklist_nodes
from protocol.rdb.records import PLAIN_BYTES, ListRecord
from protocol.resp.types import OK, ErrorReply, Push, Reply, Status

_LRU_CLOCK_MASK = (1 << 24) - 1
_PAYLOAD_FRAME_BYTES = 11
"""What a DUMP payload has around the value itself: its type, version and checksum."""

_PACKED_THRESHOLD_MAX = (1 << 32) - (1 << 20)
_SHOWN_BYTES = 128


@command(
    "DEBUG",
    group="server",
    since="1.0.0",
    arity=-2,
    flags="ADMIN NOSCRIPT LOADING STALE PROTECTED",
    doc_flags=("syscmd",),
    complexity="Depends on subcommand.",
)
def debug(ctx: Context, name: bytes, *words: bytes) -> Reply:
    """Looks into a node and upsets it, for tests."""
    handler, words_min, words_max = _SUBCOMMANDS.get(name.upper(), (_unknown, 0, -1))
    if not words_min <= len(words) <= words_max:
        shown = name[:_SHOWN_BYTES].decode(errors="replace")
        raise CommandError(
            f"ERR unknown subcommand or wrong number of arguments for '{shown}'. Try DEBUG HELP."
        )
    return handler(ctx, words)


def _unknown(_ctx: Context, _words: Sequence[bytes]) -> Reply:
    raise AssertionError("no number of words is right for it")


def _object(ctx: Context, words: Sequence[bytes]) -> Reply:
    entry = ctx.db.stored(words[0])  # also one that is over
    if entry is None:
        raise CommandError(NO_SUCH_KEY)
    idle_s = max(0, ctx.now_ms - entry.access_ms) // 1000
    size = len(dump(entry.value, plain_bytes=ctx.server.plain_bytes)) - _PAYLOAD_FRAME_BYTES
    return Status(
        f"Value at:{id(entry.value):#x} refcount:{references(entry.value)}"
        f" encoding:{encoding(entry.value)} serializedlength:{size}"
        f" lru:{entry.access_ms // 1000 & _LRU_CLOCK_MASK} lru_seconds_idle:{idle_s}"
        f"{_quicklist(ctx, entry.value)}".encode()
    )


def _quicklist(ctx: Context, value: Value) -> str:
    """How a list would lie in nodes, as it does in a payload."""
    if not isinstance(value, List):
        return ""
    nodes = quicklist_nodes(ListRecord(value.elements, ctx.server.plain_bytes))
    options = ctx.server.options
    return (
        f" ql_nodes:{len(nodes)} ql_avg_node:{len(value) / len(nodes):.2f}"
        f" ql_listpack_max:{options.list_max_listpack_size}"
        f" ql_compressed:{int(options.list_compress_depth > 0)}"
        f" ql_uncompressed_size:{sum(len(content) for _, content in nodes)}"
    )


def _listpack(ctx: Context, words: Sequence[bytes]) -> Reply:
    """LISTPACK key: Redis prints its bytes. Ours are none, so the log has what there would be to see."""
    entry = ctx.db.peek(words[0])
    if entry is None:
        raise CommandError(NO_SUCH_KEY)
    if not encoding(entry.value).startswith("listpack"):
        raise CommandError("ERR Not a listpack encoded object.")
    size = len(dump(entry.value, compress=False)) - _PAYLOAD_FRAME_BYTES
    ctx.server.host.log("notice", f"A listpack: elements {len(entry.value)}, bytes {size}")
    return Status(b"Listpack structure printed on stdout")


def _quicklist_packed_threshold(ctx: Context, words: Sequence[bytes]) -> Reply:
    """QUICKLIST-PACKED-THRESHOLD size: from which size on an element of a list is a node of its own in what
    DUMP gives; 0 for the size that it was in the beginning."""
    size = parse_memory(words[0].decode(errors="replace") or "0")
    if size is None or size > _PACKED_THRESHOLD_MAX:
        raise CommandError("ERR argument must be a memory value bigger than 1 and smaller than 4gb")
    ctx.server.plain_bytes = size or PLAIN_BYTES
    return OK


def _protocol(ctx: Context, words: Sequence[bytes]) -> Reply:
    found = sample(words[0], ctx.session.protocol)
    if isinstance(found, Push):
        ctx.session.deliver(found)
        return b"Some real reply following the push reply"
    return found


def _help(_ctx: Context, _words: Sequence[bytes]) -> Reply:
    lines = ["DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"]
    for usage, text in _HELP.items():
        lines += [usage, f"    {text}"]
    return [Status(line.encode()) for line in lines]


def _digest(ctx: Context, _words: Sequence[bytes]) -> Reply:
    return Status(dataset_digest(ctx.server.databases))


def _digest_value(ctx: Context, words: Sequence[bytes]) -> Reply:
    return [Status(value_digest(ctx.db.stored(key))) for key in words]  # also of keys that are over


def _populate(ctx: Context, words: Sequence[bytes]) -> Reply:
    """POPULATE count [prefix] [size]: keys that are not there yet; replicas are not told."""
    count = positive(words[0])
    prefix = words[1] if len(words) > 1 else b"key"
    size = positive(words[2]) if len(words) > 2 else 0
    for number in range(count):
        key = b"%b:%d" % (prefix, number)
        if ctx.db.peek(key) is None:
            value = b"value:%d" % number
            ctx.db.put(key, value[:size].ljust(size, b"\0") if size else value)
            ctx.server.watches.touch((ctx.db.index, key))
    return OK


def _error(_ctx: Context, words: Sequence[bytes]) -> Reply:
    return ErrorReply(words[0])


def _log(ctx: Context, words: Sequence[bytes]) -> Reply:
    ctx.server.host.log("warning", "DEBUG LOG: " + words[0].decode(errors="replace"))
    return OK


def _change_replication_id(ctx: Context, _words: Sequence[bytes]) -> Reply:
    ctx.server.host.log("notice", "Changing replication IDs after receiving change-repl-id")
    ctx.server.replication.begin_anew()
    return OK


def _sleep(ctx: Context, words: Sequence[bytes]) -> Reply:
    """SLEEP seconds: nobody is served meanwhile, and the cluster hears nothing of this node."""
    try:
        seconds = strtod(words[0])
    except ValueError:
        seconds = 0.0
    if 0 < seconds < math.inf:
        ctx.server.host.stall(int(seconds * 1_000_000))
    return OK


def _set_active_expiry(ctx: Context, words: Sequence[bytes]) -> Reply:
    """SET-ACTIVE-EXPIRE 0 or 1: whether keys that nobody asks for expire."""
    ctx.server.active_expiry = words[0].strip() not in (b"0", b"")
    return OK


def _do_nothing(_ctx: Context, _words: Sequence[bytes]) -> Reply:
    return OK


def _reload(ctx: Context, words: Sequence[bytes]) -> Reply:
    """RELOAD [MERGE] [NOFLUSH] [NOSAVE]: all data anew from the RDB file, which is written before."""
    given = {word.upper() for word in words}
    if given - {b"MERGE", b"NOFLUSH", b"NOSAVE"}:
        raise CommandError("ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.")
    if ctx.server.host.reload(saves=b"NOSAVE" not in given, flushes=b"NOFLUSH" not in given):
        raise CommandError("ERR Error trying to load the RDB dump")
    return _loaded(ctx)


def _load_aof(ctx: Context, _words: Sequence[bytes]) -> Reply:
    if ctx.server.host.load_append_only_file():
        raise CommandError("ERR Error trying to load the AOF files, check server logs.")
    return _loaded(ctx)


def _loaded(ctx: Context) -> Reply:
    for database in ctx.server.databases:
        ctx.server.exchanged(database.index)
    ctx.server.tracking.flushed(ctx.session)
    return OK


_SUBCOMMANDS: Final[dict[bytes, tuple[Callable[[Context, Sequence[bytes]], Reply], int, int]]] = {
    b"CHANGE-REPL-ID": (_change_replication_id, 0, 0),
    b"DIGEST": (_digest, 0, 0),
    b"DIGEST-VALUE": (_digest_value, 0, 1 << 20),
    b"ERROR": (_error, 1, 1),
    b"JMAP": (_do_nothing, 0, 0),
    b"LOADAOF": (_load_aof, 0, 0),
    b"LOG": (_log, 1, 1),
    b"HELP": (_help, 0, 0),
    b"LISTPACK": (_listpack, 1, 1),
    b"OBJECT": (_object, 1, 1),
    b"POPULATE": (_populate, 1, 3),
    b"PROTOCOL": (_protocol, 1, 1),
    b"QUICKLIST-PACKED-THRESHOLD": (_quicklist_packed_threshold, 1, 1),
    b"RELOAD": (_reload, 0, 3),
    b"SET-ACTIVE-EXPIRE": (_set_active_expiry, 1, 1),
    b"SET-DISABLE-DENY-SCRIPTS": (_do_nothing, 1, 1),
    b"SLEEP": (_sleep, 1, 1),
}
"""Each with the least and the greatest number of words behind it."""

_HELP: Final = {
    "CHANGE-REPL-ID": "Begin a replication history of another name.",
    "DIGEST": "A digest of all data, the same for the same data.",
    "DIGEST-VALUE <key> [<key> ...]": "A digest of each key's value.",
    "ERROR <string>": "Reply with this error.",
    "JMAP": "Nothing.",
    "LISTPACK <key>": "Describe a value that is packed in the log.",
    "LOADAOF": "Load all data anew from the append only file.",
    "LOG <message>": "Write a line to the log.",
    "OBJECT <key>": "How a key's value is kept.",
    "POPULATE <count> [<prefix>] [<size>]": "Make so many string keys; replicas are not told.",
    "PROTOCOL <type>": "Reply with a value of this type: " + ", ".join(map(bytes.decode, REPLIES)) + ".",
    "QUICKLIST-PACKED-THRESHOLD <size>": "From which size on DUMP has list elements by themselves.",
    "RELOAD [MERGE] [NOFLUSH] [NOSAVE]": "Save the RDB file, unless NOSAVE, and load it.",
    "SET-ACTIVE-EXPIRE <0|1>": "Whether keys that nobody asks for expire.",
    "SET-DISABLE-DENY-SCRIPTS <0|1>": "Nothing: no command is denied to scripts only.",
    "SLEEP <seconds>": "Serve nobody for so long.",
    "HELP": "This list.",
}
