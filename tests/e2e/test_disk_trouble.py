"""Disks that take no more, and folders that nothing can be written to: what is there stays, the log says why,
and all goes on when the disk does. The same is asked of a redis-server, where there is one.

A full disk is a limit on the size of files: it needs no privileges, and can be lifted while the server runs.
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import redis
from redis.exceptions import RedisError, ResponseError

from tests.conftest import NO_SERVER
from tests.support.oracle import SERVER
from tests.support.ports import free_port
from tests.support.process import client_of
from tools.admin.waiting import wait_until
from tools.up.processes import NODE_COMMAND

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e")]
WORD = "x" * 100
LARGE = "0123456789" * 10_000
NO_LIMIT = resource.RLIM_INFINITY
SETPRIV = shutil.which("setpriv")


class Server:
    """One of the two, in a folder; the end of its log is in `log`."""

    def __init__(self, command: Sequence[str], folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.data.mkdir()
        self.client: redis.Redis
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *words: str) -> redis.Redis:
        port = free_port()
        given = ["--port", str(port), "--dir", str(self.data), "--rdbcompression", "no", *words]
        # Python ignores SIGXFSZ; what it starts is to do so as well, and get an error instead.
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [*self._command, *given], stdout=log, stderr=log, restore_signals=False
            )
        self.client = client_of(port)
        wait_until("the server to answer", self._silent, 30.0)
        return self.client

    def _silent(self) -> str:
        assert self._process is not None
        assert self._process.poll() is None, self.log
        try:
            self.client.ping()
        except RedisError as error:
            return str(error)
        return ""

    def limit(self, file_bytes: int) -> None:
        """No file may grow beyond that."""
        assert self._process is not None
        resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE, (file_bytes, NO_LIMIT))

    def status(self, name: str) -> object:
        """A field of INFO persistence."""
        return self.client.info("persistence")[name]

    def wait_for(self, name: str, value: object) -> None:
        """Until the field has this value."""
        wait_until(f"{name} to be {value}", lambda: "" if self.status(name) == value else "not yet", 20.0)

    def end(self) -> int:
        """The code with which it has ended by itself."""
        assert self._process is not None
        return self._process.wait(20)

    def kill(self) -> None:
        if self._process is not None:
            self.client.close()
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()


@pytest.fixture(params=["starling", "redis-server"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    if request.param == "redis-server" and SERVER is None:
        pytest.skip(NO_SERVER)
    made = Server(NODE_COMMAND if request.param == "starling" else [str(SERVER)], tmp_path)
    yield made
    made.kill()


APPENDING = ("--appendonly", "yes", "--save", "")


def fill(client: redis.Redis) -> int:
    """How many writes were acknowledged before the disk was full. While an fsync runs, the server keeps them
    in memory: there may be many."""
    for number in range(200_000):
        try:
            client.rpush("list", f"{number}:{WORD}")
        except RedisError:
            return number
    raise AssertionError("the disk is not full")


def test_a_full_disk_refuses_writes_until_there_is_room(server: Server) -> None:
    client = server.start(*APPENDING)
    server.limit(5000)
    written = fill(client)
    with pytest.raises(ResponseError, match="MISCONF Errors writing to the AOF file"):
        client.rpush("list", "no")
    assert client.llen("list") == written
    assert server.status("aof_last_write_status") == "err"
    server.limit(NO_LIMIT)
    server.wait_for("aof_last_write_status", "ok")
    assert client.rpush("list", "again") == written + 1
    assert "AOF write error looks solved, Redis can write again." in server.log
    server.wait_for("aof_buffer_length", 0)
    server.kill()
    assert server.start(*APPENDING).llen("list") == written + 1


def test_a_full_disk_ends_a_server_that_must_not_lose_anything(server: Server) -> None:
    client = server.start(*APPENDING, "--appendfsync", "always")
    server.limit(5000)
    written = fill(client)
    assert server.end() == 1
    assert (
        "Can't recover from AOF write error when the AOF fsync policy is 'always'. Exiting..." in server.log
    )
    server.kill()
    # The write that failed may be there as a whole; it was not acknowledged.
    assert server.start(*APPENDING).llen("list") in (written, written + 1)


def test_a_snapshot_that_finds_no_room_leaves_the_old_one(server: Server) -> None:
    client = server.start("--save", "3600 1000000")
    client.set("a", "old")
    client.save()
    before = (server.data / "dump.rdb").read_bytes()
    client.set("a", LARGE)
    server.limit(20_000)
    with pytest.raises(ResponseError):
        client.save()
    client.bgsave()
    server.wait_for("rdb_bgsave_in_progress", 0)
    assert server.status("rdb_last_bgsave_status") == "err"
    with pytest.raises(ResponseError, match="MISCONF Redis is configured to save RDB snapshots"):
        client.set("a", "no")
    assert client.get("a") == LARGE
    assert "Background saving error" in server.log
    assert "File too large" in server.log
    assert {each.name: each.read_bytes() for each in server.data.iterdir()} == {"dump.rdb": before}
    server.limit(NO_LIMIT)
    client.save()
    server.wait_for("rdb_last_bgsave_status", "ok")
    server.kill()
    assert server.start("--save", "").get("a") == LARGE


def test_a_rewrite_that_finds_no_room_leaves_the_old_files(server: Server) -> None:
    client = server.start(*APPENDING)
    client.set("a", LARGE)
    server.limit(50_000)
    client.bgrewriteaof()
    server.wait_for("aof_last_bgrewrite_status", "err")
    assert client.set("b", "goes on") is True
    server.wait_for("aof_buffer_length", 0)
    names = {each.name for each in (server.data / "appendonlydir").iterdir()}
    increments = {f"appendonly.aof.{number}.incr.aof" for number in (1, 2)}
    assert names == {"appendonly.aof.1.base.rdb", "appendonly.aof.manifest", *increments}
    assert "Background AOF rewrite terminated" in server.log
    server.kill()
    client = server.start(*APPENDING)
    assert (client.get("a"), client.get("b")) == (LARGE, "goes on")


def test_a_shutdown_that_fails_leaves_everything_at_work(server: Server) -> None:
    words = ("--appendonly", "yes", "--save", "3600 1000", "--stop-writes-on-bgsave-error", "no")
    client = server.start(*words)
    (server.data / "dump.rdb").mkdir()  # which no file can take the place of
    client.set("a", "before")
    for _ in range(2):
        with pytest.raises(ResponseError, match="Errors trying to SHUTDOWN"):
            client.shutdown()
    server.process.send_signal(signal.SIGTERM)
    wait_until("the log to tell", lambda: "" if server.log.count("can't exit.") == 3 else "not yet", 20.0)
    client.set("b", "after")
    server.wait_for("aof_buffer_length", 0)
    server.kill()
    (server.data / "dump.rdb").rmdir()
    client = server.start(*words)
    assert (client.get("a"), client.get("b")) == ("before", "after")


def test_a_rewrite_makes_room_on_a_full_disk(server: Server) -> None:
    client = server.start(*APPENDING)
    client.set("a", "before")
    server.limit(5000)
    written = 0
    with pytest.raises(ResponseError, match="MISCONF Errors writing to the AOF file"):
        while True:
            client.set("number", f"{written}:{WORD}")
            written += 1
    client.bgrewriteaof()
    server.wait_for("aof_last_write_status", "ok")
    assert "AOF write error looks solved, Redis can write again." in server.log
    client.set("b", "after")
    server.wait_for("aof_rewrite_in_progress", 0)
    assert server.status("aof_last_bgrewrite_status") == "ok"
    server.wait_for("aof_buffer_length", 0)
    server.kill()
    client = server.start(*APPENDING)
    assert client.mget("a", "b", "number") == ["before", "after", f"{written - 1}:{WORD}"]


@pytest.fixture
def powerless(server: Server) -> Server:
    """A server to which a folder's mode means something."""
    if os.geteuid() == 0:
        bounded = [str(SETPRIV), "--inh-caps=-all", "--bounding-set=-all"]
        if SETPRIV is None or subprocess.run([*bounded, "true"], capture_output=True, check=False).returncode:
            pytest.skip("root may write anywhere, and cannot be kept from it here")
        server._command = [*bounded, *server._command]
    return server


def test_a_folder_that_nobody_may_write_to(powerless: Server) -> None:
    server = powerless
    client = server.start("--save", "3600 1000000")
    client.set("a", "old")
    client.save()
    before = (server.data / "dump.rdb").read_bytes()
    client.set("a", "new")
    server.data.chmod(0o555)
    with pytest.raises(ResponseError):
        client.save()
    client.bgsave()
    server.wait_for("rdb_bgsave_in_progress", 0)
    assert server.status("rdb_last_bgsave_status") == "err"
    with pytest.raises(ResponseError):
        client.config_set("appendonly", "yes")
    assert "Permission denied" in server.log
    assert {each.name: each.read_bytes() for each in server.data.iterdir()} == {"dump.rdb": before}
    server.data.chmod(0o755)
    client.save()
    server.kill()
    assert server.start("--save", "").get("a") == "new"


def test_a_start_in_such_a_folder_is_refused_where_files_are_to_be_written(powerless: Server) -> None:
    powerless.data.chmod(0o555)
    with pytest.raises(AssertionError, match="Permission denied"):
        powerless.start(*APPENDING)
    powerless.data.chmod(0o755)
