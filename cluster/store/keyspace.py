"""The keys of one database: a dict for each hash slot.

So a slot is counted, listed, moved and dropped in O(its keys).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from random import Random
from types import MappingProxyType
from typing import TypeAlias, TypeVar, cast

from cluster.spec.errors import WRONG_TYPE, CommandError
from cluster.store.clock import Clock
from cluster.store.expiry import ExpiryIndex
from cluster.store.field_expiry import FieldExpiry
from cluster.store.scan import CURSOR_BITS, scan_members
from cluster.store.values.expiring_hash import ExpiringHash
from cluster.store.values.hash import Hash
from cluster.store.values.list import List
from cluster.store.values.sampler import Sampler
from cluster.store.values.set import Set
from cluster.store.values.sorted_set import SortedSet
from cluster.store.values.stream import Stream
from cluster.store.values.string import Sum, Unshared
from protocol.keyslot import key_slot

Value: TypeAlias = bytes | bytearray | Hash | List | Set | SortedSet | Stream
"""A string is bytes, or a bytearray (encoding "raw") once APPEND or SETRANGE has changed it in place."""

_TYPE_NAMES: dict[type, bytes] = {
    bytes: b"string",
    bytearray: b"string",
    Sum: b"string",
    Unshared: b"string",
    Hash: b"hash",
    ExpiringHash: b"hash",
    List: b"list",
    Set: b"set",
    SortedSet: b"zset",
    Stream: b"stream",
}

_V = TypeVar("_V", Hash, List, Set, SortedSet, Stream)

SLOTS = 16384
SLOT_BITS = 14
SLOT_WHOLE = 16
"""A slot with so few keys is returned in one piece by SCAN."""
SLOT_BIG = 4096
"""A slot with more keys is not sorted for SCAN: they are listed once, and the list is kept up to date."""
LISTED = 1 << CURSOR_BITS
"""Marks a place in such a list."""

RANDOM_POOL = 1024
"""How many random keys are drawn at once: one walk over the slots pays for that many RANDOMKEYs, or for the
candidates of many evictions."""


class Entry:
    """A key's value, its expiry (unix milliseconds, 0 for none) and its last access (unix milliseconds).

    `frequency` is there only where uses have been counted: see cluster.store.frequency.
    """

    __slots__ = ("access_ms", "expire_ms", "frequency", "value")

    frequency: int

    def __init__(self, value: Value, expire_ms: int, access_ms: int) -> None:
        self.value = value
        self.expire_ms = expire_ms
        self.access_ms = access_ms


def type_name(value: Value) -> bytes:
    """The value's type as TYPE tells it."""
    return _TYPE_NAMES[type(value)]


_NOTHING: dict[bytes, Entry] = cast("dict[bytes, Entry]", MappingProxyType({}))
_EMPTY = [_NOTHING] * SLOTS
"""The slots of every database that has no keys: each of its own costs a megabyte and milliseconds."""


class Keyspace:
    """One database. Its slots are made when it gets its first key.

    `on_expired(key)` is called for each key that expiry removes, so that the engine can propagate its DEL;
    `on_fields_expired(key, fields, emptied)` for fields of a hash, and whether the key went with its last.
    `deletes_expired` is False on a replica: there an expired key reads as absent but waits for the primary's
    DEL. For a key to which a client of a writable replica has given its end no DEL will come: while
    `owns_expiry` says that we are one, those are noted, and expire_own() removes them.
    `hides_expired` is False while the primary's stream is applied: the primary's clock decides what was alive
    when it wrote. Were a replica to judge by its own, an INCR sent just before a key's end would find nothing
    here and begin anew without an expiry, and the copies would differ for ever.

    `on_new(key)` and `on_miss(key)`, where set, are called for each key that is added, and for each that a
    reader looks for in vain.

    `hits`, `misses` and `expired` count since the start (or since they were set to 0).
    """

    def __init__(self, clock: Clock, index: int = 0) -> None:
        self.clock = clock
        self.index = index
        self.slots = _EMPTY
        self.expiry = ExpiryIndex()
        self.deletes_expired = True
        self.owns_expiry = False
        self.hides_expired = True
        self.on_expired: Callable[[bytes], None] = lambda _key: None
        self.field_expiry = FieldExpiry(self._stored_value)
        self.on_fields_expired: Callable[[bytes, list[bytes], bool], None] = lambda _key, _fields, _gone: None
        self.on_new: Callable[[bytes], None] | None = None
        self.on_miss: Callable[[bytes], None] | None = None
        self.hits = 0
        self.misses = 0
        self.expired = 0
        self._random_pool: list[bytes] = []
        self._lists: dict[int, Sampler] = {}

    # Reading

    def get(self, key: bytes) -> Value | None:
        """The live value, or None. Sets the access time; counts a hit or a miss."""
        entry = self.slots[key_slot(key)].get(key)
        if entry is None or (0 < entry.expire_ms < self.clock.now_ms and self._is_over(key)):
            self.missed(key)
            return None
        self.hits += 1
        entry.access_ms = self.clock.now_ms
        return entry.value

    def entry(self, key: bytes) -> Entry | None:
        """As get(), with expiry and access time."""
        entry = self.slots[key_slot(key)].get(key)
        if entry is None or (0 < entry.expire_ms < self.clock.now_ms and self._is_over(key)):
            self.missed(key)
            return None
        self.hits += 1
        entry.access_ms = self.clock.now_ms
        return entry

    def target(self, key: bytes) -> Entry | None:
        """As entry(), for a command that is going to write: counts neither hit nor miss."""
        entry = self.slots[key_slot(key)].get(key)
        if entry is None or (0 < entry.expire_ms < self.clock.now_ms and self._is_over(key)):
            return None
        entry.access_ms = self.clock.now_ms
        return entry

    def peek(self, key: bytes) -> Entry | None:
        """The live entry, or None. Touches no access time and counts nothing."""
        entry = self.slots[key_slot(key)].get(key)
        if entry is None or (0 < entry.expire_ms < self.clock.now_ms and self._is_over(key)):
            return None
        return entry

    def stored(self, key: bytes) -> Entry | None:
        """The entry, whether it is expired or not."""
        return self.slots[key_slot(key)].get(key)

    def lives(self, key: bytes) -> bool:
        """Whether there is a live key. Removes nothing."""
        entry = self.stored(key)
        return entry is not None and not (self.hides_expired and 0 < entry.expire_ms < self.clock.now_ms)

    def typed(self, key: bytes, kind: type[_V]) -> _V | None:
        """The live value when it is of that type. Raises CommandError(WRONG_TYPE)."""
        value = self.get(key)
        if value is None or type(value) is kind:
            return value
        return self._narrowed(key, value, kind, writes=False)

    def string(self, key: bytes) -> bytes | bytearray | None:
        """The live string. Raises CommandError(WRONG_TYPE)."""
        value = self.get(key)
        if value is None or isinstance(value, (bytes, bytearray)):
            return value
        raise CommandError(WRONG_TYPE)

    def typed_or_new(self, key: bytes, kind: type[_V]) -> _V:
        """The live value of that type; an empty one is added where the key is absent. Raises
        CommandError(WRONG_TYPE)."""
        entry = self.target(key)
        if entry is None:
            made = kind()
            self.put(key, made)
            return made
        value = entry.value
        if type(value) is kind:
            return value
        narrowed = self._narrowed(key, value, kind, writes=True)
        if narrowed is None:
            narrowed = kind()
            self.put(key, narrowed)
        return narrowed

    def typed_target(self, key: bytes, kind: type[_V]) -> _V | None:
        """As typed(), for a command that is going to write: counts neither hit nor miss."""
        entry = self.target(key)
        if entry is None:
            return None
        value = entry.value
        if type(value) is kind:
            return value
        return self._narrowed(key, value, kind, writes=True)

    def _narrowed(self, key: bytes, value: Value, kind: type[_V], *, writes: bool) -> _V | None:
        """What is left when the type is not the very one: a hash with expiring fields, or an error."""
        if isinstance(value, ExpiringHash) and isinstance(value, kind):
            return self._alive(key, value, writes=writes)
        raise CommandError(WRONG_TYPE)

    def _alive(self, key: bytes, value: ExpiringHash, *, writes: bool) -> Hash | None:
        """The hash without the fields whose time is over; None when none are left.

        As with whole keys, a replica does not remove them, but its clients do not see them; and while the
        primary's stream is applied, what the primary had not removed yet is there.
        """
        now_ms = self.clock.now_ms
        if not self.hides_expired or not value.is_due(now_ms):
            return value
        if self.deletes_expired:
            self._purge(key, value)
            return value if len(value) else None
        if writes:
            return value
        left = value.copy()
        left.purge(now_ms)
        return left if len(left) else None

    def _purge(self, key: bytes, value: ExpiringHash) -> None:
        gone = value.purge(self.clock.now_ms)
        emptied = not len(value) and self.delete(key)
        self.field_expiry.note(key, value)
        self.on_fields_expired(key, gone, emptied)

    # Writing

    def put(self, key: bytes, value: Value, expire_ms: int = 0) -> None:
        """Sets or replaces, with that expiry (unix milliseconds, 0 for none)."""
        slot = self.slots[key_slot(key)]
        entry = slot.get(key)
        if entry is not None and entry.expire_ms:
            if entry.expire_ms < self.clock.now_ms and self._is_over(key):
                entry = slot.get(key)
            if entry is not None:
                self.expiry.forget(key)
        if entry is None:
            if slot is _NOTHING:
                self.slots = [{} for _ in range(SLOTS)]
                slot = self.slots[key_slot(key)]
            entry = slot[key] = Entry(value, expire_ms, self.clock.now_ms)
            if self._lists and (listed := self._lists.get(key_slot(key))) is not None:
                listed.add(key)
            if self.on_new is not None:
                self.on_new(key)
        else:
            entry.value = value
            entry.expire_ms = expire_ms
            entry.access_ms = self.clock.now_ms
        if expire_ms:
            self._note_expiry(key, entry)

    def load(self, key: bytes, value: Value, expire_ms: int = 0) -> bool:
        """put() for a snapshot's keys, in one look, and nobody is told. Whether the key was new."""
        slot = self.slots[key_slot(key)]
        entry = Entry(value, expire_ms, self.clock.now_ms)
        if slot is _NOTHING or self._lists or slot.setdefault(key, entry) is not entry:
            is_new = key not in slot
            self.put(key, value, expire_ms)
            if self.expiry.own is not None:
                self.expiry.own.forget(key)
            return is_new
        if expire_ms:
            self.expiry.note(key, entry)
        return True

    def replace_value(self, key: bytes, value: Value) -> None:
        """Sets or replaces; an expiry stays."""
        entry = self.target(key)
        if entry is None:
            self.put(key, value)
        else:
            entry.value = value

    def delete(self, key: bytes) -> bool:
        """Removes a key; whether it was there, alive."""
        slot = self.slots[key_slot(key)]
        entry = slot.get(key)
        if entry is None or (0 < entry.expire_ms < self.clock.now_ms and self._is_over(key)):
            return False
        del slot[key]
        if entry.expire_ms:
            self.expiry.forget(key)
        if self._lists:
            self._unlist(key)
        return True

    def discard(self, key: bytes) -> bool:
        """Removes a key, expired or not: to nobody it has expired. Whether it was stored."""
        if self.stored(key) is None:
            return False
        self.evict(key)
        return True

    def evict(self, key: bytes) -> Entry:
        """Removes a key that is stored, expired or not."""
        entry = self.slots[key_slot(key)].pop(key)
        if entry.expire_ms:
            self.expiry.forget(key)
        if self._lists:
            self._unlist(key)
        return entry

    def drop_if_empty(self, key: bytes) -> bool:
        """Removes the key when its collection has become empty; whether it did."""
        entry = self.slots[key_slot(key)].get(key)
        if entry is None or isinstance(entry.value, (bytes, bytearray)) or len(entry.value):
            return False
        return self.delete(key)

    def set_expire(self, key: bytes, at_ms: int) -> None:
        """Sets the expiry of a key that is there; 0 removes it."""
        entry = self.slots[key_slot(key)][key]
        entry.expire_ms = at_ms
        if at_ms:
            self._note_expiry(key, entry)
        else:
            self.expiry.forget(key)

    def _note_expiry(self, key: bytes, entry: Entry) -> None:
        if self.owns_expiry and self.hides_expired:
            self.expiry.note_own(key, entry)
        else:
            self.expiry.note(key, entry)

    def set_access(self, key: bytes, at_ms: int) -> None:
        """Sets when a key that is there was last used."""
        self.slots[key_slot(key)][key].access_ms = at_ms

    def set_frequency(self, key: bytes, counter: int) -> None:
        """Sets how often a key that is there has been used: see cluster.store.frequency."""
        self.slots[key_slot(key)][key].frequency = counter

    # Whole

    def __len__(self) -> int:
        return 0 if self.slots is _EMPTY else sum(map(len, self.slots))

    def keys(self) -> Iterator[bytes]:
        """The live keys, slot by slot. Removes nothing; the database must not change meanwhile."""
        now_ms = self.clock.now_ms
        for slot in filter(None, self.slots):
            for key, entry in slot.items():
                if not entry.expire_ms or entry.expire_ms >= now_ms:
                    yield key

    def slot_count(self, slot: int) -> int:
        """How many keys a slot has, expired ones that are still there among them."""
        return len(self.slots[slot])

    def slot_keys(self, slot: int, count: int) -> list[bytes]:
        """Up to `count` of a slot's keys."""
        return list(islice(self.slots[slot], count))

    def random_key(self, random: Random) -> bytes | None:
        """A live key, each as likely as any other that was here when the pool was last filled; None when
        there is none.

        A replica may not remove what has expired: where it finds nothing else it names an expired key.
        """
        tries = 0
        while self._random_pool or self._fill_random_pool(random):
            key = self._random_pool.pop()
            tries += 1
            if self.peek(key) is not None or (tries > RANDOM_POOL and not self.deletes_expired):
                return key
        return None

    def sample(self, random: Random, count: int) -> list[bytes]:
        """Up to `count` keys that were here when the pool was last filled, each as likely as any other."""
        if self.slots is _EMPTY:
            return []
        pool = self._random_pool
        if len(pool) < count:
            self._fill_random_pool(random)
        taken = pool[-count:]
        del pool[-count:]
        return taken

    def scan(self, cursor: int, count: int) -> tuple[int, list[bytes]]:
        """The next piece of a scan over all keys: the cursor to go on with (0 at the end) and about `count`
        keys.

        The cursor is a slot and a place within that slot, so slots that others fill or empty meanwhile do no
        harm.
        """
        place, slot = cursor >> SLOT_BITS, cursor & (SLOTS - 1)
        found: list[bytes] = []
        while slot < SLOTS and len(found) < count:
            if self.slots[slot]:
                place, piece = self._scan_slot(slot, place, max(count - len(found), SLOT_WHOLE))
                found += piece
                if place:
                    return place << SLOT_BITS | slot, found
            place = 0
            slot += 1
        return (slot if slot < SLOTS else 0), found

    def _scan_slot(self, slot: int, place: int, count: int) -> tuple[int, list[bytes]]:
        """The next piece of a slot that has keys. Its place is a hash or, with LISTED, one in the list of a
        big slot: how a scan has begun a slot it goes on."""
        keys, listed = self.slots[slot], self._lists.get(slot)
        if place & LISTED == 0 and (place or (listed is None and len(keys) <= SLOT_BIG)):
            return scan_members(keys, place, count)
        if listed is None:  # it is the first, or the list has gone with all keys and begins anew
            listed, place = Sampler(keys), 0
            self._lists[slot] = listed
        following, piece = listed.scan(place & (LISTED - 1), count)
        return (following | LISTED if following else 0), piece

    def _unlist(self, key: bytes) -> None:
        listed = self._lists.get(key_slot(key))
        if listed is not None:
            listed.remove(key)

    def clear(self) -> None:
        """Removes all keys."""
        self.slots = _EMPTY
        self._lists.clear()
        self.expiry.clear()
        self.field_expiry.clear()
        self._random_pool.clear()

    def swap(self, other: Keyspace) -> None:
        """Exchanges the keys of two databases; what they count stays where it is."""
        self.slots, other.slots = other.slots, self.slots
        self._lists, other._lists = other._lists, self._lists
        self.expiry, other.expiry = other.expiry, self.expiry
        self.field_expiry.swap(other.field_expiry)
        self._random_pool, other._random_pool = other._random_pool, self._random_pool

    def clear_slot(self, slot: int) -> int:
        """Removes a slot's keys; how many there were."""
        dropped = self.slots[slot]
        if not dropped:
            return 0
        self.slots[slot] = {}
        self._lists.pop(slot, None)
        for key, entry in dropped.items():
            if entry.expire_ms:
                self.expiry.forget(key)
        return len(dropped)

    def expire_some(self, budget: int) -> int:
        """The active cycle: looks at up to `budget` expiries that are over; returns how many keys it
        removed."""
        if not self.deletes_expired:
            return 0
        removed = 0
        for key in self.expiry.due(self.clock.now_ms, budget):
            entry = self.slots[key_slot(key)].get(key)
            if entry is not None:
                self._remove_expired(key)
                removed += 1
        return removed

    def expire_own(self, budget: int) -> None:
        """The active cycle of a replica, for what its own clients have given an end."""
        if self.expiry.own is not None:
            for key in self.expiry.own.due(self.clock.now_ms, budget):
                self._remove_expired(key)

    def missed(self, key: bytes) -> None:
        """A reader has looked for this key in vain."""
        self.misses += 1
        if self.on_miss is not None:
            self.on_miss(key)

    def expire_fields(self, budget: int) -> None:
        """The same for fields of hashes: looks at up to `budget` hashes."""
        if self.deletes_expired and self.field_expiry:
            for key, value in self.field_expiry.due(self.clock.now_ms, budget):
                self._purge(key, value)

    def _stored_value(self, key: bytes) -> Value | None:
        entry = self.stored(key)
        return None if entry is None else entry.value

    def _is_over(self, key: bytes) -> bool:
        """Whether an expired key must not be seen; removes it where that is ours to do."""
        if not self.hides_expired:
            return False
        if self.deletes_expired:
            self._remove_expired(key)
        return True

    def _remove_expired(self, key: bytes) -> None:
        del self.slots[key_slot(key)][key]
        self.expiry.forget(key)
        if self._lists:
            self._unlist(key)
        self.expired += 1
        self.on_expired(key)

    def _fill_random_pool(self, random: Random) -> bool:
        """Draws keys by their rank, in one walk over the slots and the keys of those that are drawn from.
        False when the database is empty."""
        occupied = [slot for slot in self.slots if slot]
        total = sum(map(len, occupied))
        ranks = sorted({random.randrange(total) for _ in range(min(total, RANDOM_POOL))})
        start = 0
        at = 0
        for slot in occupied:
            end = start + len(slot)
            if at < len(ranks) and ranks[at] < end:
                rest, place = iter(slot), start
                while at < len(ranks) and ranks[at] < end:
                    self._random_pool.append(next(islice(rest, ranks[at] - place, None)))
                    place = ranks[at] + 1
                    at += 1
            start = end
        random.shuffle(self._random_pool)
        return bool(self._random_pool)
