"""How a command waits: its timeout, and the one call that makes it wait.

    def attempt(key: bytes) -> Reply:
        return ...  # what the command replies now that `key` may have what it wants; LATER: go on waiting

    @command("BLPOP", ...)
    def blpop(ctx: Context, *words: bytes) -> Reply:
        deadline_ms = timeout_s(ctx, words[-1])
        ...  # look for what is there already, and reply with it
        return wait_for(ctx, keys, attempt, kind=List, deadline_ms=deadline_ms)

`attempt(key)` runs later, as a part of no request: on the same ctx, behind the request (the whole EXEC or
script) that changed the key, once for each such change, in order of arrival among the clients that wait for
the key. With `kind` it runs only while the key holds a value of that class, so it need not ask; with None it
runs at every change, also when the key has gone or holds another type: that is for XREADGROUP, which must
tell its client so. It may raise CommandError: the client gets the error and waits no more. It propagates what
it does with ctx.propagate_instead() (BLPOP's is LPOP), as ctx.changed() alone would repeat the whole blocking
command.

Every ctx.changed() on a key makes it ready; nothing else needs to be called. Inside EXEC or a script, and in
a primary's stream, nothing can wait: wait_for() then gives `in_exec` at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from cluster.commands.arguments import integer, long_double
from cluster.commands.collections import target
from cluster.commands.context import Context
from cluster.session.waiters import Waiter
from cluster.spec.errors import CommandError
from cluster.store.values.list import List
from cluster.store.values.sorted_set import SortedSet
from cluster.store.values.string import INT64_MAX
from protocol.resp.types import LATER, NULL_ARRAY, Reply

NOT_A_FLOAT_TIMEOUT = "ERR timeout is not a float or out of range"
NOT_AN_INTEGER_TIMEOUT = "ERR timeout is not an integer or out of range"
NEGATIVE_TIMEOUT = "ERR timeout is negative"

_V = TypeVar("_V", List, SortedSet)


def timeout_s(ctx: Context, text: bytes) -> int:
    """The deadline (unix milliseconds, 0 for never) that a timeout in seconds means. Raises CommandError.

    Redis 7.0 also calls a timeout negative that is infinite or has more milliseconds than 64 bits.
    """
    number = long_double(text, NOT_A_FLOAT_TIMEOUT)
    if number is None:
        raise CommandError(NEGATIVE_TIMEOUT)
    mantissa, scale = number
    # Rounded up: never early.
    left_ms = -(-1000 * mantissa >> scale) if scale > 0 else 1000 * mantissa << -scale
    return _deadline(ctx, left_ms)


def timeout_ms(ctx: Context, text: bytes) -> int:
    """The deadline (unix milliseconds, 0 for never) that a timeout in milliseconds means. Raises
    CommandError."""
    return _deadline(ctx, integer(text, NOT_AN_INTEGER_TIMEOUT))


def _deadline(ctx: Context, left_ms: int) -> int:
    if not 0 <= left_ms <= INT64_MAX:
        raise CommandError(NEGATIVE_TIMEOUT)
    return ctx.now_ms + left_ms if left_ms else 0


def wait_for(
    ctx: Context,
    keys: Sequence[bytes],
    attempt: Callable[[bytes], Reply],
    *,
    kind: type | None,
    deadline_ms: int,
    in_exec: Reply = NULL_ARRAY,
) -> Reply:
    """Makes the client wait for one of the keys: LATER, or `in_exec` where nothing can wait.

    When the deadline has passed the client gets a null array. See the top of this file for the rest.
    """
    server = ctx.server
    if server.runner.is_nested():
        return in_exec
    wants_new = kind in (List, SortedSet)
    server.waiters.add(
        Waiter(ctx.session, ctx.db.index, tuple(keys), _null_array, attempt, kind, deadline_ms, wants_new)
    )
    server.listen()
    return LATER


def _null_array() -> Reply:
    return NULL_ARRAY


def first_or_wait(
    ctx: Context, keys: Sequence[bytes], kind: type[_V], pop: Callable[[bytes, _V], Reply], deadline_ms: int
) -> Reply:
    """Pops from the first of the keys that has a collection of this kind, or from the first that will have
    one. Raises CommandError where a key before it has another type."""
    for key in keys:
        value = target(ctx, key, kind)
        if value is not None:
            return pop(key, value)

    def attempt(key: bytes) -> Reply:
        value = target(ctx, key, kind)
        return LATER if value is None else pop(key, value)

    return wait_for(ctx, keys, attempt, kind=kind, deadline_ms=deadline_ms)
