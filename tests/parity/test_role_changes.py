"""What clients, CONFIG and INFO tell while a server's role and its primary change: ours as redis-server."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from protocol.resp.writer import encode_command
from tests.conftest import NO_SERVER, REQUIRED
from tests.support.either import Either
from tests.support.frames import whole
from tests.support.oracle import SERVER, Connection

pytestmark = [
    pytest.mark.parity,
    pytest.mark.skipif(SERVER is None and not REQUIRED, reason=NO_SERVER),
]

Make = Callable[..., Either]


@pytest.fixture(params=["starling", "redis-server"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    """Starts one more of the kind with these words; all end with the test."""
    with ExitStack() as stack:
        count = iter(range(9))

        def made(*words: str, config: str | None = None) -> Either:
            folder = tmp_path / f"{next(count)}"
            server = Either(request.param, folder, "--enable-debug-command", "yes", *words, config=config)
            stack.callback(server.kill)
            return server

        yield made


def follow(replica: Either, primary: Either) -> None:
    replica.ok("REPLICAOF", "127.0.0.1", primary.port)
    in_step(replica, primary)


def in_step(replica: Either, primary: Either) -> None:
    """The link stands, and both ends of it know."""
    replica.until("the link to stand", lambda: replica.info("replication", "master_link_status") == "up")
    primary.until("the replica to be online", lambda: "state=online" in primary.info("replication", "slave0"))


def followed(server: Either) -> bytes:
    """What CONFIG GET says."""
    return server.do("CONFIG", "GET", "replicaof").split(b"\r\n")[4]


def test_the_configuration_tells_whom_a_server_follows(make: Make) -> None:
    primary, replica = make(), make(config="maxmemory-samples 7\n")
    line = f"replicaof 127.0.0.1 {primary.port}"
    assert followed(replica) == b""
    follow(replica, primary)
    assert followed(replica) == f"127.0.0.1 {primary.port}".encode()
    replica.ok("CONFIG", "REWRITE")
    assert line in replica.config.read_text().splitlines()
    primary.ok("FAILOVER")
    primary.until("it to follow", lambda: primary.info("replication", "role") == "slave")
    assert followed(primary) == f"127.0.0.1 {replica.port}".encode()
    replica.until("it to be the primary", lambda: replica.info("replication", "role") == "master")
    assert followed(replica) == b""
    replica.ok("CONFIG", "REWRITE")
    assert "replicaof" not in replica.config.read_text()


def described(server: Either, kind: str) -> list[dict[str, str]]:
    """The clients of a kind, as CLIENT LIST has them."""
    text = whole(server.do("CLIENT", "LIST", "TYPE", kind)).text.decode()
    return [dict(field.partition("=")[::2] for field in line.split()) for line in text.splitlines()]


def came_back(replica: Either, primary: Either, times: int) -> None:
    """The link was cut so often, and another one stands."""
    replica.until("it to go on", lambda: primary.info("stats", "sync_partial_ok") == str(times))
    in_step(replica, primary)


FIELDS = ["id", "addr", "flags", "db", "multi", "cmd", "user", "resp"]


def test_the_link_to_the_primary_is_a_client(make: Make) -> None:
    primary, replica = make(), make()
    primary.ok("SELECT", 3)
    primary.ok("SET", "key", 1)
    before = replica.info("clients", "connected_clients")
    follow(replica, primary)
    primary.ok("SET", "key", 2)
    replica.until("the write", lambda: "cmd=set" in replica.do("CLIENT", "LIST", "TYPE", "master").decode())
    (link,) = described(replica, "master")
    address = f"127.0.0.1:{primary.port}"
    told = [link[name] for name in FIELDS[1:]]
    assert told == [address, "M", "3", "-1", "set", "(superuser)", "2"]
    assert link["laddr"] == described(primary, "replica")[0]["addr"]
    assert int(replica.info("clients", "connected_clients")) == int(before) + 1
    assert primary.info("clients", "connected_clients") == before
    ways = (("TYPE", "master"), ("ID", link["id"]), ("ADDR", address), ("LADDR",), (address,))
    for times, words in enumerate(ways, 1):
        laddr = described(replica, "master")[0]["laddr"]
        told = [*words, laddr] if words == ("LADDR",) else [*words]
        assert replica.do("CLIENT", "KILL", *told) == (b":1\r\n" if len(told) > 1 else b"+OK\r\n")
        came_back(replica, primary, times)
        assert described(replica, "master")[0]["id"] == link["id"]
    assert replica.do("CLIENT", "KILL", "USER", "default", "SKIPME", "yes") == b":0\r\n"
    replica.ok("REPLICAOF", "NO", "ONE")
    assert not described(replica, "master")


def test_a_replica_that_is_cut_off_comes_back_at_once(make: Make) -> None:
    primary, replica = make(), make()
    follow(replica, primary)
    assert primary.do("CLIENT", "KILL", "TYPE", "replica") == b":1\r\n"
    came_back(replica, primary, 1)
    assert "Connection with master lost." in replica.log
    assert f"Reconnecting to MASTER 127.0.0.1:{primary.port}" in replica.log
    assert replica.log.count("Connecting to MASTER") == 1


def test_what_clients_of_a_writable_replica_give_an_end_is_removed(make: Make) -> None:
    primary, replica = make(), make("--replica-read-only", "no")
    primary.ok("DEBUG", "SET-ACTIVE-EXPIRE", 0)
    primary.ok("SET", "theirs", 1, "PX", 100)
    follow(replica, primary)
    primary.ok("SET", "later", 1, "PX", 100)
    replica.until("the write", lambda: replica.do("DBSIZE") == b":2\r\n")

    def tracked() -> str:
        return replica.info("stats", "slave_expires_tracked_keys")

    assert tracked() == "0"
    replica.ok("SET", "a", 1, "PX", 150)
    replica.ok("SET", "b", 1)
    assert replica.do("PEXPIRE", "b", 150) == b":1\r\n"
    replica.ok("SELECT", 5)
    replica.ok("SET", "c", 1, "PX", 100_000)
    replica.ok("SET", "d", 1, "PX", 100_000)
    assert tracked() == "4"
    assert replica.do("PERSIST", "d") == b":1\r\n"
    replica.until("them to be forgotten", lambda: tracked() == "1")
    assert replica.info("stats", "expired_keys") == "2"
    replica.ok("SELECT", 0)
    assert replica.do("DBSIZE") == b":2\r\n"  # only the primary says when those are over
    replica.ok("FLUSHALL")
    assert tracked() == "0"


LOGGED = (
    "* Replication backlog created, my new replication IDs are ",
    "* Streamed RDB transfer with replica {replica} succeeded (socket). "
    "Waiting for REPLCONF ACK from slave to enable streaming",
    "* FAILOVER requested to any replica.",
    "* FAILOVER to any replica aborted: Failover manually aborted",
    "* FAILOVER to {replica} aborted: Replica never caught up before timeout",
    "* FAILOVER to {replica} time out exceeded, failing over.",
    "* Failover target {replica} is synced, failing over.",
    "# Connection with replica {replica} lost.",
    "# Master replication ID changed to ",
)


def test_a_failover_is_logged_as_redis_does(make: Make) -> None:
    primary, replica = make(), make()
    follow(replica, primary)
    name = f"127.0.0.1:{replica.port}"
    os.kill(replica.process.pid, signal.SIGSTOP)
    primary.ok("SET", "key", 1)
    primary.ok("FAILOVER")
    primary.ok("FAILOVER", "ABORT")
    primary.ok("FAILOVER", "TO", "127.0.0.1", replica.port, "TIMEOUT", 1)
    primary.wait_for_log("never caught up before timeout")
    primary.ok("FAILOVER", "TO", "127.0.0.1", replica.port, "TIMEOUT", 1, "FORCE")
    primary.wait_for_log("time out exceeded")
    primary.ok("FAILOVER", "ABORT")
    os.kill(replica.process.pid, signal.SIGCONT)
    in_step(replica, primary)
    primary.ok("FAILOVER")
    primary.until("it to follow", lambda: primary.info("replication", "master_link_status") == "up")
    said = primary.log + replica.log
    assert [line for line in LOGGED if line.format(replica=name) not in said] == []


NO_KEY_IS_VALID = b">2\r\n$10\r\ninvalidate\r\n_\r\n"


@pytest.mark.parametrize("load", ["disabled", "swapdb"])
def test_caches_and_watches_hear_of_a_full_copy(make: Make, load: str) -> None:
    primary, replica = make(), make("--repl-diskless-load", load)
    primary.ok("SET", "theirs", 1)
    replica.ok("SET", "mine", 1)
    readers = [Connection(replica.port, 3) for _ in range(2)]
    for reader, words in zip(readers, ((), ("BCAST",)), strict=True):
        assert reader.raw("CLIENT", "TRACKING", "ON", *words) == b"+OK\r\n"
        reader.raw("GET", "mine")
    watched = ("mine", "neither", *(("theirs",) if load == "swapdb" else ()))
    watchers = [Connection(replica.port, 3) for _ in watched]
    for watcher, key in zip(watchers, watched, strict=True):
        assert watcher.raw("WATCH", key) == b"+OK\r\n"
    follow(replica, primary)
    for reader in readers:
        assert reader.next_reply() == NO_KEY_IS_VALID
        assert reader.raw("PING") == b"+PONG\r\n"
    found = []
    for watcher in watchers:
        watcher.raw("MULTI")
        watcher.raw("PING")
        found.append(watcher.raw("EXEC"))
    assert found == [b"_\r\n", b"*1\r\n+PONG\r\n", *([b"_\r\n"] * (load == "swapdb"))]
    for connection in (*readers, *watchers):
        connection.close()


def test_caches_hear_of_a_reload(make: Make) -> None:
    server = make()
    server.ok("SET", "key", 1)
    with closing(Connection(server.port, 3)) as reader:
        reader.raw("CLIENT", "TRACKING", "ON")
        reader.raw("GET", "key")
        server.ok("DEBUG", "RELOAD")
        assert reader.next_reply() == NO_KEY_IS_VALID
        # Whoever reloads is told behind the answer.
        assert reader.raw("DEBUG", "RELOAD") == b"+OK\r\n"
        assert reader.next_reply() == NO_KEY_IS_VALID


def shard(make: Make) -> tuple[Either, Either]:
    """A cluster of one primary with one replica."""
    words = ("--cluster-enabled", "yes", "--cluster-node-timeout", "2000")
    primary, replica = make(*words), make(*words, config="maxmemory-samples 7\n")
    primary.ok("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
    primary.ok("CLUSTER", "SET-CONFIG-EPOCH", 1)
    replica.ok("CLUSTER", "MEET", "127.0.0.1", primary.port)
    node_id = primary.do("CLUSTER", "MYID").split(b"\r\n")[1]
    replica.until("it to be a replica", lambda: replica.do("CLUSTER", "REPLICATE", node_id) == b"+OK\r\n")
    in_step(replica, primary)
    primary.until(
        "the cluster to be ok",
        lambda: all(b"state:ok" in each.do("CLUSTER", "INFO") for each in (primary, replica)),
    )
    primary.until("it to know its replica", lambda: b" slave " in primary.do("CLUSTER", "NODES"))
    return primary, replica


def test_in_cluster_mode_the_primary_is_told_but_not_written(make: Make) -> None:
    primary, replica = shard(make)
    assert followed(replica) == f"127.0.0.1 {primary.port}".encode()
    replica.ok("CONFIG", "REWRITE")
    assert "replicaof" not in replica.config.read_text()
    assert primary.do("FAILOVER") == (
        b"-ERR FAILOVER not allowed in cluster mode. Use CLUSTER FAILOVER command instead.\r\n"
    )


def test_who_listens_to_a_shard_is_sent_off_a_primary_that_is_none_any_more(make: Make) -> None:
    primary, replica = shard(make)
    listeners = [Connection(server.port) for server in (primary, replica)]
    for listener in listeners:
        assert listener.raw("SSUBSCRIBE", "channel").startswith(b"*3\r\n$10\r\nssubscribe")
    replica.ok("CLUSTER", "FAILOVER")
    primary.until("it to follow", lambda: primary.info("replication", "role") == "slave")
    assert listeners[0].next_reply() == b"*3\r\n$12\r\nsunsubscribe\r\n$7\r\nchannel\r\n:0\r\n"
    assert primary.do("PUBSUB", "SHARDCHANNELS") == b"*0\r\n"
    assert replica.do("PUBSUB", "SHARDCHANNELS") == b"*1\r\n$7\r\nchannel\r\n"
    for listener in listeners:
        listener.close()


@pytest.mark.parametrize("words", [("WAIT", 1, 0), ("BLPOP", "list", 0)])
def test_whoever_waits_on_a_primary_that_is_none_any_more_is_sent_off(
    make: Make, words: tuple[str | int, ...]
) -> None:
    primary, server = make(), make()
    with closing(Connection(server.port)) as waiting:
        waiting._socket.sendall(encode_command([str(word).encode() for word in words]))
        server.until("it to wait", lambda: server.info("clients", "blocked_clients") == "1")
        server.ok("REPLICAOF", "127.0.0.1", primary.port)
        assert waiting.next_reply() == (
            b"-UNBLOCKED force unblock from blocking operation, instance state changed "
            b"(master -> replica?)\r\n"
        )
        with pytest.raises(ConnectionError):
            waiting.next_reply()
