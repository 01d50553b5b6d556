"""RDB files of random data sets, saved by one server and loaded by the other: all content, expiries and
encodings are equal.

STARLING_DATA_SETS sets how many for each direction.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.node.disk import PART_BYTES
from protocol.rdb import codes
from tests.conftest import NO_SERVER, REQUIRED
from tests.protocol.rdb.kinds import EVERY_KIND
from tests.protocol.rdb.test_decode import file
from tests.protocol.rdb.test_streams import HEAD as ONE_ENTRY
from tests.support.data_sets import Reader, data_set, differences
from tests.support.frames import whole
from tests.support.oracle import SERVER, Oracle, words
from tests.support.ports import free_port
from tests.support.process import Process

pytestmark = [
    pytest.mark.parity,
    pytest.mark.xdist_group("rdb-files"),
    pytest.mark.skipif(SERVER is None and not REQUIRED, reason=NO_SERVER),
]
DATA_SETS = int(os.environ.get("STARLING_DATA_SETS", "8"))
PARTS = 4
"""Tests to a direction."""
PENDING_BYTES = 25
"""What a file keeps of an entry that is not acknowledged: id, time of delivery and how often."""
CHECK_RDB = shutil.which("redis-check-rdb")
FILE = "dump.rdb"
SETTINGS = {
    "rdbcompression": ("yes", "no"),
    "maxmemory-policy": ("noeviction", "allkeys-lru", "allkeys-lfu"),
    "hash-max-listpack-entries": ("128", "4"),
    "zset-max-listpack-value": ("64", "8"),
    "set-max-intset-entries": ("512", "16"),
    "list-max-listpack-size": ("-2", "3", "-5"),
    "stream-node-max-entries": ("100", "5"),
}


class Side:
    """One of the two servers, and the file that it saves to and loads from."""

    def __init__(self, folder: Path, port: int) -> None:
        self.file = folder / FILE
        self.reader = Reader(port)

    def do(self, *argv: bytes | str | int) -> None:
        """A command that must not fail."""
        (reply,) = self.reader.ask(words(argv))
        assert reply == b"+OK\r\n", (argv, reply)

    def digest(self) -> bytes:
        return self.reader.ask([b"DEBUG", b"DIGEST"])[0]


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Side]:
    folder, port = tmp_path_factory.mktemp("ours"), free_port()
    process = Process(folder, ["--port", str(port), "--save", "", "--enable-debug-command", "yes"])
    process.wait_for("Ready to accept connections")
    side = Side(folder, port)
    yield side
    side.reader.close()
    process.process.kill()
    process.end()
    assert process.process.stdout is not None
    process.process.stdout.close()


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Side]:
    folder = tmp_path_factory.mktemp("theirs")
    server = Oracle(folder)
    side = Side(folder, server.port)
    # Lists then have nodes that are one large item: by default only those of a gigabyte are.
    side.do("DEBUG", "QUICKLIST-PACKED-THRESHOLD", 5000)
    yield side
    side.reader.close()
    server.stop()


@pytest.mark.parametrize("part", range(PARTS))
def test_redis_server_loads_our_file(ours: Side, theirs: Side, part: int) -> None:
    for seed in range(part, DATA_SETS, PARTS):
        carry(ours, theirs, seed)
        assert CHECK_RDB is not None
        done = subprocess.run([CHECK_RDB, str(theirs.file)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("part", range(PARTS))
def test_we_load_redis_servers_file(ours: Side, theirs: Side, part: int) -> None:
    for seed in range(part, DATA_SETS, PARTS):
        carry(theirs, ours, DATA_SETS + seed)


def test_a_value_of_several_pieces_is_read_as_one(ours: Side, theirs: Side) -> None:
    """What is read at once ends among the entries that somebody has not acknowledged yet."""
    theirs.do("FLUSHALL")
    entries = [words(("XADD", "s", f"{ms}-0", "f", ms)) for ms in range(1, 2 * PART_BYTES // PENDING_BYTES)]
    theirs.reader.ask(*entries, words(("XGROUP", "CREATE", "s", "g", "0")))
    theirs.reader.ask(words(("XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", ">")))
    theirs.do("SAVE")
    shutil.copy(theirs.file, ours.file)
    ours.do("DEBUG", "RELOAD", "NOSAVE")
    assert not differences(theirs.reader.content(), ours.reader.content())
    assert ours.digest() == theirs.digest()


@pytest.mark.parametrize("version", [1, 2, 4, 5, 6, 7, 8, 9, 10])
def test_files_of_older_versions_say_the_same_to_both(ours: Side, theirs: Side, version: int) -> None:
    """Every kind of value since Redis 2.6, made by hand, in two databases and with expiries in seconds."""
    kinds = [body for body, _ in EVERY_KIND if body[0] != codes.SET_LISTPACK]
    group = b"\x01\x01g\x01\x00" + b"\x00" + b"\x00"
    kinds.append(bytes((codes.STREAM_LISTPACKS,)) + ONE_ENTRY + group)
    body = b""
    for database in (0, 3):
        body += bytes((codes.SELECT, database))
        for number, kind in enumerate(kinds):
            if number % 3 == 0:
                body += bytes((codes.EXPIRE_S,)) + (2_000_000_000 + number).to_bytes(4, "little")
            body += kind[:1] + b"\xc0" + bytes((number,)) + kind[1:]
    for side in (ours, theirs):
        side.do("CONFIG", "SET", "maxmemory-policy", "noeviction")
        side.file.write_bytes(file(body, version))
        side.do("DEBUG", "RELOAD", "NOSAVE")
    found = ours.reader.content()
    assert len(found) == 2 * len(kinds)
    assert not differences(found, theirs.reader.content())[:3]


def test_libraries_of_functions_go_through_us(ours: Side, theirs: Side) -> None:
    code = b"#!lua name=mine\nredis.register_function('one', function() return 1 end)"
    theirs.reader.ask(words(("FLUSHALL",)), words(("FUNCTION", "LOAD", "REPLACE", code)))
    theirs.do("SAVE")
    theirs.do("FUNCTION", "FLUSH")
    shutil.copy(theirs.file, ours.file)
    ours.do("DEBUG", "RELOAD", "NOSAVE")
    ours.do("SAVE")
    shutil.copy(ours.file, theirs.file)
    theirs.do("DEBUG", "RELOAD", "NOSAVE")
    assert theirs.reader.ask(words(("FCALL", "one", 0))) == [b":1\r\n"]
    theirs.do("FUNCTION", "FLUSH")


@pytest.mark.parametrize("source", ["ours", "theirs"])
def test_how_keys_were_used_goes_with_them(ours: Side, theirs: Side, source: str) -> None:
    saving, loading = (ours, theirs) if source == "ours" else (theirs, ours)
    for policy, option, value, question in (
        ("allkeys-lfu", "FREQ", 77, "FREQ"),
        ("volatile-lru", "IDLETIME", 5000, "IDLETIME"),
    ):
        for side in (saving, loading):
            side.do("CONFIG", "SET", "maxmemory-policy", policy)
            side.do("CONFIG", "SET", "lfu-decay-time", 0)
        saving.do("FLUSHALL")
        saving.do("SET", "from", "text")
        (payload,) = saving.reader.ask(words(("DUMP", "from")))
        saving.do("RESTORE", "used", 0, whole(payload).text, option, value)
        saving.do("SAVE")
        shutil.copy(saving.file, loading.file)
        loading.do("DEBUG", "RELOAD", "NOSAVE")
        (found,) = loading.reader.ask(words(("OBJECT", question, "used")))
        assert value <= int(whole(found).text) < value + 100


def carry(source: Side, target: Side, seed: int) -> None:
    """Fills one, saves, loads into the other, compares. Then the one loads its file as well: encodings may
    depend on how a value has grown, but not on who loads it."""
    rng = random.Random(seed)
    for name, values in SETTINGS.items():
        value = rng.choice(values)
        for side in (source, target):
            side.do("CONFIG", "SET", name, value)
    source.do("FLUSHALL")
    source.reader.ask(*data_set(rng))
    source.do("SAVE")
    digest = source.digest()
    written = source.reader.content()
    shutil.copy(source.file, target.file)
    target.do("DEBUG", "RELOAD", "NOSAVE")
    loaded = target.reader.content()
    found = differences(written, loaded, encodings=False)
    source.do("DEBUG", "RELOAD", "NOSAVE")
    found += differences(source.reader.content(), loaded)
    assert not found, f"seed {seed}: {found[:3]}"
    assert target.digest() == digest, f"seed {seed}"
