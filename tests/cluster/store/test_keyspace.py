"""The twin of cluster/store/keyspace.py."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.spec.errors import CommandError
from cluster.store.clock import Clock
from cluster.store.keyspace import SLOT_BIG, Keyspace, Value, type_name
from cluster.store.values.hash import Hash
from cluster.store.values.list import List
from cluster.store.values.set import Set
from cluster.store.values.sorted_set import SortedSet
from protocol.keyslot import key_slot

NOW_MS = 1_000_000


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW_MS)


@pytest.fixture
def db(clock: Clock) -> Keyspace:
    return Keyspace(clock)


def scanned(db: Keyspace, count: int) -> list[bytes]:
    cursor, found = db.scan(0, count)
    while cursor:
        assert cursor < 2**64
        cursor, piece = db.scan(cursor, count)
        found += piece
    return found


def test_put_get_replace_delete(db: Keyspace) -> None:
    assert db.get(b"key") is None
    db.put(b"key", b"one", NOW_MS + 100)
    db.replace_value(b"key", b"two")
    entry = db.peek(b"key")
    assert entry is not None
    assert (entry.value, entry.expire_ms) == (b"two", NOW_MS + 100)
    db.put(b"key", b"three")
    assert entry.expire_ms == 0
    assert len(db.expiry) == 0
    assert db.delete(b"key")
    assert not db.delete(b"key")
    assert len(db) == 0


def test_what_is_over_can_be_asked_for_and_taken_away_without_expiring(db: Keyspace, clock: Clock) -> None:
    expired: list[bytes] = []
    db.on_expired = expired.append
    db.put(b"key", b"value", NOW_MS + 100)
    assert db.lives(b"key")
    clock.now_ms += 101
    assert not db.lives(b"key")
    assert db.discard(b"key")
    assert not db.discard(b"key")
    assert (expired, db.expired, len(db), len(db.expiry)) == ([], 0, 0, 0)


def test_reads_count_and_touch_but_peeks_and_targets_do_not_count(db: Keyspace, clock: Clock) -> None:
    db.put(b"key", b"value")
    clock.now_ms += 5000
    peeked = db.peek(b"key")
    assert peeked is not None
    assert peeked.access_ms == NOW_MS
    db.target(b"key")
    db.target(b"none")
    assert (db.hits, db.misses) == (0, 0)
    assert peeked.access_ms == clock.now_ms
    db.get(b"key")
    db.entry(b"key")
    db.get(b"none")
    db.entry(b"none")
    assert (db.hits, db.misses) == (2, 2)


def test_a_value_of_another_type_is_refused(db: Keyspace) -> None:
    db.put(b"string", b"value")
    made = db.typed_or_new(b"hash", Hash)
    assert db.typed_or_new(b"hash", Hash) is made
    assert db.typed(b"hash", Hash) is made
    assert db.typed(b"none", Hash) is None
    assert db.string(b"none") is None
    for refused in (
        lambda: db.typed(b"string", Hash),
        lambda: db.typed_or_new(b"string", Hash),
        lambda: db.string(b"hash"),
    ):
        with pytest.raises(CommandError, match="WRONGTYPE"):
            refused()


def test_type_names() -> None:
    values: list[Value] = [b"", bytearray(), Hash(), List(), Set(), SortedSet()]
    assert [type_name(value) for value in values] == [
        b"string", b"string", b"hash", b"list", b"set", b"zset",
    ]  # fmt: skip


def test_only_an_empty_collection_is_dropped(db: Keyspace) -> None:
    db.put(b"string", b"")
    db.typed_or_new(b"empty", Set)
    db.typed_or_new(b"full", Set).add(b"member")
    assert [db.drop_if_empty(key) for key in (b"string", b"empty", b"full", b"none")] == [
        False, True, False, False,
    ]  # fmt: skip


@pytest.mark.parametrize("read", ["get", "entry", "target", "peek", "delete"])
def test_an_expired_key_is_gone_for_whoever_asks(db: Keyspace, clock: Clock, read: str) -> None:
    told: list[bytes] = []
    db.on_expired = told.append
    db.put(b"key", b"value", NOW_MS + 10)
    clock.now_ms += 10
    assert db.peek(b"key")
    clock.now_ms += 1
    assert not getattr(db, read)(b"key")
    assert told == [b"key"]
    assert (len(db), len(db.expiry), db.expired) == (0, 0, 1)


def test_an_expired_key_that_is_set_anew_ended_first(db: Keyspace, clock: Clock) -> None:
    told: list[bytes] = []
    db.on_expired = told.append
    db.put(b"key", b"old", NOW_MS - 1)
    db.put(b"key", b"new")
    assert told == [b"key"]
    assert db.get(b"key") == b"new"


def test_a_replica_hides_what_has_expired_and_keeps_it_for_its_primary(db: Keyspace, clock: Clock) -> None:
    db.deletes_expired = False
    db.put(b"key", b"value", NOW_MS + 10)
    clock.now_ms += 20
    assert db.get(b"key") is None
    assert list(db.keys()) == []
    assert db.expire_some(100) == 0
    assert len(db) == 1
    assert db.random_key(Random(1)) == b"key"
    db.hides_expired = False
    assert db.get(b"key") == b"value"
    assert db.delete(b"key")


def test_the_active_cycle_removes_within_its_budget(db: Keyspace, clock: Clock) -> None:
    for number in range(10):
        db.put(b"%d" % number, b"", NOW_MS + number)
    clock.now_ms += 8
    assert db.expire_some(5) == 5
    assert db.expire_some(5) == 3
    assert sorted(db.keys()) == [b"8", b"9"]
    assert db.expired == 8


def test_set_expire(db: Keyspace, clock: Clock) -> None:
    db.put(b"key", b"value")
    db.set_expire(b"key", NOW_MS + 10)
    db.set_expire(b"key", 0)
    clock.now_ms += 20
    assert db.get(b"key") == b"value"
    db.set_expire(b"key", NOW_MS)
    assert db.expire_some(10) == 1


def test_slots_are_counted_listed_and_dropped(db: Keyspace) -> None:
    for number in range(20):
        db.put(b"{tag}%d" % number, b"", NOW_MS + 10)
    db.put(b"other", b"")
    slot = key_slot(b"tag")
    assert db.slot_count(slot) == 20
    assert len(db.slot_keys(slot, 5)) == 5
    assert db.clear_slot(slot) == 20
    assert list(db.keys()) == [b"other"]
    assert len(db.expiry) == 0


def test_clear_and_swap(db: Keyspace, clock: Clock) -> None:
    other = Keyspace(clock, 1)
    db.put(b"key", b"value", NOW_MS + 10)
    db.random_key(Random(1))
    db.swap(other)
    assert (len(db), len(other)) == (0, 1)
    assert db.random_key(Random(1)) is None
    clock.now_ms += 20
    assert other.expire_some(10) == 1
    other.put(b"key", b"value", NOW_MS + 100)
    other.clear()
    assert (len(other), len(other.expiry)) == (0, 0)


@pytest.mark.parametrize("count", [1, 10, 1000])
def test_a_scan_finds_every_key(db: Keyspace, count: int) -> None:
    keys = {b"key:%d" % number for number in range(300)} | {b"{tag}%d" % number for number in range(300)}
    for key in keys:
        db.put(key, b"")
    found = scanned(db, count)
    assert len(found) == len(keys)
    assert set(found) == keys


def test_a_big_slot_is_scanned_in_pieces(db: Keyspace) -> None:
    for number in range(1000):
        db.put(b"{tag}%d" % number, b"")
    cursor, found = db.scan(0, 10)
    assert cursor
    assert len(found) < 50


def big_slot(db: Keyspace) -> list[bytes]:
    keys = [b"{tag}%d" % number for number in range(SLOT_BIG + 1000)]
    for key in keys:
        db.put(key, b"", NOW_MS + 100 if key.endswith(b"3") else 0)
    return keys


def test_a_scan_of_a_very_big_slot_finds_who_stays_however_the_others_come_and_go(
    db: Keyspace, clock: Clock
) -> None:
    keys = big_slot(db)
    assert sorted(scanned(db, 100)) == sorted(keys)
    gone = {key for key in keys if key.endswith((b"1", b"2", b"3"))}
    cursor, found = db.scan(0, 100)
    for number, key in enumerate(gone - {b"{tag}3"}):
        if key.endswith(b"3"):
            clock.now_ms = NOW_MS + 101
            db.peek(key)
        elif key.endswith(b"2"):
            db.evict(key)
        else:
            db.delete(key)
        db.put(b"{tag}new:%d" % number, b"")
        if number % 50 == 0 and cursor:
            cursor, piece = db.scan(cursor, 100)
            assert len(piece) <= 100
            found += piece
    while cursor:
        cursor, piece = db.scan(cursor, 100)
        found += piece
    assert set(found) >= set(keys) - gone
    assert sorted(scanned(db, 100)) == sorted(db.slots[key_slot(b"{tag}")])


def test_a_scan_of_a_very_big_slot_that_is_emptied_and_filled_again_begins_it_anew(
    db: Keyspace, clock: Clock
) -> None:
    for empty in (db.clear, lambda: db.clear_slot(key_slot(b"{tag}")), lambda: db.swap(Keyspace(clock, 1))):
        keys = big_slot(db)
        cursor, _ = db.scan(0, 100)
        empty()
        assert db.scan(cursor, 100) == (0, [])
        big_slot(db)
        found: list[bytes] = []
        while cursor:
            cursor, piece = db.scan(cursor, 100)
            found += piece
        assert sorted(found) == sorted(keys)


def test_a_scan_goes_on_as_it_began_while_a_slot_becomes_very_big(db: Keyspace) -> None:
    keys = [b"{tag}%d" % number for number in range(1000)]
    for key in keys:
        db.put(key, b"")
    cursor, found = db.scan(0, 100)
    for number in range(SLOT_BIG):
        db.put(b"{tag}new:%d" % number, b"")
    db.scan(0, 100)
    while cursor:
        cursor, piece = db.scan(cursor, 100)
        found += piece
    assert set(found) >= set(keys)


def test_a_cursor_from_nowhere_does_no_harm(db: Keyspace) -> None:
    db.put(b"key", b"")
    for cursor in (2**64 - 1, 16383, 1 << 40, 1 << 46):
        db.scan(cursor, 10)


@settings(max_examples=10)
@given(st.sets(st.binary(min_size=1, max_size=3), min_size=1, max_size=40), st.integers(0, 1000))
def test_a_random_key_is_one_of_them_and_each_can_be(keys: set[bytes], seed: int) -> None:
    db = Keyspace(Clock(NOW_MS))
    for key in keys:
        db.put(key, b"")
    random = Random(seed)
    seen = {db.random_key(random) for _ in range(600)}
    assert seen == keys


def test_a_random_key_is_never_one_that_has_gone(db: Keyspace) -> None:
    random = Random(1)
    assert db.random_key(random) is None
    for number in range(100):
        db.put(b"%d" % number, b"")
    db.random_key(random)
    for number in range(99):
        db.delete(b"%d" % number)
    assert {db.random_key(random) for _ in range(50)} == {b"99"}


def test_databases_without_keys_share_nothing_that_one_could_write_into(clock: Clock) -> None:
    one, other = Keyspace(clock, 0), Keyspace(clock, 1)
    assert one.slots is other.slots
    one.put(b"key", b"value")
    assert (len(one), len(other), other.get(b"key")) == (1, 0, None)
    one.clear_slot(key_slot(b"key"))
    other.clear_slot(key_slot(b"key"))
    one.put(b"key", b"value")
    one.clear()
    other.put(b"key", b"other")
    assert (len(one), one.get(b"key"), other.get(b"key")) == (0, None, b"other")


def test_a_sample_is_of_the_keys_that_are_here() -> None:
    database = Keyspace(Clock(NOW_MS))
    source = Random(1)
    assert database.sample(source, 5) == []
    for number in range(100):
        database.put(b"%d" % number, b"v")
    drawn = {key for _ in range(100) for key in database.sample(source, 5)}
    assert len(drawn) > 90
    assert all(database.stored(key) for key in drawn)


def test_a_snapshots_keys_are_loaded_as_put_would(clock: Clock) -> None:
    loaded, put = Keyspace(clock), Keyspace(clock)
    keys = [(b"%d" % (number % 40), b"%d" % number, NOW_MS + number % 3 * 100) for number in range(60)]
    for key, value, expire_ms in keys:
        assert loaded.load(key, value, expire_ms) is (key not in put.slots[key_slot(key)])
        put.put(key, value, expire_ms)
        assert key in scanned(loaded, 3)  # what a scan has made for itself stays right
    clock.now_ms = NOW_MS + 150
    assert sorted(scanned(loaded, 3)) == sorted(scanned(put, 3))
    assert {key: loaded.get(key) for key, _, _ in keys} == {key: put.get(key) for key, _, _ in keys}
    assert len(loaded.expiry) == len(put.expiry)


def test_a_replica_removes_only_what_its_own_clients_gave_an_end() -> None:
    clock = Clock(1000)
    database = Keyspace(clock)
    database.deletes_expired, database.owns_expiry = False, True
    database.put(b"own", b"", 2000)
    database.put(b"renewed", b"", 2000)
    database.hides_expired = False  # the primary's stream
    database.put(b"theirs", b"", 2000)
    database.hides_expired = True
    database.load(b"copied", b"", 2000)
    database.put(b"renewed", b"")
    assert database.expiry.own is not None
    assert set(database.expiry.own) == {b"own"}
    clock.now_ms = 3000
    assert not database.expire_some(10)
    database.expire_own(10)
    assert [key for key in (b"own", b"renewed", b"theirs", b"copied") if database.stored(key)] == [
        b"renewed",
        b"theirs",
        b"copied",
    ]
    assert len(database.expiry) == 2


def test_a_replica_forgets_the_end_of_what_is_written_behind_it() -> None:
    clock = Clock(1000)
    database = Keyspace(clock)
    database.deletes_expired = False
    database.put(b"key", b"", 2000)
    clock.now_ms = 3000
    database.put(b"key", b"")
    assert len(database.expiry) == 0
