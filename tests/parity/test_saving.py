"""Snapshots and rewrites, what ends them and what they leave behind: a node of ours and a redis-server do
alike.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import NO_SERVER
from tests.support.either import Either
from tests.support.oracle import SERVER, Connection

pytestmark = pytest.mark.xdist_group("e2e")
Start = Callable[..., Either]
SLOW = ("--enable-debug-command", "yes", "--save", "3600 1")
LARGE = {"starling": 5_000_000, "redis-server": 100_000_000}
"""So many bytes take them a while to write."""


@pytest.fixture(params=["starling", "redis-server"])
def start(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Start]:
    if SERVER is None:
        pytest.skip(NO_SERVER)
    started: list[Either] = []

    def begin(*words: str) -> Either:
        started.append(Either(request.param, tmp_path / request.param, *words))
        return started[-1]

    yield begin
    for each in started:
        each.kill()


def fill(server: Either) -> None:
    """So much that a child is at work for a while."""
    for number in range(4):
        server.do("SETRANGE", f"large{number}", LARGE[server.folder.name], "x")


def files(server: Either) -> list[str]:
    """What is in its folder, but for the log."""
    return sorted(each.name for each in server.folder.rglob("*") if each.is_file() and each.name != "log")


def stopped(server: Either) -> list[str]:
    """The keys that are there after a kill -9 and a start."""
    server.kill()
    server.start()
    return server.do("KEYS", "*").decode().split("\r\n")[2::2]


def until(server: Either, name: str, value: str) -> None:
    """Waits until INFO has this."""
    server.until(f"{name} to be {value}", lambda: server.info("persistence", name) == value)


def child(server: Either, words: str) -> int:
    """The child of which the log has told last."""
    return int(re.findall(rf"{words} by pid (\d+)", server.log)[-1])


@pytest.mark.parametrize(
    ("command", "words", "status"),
    [
        ("BGSAVE", "Background saving started", "rdb_last_bgsave_status"),
        ("BGREWRITEAOF", "Background append only file rewriting started", "aof_last_bgrewrite_status"),
    ],
)
def test_nothing_stays_of_a_child_that_a_signal_has_ended(
    start: Start, command: str, words: str, status: str
) -> None:
    server = start(*SLOW)
    fill(server)
    for number, verdict in ((signal.SIGUSR1, "ok"), (signal.SIGKILL, "err")):
        server.do(command)
        os.kill(child(server, words), number)
        server.wait_for_log(f"terminated by signal {number}")
        assert server.info("persistence", status) == verdict
        assert files(server) == []


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("BGSAVE", "There is a child saving an .rdb. Killing it!"),
        ("BGREWRITEAOF", "There is a child rewriting the AOF. Killing it!"),
    ],
)
def test_nothing_stays_of_a_child_when_the_server_ends(start: Start, command: str, words: str) -> None:
    server = start(*SLOW)
    fill(server)
    server.do(command)
    server.client._socket.sendall(b"SHUTDOWN NOSAVE\r\n")
    assert server.process.wait(30) == 0
    assert words in server.log
    assert files(server) == []


def test_nothing_stays_of_a_rewrite_that_is_called_off(start: Start) -> None:
    server = start(*SLOW)
    fill(server)
    server.ok("CONFIG", "SET", "appendonly", "yes")
    server.ok("CONFIG", "SET", "appendonly", "no")
    assert [name for name in files(server) if "temp-rewriteaof" in name or name.endswith(".rdb")] == []


@pytest.mark.parametrize("words", [("FLUSHALL",), ("FLUSHALL", "ASYNC"), ("MULTI", "FLUSHALL", "EXEC")])
def test_what_was_flushed_does_not_come_back(start: Start, words: tuple[str, ...]) -> None:
    server = start("--save", "3600 1")
    server.ok("SET", "a", "1")
    server.ok("SAVE")
    server.ok("SET", "b", "2")
    if words[0] == "MULTI":
        for word in words:
            server.do(word)
    else:
        server.ok(*words)
    assert server.log.count("DB saved on disk") == 2
    assert server.info("persistence", "rdb_changes_since_last_save") == "0"
    assert stopped(server) == []


def test_without_save_points_flushing_saves_nothing_nor_does_flushing_one_database(start: Start) -> None:
    server = start("--save", "3600 1")
    server.ok("SET", "a", "1")
    server.ok("SAVE")
    server.ok("FLUSHDB")
    server.ok("CONFIG", "SET", "save", "")
    server.ok("FLUSHALL")
    assert server.log.count("DB saved on disk") == 1
    assert server.info("persistence", "rdb_changes_since_last_save") == "1"
    assert stopped(server) == ["a"]


def test_a_child_that_saves_what_was_flushed_is_ended(start: Start) -> None:
    server = start(*SLOW)
    fill(server)
    server.do("BGSAVE")
    server.ok("FLUSHALL")
    server.wait_for_log("Background saving terminated by signal 10")
    assert server.info("persistence", "rdb_last_bgsave_status") == "ok"
    assert files(server) == ["dump.rdb"]
    assert stopped(server) == []


def test_a_rewrite_goes_on_behind_a_flush(start: Start) -> None:
    server = start(*SLOW, "--appendonly", "yes")
    fill(server)
    server.do("BGREWRITEAOF")
    server.ok("FLUSHALL")
    server.ok("SET", "a", "1")
    server.wait_for_log("Background AOF rewrite finished successfully")
    assert stopped(server) == ["a"]


def unwritable(server: Either) -> None:
    """From now on no snapshot can be written: a folder has its name."""
    server.do("PING")  # it looks for a file when it listens already
    (server.folder / "dump.rdb").mkdir()


def test_only_a_save_that_nobody_waits_for_has_writes_refused(start: Start) -> None:
    server = start("--save", "3600 1")
    unwritable(server)
    server.ok("SET", "a", "1")
    assert server.do("SAVE").startswith(b"-ERR")
    assert server.do("SHUTDOWN").startswith(b"-ERR Errors trying to SHUTDOWN")
    server.ok("FLUSHALL")
    server.ok("SET", "a", "1")
    assert server.info("persistence", "rdb_last_bgsave_status") == "ok"
    assert server.info("persistence", "rdb_saves") == "1"
    server.do("BGSAVE")
    server.wait_for_log("Background saving error")
    server.until(
        "the failure to be told", lambda: server.info("persistence", "rdb_bgsave_in_progress") == "0"
    )
    assert server.do("SET", "a", "2").startswith(b"-MISCONF")
    assert server.info("persistence", "rdb_last_bgsave_status") == "err"
    assert server.info("persistence", "rdb_saves") == "2"
    (server.folder / "dump.rdb").rmdir()
    server.ok("SAVE")
    server.ok("SET", "a", "2")
    assert server.info("persistence", "rdb_saves") == "3"


@pytest.mark.parametrize(("name", "off"), [("stop-writes-on-bgsave-error", "no"), ("save", "")])
def test_whether_writes_are_refused_is_settled_at_once(start: Start, name: str, off: str) -> None:
    server = start("--save", "3600 1")
    unwritable(server)
    server.do("BGSAVE")
    server.until(
        "the failure to be told", lambda: server.info("persistence", "rdb_last_bgsave_status") == "err"
    )
    on = server.do("CONFIG", "GET", name).split(b"\r\n")[-2]
    replies = [
        server.client.pipeline([(b"CONFIG", b"SET", name.encode(), value), (b"SET", b"a", b"1")])
        for value in (off.encode(), on, off.encode())
    ]
    assert [b"MISCONF" in reply for reply in replies] == [False, True, False]


def test_a_shutdown_that_waits_is_joined_and_called_off(start: Start) -> None:
    server = start("--shutdown-timeout", "60")
    replica = Connection(server.port)
    replica.raw("REPLCONF", "listening-port", 7777)
    replica._socket.sendall(b"SYNC\r\n")
    server.wait_for_log("Synchronization with replica 127.0.0.1:7777 succeeded")
    server.ok("SET", "a", "1")
    waiting = [Connection(server.port) for _ in range(2)]
    for each, words in zip(waiting, (b"SHUTDOWN NOSAVE", b"SHUTDOWN NOW"), strict=True):
        each._socket.sendall(words + b"\r\nECHO end\r\n")
        server.until("it to wait", lambda: server.info("clients", "blocked_clients") != "0")
    server.until("both to wait", lambda: server.info("clients", "blocked_clients") == "2")
    assert 0 < int(server.info("server", "shutdown_in_milliseconds")) <= 60_000
    server.ok("SHUTDOWN", "ABORT")
    for each in waiting:
        assert each.next_reply() == b"-ERR Errors trying to SHUTDOWN. Check logs.\r\n"
        assert each.next_reply() == b"$3\r\nend\r\n"
        each.close()
    replica.close()
    assert server.info("server", "shutdown_in_milliseconds") == ""
    server.ok("SET", "a", "2")


@pytest.mark.parametrize("appendonly", ["yes", "no"])
def test_without_rdbchecksum_a_wrong_checksum_is_not_seen(start: Start, appendonly: str) -> None:
    server = start("--appendonly", appendonly, "--appendfsync", "no")
    server.ok("SET", "a", "1")
    if appendonly == "yes":
        server.do("BGREWRITEAOF")
        server.wait_for_log("Background AOF rewrite finished successfully")
        # redis-server removes the base before it in the background.
        server.until("one base", lambda: len(list(server.folder.rglob("*.rdb"))) == 1)
    else:
        server.ok("SAVE")
    server.kill()
    (file,) = server.folder.rglob("*.rdb")
    data = file.read_bytes()
    file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    server.start("--rdbchecksum", "no")
    assert server.do("GET", "a") == b"$1\r\n1\r\n"


def test_what_is_counted_of_rewrites(start: Start) -> None:
    server = start(*SLOW)
    fill(server)
    for number, failures in ((signal.SIGKILL, "1"), (signal.SIGUSR1, "1"), (signal.SIGKILL, "2")):
        server.do("BGREWRITEAOF")
        os.kill(child(server, "Background append only file rewriting started"), number)
        until(server, "aof_rewrite_in_progress", "0")
        assert server.info("persistence", "aof_rewrites_consecutive_failures") == failures
        assert server.info("persistence", "aof_last_bgrewrite_status") == "err"
    server.ok("FLUSHALL")
    server.do("BGREWRITEAOF")
    until(server, "aof_rewrite_in_progress", "0")
    assert server.info("persistence", "aof_rewrites") == "4"
    assert server.info("persistence", "aof_rewrites_consecutive_failures") == "0"


def test_a_rewrite_that_cannot_begin_is_not_counted(start: Start) -> None:
    server = start()
    (server.folder / "appendonlydir").write_text("a file")
    assert server.do("BGREWRITEAOF").startswith(b"-ERR Can't execute an AOF background rewriting.")
    assert server.info("persistence", "aof_rewrites") == "0"
    assert server.info("persistence", "aof_rewrites_consecutive_failures") == "0"
    assert server.info("persistence", "aof_last_bgrewrite_status") == "err"


def test_of_both_in_a_transaction_the_rewrite_comes_first(start: Start) -> None:
    server = start("--appendonly", "yes")
    server.ok("MULTI")
    for words in ("BGSAVE", "BGREWRITEAOF", "EXEC"):
        server.do(words)
    server.wait_for_log("Background saving terminated with success")
    rewrite, save = map(
        server.log.index, ("Background append only file rewriting started", "Background saving started")
    )
    assert rewrite < save


def test_what_is_not_there_cannot_be_loaded(start: Start) -> None:
    server = start("--enable-debug-command", "yes")
    server.ok("SET", "a", "1")
    assert server.do("DEBUG", "RELOAD", "NOSAVE") == b"-ERR Error trying to load the RDB dump\r\n"
    assert server.do("DBSIZE") == b":0\r\n"


def test_forks_are_counted_and_timed(start: Start) -> None:
    server = start("--save", "")
    assert [server.info("stats", name) for name in ("total_forks", "latest_fork_usec")] == ["0", "0"]
    server.do("BGSAVE")
    assert server.info("stats", "total_forks") == "1"
    assert int(server.info("stats", "latest_fork_usec")) > 0
