"""A simulated cluster: nodes on hosts, a client that speaks RESP to them, and the faults that befall them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from cluster.node.server import Node
from cluster.node.world import Endpoint, Link
from cluster.spec.options import Options
from protocol.resp.reader import ReplyReader
from protocol.resp.types import ErrorReply, Reply
from protocol.resp.writer import encode_command
from tools.sim.clock import Simulation
from tools.sim.network import Network
from tools.sim.world import SimDisk, SimWorld

PORT = 7000
_CLIENT_HOST = "10.9.9.9"
_CALL_TIMEOUT_MS = 30_000


class NoReplyError(Exception):
    """The connection has ended, or no reply came in time."""


class SimHost:
    """A host: its disk, and the node that runs on it, if one does."""

    def __init__(self, cluster: SimCluster, host: str) -> None:
        self.host = host
        self.disk = SimDisk()
        self.world: SimWorld
        self.node: Node
        self._cluster = cluster
        self._runs = 0
        self.start()

    def start(self) -> None:
        """Starts a node on what the disk holds."""
        cluster = self._cluster
        self._runs += 1
        self.world = SimWorld(cluster.simulation, cluster.network, self.host, self.disk, self._runs)
        self.node = Node(self.world, cluster.options())
        self.node.start()

    def crash(self) -> None:
        """kill -9."""
        self.world.kill()

    def call(self, *words: str | bytes) -> Reply:
        """One command on a connection of its own."""
        client = self._cluster.client(self.host)
        try:
            return client.call(*words)
        finally:
            client.close()


class SimClient:
    """A client's connection."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._reader = ReplyReader()
        self._replies: deque[Reply] = deque()
        self._link: Link | None = None
        self._ended = False

    def call(self, *words: str | bytes) -> Reply:
        """Sends a command and lets time pass until its reply is there. Raises NoReplyError."""
        run_until = self._simulation.run_until
        if (
            not run_until(lambda: self._link is not None or self._ended, _CALL_TIMEOUT_MS)
            or self._link is None
        ):
            raise NoReplyError("not connected")
        self._link.write(encode_command([word.encode() if isinstance(word, str) else word for word in words]))
        if not run_until(lambda: bool(self._replies) or self._ended, _CALL_TIMEOUT_MS) or not self._replies:
            raise NoReplyError(str(words[0]))
        return self._replies.popleft()

    def close(self) -> None:
        """Ends it."""
        if self._link is not None:
            self._link.close()

    def connected(self, link: Link) -> None:
        self._link = link

    def received(self, data: bytes) -> None:
        self._reader.feed(data)
        self._replies.extend(self._reader.replies())

    def closed(self, _reason: str) -> None:
        self._ended = True


class _Sender:
    """Sends a command when it is connected, and leaves with the reply."""

    def __init__(self, words: list[bytes]) -> None:
        self._words = words
        self._link: Link | None = None

    def connected(self, link: Link) -> None:
        self._link = link
        link.write(encode_command(self._words))

    def received(self, _data: bytes) -> None:
        if self._link is not None:
            self._link.close()

    def closed(self, _reason: str) -> None:
        """Whatever came of it."""


class SimCluster:
    """Nodes on hosts 10.0.0.1, 10.0.0.2, ... in one simulation."""

    def __init__(self, seed: int, count: int, **settings: str) -> None:
        """`settings` are directives for every node, with underscores."""
        self.simulation = Simulation(seed)
        self.network = Network(self.simulation)
        self._settings = settings
        self._client_world = SimWorld(self.simulation, self.network, _CLIENT_HOST, SimDisk(), 0)
        self.hosts = [SimHost(self, f"10.0.0.{number}") for number in range(1, count + 1)]

    def options(self) -> Options:
        """A node's options."""
        options = Options()
        given = {"port": str(PORT), "cluster-enabled": "yes", "protected-mode": "no", "save": ""}
        for name, value in (
            given | {key.replace("_", "-"): word for key, word in self._settings.items()}
        ).items():
            options.set(name, [value])
        return options

    def client(self, host: str) -> SimClient:
        """A new connection to a node."""
        client = SimClient(self.simulation)
        self._client_world.connect(host, PORT, client)
        return client

    @property
    def write_acks(self) -> int:
        """The nodes' cluster-write-acks."""
        return int(self._settings.get("cluster_write_acks", "0"))

    def connect(self, host: str, endpoint: Endpoint) -> None:
        """A client's connection to a node, for an endpoint of its own."""
        self._client_world.connect(host, PORT, endpoint)

    def send(self, host: str, *words: str) -> None:
        """A command whose reply nobody waits for."""
        self.connect(host, _Sender([word.encode() for word in words]))

    def until(self, condition: Callable[[], bool], timeout_ms: int) -> None:
        """Lets time pass until the condition holds. Raises TimeoutError."""
        if not self.simulation.run_until(condition, timeout_ms):
            raise TimeoutError(f"seed {self.simulation.seed}")

    def form(self, primaries: int) -> None:
        """Meets all nodes, spreads the slots over the first ones, and makes the others their replicas."""
        first = self.hosts[0]
        for other in self.hosts[1:]:
            self._expect_ok(first.call("CLUSTER", "MEET", other.host, str(PORT)))
        everyone = len(self.hosts)
        self.until(lambda: all(self._knows(host, everyone) for host in self.hosts), 60_000)
        share = 16384 // primaries
        for index, host in enumerate(self.hosts[:primaries]):
            last = 16383 if index == primaries - 1 else (index + 1) * share - 1
            self._expect_ok(host.call("CLUSTER", "ADDSLOTSRANGE", str(index * share), str(last)))
        for index, host in enumerate(self.hosts[primaries:]):
            primary = self.hosts[index % primaries].node
            assert primary.core is not None
            self._expect_ok(host.call("CLUSTER", "REPLICATE", primary.core.me.node_id))
        self.until(lambda: all(self.is_ok(host) for host in self.hosts) and self.agree(), 60_000)

    def agree(self) -> bool:
        """Whether all that run have the same view."""
        cores = [host.node.core for host in self.alive()]
        return len({core.view_hash for core in cores if core is not None}) == 1

    def set(self, key: str, value: str) -> None:
        """SET, going where MOVED points. Raises NoReplyError where a node refuses for another reason."""
        self._redirected("SET", key, value)

    def get(self, key: str) -> Reply:
        """GET, going where MOVED points."""
        return self._redirected("GET", key)

    def ask(self, *words: str) -> Reply:
        """Any command, going where MOVED points. Raises NoReplyError for any other error."""
        return self._redirected(*words)

    def alive(self) -> list[SimHost]:
        """The hosts with a running node."""
        return [host for host in self.hosts if host.world.alive]

    @staticmethod
    def is_ok(host: SimHost) -> bool:
        """cluster_state:ok, as this node sees it."""
        return host.node.core is not None and host.node.core.is_ok

    @staticmethod
    def _knows(host: SimHost, count: int) -> bool:
        core = host.node.core
        return core is not None and sum(not peer.handshake for peer in core.peers.values()) == count

    @staticmethod
    def _expect_ok(reply: Reply) -> None:
        if reply != b"OK":
            raise NoReplyError(repr(reply))

    def _redirected(self, *words: str) -> Reply:
        host = self.alive()[0]
        for _ in range(8):
            reply = host.call(*words)
            if not isinstance(reply, ErrorReply):
                return reply
            if not reply.startswith(b"MOVED"):
                break
            target = reply.split()[2].decode().rpartition(":")[0]
            host = next(each for each in self.hosts if each.host == target)
        raise NoReplyError(repr(reply))
