"""The twin of cluster/commands/memory.py."""

from __future__ import annotations

import pytest

from protocol.resp.types import OK
from tests.support.served import Served


def test_usage() -> None:
    served = Served()
    served.call("SET", "small", "x")
    served.call("SET", "large", "x" * 10_000)
    small, large = (served.call("MEMORY", "USAGE", key) for key in ("small", "large"))
    assert isinstance(small, int)
    assert isinstance(large, int)
    assert 50 < small < 300
    assert 10_000 < large < 10_400
    assert served.call("MEMORY", "USAGE", "absent") is None


def test_usage_looks_at_as_many_members_as_it_is_told() -> None:
    served = Served()
    served.call("RPUSH", "list", *["x"] * 5, *["x" * 1000] * 100)
    sampled = served.call("MEMORY", "USAGE", "list")
    whole = served.call("MEMORY", "USAGE", "list", "SAMPLES", "0")
    assert isinstance(sampled, int)
    assert isinstance(whole, int)
    assert sampled < 20_000 < 100_000 < whole


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("SAMPLES",), b"ERR syntax error"),
        (("SAMPLES", "-1"), b"ERR syntax error"),
        (("SAMPLES", "a"), b"ERR value is not an integer or out of range"),
        (("FOO", "1"), b"ERR syntax error"),
        (("SAMPLES", "1", "SAMPLES"), b"ERR syntax error"),
    ],
)
def test_usage_refuses(words: tuple[str, ...], error: bytes) -> None:
    assert Served().call("MEMORY", "USAGE", "k", *words) == error


def test_stats() -> None:
    served = Served()
    served.call("SET", "k", "v", "EX", "100")
    served.host.rss_bytes += 1 << 20
    stats = served.call("MEMORY", "STATS")
    assert isinstance(stats, dict)
    assert stats[b"total.allocated"] == 1 << 20
    assert stats[b"keys.count"] == 1
    assert b"overhead.hashtable.main" in stats[b"db.0"]  # type: ignore[operator]


def test_doctor() -> None:
    served = Served()
    assert b"too little" in served.client.raw("MEMORY", "DOCTOR")
    served.host.rss_bytes += 100 << 20
    assert b"Nothing wrong" in served.client.raw("MEMORY", "DOCTOR")
    served.host.rss_bytes -= 60 << 20
    served.call("CONFIG", "SET", "maxmemory", "1mb")
    found = served.client.raw("MEMORY", "DOCTOR")
    assert b"Peak" in found
    assert b"Limit" in found


def test_the_rest() -> None:
    served = Served()
    assert served.call("MEMORY", "PURGE") == OK
    assert b"c_library_bytes" in served.client.raw("MEMORY", "MALLOC-STATS")
