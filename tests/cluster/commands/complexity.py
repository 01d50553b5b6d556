"""How the work of one command grows with the size of what it works on.

`python -m tests.cluster.commands.complexity` measures each case at 100,000 and at 1,000,000 elements and
prints the times: where the complexity is as documented the ratio stays near 1 (beyond the processor's caches
somewhat above it), and would be 10 were the work in proportion to the size.
test_complexity.py counts instead of measuring, at smaller sizes.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.support.local import Local

Words = tuple[bytes | str | int, ...]
FILL_ELEMENTS = 1000
"""So many are added by one command."""

SIZES = (100_000, 1_000_000)
OPERATIONS = 2000
SCATTER = 2_654_435_761
"""Times a running number, modulo 2**32: numbers in no order, and no two the same."""


def scattered(number: int) -> int:
    """A number that looks random, another one for each."""
    return number * SCATTER % (1 << 32)


@dataclass(frozen=True)
class Case:
    """A command on a collection: which kind, and the request number so-and-so for a given size.

    The requests undo each other in turn where they change the size much.
    """

    name: str
    kind: str
    request: Callable[[int, int], Words]


ELEMENTS: dict[str, tuple[str, Callable[[int], Words]]] = {
    "zset": ("ZADD", lambda at: (scattered(at), f"member:{at}")),
    "list": ("RPUSH", lambda at: (f"element:{at}",)),
    "set": ("SADD", lambda at: (f"member:{at}",)),
    "hash": ("HSET", lambda at: (f"field:{at}", f"value:{at}")),
}


def filled(kind: str, size: int) -> Local:
    """A node with one collection of this kind and size, under the key k."""
    local = Local()
    if kind == "stream":
        for at in range(1, size + 1):
            local.call("XADD", "k", f"{at}-1", "field", at)
        return local
    if kind == "keys":
        for at in range(size):
            local.call("SET", f"key:{at}", at)
        return local
    name, element = ELEMENTS[kind]
    for start in range(0, size, FILL_ELEMENTS):
        words = [word for at in range(start, min(size, start + FILL_ELEMENTS)) for word in element(at)]
        local.call(name, "k", *words)
    return local


def somewhere(at: int, size: int) -> int:
    """The number of an element, another one for each request."""
    return scattered(at) % size


CASES = [
    Case("ZADD a new member", "zset", lambda at, size: ("ZADD", "k", f"{scattered(at)}.5", f"new:{at}")),
    Case("ZADD another score", "zset", lambda at, size: ("ZADD", "k", at, f"member:{somewhere(at, size)}")),
    Case("ZINCRBY", "zset", lambda at, size: ("ZINCRBY", "k", 1, f"member:{somewhere(at, size)}")),
    Case("ZSCORE", "zset", lambda at, size: ("ZSCORE", "k", f"member:{somewhere(at, size)}")),
    Case("ZRANK", "zset", lambda at, size: ("ZRANK", "k", f"member:{somewhere(at, size)}")),
    Case("ZRANGE by rank", "zset", lambda at, size: ("ZRANGE", "k", start := somewhere(at, size), start + 9)),
    Case(
        "ZRANGE by score",
        "zset",
        lambda at, size: ("ZRANGE", "k", scattered(at), "+inf", "BYSCORE", "LIMIT", 0, 10),
    ),
    Case("ZCOUNT", "zset", lambda at, size: ("ZCOUNT", "k", scattered(at), "+inf")),
    Case("ZREM", "zset", lambda at, size: ("ZREM", "k", f"member:{somewhere(at, size)}")),
    Case("ZPOPMIN", "zset", lambda at, size: ("ZPOPMIN", "k")),
    Case("ZPOPMAX", "zset", lambda at, size: ("ZPOPMAX", "k")),
    Case("ZRANDMEMBER", "zset", lambda at, size: ("ZRANDMEMBER", "k")),
    Case("ZSCAN", "zset", lambda at, size: ("ZSCAN", "k", at * 10)),
    Case("LPUSH", "list", lambda at, size: ("LPUSH", "k", at)),
    Case("RPUSH", "list", lambda at, size: ("RPUSH", "k", at)),
    Case("LPOP", "list", lambda at, size: ("LPOP", "k")),
    Case("RPOP", "list", lambda at, size: ("RPOP", "k")),
    Case("LMOVE", "list", lambda at, size: ("LMOVE", "k", "k", "RIGHT", "LEFT")),
    Case("LINDEX near an end", "list", lambda at, size: ("LINDEX", "k", at % 10 - 5)),
    Case("LRANGE at the head", "list", lambda at, size: ("LRANGE", "k", 0, 9)),
    Case("LRANGE at the tail", "list", lambda at, size: ("LRANGE", "k", -10, -1)),
    Case("LTRIM of some", "list", lambda at, size: ("LTRIM", "k", 1, -2)),
    Case("XADD", "stream", lambda at, size: ("XADD", "k", f"{size + at + 1}-1", "field", at)),
    Case("XADD MAXLEN ~", "stream",
         lambda at, size: ("XADD", "k", "MAXLEN", "~", size, f"{size + at + 1}-1", "field", at)),
    Case("XADD MAXLEN =", "stream",
         lambda at, size: ("XADD", "k", "MAXLEN", size, f"{size + at + 1}-1", "field", at)),
    Case("XRANGE", "stream", lambda at, size: ("XRANGE", "k", somewhere(at, size), "+", "COUNT", 10)),
    Case("XREVRANGE", "stream", lambda at, size: ("XREVRANGE", "k", somewhere(at, size), "-", "COUNT", 10)),
    Case("XREAD", "stream", lambda at, size: ("XREAD", "COUNT", 10, "STREAMS", "k", somewhere(at, size))),
    Case("XDEL", "stream", lambda at, size: ("XDEL", "k", f"{somewhere(at, size) + 1}-1")),
    Case("XDEL of the first", "stream", lambda at, size: ("XDEL", "k", f"{at + 1}-1")),
    Case("XLEN", "stream", lambda at, size: ("XLEN", "k")),
    Case("SADD", "set", lambda at, size: ("SADD", "k", f"new:{at}")),
    Case("SISMEMBER", "set", lambda at, size: ("SISMEMBER", "k", f"member:{somewhere(at, size)}")),
    Case("SREM", "set", lambda at, size: ("SREM", "k", f"member:{somewhere(at, size)}")),
    Case("SRANDMEMBER", "set", lambda at, size: ("SRANDMEMBER", "k")),
    Case("SRANDMEMBER of several", "set", lambda at, size: ("SRANDMEMBER", "k", 10)),
    Case("SPOP", "set", lambda at, size: ("SPOP", "k")),
    Case("SPOP of several", "set", lambda at, size: ("SPOP", "k", 10)),
    Case("SSCAN", "set", lambda at, size: ("SSCAN", "k", at * 10)),
    Case("HSET", "hash", lambda at, size: ("HSET", "k", f"new:{at}", at)),
    Case("HGET", "hash", lambda at, size: ("HGET", "k", f"field:{somewhere(at, size)}")),
    Case("HDEL", "hash", lambda at, size: ("HDEL", "k", f"field:{somewhere(at, size)}")),
    Case("HRANDFIELD", "hash", lambda at, size: ("HRANDFIELD", "k")),
    Case("HRANDFIELD of several", "hash", lambda at, size: ("HRANDFIELD", "k", 10, "WITHVALUES")),
    Case("HSCAN", "hash", lambda at, size: ("HSCAN", "k", at * 10)),
    Case("SET", "keys", lambda at, size: ("SET", f"new:{at}", at)),
    Case("DEL", "keys", lambda at, size: ("DEL", f"key:{somewhere(at, size)}")),
    Case("RANDOMKEY", "keys", lambda at, size: ("RANDOMKEY",)),
    Case("SCAN", "keys", lambda at, size: ("SCAN", at)),
    Case("EXPIRE", "keys", lambda at, size: ("EXPIRE", f"key:{somewhere(at, size)}", 1000 + at)),
]  # fmt: skip


def main() -> None:
    """Prints a line for each case: the median time of one request at each size, and their ratio."""
    print(f"{'':24}{f'{SIZES[0]:,}':>12}{f'{SIZES[1]:,}':>12}  ratio   slowest")
    for kind in dict.fromkeys(case.kind for case in CASES):
        for case, (small, large) in _measured(kind):
            medians = [statistics.median(times) for times in (small, large)]
            print(
                f"{case.name:24}{medians[0]:9.1f} us{medians[1]:9.1f} us{medians[1] / medians[0]:7.2f}"
                f"{max(large):10.0f} us"
            )
            sys.stdout.flush()


def _measured(kind: str) -> Iterator[tuple[Case, list[list[float]]]]:
    """The times of each case's requests, in microseconds, for each size."""
    nodes = [filled(kind, size) for size in SIZES]
    for case in CASES:
        if case.kind == kind:
            yield case, [_times_us(node, case, size) for node, size in zip(nodes, SIZES, strict=True)]


def _times_us(node: Local, case: Case, size: int) -> list[float]:
    found = []
    for at in range(OPERATIONS):
        request = case.request(at, size)
        began = time.perf_counter_ns()
        node.call(*request)
        found.append((time.perf_counter_ns() - began) / 1000)
    return found


if __name__ == "__main__":
    main()
