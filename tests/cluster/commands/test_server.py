from __future__ import annotations

import pytest

from protocol.resp.types import NO_REPLY, OK, ErrorReply, Verbatim
from tests.support.oracle import Oracle
from tests.support.served import NOW_MS, Served


def fields(reply: object) -> dict[str, str]:
    assert isinstance(reply, Verbatim)
    rows = (row for row in reply.text.decode().split("\r\n") if ":" in row)
    return dict(row.split(":", 1) for row in rows)


@pytest.mark.parity
def test_info_has_the_fields_of_redis_in_their_order(oracle: Oracle) -> None:
    measured = ("cmdstat_", "errorstat_", "latency_", "db")
    theirs = oracle.call("INFO", "everything").text.decode().split("\r\n")
    reply = Served().call("INFO", "everything")
    assert isinstance(reply, Verbatim)
    names = [row.split(":")[0] for row in theirs if not row.startswith(measured)]
    ours = [row.split(":")[0] for row in reply.text.decode().split("\r\n") if not row.startswith(measured)]
    ours.remove("starling_version")
    persistence = {name for name in names if name.startswith("rdb_")} | {"rdb_last_save_time"}
    assert [name for name in ours if name not in persistence] == [
        name for name in names if name not in persistence
    ]


def test_info_tells_what_has_happened() -> None:
    served = Served()
    for argv in (("SET", "k", "v"), ("SET", "j", "v", "EX", "9"), ("GET", "k"), ("GET", "no"), ("NOSUCH",)):
        served.call(*argv)
    told = fields(served.call("INFO", "everything"))
    assert told["db0"] == "keys=2,expires=1,avg_ttl=0"
    assert (told["keyspace_hits"], told["keyspace_misses"]) == ("1", "1")
    assert told["errorstat_ERR"] == "count=1"
    assert told["cmdstat_set"].startswith("calls=2,")
    assert (told["redis_mode"], told["cluster_enabled"], told["role"]) == ("standalone", "0", "master")
    assert "cmdstat_set" not in fields(served.call("INFO"))
    assert list(fields(served.call("INFO", "cluster"))) == ["cluster_enabled"]
    assert fields(served.call("INFO", "nosuch")) == {}


def test_config_set_tells_the_process_and_is_all_or_nothing() -> None:
    served = Served()
    assert served.call("CONFIG", "SET", "maxclients", "10", "hz", "20") == OK
    assert served.host.changed == ["maxclients", "hz"]
    served.host.refuses = "Address already in use"
    assert served.call("CONFIG", "SET", "port", "7000") == (
        b"ERR CONFIG SET failed (possibly related to argument 'port') - Address already in use"
    )
    assert served.options.port == 6379
    assert served.call("CONFIG", "GET", "MAXCL*", "port") == {b"port": b"6379", b"maxclients": b"10"}


@pytest.mark.parametrize(
    ("words", "reply"),
    [
        (("nosuch", "1"), b"ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'"),
        (("user", "x"), b"ERR Unknown option or number of arguments for CONFIG SET - 'user'"),
        (("hz", "1", "x"), b"ERR syntax error"),
        (
            ("hz", "1", "hz", "2"),
            b"ERR CONFIG SET failed (possibly related to argument 'hz') - duplicate parameter",
        ),
        (
            ("port", "x"),
            b"ERR CONFIG SET failed (possibly related to argument 'port') - argument couldn't be parsed into "
            b"an integer",
        ),
    ],
)
def test_config_set_refuses(words: tuple[str, ...], reply: bytes) -> None:
    assert Served().call("CONFIG", "SET", *words) == reply


def test_config_resetstat() -> None:
    served = Served()
    served.call("GET", "k")
    served.call("NOSUCH")
    served.call("CONFIG", "RESETSTAT")
    told = fields(served.call("INFO", "everything"))
    assert (told["keyspace_misses"], told["total_error_replies"]) == ("0", "0")
    assert "cmdstat_get" not in told


def test_config_rewrite() -> None:
    served = Served()
    assert served.call("CONFIG", "REWRITE") == OK
    served.host.refuses = "The server is running without a config file"
    assert served.call("CONFIG", "REWRITE") == b"ERR The server is running without a config file"


def test_time_and_saves() -> None:
    served = Served()
    assert served.call("TIME") == [b"%d" % (NOW_MS // 1000), b"7"]
    assert served.call("LASTSAVE") == 1234
    assert (served.call("SAVE"), served.call("BGSAVE")) == (OK, b"Background saving started")
    served.host.refuses = "Background save already in progress"
    assert served.call("BGSAVE") == b"ERR Background save already in progress"


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ((), (None, False, False)),
        (("NOSAVE",), (False, False, False)),
        (("save", "now"), (True, True, False)),
        (("FORCE", "NOW"), (None, True, True)),
    ],
)
def test_shutdown(words: tuple[str, ...], asked: tuple[bool | None, bool, bool]) -> None:
    served = Served()
    assert served.call("SHUTDOWN", *words) is NO_REPLY
    assert served.host.shutdowns == [asked]


@pytest.mark.parametrize("words", [("X",), ("SAVE", "NOSAVE"), ("ABORT", "NOW"), ("ABORT",)])
def test_a_shutdown_that_is_none(words: tuple[str, ...]) -> None:
    served = Served()
    assert isinstance(served.call("SHUTDOWN", *words), ErrorReply)
    assert served.host.shutdowns == []


def test_slowlog_and_latency() -> None:
    served = Served()
    served.call("CONFIG", "SET", "slowlog-log-slower-than", "1000", "latency-monitor-threshold", "5")
    served.stopwatch.step_usec = 6000
    served.call("SET", "k", "v")
    served.stopwatch.step_usec = 0
    entries = served.call("SLOWLOG", "GET")
    assert entries == [[0, NOW_MS // 1000, 6000, [b"SET", b"k", b"v"], b"127.0.0.1:5000", b""]]
    assert served.call("SLOWLOG", "LEN") == 1
    assert served.call("LATENCY", "LATEST") == [[b"command", NOW_MS // 1000, 6, 6]]
    assert served.call("LATENCY", "HISTORY", "command") == [[NOW_MS // 1000, 6]]
    assert (served.call("LATENCY", "RESET"), served.call("LATENCY", "LATEST")) == (1, [])
    assert (served.call("SLOWLOG", "RESET"), served.call("SLOWLOG", "LEN")) == (OK, 0)
