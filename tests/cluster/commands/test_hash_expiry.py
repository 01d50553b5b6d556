"""The twin of cluster/commands/hash_expiry.py.

The real server that other tests compare with is 7.0 and knows none of these commands. What is expected
here is what https://redis.io/docs/latest/commands/hexpire/ and its neighbours say, and the errors as
clients of 7.4 see them.
"""

from __future__ import annotations

import pytest

from cluster.spec.errors import WRONG_TYPE
from cluster.store.field_expiry import FieldExpiry
from protocol.rdb.records import FIELD_END_MAX_MS as LATEST
from protocol.resp.types import OK, Reply
from tests.support.local import NOW_MS, Local

NO_FIELDS = "ERR Mandatory argument FIELDS is missing or not at the right position"
OTHER_COUNT = "ERR The `numfields` parameter must match the number of arguments"


@pytest.fixture
def local() -> Local:
    made = Local()
    made.call("HSET", "h", "a", "1", "b", "2", "c", "3")
    made.written.clear()
    made.events.clear()
    return made


def ask(local: Local, text: str) -> Reply:
    return local.call(*text.split())


def test_a_field_lives_as_long_as_it_is_told(local: Local) -> None:
    assert ask(local, "HEXPIRE h 10 FIELDS 2 a nothing") == [1, -2]
    assert ask(local, "HTTL h FIELDS 3 a b nothing") == [10, -1, -2]
    assert ask(local, "HPTTL h FIELDS 1 a") == [10_000]
    assert ask(local, "HEXPIRETIME h FIELDS 1 a") == [NOW_MS // 1000 + 10]
    assert ask(local, "HPEXPIRETIME h FIELDS 2 a b") == [NOW_MS + 10_000, -1]
    local.now_ms += 9_500
    assert ask(local, "HTTL h FIELDS 1 a") == [1]
    assert ask(local, "HGET h a") == b"1"
    local.now_ms += 500
    assert ask(local, "HGET h a") is None
    assert ask(local, "HLEN h") == 2


@pytest.mark.parametrize(
    ("command", "end_ms"),
    [
        ("HEXPIRE h 5 FIELDS 1 a", NOW_MS + 5000),
        ("HPEXPIRE h 5 FIELDS 1 a", NOW_MS + 5),
        (f"HEXPIREAT h {NOW_MS // 1000 + 7} FIELDS 1 a", (NOW_MS // 1000 + 7) * 1000),
        (f"HPEXPIREAT h {NOW_MS + 7} fields 1 a", NOW_MS + 7),
    ],
)
def test_the_four_ways_to_say_when(local: Local, command: str, end_ms: int) -> None:
    assert ask(local, command) == [1]
    assert ask(local, "HPEXPIRETIME h FIELDS 1 a") == [end_ms]
    assert local.written == [[b"HPEXPIREAT", b"h", b"%d" % end_ms, b"FIELDS", b"1", b"a"]]
    assert local.events == [(b"h", b"hexpire", 1)]


@pytest.mark.parametrize(
    ("condition", "replies"), [("NX", [0, 1]), ("XX", [1, 0]), ("GT", [0, 0]), ("LT", [1, 1]), ("gt", [0, 0])]
)
def test_conditions(local: Local, condition: str, replies: list[int]) -> None:
    """`a` ends later than what is asked for; `b`, without an end, counts as ending later than all."""
    ask(local, "HPEXPIRE h 2000 FIELDS 1 a")
    assert ask(local, f"HPEXPIRE h 1000 {condition} FIELDS 2 a b") == replies


def test_a_later_end_is_greater(local: Local) -> None:
    ask(local, "HPEXPIRE h 2000 FIELDS 1 a")
    assert ask(local, "HPEXPIRE h 3000 LT FIELDS 1 a") == [0]
    assert ask(local, "HPEXPIRE h 3000 GT FIELDS 1 a") == [1]
    assert ask(local, "HPTTL h FIELDS 1 a") == [3000]


@pytest.mark.parametrize("command", ["HEXPIRE h 0", "HPEXPIRE h 0", "HEXPIREAT h 1", "HPEXPIREAT h 999"])
def test_a_time_that_is_over_deletes(local: Local, command: str) -> None:
    assert ask(local, f"{command} FIELDS 2 a nothing") == [2, -2]
    assert local.written == [[b"HDEL", b"h", b"a"]]
    assert ask(local, f"{command} FIELDS 2 b c") == [2, 2]
    assert ask(local, "EXISTS h") == 0
    assert local.events[-2:] == [(b"h", b"hdel", 2), (b"h", b"del", 0)]


def test_no_key(local: Local) -> None:
    for command in (
        "HEXPIRE no 1",
        "HTTL no",
        "HPTTL no",
        "HEXPIRETIME no",
        "HPEXPIRETIME no",
        "HPERSIST no",
    ):
        assert ask(local, f"{command} FIELDS 2 a b") == [-2, -2]
    assert local.written == []


def test_persist(local: Local) -> None:
    ask(local, "HEXPIRE h 10 FIELDS 1 a")
    local.written.clear()
    assert ask(local, "HPERSIST h FIELDS 3 a b nothing") == [1, -1, -2]
    assert local.written == [b"HPERSIST h FIELDS 3 a b nothing".split()]
    assert ask(local, "HTTL h FIELDS 1 a") == [-1]
    local.written.clear()
    assert ask(local, "HPERSIST h FIELDS 1 a") == [-1]
    assert local.written == []


@pytest.mark.parametrize(
    ("command", "error"),
    [
        ("HEXPIRE s x FIELDS 1 a", WRONG_TYPE),
        ("HTTL s FIELDS 1 a", WRONG_TYPE),
        ("HEXPIRE h x FIELDS 1 a", "ERR value is not an integer or out of range"),
        ("HEXPIRE h -1 FIELDS 1 a", "ERR invalid expire time, must be >= 0"),
        (f"HEXPIRE h {LATEST} FIELDS 1 a", "ERR invalid expire time in 'hexpire' command"),
        (
            f"HPEXPIREAT h {LATEST + 1} FIELDS 1 a",
            "ERR invalid expire time in 'hpexpireat' command",
        ),
        (
            "HEXPIRE h 1 WHAT FIELDS 1 a",
            NO_FIELDS,
        ),
        (
            "HEXPIRE h 1 NX XX FIELDS 1 a",
            NO_FIELDS,
        ),
        ("HTTL h WHAT 1 a", NO_FIELDS),
        ("HEXPIRE h 1 FIELDS 0 a", "ERR Parameter `numFields` should be greater than 0"),
        ("HEXPIRE h 1 FIELDS x a", "ERR Parameter `numFields` should be greater than 0"),
        ("HTTL h FIELDS 0 a", "ERR Number of fields must be a positive integer"),
        ("HPERSIST h FIELDS -1 a", "ERR Number of fields must be a positive integer"),
        ("HEXPIRE h 1 FIELDS 2 a", OTHER_COUNT),
        ("HTTL h FIELDS 1 a b", OTHER_COUNT),
        ("HEXPIRE h 1 FIELDS 1", "ERR wrong number of arguments for 'hexpire' command"),
        ("HTTL h FIELDS 1", "ERR wrong number of arguments for 'httl' command"),
    ],
)
def test_refusals(local: Local, command: str, error: str) -> None:
    local.call("SET", "s", "v")
    local.written.clear()
    assert ask(local, command) == error.encode()
    assert local.written == []


def test_a_new_value_drops_the_end_and_sums_keep_it(local: Local) -> None:
    ask(local, "HEXPIRE h 10 FIELDS 3 a b c")
    ask(local, "HSET h a new")
    ask(local, "HINCRBY h b 1")
    local.written.clear()
    ask(local, "HINCRBYFLOAT h c 0.5")
    assert ask(local, "HTTL h FIELDS 3 a b c") == [-1, 10, 10]
    assert local.written == [
        [b"MULTI"],
        [b"HSET", b"h", b"c", b"3.5"],
        [b"HPEXPIREAT", b"h", b"%d" % (NOW_MS + 10_000), b"FIELDS", b"1", b"c"],
        [b"EXEC"],
    ]


def test_expired_fields_go_by_themselves(local: Local) -> None:
    ask(local, "HPEXPIRE h 100 FIELDS 2 a b")
    local.written.clear()
    local.now_ms += 100
    local.engine.tick()
    assert local.written == [[b"HDEL", b"h", b"a", b"b"]]
    assert ask(local, "HKEYS h") == [b"c"]


def test_with_its_last_field_the_key_goes(local: Local) -> None:
    ask(local, "HPEXPIRE h 100 FIELDS 3 a b c")
    local.now_ms += 100
    assert ask(local, "HGETALL h") == {}
    assert ask(local, "EXISTS h") == 0
    assert ask(local, "HSET h a 1") == 1
    assert ask(local, "HTTL h FIELDS 1 a") == [-1]


def test_a_write_finds_expired_fields_gone(local: Local) -> None:
    ask(local, "HPEXPIRE h 100 FIELDS 3 a b c")
    local.now_ms += 100
    assert ask(local, "HSETNX h a 9") == 1
    assert ask(local, "HGETALL h") == {b"a": b"9"}


def test_an_end_breaks_a_watch(local: Local) -> None:
    ask(local, "HPEXPIRE h 100 FIELDS 1 a")
    ask(local, "WATCH h")
    local.now_ms += 100
    local.engine.tick()
    ask(local, "MULTI")
    ask(local, "PING")
    assert ask(local, "EXEC") != [b"PONG"]


@pytest.mark.parametrize("command", ["RENAME h new", "COPY h new", "RESTORE new 0 payload"])
def test_ends_come_along(local: Local, command: str) -> None:
    ask(local, "HPEXPIRE h 100 FIELDS 1 a")
    payload = local.call("DUMP", "h")
    assert isinstance(payload, bytes)
    assert local.call(*(payload if word == "payload" else word for word in command.split())) in (OK, 1)
    assert ask(local, "HPTTL new FIELDS 2 a b") == [100, -1]
    local.now_ms += 100
    local.engine.tick()
    assert ask(local, "HKEYS new") == [b"b", b"c"]


def test_encodings(local: Local) -> None:
    assert ask(local, "OBJECT ENCODING h") == b"listpack"
    ask(local, "HEXPIRE h 10 FIELDS 1 a")
    assert ask(local, "OBJECT ENCODING h") == b"listpackex"
    assert ask(local, "TYPE h") == b"hash"
    local.call("HSET", "h", "long", "x" * 65)
    assert ask(local, "OBJECT ENCODING h") == b"hashtable"


def test_a_replica_hides_what_has_ended_and_waits_for_its_primary(local: Local) -> None:
    ask(local, "HPEXPIRE h 100 FIELDS 2 a b")
    local.replication.primary = ("127.0.0.1", 1)
    local.server.refresh()
    local.now_ms += 100
    local.engine.tick()
    assert ask(local, "HKEYS h") == [b"c"]
    local.engine.apply([b"HPERSIST", b"h", b"FIELDS", b"1", b"a"])
    assert ask(local, "HKEYS h") == [b"a", b"c"]
    local.engine.apply([b"HDEL", b"h", b"b"])
    assert ask(local, "HLEN h") == 2


def test_a_replica_keeps_what_its_primary_has_given_an_end_just_now(local: Local) -> None:
    local.replication.primary = ("127.0.0.1", 1)
    local.server.refresh()
    local.engine.apply([b"HPEXPIREAT", b"h", b"%d" % (NOW_MS - 5), b"FIELDS", b"1", b"a"])
    assert ask(local, "HKEYS h") == [b"b", b"c"]
    local.engine.apply([b"HPERSIST", b"h", b"FIELDS", b"1", b"a"])
    assert ask(local, "HLEN h") == 3


def test_flushing_forgets_the_ends(local: Local) -> None:
    ask(local, "HEXPIRE h 10 FIELDS 1 a")
    notes: FieldExpiry = local.server.databases[0].field_expiry
    assert len(notes) == 1
    ask(local, "FLUSHALL")
    assert len(notes) == 0
