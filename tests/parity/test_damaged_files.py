"""Each truncation and each flipped byte of an RDB file and of an append only file: refused or read, and
nothing else; and what redis-check-rdb and redis-check-aof say of a sample, ours say as well.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.store.clock import Clock
from cluster.store.dump import load, snapshot
from cluster.store.keyspace import Keyspace
from protocol.rdb.records import CorruptFile
from protocol.resp.writer import encode_command
from tests.conftest import NO_SERVER, REQUIRED
from tests.support.data_sets import FAR_MS, Command
from tests.support.local import NOW_MS, Local
from tests.support.oracle import words
from tools.check_aof import Checker, CheckFailed
from tools.check_rdb import check_rdb

pytestmark = pytest.mark.parity
CHECK_RDB, CHECK_AOF = shutil.which("redis-check-rdb"), shutil.which("redis-check-aof")
compared = pytest.mark.skipif(CHECK_RDB is None and not REQUIRED, reason=NO_SERVER)
SAMPLE = 40


def small() -> list[Command]:
    """Data of all types and encodings of which a file is small."""
    lines: list[tuple[bytes | str | int, ...]] = [
        ("SET", "text", "x" * 60),
        ("SET", "number", -12345),
        ("PEXPIREAT", "number", FAR_MS),
        ("RPUSH", "list", "a", 1, "b" * 80),
        ("SADD", "intset", 1, 70000),
        ("SADD", "set", "a", "b"),
        ("ZADD", "zset", "1.5", "a", "inf", "b"),
        ("ZADD", "skiplist", 1, "m" * 70),
        ("HSET", "hash", "f", "v", "g", 7),
        ("HSET", "table", "f", "v" * 70),
        ("XADD", "stream", "5-1", "f", "v"),
        ("XADD", "stream", "6-1", "f", "w"),
        ("XGROUP", "CREATE", "stream", "group", 0),
        ("XREADGROUP", "GROUP", "group", "one", "STREAMS", "stream", ">"),
        ("XDEL", "stream", "5-1"),
    ]
    return list(map(words, lines))


@pytest.fixture(scope="module")
def rdb() -> bytes:
    local = Local()
    for argv in small():
        local.call(*argv)
    return b"".join(snapshot(local.server.databases, {b"redis-ver": b"7.0.15"}))


@pytest.fixture(scope="module")
def aof() -> bytes:
    return b"".join(encode_command(argv) for argv in small())


def flipped(data: bytes, at: int) -> bytes:
    """With one bit the other way."""
    return data[:at] + bytes((data[at] ^ 1 << at % 8,)) + data[at + 1 :]


def damaged(data: bytes, step: int = 1) -> Iterator[bytes]:
    """Cut short at each place, and with each byte flipped."""
    for at in range(0, len(data), step):
        yield data[:at]
        yield flipped(data, at)


def fresh() -> list[Keyspace]:
    return [Keyspace(Clock(NOW_MS), 0)]


def test_each_damage_to_an_rdb_file_is_found(rdb: bytes) -> None:
    load(rdb, fresh())
    for bad in damaged(rdb):
        with pytest.raises(CorruptFile):
            load(bad, fresh())


def test_without_a_checksum_a_damaged_file_is_refused_or_read(rdb: bytes) -> None:
    bare = rdb[:-8] + bytes(8)
    refused = 0
    for at in range(len(bare) - 8):
        try:
            load(flipped(bare, at), fresh())
        except CorruptFile as error:
            assert 0 <= error.offset <= len(bare)
            refused += 1
    assert 0 < refused < len(bare) - 8


def verdict(tool: str | None, path: Path) -> bool:
    """Whether Redis's tool is content."""
    assert tool is not None
    done = subprocess.run([tool, str(path)], capture_output=True, check=False, stdin=subprocess.DEVNULL)
    return done.returncode == 0


@compared
def test_redis_check_rdb_finds_the_same(rdb: bytes, tmp_path: Path) -> None:
    path = tmp_path / "dump.rdb"
    for bad in (rdb, *damaged(rdb, len(rdb) // SAMPLE)):
        path.write_bytes(bad)
        assert (
            verdict(CHECK_RDB, path)
            is (check_rdb(path, NOW_MS, lambda _: None).error is None)
            is (bad == rdb)
        )


@compared
def test_redis_check_aof_finds_the_same(aof: bytes, tmp_path: Path) -> None:
    path = tmp_path / "file.aof"
    sound = 0
    for bad in (aof, *damaged(aof, len(aof) // SAMPLE)):
        path.write_bytes(bad)
        ours = is_sound(path)
        assert ours is verdict(CHECK_AOF, path), bad
        sound += ours
    assert 1 < sound < SAMPLE


def is_sound(path: Path) -> bool:
    """Whether our checker is content."""
    try:
        Checker(lambda _: None, lambda _: False, NOW_MS, False, None).check(path)
    except CheckFailed:
        return False
    return True
