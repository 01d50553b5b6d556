"""OBJECT: how a key's value is kept."""

from __future__ import annotations

from cluster.commands.context import Context
from cluster.commands.helptext import help_of
from cluster.commands.keys import look
from cluster.spec.command import command, container
from cluster.spec.errors import CommandError
from cluster.store.frequency import counts_uses, frequency
from cluster.store.keyspace import Value
from cluster.store.values.string import is_integer, string_encoding
from protocol.resp.types import Reply

SHARED_INTEGERS = 10_000
SHARED_REFERENCES = (1 << 31) - 1

_LATER_ADVICE = (
    "Please note that when switching between policies at runtime"
    " LRU and LFU data will take some time to adjust."
)
_FREQUENCY_UNKNOWN = (
    "ERR An LFU maxmemory policy is not selected, access frequency not tracked. " + _LATER_ADVICE
)
_IDLE_TIME_UNKNOWN = "ERR An LFU maxmemory policy is selected, idle time not tracked. " + _LATER_ADVICE

TIPS = ("nondeterministic_output",)

container("OBJECT", "Tells how the values of keys are kept", group="generic", since="2.2.3")


@command(
    "OBJECT ENCODING",
    "key",
    group="generic",
    since="2.2.3",
    flags="READONLY",
    keys="RO",
    tips=TIPS,
)
def object_encoding(ctx: Context, key: bytes) -> Reply:
    """Names the form in which a value is kept."""
    entry = look(ctx, key, notifies=False)
    return encoding(entry.value).encode() if entry else None


@command(
    "OBJECT FREQ",
    "key",
    group="generic",
    since="4.0.0",
    flags="READONLY",
    keys="RO",
    tips=TIPS,
)
def object_freq(ctx: Context, key: bytes) -> Reply:
    """Tells how often a key is used, on a logarithmic scale."""
    entry = look(ctx, key, notifies=False)
    if entry is None:
        return None
    options = ctx.server.options
    if not counts_uses(options.maxmemory_policy):
        raise CommandError(_FREQUENCY_UNKNOWN)
    return frequency(entry, ctx.now_ms, options.lfu_decay_time)


@command(
    "OBJECT IDLETIME",
    "key",
    group="generic",
    since="2.2.3",
    flags="READONLY",
    keys="RO",
    tips=TIPS,
)
def object_idletime(ctx: Context, key: bytes) -> Reply:
    """Tells for how many seconds a key has not been used."""
    entry = look(ctx, key, notifies=False)
    if entry is None:
        return None
    if counts_uses(ctx.server.options.maxmemory_policy):
        raise CommandError(_IDLE_TIME_UNKNOWN)
    return max(0, ctx.now_ms - entry.access_ms) // 1000


@command(
    "OBJECT REFCOUNT",
    "key",
    group="generic",
    since="2.2.3",
    flags="READONLY",
    keys="RO",
    tips=TIPS,
)
def object_refcount(ctx: Context, key: bytes) -> Reply:
    """Counts the references to a value; small whole numbers are shared without counting."""
    entry = look(ctx, key, notifies=False)
    if entry is None:
        return None
    return references(entry.value)


def references(value: Value) -> int:
    """How many references to a value OBJECT REFCOUNT counts."""
    shared = type(value) is bytes and is_integer(value) and 0 <= int(value) < SHARED_INTEGERS
    return SHARED_REFERENCES if shared else 1


@command("OBJECT HELP", group="generic", since="6.2.0", flags="LOADING STALE")
def object_help(_ctx: Context) -> Reply:
    """Lists the subcommands."""
    return help_of("OBJECT")


def encoding(value: Value) -> str:
    """The form of a value, as OBJECT ENCODING names it."""
    return string_encoding(value) if isinstance(value, (bytes, bytearray)) else value.encoding()
