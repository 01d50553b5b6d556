"""The append only file's folder, written by one server and loaded by the other."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from protocol.resp.writer import encode_command
from tests.cluster.node.single import Single
from tests.conftest import NO_SERVER, REQUIRED
from tests.support.data_sets import Command, data_set
from tests.support.oracle import SERVER, Oracle, words
from tools.admin.waiting import wait_until

pytestmark = [
    pytest.mark.parity,
    pytest.mark.skipif(SERVER is None and not REQUIRED, reason=NO_SERVER),
]
DATA_SETS = int(os.environ.get("STARLING_DATA_SETS", "4"))
"""For each direction and each form of the base."""
CHECK_AOF = shutil.which("redis-check-aof")
FOLDER = "appendonlydir"


def commands(rng: random.Random) -> list[Command]:
    """Writes of all types, with expiries, transactions and several databases."""
    return [
        *data_set(rng, keys=6),
        *map(words, (("MULTI",), ("INCR", "counter"), ("RPUSH", "log", rng.randrange(99)), ("EXEC",))),
        *data_set(rng, keys=6),
        *map(words, (("SET", "gone", 1), ("DEL", "gone"), ("SADD", "some", *range(9)), ("SPOP", "some", 3))),
    ]


def ours(rng: random.Random, preamble: str) -> tuple[bytes, dict[str, bytes]]:
    """The digest of our data, and our folder."""
    single = Single(
        appendonly="yes", aof_use_rdb_preamble=preamble, aof_timestamp_enabled=rng.choice(["yes", "no"])
    )
    raw = single.connect()
    for part in (commands(rng), [[b"BGREWRITEAOF"]], commands(rng)):
        raw.send(b"".join(map(encode_command, part)), wait_ms=300)
    return digest(single), {
        name: data for name, data in single.disk.contents.items() if name.startswith(FOLDER)
    }


def digest(single: Single) -> bytes:
    """What DEBUG DIGEST says of our data."""
    single.node.options.enable_debug_command = "yes"
    return single.connect().send(b"DEBUG DIGEST\r\n")


@pytest.mark.parametrize("preamble", ["yes", "no"])
@pytest.mark.parametrize("seed", range(DATA_SETS))
def test_redis_server_loads_our_folder(seed: int, preamble: str, tmp_path: Path) -> None:
    expected, contents = ours(random.Random(seed), preamble)
    (tmp_path / FOLDER).mkdir()
    for name, data in contents.items():
        (tmp_path / name).write_bytes(data)
    assert CHECK_AOF is not None
    command = [CHECK_AOF, str(tmp_path / FOLDER / "appendonly.aof.manifest")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    server = Oracle(tmp_path, "--appendonly", "yes")
    try:
        wait_until("the load to end", lambda: _loading(server), 20.0)
        assert server.raw("DEBUG", "DIGEST") == expected
    finally:
        server.stop()


@pytest.mark.parametrize("preamble", ["yes", "no"])
@pytest.mark.parametrize("seed", range(DATA_SETS))
def test_we_load_redis_servers_folder(seed: int, preamble: str, tmp_path: Path) -> None:
    rng = random.Random(seed)
    # It ends by kill -9: with everysec, what it wrote during an fsync would be gone.
    settings = ("--appendonly", "yes", "--appendfsync", "always", "--aof-use-rdb-preamble", preamble)
    server = Oracle(tmp_path, *settings)
    try:
        for argv in commands(rng):
            server.raw(*argv)
        server.raw("BGREWRITEAOF")
        for argv in commands(rng):
            server.raw(*argv)
        wait_until("the rewrite to end", lambda: _rewriting(server), 20.0)
        expected = server.raw("DEBUG", "DIGEST")
    finally:
        server.stop()
    single = Single()
    single.world.kill()
    for path in (tmp_path / FOLDER).iterdir():
        single.disk.contents[f"{FOLDER}/{path.name}"] = path.read_bytes()
    single.start(appendonly="yes")
    assert digest(single) == expected


def _loading(server: Oracle) -> str:
    """DEBUG is served while data are loaded, PING is not."""
    reply = server.raw("PING")
    return "" if reply == b"+PONG\r\n" else reply.decode()


def _rewriting(server: Oracle) -> str:
    return "" if b"aof_rewrites:1" in server.raw("INFO", "persistence") else "still at it"


@pytest.mark.parametrize("preamble", ["yes", "no"])
def test_libraries_of_functions_go_through_our_rewrite(preamble: str, tmp_path: Path) -> None:
    code = b"#!lua name=mine\nredis.register_function('one', function() return 1 end)"
    single = Single(appendonly="yes", aof_use_rdb_preamble=preamble)
    raw = single.connect()
    raw.send(b"SET a 1\r\n", wait_ms=300)
    single.world.kill()
    increment = f"{FOLDER}/appendonly.aof.1.incr.aof"
    single.disk.contents[increment] += encode_command([b"FUNCTION", b"LOAD", code])
    single.start()
    single.connect().send(b"BGREWRITEAOF\r\n", wait_ms=500)
    for name, data in single.disk.contents.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    assert not single.disk.contents[f"{FOLDER}/appendonly.aof.2.incr.aof"]
    server = Oracle(tmp_path, "--appendonly", "yes")
    try:
        wait_until("the load to end", lambda: _loading(server), 20.0)
        assert server.raw("FCALL", "one", 0) == b":1\r\n"
    finally:
        server.stop()
