"""End to end: what real nodes do with input that they should not have got. They say what Redis says, live on
and lose nothing; or they do not start, and say why.
"""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.support.ports import free_port
from tests.support.process import Process, Start, client_of, ready
from tools.admin.waiting import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("bad-input")]
HOST = "127.0.0.1"
HALF = 8192
KEPT = {"a": "in slot 15495", "b": "in slot 3300", "c": "in slot 7365"}
GROWTH_BYTES_MAX = 32 << 20
"""Far less than what the requests below promise to send."""


def _ask(client: redis.Redis, *words: str | int) -> str:
    return str(client.execute_command(*words))  # type: ignore[no-untyped-call]


class Pair:
    """Two primaries, half of the slots each, with some keys."""

    def __init__(self, folder: Path) -> None:
        self.ports = [free_port(), free_port()]
        self.processes: list[Process] = []
        for port in self.ports:
            place = folder / str(port)
            place.mkdir()
            words = ["--port", str(port), "--bind", HOST, "--cluster-enabled", "yes", "--save", ""]
            self.processes.append(Process(place, words))
        self.clients = [client_of(port) for port in self.ports]

    def begin(self) -> None:
        for process in self.processes:
            process.wait_for("Ready to accept connections")
        low, high = self.clients
        _ask(low, "CLUSTER", "ADDSLOTSRANGE", 0, HALF - 1)
        _ask(high, "CLUSTER", "ADDSLOTSRANGE", HALF, 16383)
        _ask(low, "CLUSTER", "MEET", HOST, self.ports[1])
        wait_until("both to say ok", self.unwell, 30)
        for key, value in KEPT.items():
            self.owner(key).set(key, value)

    def owner(self, key: str) -> redis.Redis:
        slot = int(_ask(self.clients[0], "CLUSTER", "KEYSLOT", key))
        return self.clients[slot >= HALF]

    def unwell(self) -> str:
        """What is wrong with the cluster as its nodes see it."""
        for client in self.clients:
            lines = _ask(client, "CLUSTER", "INFO").split("\r\n")
            if not {"cluster_state:ok", "cluster_known_nodes:2"} <= set(lines):
                return str(lines)
        return ""

    def resident_bytes(self) -> int:
        return int(self.clients[0].info("memory")["used_memory_rss"])

    def check(self) -> None:
        """Both live, as the processes that they were, with all keys and the cluster as it was."""
        assert [each.process.poll() for each in self.processes] == [None, None]
        assert self.unwell() == ""
        assert {key: self.owner(key).get(key) for key in KEPT} == KEPT
        assert [each.info("stats")["unexpected_error_replies"] for each in self.clients] == [0, 0]

    def send(self, data: bytes) -> bytes:
        """What the first node answers until it closes, or until we have closed our side."""
        with socket.create_connection((HOST, self.ports[0]), timeout=20) as raw:
            answer = b""
            try:
                raw.sendall(data)
                raw.shutdown(socket.SHUT_WR)
                while got := raw.recv(1 << 16):
                    answer += got
            except TimeoutError:
                raise
            except OSError:
                pass  # it had had enough before we had sent all
        return answer

    def stop(self) -> None:
        for client, process in zip(self.clients, self.processes, strict=True):
            client.close()
            process.process.kill()
            process.end()
            assert process.process.stdout is not None
            process.process.stdout.close()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    made = Pair(tmp_path_factory.mktemp("pair"))
    try:
        made.begin()
        yield made
    finally:
        made.stop()


@pytest.fixture
def pair(whole: Pair) -> Iterator[Pair]:
    """The nodes; each test leaves them as they were."""
    yield whole
    whole.check()


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"*-x\r\n", "Protocol error: invalid multibulk length"),
        (b"*2147483648\r\n", "Protocol error: invalid multibulk length"),
        (b"*" + b"1" * 70_000, "Protocol error: too big mbulk count string"),
        (b"*1\r\n$536870913\r\n", "Protocol error: invalid bulk length"),
        (b"*1\r\n$-1\r\n", "Protocol error: invalid bulk length"),
        (b"*1\r\n$" + b"1" * 70_000, "Protocol error: too big bulk count string"),
        (b"*1\r\n*1\r\n", "Protocol error: expected '$', got '*'"),
        (b"SET a 'x\r\n", "Protocol error: unbalanced quotes in request"),
        (b"a" * 70_000, "Protocol error: too big inline request"),
    ],
)
def test_malformed_requests(pair: Pair, data: bytes, error: str) -> None:
    assert pair.send(b"PING\r\n" + data) == b"+PONG\r\n-ERR " + error.encode() + b"\r\n"


def test_what_is_promised_and_not_sent_takes_no_memory(pair: Pair) -> None:
    before = pair.resident_bytes()
    raws = [socket.create_connection((HOST, pair.ports[0])) for _ in range(40)]
    for raw in raws:
        raw.sendall(b"*2147483647\r\n$536870912\r\nx")
    assert pair.send(b"PING\r\n") == b"+PONG\r\n"
    assert pair.resident_bytes() - before < GROWTH_BYTES_MAX
    for raw in raws:
        raw.close()


def test_random_bytes_at_the_clients_port(pair: Pair) -> None:
    generator = random.Random(1)
    starts = (b"", b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n", b"*1\r\n$", b"*", b"GET ")
    for _ in range(100):
        pair.send(generator.choice(starts) + generator.randbytes(generator.randrange(2000)))


@pytest.mark.parametrize(
    ("request_line", "error"),
    [
        ("nosuch one two", "ERR unknown command 'nosuch', with args beginning with: 'one' 'two' "),
        ("CLUSTER nosuch", "ERR unknown subcommand 'nosuch'. Try CLUSTER HELP."),
        ("GET", "ERR wrong number of arguments for 'get' command"),
        ("CONFIG SET port", "ERR wrong number of arguments for 'config|set' command"),
        ("LPUSH b x", "WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("INCR b", "ERR value is not an integer or out of range"),
        ("SET b x EX 0", "ERR invalid expire time in 'set' command"),
        ("RESTORE b 0 x REPLACE", "ERR DUMP payload version or checksum are wrong"),
        ("MGET a b", "CROSSSLOT Keys in request don't hash to the same slot"),
        ("SELECT 1", "ERR SELECT is not allowed in cluster mode"),
        ("CLUSTER ADDSLOTS 16384", "ERR Invalid or out of range slot"),
        ("CLUSTER MEET nowhere 0", "ERR Invalid node address specified: nowhere:0"),
    ],
)
def test_wrong_requests(pair: Pair, request_line: str, error: str) -> None:
    assert pair.send(request_line.encode() + b"\r\nPING\r\n").decode() == f"-{error}\r\n+PONG\r\n"


def test_a_key_of_the_other_node(pair: Pair) -> None:
    moved = f"-MOVED 15495 {HOST}:{pair.ports[1]}\r\n"
    assert pair.send(b"SET a lost\r\nGET a\r\n").decode() == 2 * moved


def test_random_bytes_at_the_bus_port(pair: Pair) -> None:
    generator = random.Random(2)
    bus = (HOST, pair.ports[0] + 10_000)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        for size in (0, 1, 8, 100, 1400, 9000):
            for _ in range(30):
                datagrams.sendto(generator.randbytes(size), bus)
    for size in (1, 8, 100, 70_000):
        for _ in range(5):
            with socket.create_connection(bus, timeout=20) as stream:
                try:
                    stream.sendall(generator.randbytes(size))
                    stream.shutdown(socket.SHUT_WR)
                    stream.recv(1)
                except TimeoutError:
                    raise
                except OSError:
                    pass  # closed at once, which is as good an answer as any


@pytest.mark.parametrize("content", [b"\0" * 400, b"vars currentEpoch x lastVoteEpoch 0\n", b"\xff\xfe half"])
def test_a_nodes_conf_that_is_none(start: Start, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "nodes.conf").write_bytes(content)
    code, said = start("--port", str(free_port()), "--cluster-enabled", "yes").end()
    assert code == 1
    assert said.endswith("# Unrecoverable error: corrupted cluster config file.")
    assert (tmp_path / "nodes.conf").read_bytes() == content


def test_a_bus_port_in_use(start: Start) -> None:
    with socket.socket() as taken:
        port = free_port()
        taken.bind((HOST, port + 10_000))
        taken.listen()
        code, said = start("--port", str(port), "--bind", HOST, "--cluster-enabled", "yes").end()
    assert code == 1
    assert said.endswith(f"# Failed listening on port {port + 10_000} (cluster), aborting.")


def test_a_dump_that_is_none_is_left_alone(start: Start, tmp_path: Path) -> None:
    dump = tmp_path / "dump.rdb"
    dump.write_bytes(b"REDIS0010 and nothing that belongs behind it")
    code, said = start("--port", str(free_port())).end()
    assert code == 1
    assert "Fatal error loading the DB: dump.rdb: " in said
    assert dump.read_bytes() == b"REDIS0010 and nothing that belongs behind it"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--nosuch", "1"), "Bad directive or wrong number of arguments"),
        (("--port", "65536"), "argument must be between 0 and 65535 inclusive"),
        (("--maxmemory", "much"), "argument must be a memory value"),
    ],
)
def test_directives_that_are_none(start: Start, words: tuple[str, str], reason: str) -> None:
    code, said = start(*words).end()
    assert code == 1
    assert "*** FATAL CONFIG FILE ERROR" in said
    assert said.endswith(reason)


def test_a_node_that_has_had_all_that_still_keeps_its_keys(start: Start) -> None:
    process, client = ready(start)
    client.set("key", "value")
    port = client.connection_pool.connection_kwargs["port"]
    generator = random.Random(4)
    for _ in range(50):
        with socket.create_connection((HOST, port)) as raw:
            raw.sendall(b"*2\r\n$3\r\nGET\r\n" + generator.randbytes(200))
    client.shutdown(save=True)
    assert process.end()[0] == 0
    client.close()
    _, again = ready(start)
    assert again.get("key") == "value"
    again.close()
