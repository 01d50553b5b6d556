"""Going on without a full copy: behind a restart from a snapshot, along a chain of replicas, and behind a
change of primary, between us and redis-servers in each role.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.conftest import NO_SERVER, REQUIRED
from tests.support.either import Either
from tests.support.oracle import SERVER
from tests.support.proxy import Proxy

pytestmark = [
    pytest.mark.parity,
    pytest.mark.skipif(SERVER is None and not REQUIRED, reason=NO_SERVER),
]
OURS, THEIRS = "starling", "redis-server"
PAIRS = [(OURS, THEIRS), (THEIRS, OURS), (OURS, OURS)]

Make = Callable[[str], Either]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Starts one of a kind; all end with the test."""
    with ExitStack() as stack:
        count = iter(range(9))

        def made(kind: str) -> Either:
            server = Either(kind, tmp_path / f"{next(count)}", "--enable-debug-command", "yes")
            stack.callback(server.kill)
            return server

        yield made


def follow(replica: Either, port: int) -> None:
    replica.ok("REPLICAOF", "127.0.0.1", port)
    replica.until("the link to stand", lambda: replica.info("replication", "master_link_status") == "up")


def write(primary: Either, mark: str) -> None:
    """A few writes in two databases, a transaction among them."""
    primary.ok("SELECT", 3)
    primary.do("RPUSH", "list", mark)
    primary.ok("SELECT", 0)
    primary.ok("MULTI")
    primary.do("SADD", "set", mark)
    primary.do("INCR", "count")
    primary.do("EXEC")


def followed(make: Make, first: str, second: str) -> tuple[Either, Either]:
    """A primary and its replica, which have all of what was written."""
    primary, replica = make(first), make(second)
    follow(replica, primary.port)
    write(primary, "before")
    in_step(primary, replica)
    return primary, replica


def in_step(*servers: Either) -> None:
    """All have the whole stream, under one id, and the same data."""

    def place(server: Either) -> list[str]:
        return [server.info("replication", name) for name in ("master_replid", "master_repl_offset")]

    servers[-1].until("all to be in step", lambda: len({*map(str, map(place, servers))}) == 1)
    assert len({server.do("DEBUG", "DIGEST") for server in servers}) == 1


def syncs(server: Either) -> tuple[str, str]:
    """Full copies and resumptions that it has granted."""
    return server.info("stats", "sync_full"), server.info("stats", "sync_partial_ok")


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_a_replica_goes_on_behind_its_restart(make: Make, first: str, second: str) -> None:
    primary, replica = followed(make, first, second)
    replica.shutdown()
    write(primary, "meanwhile")
    replica.start("--replicaof", f"127.0.0.1 {primary.port}")
    in_step(primary, replica)
    write(primary, "behind")
    in_step(primary, replica)
    assert syncs(primary) == ("1", "1")


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_a_primarys_restart_costs_no_copy(make: Make, first: str, second: str) -> None:
    primary, replica = followed(make, first, second)
    primary.shutdown()
    primary.start()
    in_step(primary, replica)
    write(primary, "behind")
    in_step(primary, replica)
    assert syncs(primary) == ("0", "1")


@pytest.mark.parametrize(("first", "second"), [(OURS, THEIRS), (THEIRS, OURS)])
def test_the_others_snapshot_serves_to_go_on(make: Make, first: str, second: str) -> None:
    """A replica of the one kind ends, and one of the other kind takes its file and its place."""
    primary, replica, heir = make(THEIRS), make(first), make(second)
    follow(replica, primary.port)
    write(primary, "before")
    in_step(primary, replica)
    replica.shutdown()
    heir.shutdown()
    shutil.copy(replica.folder / "dump.rdb", heir.folder / "dump.rdb")
    write(primary, "meanwhile")
    heir.start("--replicaof", f"127.0.0.1 {primary.port}")
    in_step(primary, heir)
    assert syncs(primary) == ("1", "1")


@pytest.mark.parametrize("kinds", [(THEIRS, OURS, THEIRS), (OURS, THEIRS, OURS), (OURS, OURS, THEIRS)])
def test_a_chain(make: Make, kinds: tuple[str, str, str]) -> None:
    top, middle, end = map(make, kinds)
    with closing(Proxy(top.port)) as upper, closing(Proxy(middle.port)) as lower:
        follow(middle, upper.port)
        follow(end, lower.port)
        write(top, "one")
        in_step(top, middle, end)
        for number, link in enumerate((upper, lower, upper)):
            link.cut()
            write(top, f"cut {number}")
            in_step(top, middle, end)
        assert (syncs(top), syncs(middle)) == (("1", "2"), ("1", "1"))
        middle.ok("REPLICAOF", "NO", "ONE")
        write(middle, "promoted")
        in_step(middle, end)
        follow(top, lower.port)
        write(middle, "turned")
        in_step(middle, end, top)
    assert syncs(middle)[0] == "1"
