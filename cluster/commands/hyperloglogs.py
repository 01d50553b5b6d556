"""HyperLogLogs: counting different elements without keeping them.

Source: https://redis.io/docs/latest/commands/?group=hyperloglog
"""

from __future__ import annotations

import math
from random import Random

from cluster.commands.context import Context
from cluster.spec.command import command
from cluster.spec.errors import WRONG_TYPE, CommandError
from cluster.store.keyspace import Entry
from cluster.store.values import hyperloglog
from cluster.store.values.hyperloglog import Sketch, is_sketch, is_sparse
from cluster.store.values.sparse_registers import REGISTERS, CorruptSketch
from protocol.resp.types import OK, Reply, Status

CORRUPT = "INVALIDOBJ Corrupted HLL object detected"

_NOT_A_SKETCH = "WRONGTYPE Key is not a valid HyperLogLog string value."
_SELFTEST_ELEMENTS = 10_000


def _checked(value: object) -> Sketch:
    if not isinstance(value, (bytes, bytearray)):
        raise CommandError(WRONG_TYPE)
    if not is_sketch(value):
        raise CommandError(_NOT_A_SKETCH)
    return value


def _writable(entry: Entry) -> bytearray:
    """The entry's sketch in a form that can be changed, which it keeps. Raises CommandError."""
    value = _checked(entry.value)
    if not isinstance(value, bytearray):
        value = entry.value = bytearray(value)
    return value


def _made_or_writable(ctx: Context, key: bytes) -> tuple[bytearray, bool]:
    """The key's sketch, and whether it is a new one. Raises CommandError."""
    entry = ctx.db.target(key)
    if entry is not None:
        return _writable(entry), False
    sketch = hyperloglog.new_sketch()
    hyperloglog.forget_estimate(sketch)
    ctx.db.put(key, sketch)
    return sketch, True


@command("PFADD", "key [element]+", group="hyperloglog", since="2.8.9", flags="WRITE DENYOOM FAST",
         keys="RW INSERT", complexity="O(1) for each element")  # fmt: skip
def pfadd(ctx: Context, key: bytes, *elements: bytes) -> Reply:
    """Shows elements to a HyperLogLog."""
    sketch, new = _made_or_writable(ctx, key)
    sparse_bytes_max = ctx.server.options.hll_sparse_max_bytes
    updates = int(new)
    try:
        for element in elements:
            updates += hyperloglog.add(sketch, element, sparse_bytes_max)
    except CorruptSketch:
        if updates:
            # What is before the corrupt part has changed, of which Redis tells nobody. Replicas must see it.
            ctx.propagate_instead([ctx.argv])
        return CommandError(CORRUPT).reply
    if updates:
        ctx.changed(key, b"pfadd", updates)
    return int(updates > 0)


@command("PFCOUNT", "key+", group="hyperloglog", since="2.8.9", flags="READONLY MAY_REPLICATE",
         keys="RW ACCESS # It may note the estimate in the value, and tell replicas",
         complexity="O(1) for one key, as a rule; O(N) for N keys")  # fmt: skip
def pfcount(ctx: Context, *keys: bytes) -> Reply:
    """Estimates how many different elements HyperLogLogs have seen together."""
    if len(keys) > 1:
        return _signed(hyperloglog.estimate_registers(_merged(ctx, keys)[0]))
    entry = ctx.db.entry(keys[0])
    if entry is None:
        return 0
    sketch = _writable(entry)
    known = hyperloglog.known_estimate(sketch)
    if known is None:
        try:
            known = hyperloglog.estimate(sketch)
        except CorruptSketch:
            raise CommandError(CORRUPT) from None
        hyperloglog.note_estimate(sketch, known)
        ctx.server.watches.touch((ctx.db.index, keys[0]))
        _rewritten(ctx)
    return _signed(known)


@command("PFMERGE", "destkey sourcekey+", group="hyperloglog", since="2.8.9", flags="WRITE DENYOOM", arity=-2,
         keys="RW ACCESS INSERT; RO ACCESS", complexity="O(N) for N HyperLogLogs")  # fmt: skip
def pfmerge(ctx: Context, destination: bytes, *sources: bytes) -> Reply:
    """Keeps under a key what HyperLogLogs have seen together, its own among them."""
    registers, dense = _merged(ctx, (destination, *sources))
    sketch, _ = _made_or_writable(ctx, destination)
    if dense and is_sparse(sketch):
        hyperloglog.to_dense(sketch)
    hyperloglog.raise_all(sketch, registers, ctx.server.options.hll_sparse_max_bytes)
    ctx.changed(destination, b"pfadd")
    return OK


def _merged(ctx: Context, keys: tuple[bytes, ...]) -> tuple[bytes, bool]:
    """Each register's highest value, and whether any of the sketches is dense. Raises CommandError."""
    merged = bytes(REGISTERS)
    dense = False
    for key in keys:
        value = ctx.db.get(key)
        if value is None:
            continue
        sketch = _checked(value)
        dense = dense or not is_sparse(sketch)
        try:
            merged = bytes(map(max, merged, hyperloglog.read_registers(sketch)))
        except CorruptSketch:
            raise CommandError(CORRUPT) from None
    return merged, dense


def _signed(count: int) -> int:
    """Redis replies with a signed number also where a corrupt value makes the count 2**63 or more."""
    return count - (1 << 64) if count >> 63 else count


@command("PFDEBUG", "subcommand key", group="hyperloglog", since="2.8.9", flags="WRITE DENYOOM ADMIN",
         keys="RW ACCESS", complexity="O(N) for N registers", doc_flags=("syscmd",))  # fmt: skip
def pfdebug(ctx: Context, name: bytes, key: bytes) -> Reply:
    """Shows how a HyperLogLog is kept, for tests."""
    entry = ctx.db.target(key)
    if entry is None:
        raise CommandError("ERR The specified key does not exist")
    sketch = _writable(entry)
    subcommand = name.lower()
    if subcommand == b"getreg":
        _ensure_dense(ctx, sketch)
        return list(hyperloglog.read_registers(sketch))
    if subcommand == b"decode":
        if not is_sparse(sketch):
            raise CommandError("ERR HLL encoding is not sparse")
        return hyperloglog.describe_runs(sketch)
    if subcommand == b"encoding":
        return Status(b"sparse" if is_sparse(sketch) else b"dense")
    if subcommand == b"todense":
        return int(_ensure_dense(ctx, sketch))
    raise CommandError(b"ERR Unknown PFDEBUG subcommand '%b'" % name)


def _ensure_dense(ctx: Context, sketch: bytearray) -> bool:
    """Whether it was sparse. Raises CommandError."""
    if not is_sparse(sketch):
        return False
    try:
        hyperloglog.to_dense(sketch)
    except CorruptSketch:
        raise CommandError(CORRUPT) from None
    _rewritten(ctx)
    return True


def _rewritten(ctx: Context) -> None:
    """Has the command propagated, though it causes no event: what was seen is the same, its bytes are not."""
    ctx.server.dirty += 1


@command("PFSELFTEST", group="hyperloglog", since="2.8.9", flags="ADMIN", doc_flags=("syscmd",),
         complexity="O(1)")  # fmt: skip
def pfselftest(ctx: Context) -> Reply:
    """Tests the registers and the estimates of HyperLogLogs."""
    failure = self_test(ctx.server.random, ctx.server.options.hll_sparse_max_bytes)
    if failure:
        raise CommandError(f"TESTFAILED {failure}")
    return OK


def self_test(source: Random, sparse_bytes_max: int) -> str:
    """Shows random elements to a dense sketch and to one that begins sparse. What went wrong; "" for nothing.

    An estimate may be off by six times its standard error, which happens once in a billion runs.
    """
    sparse, dense = hyperloglog.new_sketch(), hyperloglog.new_sketch()
    hyperloglog.to_dense(dense)
    checkpoint = 1
    for seen in range(1, _SELFTEST_ELEMENTS + 1):
        element = source.randbytes(16)
        hyperloglog.add(sparse, element, sparse_bytes_max)
        hyperloglog.add(dense, element, sparse_bytes_max)
        if seen < checkpoint:
            continue
        checkpoint *= 10
        if hyperloglog.read_registers(sparse) != hyperloglog.read_registers(dense):
            return f"dense and sparse registers differ after {seen} elements"
        off = abs(hyperloglog.estimate(dense) - seen)
        if off > math.ceil(6 * 1.04 / math.sqrt(REGISTERS) * seen):
            return f"the estimate is off by {off} after {seen} elements"
    return ""
