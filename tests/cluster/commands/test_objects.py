"""The twin of cluster/commands/objects.py. Encodings of all types are compared in tests/parity."""

from __future__ import annotations

import pytest

from protocol.resp.types import ErrorReply, Status
from tests.support.local import Local


@pytest.mark.parametrize(
    ("value", "encoding", "references"),
    [
        ("1", b"int", (1 << 31) - 1),
        ("9999", b"int", (1 << 31) - 1),
        ("10000", b"int", 1),
        ("-1", b"int", 1),
        ("text", b"embstr", 1),
        ("x" * 44, b"embstr", 1),
        ("x" * 45, b"raw", 1),
    ],
)
def test_strings(value: str, encoding: bytes, references: int) -> None:
    local = Local()
    local.call("SET", "k", value)
    assert local.call("OBJECT", "ENCODING", "k") == encoding
    assert local.call("OBJECT", "REFCOUNT", "k") == references


def test_idle_time_is_in_seconds() -> None:
    local = Local()
    local.call("SET", "k", "v")
    local.now_ms += 2500
    assert local.call("OBJECT", "IDLETIME", "k") == 2
    local.call("GET", "k")
    assert local.call("OBJECT", "IDLETIME", "k") == 0


ADVICE = (
    b" Please note that when switching between policies at runtime LRU and LFU data will take some time to"
    b" adjust."
)


def test_frequency_is_known_under_an_lfu_policy_and_idle_time_under_the_others() -> None:
    local = Local()
    local.call("SET", "k", "v")
    assert local.call("OBJECT", "FREQ", "k") == (
        b"ERR An LFU maxmemory policy is not selected, access frequency not tracked." + ADVICE
    )
    local.call("CONFIG", "SET", "maxmemory-policy", "allkeys-lfu", "lfu-log-factor", "0")
    assert local.call("OBJECT", "FREQ", "k") == 5
    local.call("GET", "k")
    assert local.call("OBJECT", "FREQ", "k") == 6
    local.now_ms += 2 * 60_000
    assert local.call("OBJECT", "FREQ", "k") == 4
    assert local.call("OBJECT", "IDLETIME", "k") == (
        b"ERR An LFU maxmemory policy is selected, idle time not tracked." + ADVICE
    )


@pytest.mark.parametrize("name", ["ENCODING", "REFCOUNT", "IDLETIME", "FREQ"])
def test_no_key(name: str) -> None:
    assert Local().call("OBJECT", name, "none") is None


def test_frequency_is_for_another_policy() -> None:
    local = Local()
    local.call("SET", "k", "v")
    reply = local.call("OBJECT", "FREQ", "k")
    assert isinstance(reply, ErrorReply)
    assert reply.startswith(b"ERR An LFU maxmemory policy is not selected")


def test_help_names_each_subcommand() -> None:
    lines = Local().call("OBJECT", "HELP")
    assert isinstance(lines, list)
    statuses = [line for line in lines if isinstance(line, Status)]
    assert statuses == lines
    words = {line.split()[0] for line in statuses if not line.startswith(b" ")}
    assert words >= {b"ENCODING", b"FREQ", b"IDLETIME", b"REFCOUNT", b"HELP"}
