"""Copies for replicas: which way they go, and how much of them is in memory."""

from __future__ import annotations

import pytest

from cluster.node.full_copies import UNSENT_BYTES_PAUSE
from protocol.rdb.file_reader import decode_file
from protocol.rdb.records import KeyRecord
from protocol.resp.writer import encode_command
from tests.cluster.node.single import Single
from tests.cluster.node.test_replicas import caught_up, follow, keys, lines, standalone

BIG = 12 << 20
MOMENT = b"+FULLRESYNC "


@pytest.mark.parametrize("diskless", ["yes", "no"])
def test_either_way_a_replica_gets_all(diskless: str) -> None:
    cluster, (one, two) = standalone(2, repl_diskless_sync=diskless)
    for number in range(20):
        one.call("RPUSH", f"list{number}", "a", "b")
    follow(cluster, two, one)
    one.call("SET", "later", "1")
    cluster.until(lambda: caught_up(one, two), 5000)
    assert keys(two.node) == keys(one.node)
    assert len(keys(one.node)) == 21
    assert lines(one, "Starting BGSAVE for SYNC with target: disk") == (diskless == "no")
    assert lines(one, "Starting BGSAVE for SYNC with target: replicas sockets") == (diskless == "yes")
    assert one.node.replication.full_syncs == 1


def test_a_copy_waits_for_the_child_that_is_at_work_on_the_file() -> None:
    cluster, (one, two) = standalone(2, repl_diskless_sync="no")
    one.call("SET", "k", "v")
    two.call("REPLICAOF", one.host, "7000")
    cluster.until(lambda: lines(one, "asks for synchronization") == 1, 5000)
    one.call("BGSAVE")
    cluster.until(lambda: two.node.replication.link_up, 20_000)
    assert keys(two.node) == {b"k"}


def following(single: Single, *, eof: bool) -> bytes:
    """What a replica by hand has got by now: all of it."""
    raw = single.connect()
    single.connect().send(b"SET k v\r\n")
    capabilities = b"REPLCONF capa eof capa psync2\r\n" if eof else b"REPLCONF listening-port 1\r\n"
    got = raw.send(capabilities + b"PSYNC ? -1\r\n", 50)
    return got + raw.take(200)


def test_who_does_not_know_the_marker_gets_our_file_with_its_length() -> None:
    single = Single()
    got = following(single, eof=False)
    saved = single.disk.contents["dump.rdb"]
    behind_moment = got[got.index(MOMENT) :].partition(b"\r\n")[2]
    assert behind_moment.startswith(b"$%d\r\n%b" % (len(saved), saved))
    assert [part.key for part in decode_file(saved) if isinstance(part, KeyRecord)] == [b"k"]


def test_a_replica_that_takes_nothing_is_not_sent_the_whole_file(monkeypatch: pytest.MonkeyPatch) -> None:
    single = Single(repl_diskless_sync="no", rdbcompression="no")
    single.connect().send(encode_command([b"SET", b"k", bytes(BIG)]), 5000)
    raw = single.connect()
    single.simulation.run_for(1)
    connection = list(single.node.clients)[-1]
    taken = 0
    monkeypatch.setattr(type(connection), "unsent_bytes", lambda _self: _written(single) - taken)
    raw.send(b"PSYNC ? -1\r\n", 1000)
    assert UNSENT_BYTES_PAUSE < _written(single) < BIG
    taken = BIG
    single.simulation.run_for(20_000)
    assert _written(single) > BIG


def _written(single: Single) -> int:
    return single.node.clients.bytes_written
