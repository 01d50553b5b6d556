"""CLUSTER's subcommands: texts are those of a redis-server 7.0.15 in the same place."""

from __future__ import annotations

import pytest

from protocol.resp.types import ErrorReply, Verbatim
from tests.support.local import Local

MISUSED = "ERR unknown subcommand or wrong number of arguments for '{}'. Try CLUSTER HELP."
SETSLOT_MISUSED = "ERR Invalid CLUSTER SETSLOT action or number of arguments. Try CLUSTER HELP"


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("FOO", "ERR unknown subcommand 'FOO'. Try CLUSTER HELP."),
        ("MEET", "ERR wrong number of arguments for 'cluster|meet' command"),
        ("MEET a b", "ERR Invalid TCP base port specified: b"),
        ("MEET a 1", "ERR Invalid node address specified: a:1"),
        ("MEET 1.1.1.1 0", "ERR Invalid node address specified: 1.1.1.1:0"),
        ("MEET 1.1.1.1 65536", "ERR Invalid node address specified: 1.1.1.1:65536"),
        ("MEET 1.1.1.1 60000", "ERR Invalid node address specified: 1.1.1.1:60000"),
        ("MEET 1.1.1.1 6000 b", "ERR Invalid TCP bus port specified: b"),
        ("MEET 1.1.1.1 6000 99999", "ERR Invalid node address specified: 1.1.1.1:6000"),
        ("meet 1.1.1.1 6000 99999 5", MISUSED.format("meet")),
        ("ADDSLOTS a", "ERR Invalid or out of range slot"),
        ("ADDSLOTS 16384", "ERR Invalid or out of range slot"),
        ("ADDSLOTS -1", "ERR Invalid or out of range slot"),
        ("ADDSLOTS 1", "ERR Slot 1 is already busy"),
        ("ADDSLOTSRANGE 1", "ERR wrong number of arguments for 'cluster|addslotsrange' command"),
        ("ADDSLOTSRANGE 1 2 3", "ERR wrong number of arguments for 'cluster|addslotsrange' command"),
        ("ADDSLOTSRANGE 5 2", "ERR start slot number 5 is greater than end slot number 2"),
        ("ADDSLOTSRANGE a 2", "ERR Invalid or out of range slot"),
        ("ADDSLOTSRANGE 1 2", "ERR Slot 1 is already busy"),
        ("DELSLOTS a", "ERR Invalid or out of range slot"),
        ("DELSLOTS 7000 7000", "ERR Slot 7000 specified multiple times"),
        ("DELSLOTSRANGE 5 2", "ERR start slot number 5 is greater than end slot number 2"),
        ("DELSLOTSRANGE 1 2 3", "ERR wrong number of arguments for 'cluster|delslotsrange' command"),
        ("DELSLOTSRANGE 7000 7001 7001 7002", "ERR Slot 7001 specified multiple times"),
        ("SETSLOT", "ERR wrong number of arguments for 'cluster|setslot' command"),
        ("SETSLOT a STABLE", "ERR Invalid or out of range slot"),
        ("SETSLOT 1 FOO", SETSLOT_MISUSED),
        ("SETSLOT 1 FOO x", SETSLOT_MISUSED),
        ("SETSLOT 1 STABLE x", SETSLOT_MISUSED),
        ("SETSLOT 1 NODE", SETSLOT_MISUSED),
        ("SETSLOT 1 NODE x", "ERR Unknown node x"),
        ("SETSLOT 1 IMPORTING x", "ERR I'm already the owner of hash slot 1"),
        ("SETSLOT 1 MIGRATING x", "ERR I don't know about node x"),
        ("COUNTKEYSINSLOT a", "ERR value is not an integer or out of range"),
        ("COUNTKEYSINSLOT 16384", "ERR Invalid slot"),
        ("COUNTKEYSINSLOT -1", "ERR Invalid slot"),
        ("GETKEYSINSLOT 5 -1", "ERR Invalid slot or number of keys"),
        ("GETKEYSINSLOT 16384 1", "ERR Invalid slot or number of keys"),
        ("GETKEYSINSLOT 5 a", "ERR value is not an integer or out of range"),
        ("REPLICATE x", "ERR Unknown node x"),
        ("REPLICAS x", "ERR Unknown node x"),
        ("SLAVES x", "ERR Unknown node x"),
        ("FAILOVER", "ERR You should send CLUSTER FAILOVER to a replica"),
        ("FAILOVER X", "ERR syntax error"),
        ("FAILOVER FORCE X", MISUSED.format("FAILOVER")),
        ("FORGET x", "ERR Unknown node x"),
        ("RESET X", "ERR syntax error"),
        ("RESET HARD X", MISUSED.format("RESET")),
        ("SET-CONFIG-EPOCH a", "ERR value is not an integer or out of range"),
        ("SET-CONFIG-EPOCH -1", "ERR Invalid config epoch specified: -1"),
        ("COUNT-FAILURE-REPORTS x", "ERR Unknown node x"),
        ("FLUSHSLOTS x", "ERR wrong number of arguments for 'cluster|flushslots' command"),
        ("SLOTS x", "ERR wrong number of arguments for 'cluster|slots' command"),
    ],
)
def test_refusals(words: str, error: str) -> None:
    local = Local(cluster=True)
    assert local.call("CLUSTER", *words.split()) == ErrorReply(error.encode())


@pytest.mark.parametrize(
    "words",
    [
        "INFO",
        "NODES",
        "SLOTS",
        "SHARDS",
        "MYID",
        "HELP",
        "KEYSLOT a",
        "RESET",
        "MEET a b",
        "ADDSLOTS x",
        "SETSLOT x y",
        "FAILOVER x y",
    ],
)
def test_nothing_works_without_a_cluster(words: str) -> None:
    expected = ErrorReply(b"ERR This instance has cluster support disabled")
    assert Local().call("CLUSTER", *words.split()) == expected


def test_a_primary_with_keys_cannot_be_reset() -> None:
    local = Local(cluster=True)
    local.call("SET", "k", "v")
    refusal = ErrorReply(b"ERR CLUSTER RESET can't be called with master nodes containing keys")
    assert local.call("CLUSTER", "RESET") == refusal
    local.call("DEL", "k")
    before = local.call("CLUSTER", "MYID")
    assert local.call("CLUSTER", "RESET", "soft") == b"OK"
    assert local.call("CLUSTER", "MYID") == before
    assert local.call("CLUSTER", "RESET", "HARD") == b"OK"
    assert local.call("CLUSTER", "MYID") != before


def test_epochs() -> None:
    local = Local(cluster=True)
    assert local.call("CLUSTER", "SET-CONFIG-EPOCH", "7") == b"OK"
    refusal = ErrorReply(b"ERR Node config epoch is already non-zero")
    assert local.call("CLUSTER", "SET-CONFIG-EPOCH", "8") == refusal
    assert local.call("CLUSTER", "BUMPEPOCH") in (b"STILL 7", b"BUMPED 8")
    assert local.call("CLUSTER", "SAVECONFIG") == b"OK"


def test_help_names_every_subcommand() -> None:
    lines = Local(cluster=True).call("CLUSTER", "HELP")
    assert isinstance(lines, list)
    text = b"\n".join(map(bytes, lines))  # type: ignore[arg-type]
    assert text.startswith(b"CLUSTER <subcommand> [<arg> [value] [opt] ...]. Subcommands are:")
    for name in (b"MEET", b"SETSLOT", b"SHARDS", b"COUNT-FAILURE-REPORTS"):
        assert b"\n" + name in text


def test_views_are_text_in_resp3() -> None:
    local = Local(cluster=True, protocol=3)
    for name in ("NODES", "INFO"):
        assert isinstance(local.call("CLUSTER", name), Verbatim)
