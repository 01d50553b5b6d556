"""Room for what is to be written: evicts keys while memory is over maxmemory.

What one request has to wait for is bounded: about 500 microseconds of evictions at the default
maxmemory-eviction-tenacity of 10. It then runs although memory is still over, and the next request and the
next tick go on; as each evicts many keys and adds few, memory comes down. Time is not read here, so the
bound is a number of keys, at 10 microseconds each.

Source: https://redis.io/docs/latest/develop/reference/eviction/ and redis.conf on maxmemory-eviction-tenacity
"""

from __future__ import annotations

from cluster.commands.context import Server
from cluster.engine.propagate import Propagation
from cluster.store.eviction import Evictor
from cluster.store.footprint import footprint
from cluster.store.keyspace import Keyspace

TENACITY_DEFAULT = 10
TENACITY_UNBOUNDED = 100
KEYS_PER_TENACITY = 5
KEYS_MIN = 16
GROWTH = 1.15
"""By which each point of tenacity above the default multiplies the bound."""

TICK_REQUESTS = 20
"""A tick may evict as much as so many requests."""

SAMPLED_MEMBERS = 5


class Room:
    """Keeps one node's memory below its maxmemory."""

    def __init__(self, server: Server, propagation: Propagation) -> None:
        self._server = server
        self._propagation = propagation
        self._evictor = Evictor(server.databases, server.options, server.random)
        self._policy = server.options.maxmemory_policy

    def make(self, requests: int = 1) -> bool:
        """Evicts what it must, as far as `requests` requests may; False when memory stays over and the policy
        leaves nothing to evict."""
        server = self._server
        options = server.options
        if not server.limits_memory():
            return True
        over = server.gauge.used_bytes() - options.maxmemory
        server.statistics.exceeds_memory(over > 0, server.clock.now_ms)
        if over <= 0 or server.paused(writes=True):
            return True
        if options.maxmemory_policy != self._policy:
            self._policy = options.maxmemory_policy
            self._evictor.forget()
        left = requests * evictions_max(options.maxmemory_eviction_tenacity)
        while over > 0 and left > 0:
            victim = self._evictor.choose()
            if victim is None:
                break
            over -= self._evict(*victim)
            left -= 1
        self._propagation.flush(together=False)
        return over <= 0 or left <= 0

    def _evict(self, database: Keyspace, key: bytes) -> int:
        """Removes a key; how many bytes that should free."""
        server = self._server
        entry = database.evict(key)
        size = footprint(key, entry, SAMPLED_MEMBERS).total_bytes
        server.gauge.freed(size)
        server.statistics.evicted_keys += 1
        server.touched(database.index, key, b"evicted")
        word = b"UNLINK" if server.options.lazyfree_lazy_eviction else b"DEL"
        self._propagation.add(database.index, [word, key])
        return size


def evictions_max(tenacity: int) -> int:
    """How many keys one request may evict at a maxmemory-eviction-tenacity of 0 to 100."""
    if tenacity >= TENACITY_UNBOUNDED:
        return 1 << 62
    points = min(tenacity, TENACITY_DEFAULT)
    growth = GROWTH ** max(0, tenacity - TENACITY_DEFAULT)
    return max(KEYS_MIN, int(KEYS_PER_TENACITY * points * growth))
