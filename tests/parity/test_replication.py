"""A redis-server that follows us, and we a redis-server: under load, with the link cut again and again, and
then with the roles exchanged.

STARLING_REPLICATION_S has it go on for so many seconds, with a cut every 5.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.conftest import NO_SERVER, REQUIRED
from tests.support.data_sets import NOT_REPLICATED, Reader, differences
from tests.support.mixed_load import MixedLoad
from tests.support.oracle import SERVER, Oracle, words
from tests.support.ports import free_port
from tests.support.process import Process
from tests.support.proxy import Proxy
from tools.admin.waiting import wait_until

DURATION_S = float(os.environ.get("STARLING_REPLICATION_S", "0"))
CUT_EVERY_S = 5.0
CUTS_MIN = 2
WRITES_BETWEEN_CUTS = 200
PATIENCE_S = 60.0
SOON_MS = 300_000
SETTINGS = (
    *("--repl-backlog-size", "32mb", "--repl-diskless-sync-delay", "0", "--save", ""),
    *("--repl-ping-replica-period", "3600"),  # a primary without writes does not move on
)


pytestmark = [
    pytest.mark.parity,
    pytest.mark.xdist_group("e2e"),
    pytest.mark.skipif(SERVER is None and not REQUIRED, reason=NO_SERVER),
    pytest.mark.timeout(120 + 2 * DURATION_S),
]


class Side:
    """A running server."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.reader = Reader(port)

    def do(self, *argv: bytes | str | int) -> bytes:
        """The reply to a command."""
        return self.reader.ask(words(argv))[0]

    def info(self, section: str, name: str) -> str:
        """A field of INFO."""
        lines = self.do("INFO", section).decode().split("\r\n")
        return next(line.partition(":")[2] for line in lines if line.startswith(f"{name}:"))

    def follow(self, port: int) -> None:
        assert self.do("REPLICAOF", "127.0.0.1", port) == b"+OK\r\n"

    def is_online(self) -> bool:
        """Whether it is a replica with a standing link."""
        return self.info("replication", "master_link_status") == "up"

    def digest(self) -> bytes:
        return self.do("DEBUG", "DIGEST")


@pytest.fixture
def sides(tmp_path: Path) -> Iterator[dict[str, Side]]:
    """One server of each kind, which do not know one another."""
    with ExitStack() as stack:
        folder = tmp_path / "ours"
        folder.mkdir()
        port = free_port()
        process = Process(folder, ["--port", str(port), "--enable-debug-command", "yes", *SETTINGS])
        stack.callback(_end, process)
        process.wait_for("Ready to accept connections")
        server = Oracle(tmp_path, *SETTINGS)
        stack.callback(server.stop)
        made = {"ours": Side(port), "theirs": Side(server.port)}
        for side in made.values():
            stack.callback(side.reader.close)
        yield made


def _end(process: Process) -> None:
    process.process.kill()
    process.end()
    assert process.process.stdout is not None
    process.process.stdout.close()


@pytest.mark.parametrize("first", ["ours", "theirs"])
def test_each_follows_the_other_through_cuts_and_a_promotion(sides: dict[str, Side], first: str) -> None:
    primary = sides.pop(first)
    (replica,) = sides.values()
    with closing(Proxy(primary.port)) as link:
        replica.follow(link.port)
        wait("the first copy", replica.is_online)
        cuts = load_with_cuts(primary, replica, link)
        assert_same(primary, replica)
    assert primary.info("stats", "sync_full") == "1"
    keys = len(primary.reader.content())
    print(f"{cuts} cuts, {resumptions(primary)} partial resyncs, 1 full copy, {keys} keys")

    assert replica.do("REPLICAOF", "NO", "ONE") == b"+OK\r\n"
    assert replica.do("SET", "promoted", "yes") == b"+OK\r\n"
    primary.follow(replica.port)
    wait("the old primary to follow", primary.is_online)
    with MixedLoad(replica.port, seed=2) as load:
        load.wait_for(WRITES_BETWEEN_CUTS)
    assert_same(replica, primary)
    assert primary.do("GET", "promoted") == b"$3\r\nyes\r\n"
    # It was in step when the other was promoted: it goes on from there, without a copy of everything.
    assert replica.info("stats", "sync_full") == "0"
    assert resumptions(replica) >= 1


def load_with_cuts(primary: Side, replica: Side, link: Proxy) -> int:
    """Mixed load on the primary while the link is cut. How often it was."""
    cuts, end_s = 0, time.monotonic() + DURATION_S
    with MixedLoad(primary.port, seed=1) as load:
        while cuts < CUTS_MIN or time.monotonic() < end_s:
            load.wait_for(WRITES_BETWEEN_CUTS)
            if DURATION_S:
                time.sleep(CUT_EVERY_S)
            assert link.cut() >= 1
            cuts += 1
            wait("the link to be resumed", lambda: resumptions(primary) >= cuts)  # noqa: B023
            wait("the link to stand", replica.is_online)
    assert load.failure is None, load.failure
    return cuts


def resumptions(primary: Side) -> int:
    return int(primary.info("stats", "sync_partial_ok"))


def assert_same(primary: Side, replica: Side) -> None:
    """The replica has all of the stream, and both have the same content."""
    wait("what expires soon to be gone", lambda: primary.reader.settle(SOON_MS))
    wait("the replica to have all", lambda: offset(primary) == offset(replica))
    contents = [side.reader.content(without=NOT_REPLICATED) for side in (primary, replica)]
    assert not differences(*contents, encodings=False)[:3]
    assert contents[0]
    assert primary.digest() == replica.digest()


def offset(side: Side) -> str:
    return side.info("replication", "master_repl_offset")


def wait(what: str, holds: Callable[[], bool]) -> None:
    wait_until(what, lambda: "" if holds() else "not yet", PATIENCE_S)
