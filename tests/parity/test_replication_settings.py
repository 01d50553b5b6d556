"""Settings of replication, as a client, a replica or a primary sees them: ours and redis-server's."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from protocol.rdb.encode import encode_file
from protocol.rdb.file_reader import decode_file
from protocol.rdb.records import KeyRecord
from protocol.resp.writer import encode_command
from tests.conftest import NO_SERVER, REQUIRED
from tests.support.either import PATIENCE_S, Either
from tests.support.oracle import SERVER
from tests.support.ports import free_port

pytestmark = [
    pytest.mark.parity,
    pytest.mark.skipif(SERVER is None and not REQUIRED, reason=NO_SERVER),
]
KINDS = ("starling", "redis-server")
MEGABYTE = 1 << 20
REFUSED = b"-NOREPLICAS Not enough good replicas to write.\r\n"


@pytest.fixture(params=KINDS)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Either]:
    made = Either(request.param, tmp_path / "data")
    yield made
    made.kill()


class RawReplica:
    """A replica's connection that takes its copy and then says and reads what the test wants."""

    def __init__(self, primary: Either, *, parts: str | None = None) -> None:
        self._primary = primary
        self.copy = b""
        self._socket = socket.create_connection(("127.0.0.1", primary.port), timeout=PATIENCE_S)
        self._said = b""
        for words in (("REPLCONF", "listening-port", "1"), ("REPLCONF", "capa", "eof", "capa", "psync2")):
            self._say(*words)
        if parts is not None:
            self._say("REPLCONF", "rdb-filter-only", parts)
        self._socket.sendall(encode_command([b"PSYNC", b"?", b"-1"]))
        assert self._line().startswith(b"+FULLRESYNC")
        self._take_copy()
        self.acknowledge()
        primary.until(
            "the replica to be online", lambda: "state=online" in primary.info("replication", "slave0")
        )

    def _say(self, *words: str) -> None:
        self._socket.sendall(encode_command([word.encode() for word in words]))
        self._line()

    def _more(self) -> None:
        data = self._socket.recv(1 << 16)
        if not data:
            raise ConnectionError
        self._said += data

    def _line(self) -> bytes:
        while True:
            while b"\n" not in self._said:
                self._more()
            line, _, self._said = self._said.partition(b"\n")
            if line.strip():
                return line.strip()

    def _take_copy(self) -> None:
        announced = self._line()
        if announced.startswith(b"$EOF:"):
            while announced[5:] not in self._said:
                self._more()
            self.copy, _, self._said = self._said.partition(announced[5:])
        else:
            size = int(announced[1:])
            while len(self._said) < size:
                self._more()
            self.copy, self._said = self._said[:size], self._said[size:]

    def acknowledge(self) -> None:
        self._socket.sendall(encode_command([b"REPLCONF", b"ACK", b"0"]))

    def close(self) -> None:
        self._socket.close()


class Primary:
    """Plays a primary: sends an empty copy, unless it is `mute` from the first word, and then nothing."""

    def __init__(self, *, mute: bool) -> None:
        self._mute = mute
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                link, _ = self._listener.accept()
                self._open.append(link)
                if not self._mute:
                    threading.Thread(target=self._serve, args=(link,), daemon=True).start()

    def _serve(self, link: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := link.recv(1 << 16):
                if b"PING" in data:
                    link.sendall(b"+PONG\r\n")
                link.sendall(b"+OK\r\n" * (data.count(b"REPLCONF") if b"ACK" not in data else 0))
                if b"PSYNC" in data:
                    copy = b"".join(encode_file([], {}))
                    link.sendall(b"+FULLRESYNC %b 1\r\n$%d\r\n%b" % (b"a" * 40, len(copy), copy))

    def close(self) -> None:
        for each in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


def test_writes_need_good_replicas(server: Either) -> None:
    server.ok("CONFIG", "SET", "min-replicas-to-write", 1, "min-replicas-max-lag", 2)
    assert server.do("SET", "a", 1) == REFUSED
    assert server.do("GET", "a") == b"$-1\r\n"
    assert server.do("DEL", "a") == REFUSED
    assert server.do("MULTI") == b"+OK\r\n"
    assert server.do("SET", "a", 1) == REFUSED
    assert server.do("EXEC").startswith(b"-EXECABORT ")
    assert server.info("replication", "min_slaves_good_slaves") == "0"
    with contextlib.closing(RawReplica(server)) as replica:
        server.until("it to be good", lambda: server.info("replication", "min_slaves_good_slaves") == "1")
        replica.acknowledge()
        server.until("writes to be taken", lambda: server.do("SET", "a", 1) == b"+OK\r\n")
        # It says nothing more: soon it is not good any more, though its link stands.
        server.until("it to lag", lambda: server.do("SET", "a", 2) == REFUSED)
        assert server.info("replication", "connected_slaves") == "1"
        replica.acknowledge()
        server.until("writes to be taken again", lambda: server.do("SET", "a", 3) == b"+OK\r\n")
    server.until("it to be gone", lambda: server.do("SET", "a", 4) == REFUSED)
    server.ok("CONFIG", "SET", "min-replicas-max-lag", 0)
    server.ok("SET", "a", 5)


HANDSHAKES: tuple[tuple[tuple[str, ...], ...], ...] = (
    *((("PSYNC", "?", "x", *more),) for more in ((), ("FAILOVER",))),
    *((("REPLCONF", "ip-address", "x" * length),) for length in (255, 256)),
    *((("REPLCONF", "rdb-filter-only", value),) for value in ("FUNCTIONS", "", "functions foo", '"')),
    *((("REPLCONF", "rdb-filter-only", "functions"), each) for each in (("SYNC",), ("PSYNC", "?", "-1"))),
)


@pytest.mark.parametrize("requests", HANDSHAKES)
def test_what_a_replica_may_say(tmp_path: Path, requests: tuple[tuple[str, ...], ...]) -> None:
    replies = []
    for kind in KINDS:
        server = Either(kind, tmp_path / kind)
        replies.append([server.do(*words) for words in requests])
        server.kill()
    assert replies[0] == replies[1]


@pytest.mark.parametrize(("parts", "keys"), [(None, 1), ("functions", 0), ("", 0)])
def test_a_copy_has_the_parts_that_were_asked_for(server: Either, parts: str | None, keys: int) -> None:
    server.ok("SET", "key", "value")
    server.ok("CONFIG", "SET", "repl-diskless-sync", "no")
    with contextlib.closing(RawReplica(server, parts=parts)) as replica:
        found = [part for part in decode_file(replica.copy) if isinstance(part, KeyRecord)]
    assert len(found) == keys


def test_the_backlog_has_a_least_size(server: Either) -> None:
    server.ok("CONFIG", "SET", "repl-backlog-size", 1)
    assert server.do("CONFIG", "GET", "repl-backlog-size").split(b"\r\n")[4] == b"16384"


def test_a_replica_that_never_had_a_link_says_so(server: Either) -> None:
    server.ok("REPLICAOF", "127.0.0.1", free_port())
    names = ("master_link_down_since_seconds", "repl_backlog_active", "repl_backlog_first_byte_offset")
    assert [server.info("replication", name) for name in names] == ["-1", "0", "0"]
    with contextlib.closing(Primary(mute=False)) as primary:
        server.ok("REPLICAOF", "127.0.0.1", primary.port)
        server.until("a link", lambda: server.info("replication", "master_link_status") == "up")
    server.until("its end", lambda: server.info("replication", "master_link_status") == "down")
    assert int(server.info("replication", names[0])) >= 0
    assert server.info("replication", names[1]) == "1"


def test_a_redis_server_gets_no_copy_that_it_could_not_read(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        ours, theirs, also_ours = (
            Either(kind, tmp_path / name)
            for name, kind in (("0", KINDS[0]), ("1", KINDS[1]), ("2", KINDS[0]))
        )
        for each in (ours, theirs, also_ours):
            stack.callback(each.kill)
        ours.do("HSET", "hash", "field", "value", "other", "value")
        ours.do("HEXPIRE", "hash", 1000, "FIELDS", 1, "field")
        theirs.ok("SET", "kept", 1)
        theirs.ok("REPLICAOF", "127.0.0.1", ours.port)
        ours.wait_for_log("gets no copy: it has not said that it can read hashes whose fields expire")
        theirs.wait_for_log("Master is currently unable to PSYNC but should be in the future")
        assert theirs.do("EXISTS", "kept") == b":1\r\n"
        assert ours.info("stats", "sync_full") == "0"
        also_ours.ok("REPLICAOF", "127.0.0.1", ours.port)
        also_ours.until("the copy", lambda: also_ours.do("HTTL", "hash", "FIELDS", 1, "field") > b"*1\r\n:9")
        assert ours.do("HPERSIST", "hash", "FIELDS", 1, "field") == b"*1\r\n:1\r\n"
        theirs.until("the copy", lambda: theirs.do("EXISTS", "hash") == b":1\r\n")


def test_a_silent_replica_is_dropped(server: Either) -> None:
    server.ok("CONFIG", "SET", "repl-timeout", 1)
    with contextlib.closing(RawReplica(server)):
        server.wait_for_log("Disconnecting timedout replica (streaming sync): 127.0.0.1:1")
        server.until("it to be gone", lambda: server.info("replication", "connected_slaves") == "0")


@pytest.mark.parametrize("mute", [True, False])
def test_a_silent_primary_is_given_up_and_tried_again(server: Either, mute: bool) -> None:
    server.ok("SET", "kept", "value")
    server.ok("CONFIG", "SET", "repl-timeout", 1)
    said = "Timeout connecting to the MASTER..." if mute else "MASTER timeout: no data nor PING received..."
    with contextlib.closing(Primary(mute=mute)) as primary:
        server.ok("REPLICAOF", "127.0.0.1", primary.port)
        server.until("it to be given up twice", lambda: server.log.count(said) >= 2)
    # Only a copy takes the place of what we have.
    assert server.do("GET", "kept") == (b"$5\r\nvalue\r\n" if mute else b"$-1\r\n")


def test_a_stuck_replica_costs_bounded_memory(server: Either) -> None:
    server.ok("CONFIG", "SET", "client-output-buffer-limit", "replica 4mb 0 0")
    value, most = b"x" * MEGABYTE, 0
    with contextlib.closing(RawReplica(server)):
        for _ in range(200):
            server.ok("SET", "key", value)
            most = max(most, int(server.info("memory", "mem_clients_slaves")))
            if server.info("replication", "connected_slaves") == "0":
                break
        server.wait_for_log("overcoming of output buffer limits.")
        assert server.info("replication", "connected_slaves") == "0"
    assert most < 16 * MEGABYTE


def test_a_stuck_replica_is_dropped_at_the_soft_limit_too(server: Either) -> None:
    server.ok("CONFIG", "SET", "client-output-buffer-limit", "replica 0 1mb 1")
    with contextlib.closing(RawReplica(server)):
        for _ in range(24):  # more than the system's own buffers take
            server.ok("SET", "key", b"x" * MEGABYTE)
        server.until("it to be gone", lambda: server.info("replication", "connected_slaves") == "0")
        assert "overcoming of output buffer limits." in server.log


def test_a_backlog_that_nobody_wants_is_given_up(server: Either) -> None:
    server.ok("CONFIG", "SET", "repl-backlog-ttl", 1)
    RawReplica(server).close()
    assert server.info("replication", "repl_backlog_active") == "1"
    history = server.info("replication", "master_replid")
    server.until("it to be freed", lambda: server.info("replication", "repl_backlog_active") == "0")
    server.wait_for_log("Replication backlog freed after 1 seconds without connected replicas.")
    assert server.info("replication", "master_replid") != history
    assert server.info("replication", "repl_backlog_histlen") == "0"


REQUESTS: tuple[tuple[str, ...], ...] = (
    *(("PING",), ("ECHO", "a"), ("GET", "a"), ("SET", "a", "1"), ("MGET", "a", "b"), ("EXISTS", "a")),
    *(("TTL", "a"), ("DBSIZE",), ("KEYS", "*"), ("SCAN", "0"), ("PUBLISH", "a", "b"), ("SELECT", "1")),
    *(("CONFIG", "GET", "replica-serve-stale-data"), ("CLIENT", "GETNAME"), ("WAIT", "0", "0"), ("ROLE2",)),
    *(
        ("MULTI",),
        ("GET", "a"),
        ("EXEC",),
        ("DISCARD",),
        ("WATCH", "a"),
        ("UNWATCH",),
        ("GET",),
        ("AUTH", "x"),
    ),
    *(("COMMAND", "COUNT"), ("DUMP", "a"), ("REPLICAOF", "NO", "ONE"), ("SET", "a", "2")),
    *(("LASTSAVE", "a"), ("BLPOP", "a", "0.01"), ("XREAD", "STREAMS", "a", "0"), ("GET", "a")),
)


@pytest.mark.parametrize("serves", ["yes", "no"])
def test_what_is_served_without_a_primary(tmp_path: Path, serves: str) -> None:
    nobody = free_port()
    with contextlib.ExitStack() as stack:
        replies = []
        for kind in KINDS:
            server = Either(kind, tmp_path / kind)
            stack.callback(server.kill)
            server.ok("SET", "a", "stale")
            server.ok("CONFIG", "SET", "replica-serve-stale-data", serves)
            server.ok("REPLICAOF", "127.0.0.1", nobody)
            replies.append([(words, server.do(*words)) for words in REQUESTS])
        ours, theirs = replies
        for our, their in zip(ours, theirs, strict=True):
            if our[0] != ("COMMAND", "COUNT"):  # we have some of later versions, and not all
                assert re.sub(rb"^:1\d{9}", b":now", our[1]) == their[1], our[0]
        refusals = sum(reply.startswith(b"-MASTERDOWN ") for _, reply in theirs)
        assert refusals > 5 if serves == "no" else not refusals
