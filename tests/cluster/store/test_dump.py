import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.store.clock import Clock
from cluster.store.dump import Loader, dump, load, restore, snapshot, uses_under
from cluster.store.keyspace import Keyspace, Value
from cluster.store.values.expiring_hash import ExpiringHash
from cluster.store.values.hash import Hash
from cluster.store.values.limits import FixedLimits
from cluster.store.values.list import List
from cluster.store.values.set import Set
from cluster.store.values.sorted_set import SortedSet
from cluster.store.values.stream import Stream
from protocol.rdb.encode import dump_payload, encode_file
from protocol.rdb.file_reader import decode_file
from protocol.rdb.records import CorruptFile, DatabaseRecord, HashRecord, KeyRecord
from tests.protocol.rdb.values import commands, packed
from tests.support.oracle import Oracle

NOW_MS = 4_000_000_000_000


def databases(count: int = 2) -> list[Keyspace]:
    clock = Clock(NOW_MS)
    return [Keyspace(clock, index) for index in range(count)]


def content(value: Value) -> object:
    """What may be compared: a hash table has no order."""
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    assert not isinstance(value, Stream)  # they are compared in tests/protocol/rdb and tests/parity
    members: list[object] = list(value.items() if isinstance(value, Hash) else value)
    if value.encoding() == "hashtable":
        members = sorted(members)  # type: ignore[type-var]
    return value.encoding(), members


def contents(database: Keyspace) -> dict[bytes, object]:
    return {key: content(entry.value) for slot in database.slots for key, entry in slot.items()}


def values() -> dict[bytes, Value]:
    """A value of every type, small and large."""
    made: dict[bytes, Value] = {
        b"integer": b"12345",
        b"text": b"some text that repeats, some text that repeats",
        b"changed": bytearray(b"x" * 100),
        b"list": List.from_items([b"a", b"1", b"c" * 10_000]),
        b"long list": List.from_items([b"%d" % number for number in range(5000)]),
        b"hash": Hash.from_items([(b"f", b"v"), (b"1", b"2")]),
        b"large hash": Hash.from_items([(b"%d" % number, b"v") for number in range(1000)]),
        b"intset": Set.from_items([b"3", b"-70000", b"1"]),
        b"set": Set.from_items([b"a", b"1"]),
        b"sorted set": SortedSet.from_items([(b"a", 1.5), (b"b", float("-inf"))]),
        b"large sorted set": SortedSet.from_items([(b"%d" % number, number / 3) for number in range(500)]),
    }
    return made


def filled() -> list[Keyspace]:
    made = databases()
    for key, value in values().items():
        made[0].put(key, value)
    made[1].put(b"brief", b"1", NOW_MS + 1000)
    made[1].put(b"over", b"2", NOW_MS - 1000)
    return made


@pytest.mark.parametrize("name", sorted(values()))
def test_values_there_and_back(name: bytes) -> None:
    value = values()[name]
    assert content(restore(dump(value))) == content(value)
    assert content(restore(dump(value, compress=False))) == content(value)


def test_a_hash_once_large_stays_so_in_its_payload_and_is_small_where_it_arrives() -> None:
    once_large = Hash.from_items([(b"%d" % number, b"v") for number in range(1000)])
    for number in range(1, 1000):
        once_large.delete(b"%d" % number)
    assert dump(once_large) == dump_payload(HashRecord({b"0": b"v"}, "hashtable"))
    assert content(restore(dump(once_large))) == ("listpack", [(b"0", b"v")])


def test_limits_decide_the_encoding() -> None:
    payload = dump(Set.from_items([b"1", b"2", b"3"]))
    value = restore(payload, FixedLimits(set_max_intset_entries=2))
    assert isinstance(value, Set) and value.encoding() == "hashtable"


@settings(max_examples=15)
@given(st.dictionaries(st.binary(max_size=20), packed, max_size=8))
def test_databases_there_and_back(records: dict[bytes, bytes]) -> None:
    before, after = databases(), databases()
    for key, record in records.items():
        before[0].put(key, restore(dump_payload(record)), NOW_MS + len(key) if len(key) % 2 else 0)
    assert load(b"".join(snapshot(before, {b"a": b"b"})), after) == {b"a": b"b"}
    assert len(after[0]) == len(records)
    for key in records:
        there, here = before[0].peek(key), after[0].peek(key)
        assert there is not None and here is not None
        assert (content(here.value), here.expire_ms) == (content(there.value), there.expire_ms)


def test_expired_keys_are_written_and_may_be_left_out_on_loading() -> None:
    data = b"".join(snapshot(filled(), {}))
    everything, living = databases(), databases()
    load(data, everything)
    load(data, living, alive_at_ms=NOW_MS)
    assert (len(everything[1]), len(living[1])) == (2, 1)
    assert living[1].get(b"brief") == b"1"


def test_idle_time_is_kept() -> None:
    made = databases()
    key = KeyRecord(0, b"k", b"v", idle_s=100)
    load(b"".join(encode_file([DatabaseRecord(0, 1, 0, [key])], {})), made)
    entry = made[0].peek(b"k")
    assert entry is not None and entry.access_ms == NOW_MS - 100_000


def test_what_a_file_says_of_use_follows_the_policy() -> None:
    made, again = databases(1), databases(1)
    made[0].put(b"k", b"v")
    made[0].set_access(b"k", NOW_MS - 3_600_000)
    made[0].set_frequency(b"k", 100)
    found = {}
    for policy in ("noeviction", "allkeys-lru", "volatile-lfu"):
        data = b"".join(snapshot(made, {}, uses=uses_under(policy, NOW_MS, 30)))
        found[policy] = [
            (part.idle_s, part.frequency) for part in decode_file(data) if isinstance(part, KeyRecord)
        ]
        load(data, again)
    assert found == {
        "noeviction": [(None, None)],
        "allkeys-lru": [(3600, None)],
        "volatile-lfu": [(None, 98)],
    }


def test_libraries_of_functions_are_handed_on() -> None:
    loader = Loader(databases(), [])
    loader.feed(b"".join(snapshot(databases(), {}, [b"#!lua name=l", b"#!lua name=m"])))
    loader.end()
    assert list(loader.steps()) == [None]
    assert loader.libraries == [b"#!lua name=l", b"#!lua name=m"]


def test_what_cannot_be_kept_is_refused() -> None:
    third = databases(3)
    third[2].put(b"k", b"v")
    with pytest.raises(CorruptFile, match="more than 2 databases"):
        load(b"".join(snapshot(third, {})), databases(2))


@pytest.mark.parity
@settings(max_examples=40)
@given(record=packed)
def test_payloads_travel_both_ways(oracle: Oracle, record: bytes) -> None:
    value = restore(dump_payload(record))
    oracle.call("DEL", "k")
    assert oracle.call("RESTORE", "k", 0, dump(value)).text == b"OK"
    assert oracle.call("DUMP", "k").text == dump(value)
    oracle.call("DEL", "k")
    for command in commands(b"k", record):
        oracle.call(*command)
    assert content(restore(oracle.call("DUMP", "k").text)) == content(value)
    oracle.call("DEL", "k")


@pytest.mark.parity
def test_a_file_of_redis_is_read_here(oracle: Oracle) -> None:
    oracle.call("FLUSHALL")
    ours = filled()
    for index, database in enumerate(ours):
        oracle.call("SELECT", index)
        for key, entry in (item for slot in database.slots for item in slot.items()):
            assert oracle.call("RESTORE", key, entry.expire_ms, dump(entry.value), "ABSTTL").text == b"OK"
    oracle.call("SELECT", 0)
    oracle.call("SAVE")
    folder = Path(oracle.call("CONFIG", "GET", "dir").children[1].text.decode())
    loaded = databases(16)
    aux = load((folder / "dump.rdb").read_bytes(), loaded)
    assert aux[b"redis-ver"].startswith(b"7.0")
    assert contents(loaded[0]) == contents(ours[0])
    brief = loaded[1].peek(b"brief")
    assert brief is not None and brief.expire_ms == NOW_MS + 1000
    oracle.call("FLUSHALL")


@pytest.mark.parity
def test_our_file_is_read_by_redis(oracle: Oracle, tmp_path: Path) -> None:
    ours = filled()
    path = tmp_path / "dump.rdb"
    path.write_bytes(b"".join(snapshot(ours, {b"redis-ver": b"7.0.15"})))
    checked = subprocess.run(["redis-check-rdb", path], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout
    theirs = Oracle(tmp_path)
    try:
        for key, value in values().items():
            assert content(restore(theirs.call("DUMP", key).text)) == content(value), key
        theirs.call("SELECT", 1)
        assert theirs.call("PEXPIRETIME", "brief").text == b"%d" % (NOW_MS + 1000)
    finally:
        theirs.stop()


def test_fields_keep_their_ends_in_a_file_and_still_go_by_themselves() -> None:
    (source,) = databases(1)
    plain = Hash.from_items([(b"a", b"1"), (b"b", b"2")])
    source.put(b"k", ExpiringHash.of(plain, {b"a": source.clock.now_ms + 100}))
    (loaded,) = databases(1)
    load(b"".join(snapshot([source], {})), [loaded])
    value = loaded.typed(b"k", Hash)
    assert isinstance(value, ExpiringHash)
    assert value.ends == {b"a": source.clock.now_ms + 100}
    loaded.clock.now_ms += 100
    loaded.expire_fields(10)
    assert list(value) == [b"b"]


def test_a_key_that_comes_twice_is_refused_and_one_that_was_there_replaced() -> None:
    made, twice = databases(), [KeyRecord(0, b"k", b"v"), KeyRecord(0, b"k", HashRecord({b"f": b"v"}))]
    once = b"".join(encode_file([DatabaseRecord(0, 1, 0, twice[:1])], {}))
    with pytest.raises(CorruptFile, match="RDB has duplicated key 'k' in DB 0 at offset"):
        load(b"".join(encode_file([DatabaseRecord(0, 2, 0, twice)], {})), made)
    made = databases()
    made[0].put(b"k", b"older")
    load(once, made)
    assert made[0].get(b"k") == b"v"
