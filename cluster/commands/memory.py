"""MEMORY: what takes up memory, and how much.

Source: https://redis.io/docs/latest/commands/memory-stats/ and its neighbours, which explain the fields.
"""

from __future__ import annotations

from cluster.commands.arguments import integer
from cluster.commands.context import Context
from cluster.commands.helptext import help_of
from cluster.commands.info import client_bytes, human
from cluster.spec.command import command, container
from cluster.spec.errors import SYNTAX, CommandError
from cluster.store.footprint import PLACE_BYTES, footprint
from protocol.resp.types import OK, Reply, Verbatim

SAMPLES_DEFAULT = 5
OF_EVERY_SHARD = ("nondeterministic_output", "request_policy:all_shards", "response_policy:special")
AS_MUCH_AS_THERE_IS = "Grows with the memory that is allocated."

SMALL_BYTES = 5 << 20
"""With less than this in use nothing can be said about proportions."""
PEAK_RATIO_MAX = 1.5
RESIDENT_RATIO_MAX = 1.4
RESIDENT_BYTES_MIN = 10 << 20

container("MEMORY", "Tells what takes up memory", group="server", since="4.0.0")


@command(
    "MEMORY USAGE",
    "key [SAMPLES count:integer]",
    group="server",
    since="4.0.0",
    flags="READONLY",
    keys="RO",
    complexity="O(N) where N is the number of members sampled.",
)
def memory_usage(ctx: Context, key: bytes, *words: bytes) -> Reply:
    """Estimates the bytes that a key and its value take up."""
    samples = _samples(words)
    entry = ctx.db.stored(key)  # also one that is over; as in Redis this is no use of it
    return None if entry is None else footprint(key, entry, samples).total_bytes


def _samples(words: tuple[bytes, ...]) -> int:
    samples = SAMPLES_DEFAULT
    for name, count in zip(words[::2], [*words[1::2], None], strict=False):
        if name.upper() != b"SAMPLES" or count is None:
            raise CommandError(SYNTAX)
        samples = integer(count)
        if samples < 0:
            raise CommandError(SYNTAX)
    return samples


@command("MEMORY STATS", group="server", since="4.0.0", tips=OF_EVERY_SHARD)
def memory_stats(ctx: Context) -> Reply:
    """Tells what memory is used for."""
    server = ctx.server
    gauge, usage = server.gauge, server.host.usage()
    used = gauge.used_bytes()
    backlog = server.options.repl_backlog_size if server.replication.backlog is not None else 0
    tables: dict[bytes, Reply] = {
        b"db.%d" % database.index: {
            b"overhead.hashtable.main": len(database) * PLACE_BYTES,
            b"overhead.hashtable.expires": len(database.expiry) * PLACE_BYTES,
            b"overhead.hashtable.slot-to-keys": 0,
        }
        for database in server.databases
        if len(database)
    }
    keys = sum(map(len, server.databases))
    overhead = backlog + PLACE_BYTES * (keys + sum(len(each.expiry) for each in server.databases))
    dataset = max(0, used - overhead)
    spare = max(0, usage.rss_bytes - used)
    ratio = usage.rss_bytes / max(1, used)
    return {
        b"peak.allocated": gauge.peak_bytes,
        b"total.allocated": used,
        b"startup.allocated": 0,
        b"replication.backlog": backlog,
        b"clients.slaves": client_bytes(ctx, replicas=True),
        b"clients.normal": client_bytes(ctx, replicas=False),
        b"cluster.links": 0,
        b"aof.buffer": 0,
        b"lua.caches": 0,
        b"functions.caches": 0,
        **tables,
        b"overhead.total": overhead,
        b"keys.count": keys,
        b"keys.bytes-per-key": dataset // keys if keys else 0,
        b"dataset.bytes": dataset,
        b"dataset.percentage": 100 * dataset / max(1, used),
        b"peak.percentage": 100 * used / max(1, gauge.peak_bytes),
        b"allocator.allocated": used,
        b"allocator.active": usage.rss_bytes,
        b"allocator.resident": usage.rss_bytes,
        b"allocator-fragmentation.ratio": ratio,
        b"allocator-fragmentation.bytes": spare,
        b"allocator-rss.ratio": 1.0,
        b"allocator-rss.bytes": 0,
        b"rss-overhead.ratio": 1.0,
        b"rss-overhead.bytes": 0,
        b"fragmentation": ratio,
        b"fragmentation.bytes": spare,
    }


@command("MEMORY DOCTOR", group="server", since="4.0.0", tips=OF_EVERY_SHARD)
def memory_doctor(ctx: Context) -> Reply:
    """Says what looks wrong about the use of memory."""
    gauge, options = ctx.server.gauge, ctx.server.options
    used, resident = gauge.used_bytes(), ctx.server.host.usage().rss_bytes
    if used < SMALL_BYTES:
        return Verbatim(b"There is too little data here to find fault with how it is kept.\n")
    found = []
    if gauge.peak_bytes > PEAK_RATIO_MAX * used:
        found.append(
            f"Peak: at its highest, use was {human(gauge.peak_bytes)}, now it is {human(used)}. What was "
            "freed since stays with the process for later use, so resident memory is high."
        )
    if resident - used > RESIDENT_BYTES_MIN and resident > RESIDENT_RATIO_MAX * used:
        found.append(
            f"Resident memory: {human(resident)} for {human(used)} in use. MEMORY PURGE gives back what the "
            "C library keeps; what lies between live keys comes back as they go."
        )
    if options.maxmemory and used > options.maxmemory:
        found.append(f"Limit: {human(used)} are in use, and maxmemory is {human(options.maxmemory)}.")
    return Verbatim(("\n".join(found) or "Nothing wrong was found.").encode() + b"\n")


@command("MEMORY MALLOC-STATS", group="server", since="4.0.0", tips=OF_EVERY_SHARD,
         complexity=AS_MUCH_AS_THERE_IS)  # fmt: skip
def memory_malloc_stats(ctx: Context) -> Reply:
    """Shows the allocators' own figures."""
    allocated, usage = ctx.server.host.allocated(), ctx.server.host.usage()
    return Verbatim(
        f"python_small_objects:{allocated.small_blocks}\n"
        f"python_small_object_bytes_average:{ctx.server.gauge.small_object_bytes:.1f}\n"
        f"c_library_bytes:{allocated.large_bytes}\n"
        f"resident_bytes:{usage.rss_bytes}\n".encode()
    )


@command("MEMORY PURGE", group="server", since="4.0.0", complexity=AS_MUCH_AS_THERE_IS,
         tips=("request_policy:all_shards", "response_policy:all_succeeded"))  # fmt: skip
def memory_purge(ctx: Context) -> Reply:
    """Gives freed memory back to the system."""
    ctx.server.host.release_memory()
    return OK


@command("MEMORY HELP", group="server", since="4.0.0", flags="LOADING STALE")
def memory_help(_ctx: Context) -> Reply:
    """Lists the subcommands."""
    return help_of("MEMORY")
