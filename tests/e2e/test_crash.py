"""kill -9 at random moments under write load: what was acknowledged is there after the restart, as far as
appendfsync promises.

STARLING_CRASHES sets the number of kills for each setting.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.retry import Retry

from tests.e2e.cluster import server_command
from tests.support.ports import free_port
from tools.admin.waiting import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e")]

CRASHES_VARIABLE = "STARLING_CRASHES"
ROUNDS = int(os.environ.get(CRASHES_VARIABLE, "3"))
WRITERS = 4
LOSS_S_MAX = 2.0


class Crashing:
    """One server that is killed and started again on the same folder."""

    def __init__(self, folder: Path, policy: str) -> None:
        self.port = free_port()
        self._words = [
            *(*server_command(), "--port", str(self.port), "--dir", str(folder), "--save", ""),
            *("--appendonly", "yes", "--appendfsync", policy, "--auto-aof-rewrite-min-size", "64kb"),
        ]
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when it serves."""
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(self._words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until("the server to answer", self._silent, 30.0)

    def _silent(self) -> str:
        assert self._process is not None
        assert self._process.poll() is None, (self._folder / "log").read_text()[-2000:]
        try:
            with self.client() as client:
                client.ping()
        except RedisError as error:
            return str(error)
        return ""

    def client(self) -> Redis:
        """A client that does not try again."""
        return Redis(port=self.port, socket_timeout=30, retry=Retry(NoBackoff(), 0))

    def kill(self) -> None:
        """kill -9."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None


class Writer(threading.Thread):
    """Appends numbers to a list of its own, singly and in transactions, until the server is gone."""

    def __init__(self, server: Crashing, name: str) -> None:
        super().__init__()
        self.key = name
        self.acknowledged: list[float] = []
        """When each number was acknowledged, in their order."""
        self._server = server

    def run(self) -> None:
        with self._server.client() as client:
            try:
                while True:
                    self._write(client)
            except (RedisConnectionError, OSError):
                return

    def _write(self, client: Redis) -> None:
        number = len(self.acknowledged)
        if number % 10:
            client.rpush(self.key, number)
            self.acknowledged.append(time.monotonic())
            return
        with client.pipeline(transaction=True) as pipe:
            pipe.rpush(self.key, number)
            pipe.rpush(self.key, number + 1)
            pipe.execute()
        self.acknowledged += [time.monotonic()] * 2


@pytest.fixture(params=["always", "everysec"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Crashing]]:
    made = Crashing(tmp_path, request.param)
    yield request.param, made
    made.kill()


@pytest.mark.timeout(60 + 10 * ROUNDS)
def test_what_was_acknowledged_outlives_kill_9(server: tuple[str, Crashing]) -> None:
    policy, crashing = server
    choice = random.Random(policy)
    crashing.start()
    earlier: dict[str, int] = {}
    for turn in range(ROUNDS):
        writers = [Writer(crashing, f"{turn}:{number}") for number in range(WRITERS)]
        killed_s = _kill_under_load(crashing, writers, choice.uniform(0.0, 0.7))
        crashing.start()
        with crashing.client() as client:
            # What outlived one kill outlives the next. Then it goes: loading all of it takes ever longer.
            assert {key: client.llen(key) for key in earlier} == earlier
            client.delete("none", *earlier)
            earlier = {writer.key: _examine(client, writer, policy, killed_s) for writer in writers}


def _kill_under_load(crashing: Crashing, writers: list[Writer], delay_s: float) -> float:
    """When it was killed: so long after all writers have been at work."""
    for writer in writers:
        writer.start()
    wait_until("some writes", lambda: _few(writers), 30.0)
    time.sleep(delay_s)
    crashing.kill()
    killed_s = time.monotonic()
    for writer in writers:
        writer.join()
    return killed_s


def _few(writers: list[Writer]) -> str:
    fewest = min(len(writer.acknowledged) for writer in writers)
    return "" if fewest > 20 else f"only {fewest}"


def _examine(client: Redis, writer: Writer, policy: str, killed_s: float) -> int:
    """How many numbers are there, after a look at which."""
    found = [int(number) for number in client.lrange(writer.key, 0, -1)]
    assert found == list(range(len(found)))
    assert len(found) <= len(writer.acknowledged) + 2
    assert len(found) >= len(writer.acknowledged) or found[-1] % 10 != 0, "half a transaction"
    lost_s = [killed_s - at_s for at_s in writer.acknowledged[len(found) :]]
    if policy == "always":
        assert not lost_s
    assert all(before_s < LOSS_S_MAX for before_s in lost_s)
    return len(found)
