"""One node in the simulated World, and bytes sent to it as they are."""

from __future__ import annotations

from collections.abc import Callable

from cluster.node.server import Node
from cluster.node.world import Link
from cluster.spec.options import Options
from tools.sim.clock import Simulation
from tools.sim.network import Network
from tools.sim.world import SimDisk, SimWorld

HOST = "10.0.0.1"
PORT = 7000


class Raw:
    """A connection that keeps what arrives."""

    def __init__(self, single: Single) -> None:
        self.link: Link | None = None
        self.data = b""
        self.is_closed = False
        self._single = single

    def connected(self, link: Link) -> None:
        self.link = link

    def received(self, data: bytes) -> None:
        self.data += data

    def closed(self, _reason: str) -> None:
        self.is_closed = True

    def send(self, data: bytes, wait_ms: int = 50) -> bytes:
        """Sends, lets some time pass, and gives what has come back since the last call."""
        assert self.link is not None
        self.link.write(data)
        return self.take(wait_ms)

    def take(self, wait_ms: int = 50) -> bytes:
        """What has arrived since the last call, after some time."""
        self._single.simulation.run_for(wait_ms)
        data, self.data = self.data, b""
        return data


class Single:
    """A node on 10.0.0.1:7000; clients come from 10.9.9.9."""

    def __init__(self, **settings: str) -> None:
        """`settings` are directives, with underscores."""
        self.simulation = Simulation(1)
        self.network = Network(self.simulation)
        self.disk = SimDisk()
        self._settings = settings
        self._client_world = SimWorld(self.simulation, self.network, "10.9.9.9", SimDisk(), 0)
        self._runs = 0
        self.stopwatch_ns: Callable[[], int] | None = None
        """From the next start on, in place of virtual time, which stands still while code runs."""
        self.start()

    def start(self, **settings: str) -> None:
        """Starts it on what its disk holds, with some settings changed. Raises StartError."""
        self._settings |= settings
        options = Options()
        given = {"port": str(PORT), "protected-mode": "no", "save": ""}
        for name, value in (
            given | {key.replace("_", "-"): word for key, word in self._settings.items()}
        ).items():
            options.set(name, value.split(" ") if value else [""])
        self._runs += 1
        self.world = SimWorld(self.simulation, self.network, HOST, self.disk, self._runs)
        if self.stopwatch_ns is not None:
            self.world.stopwatch_ns = self.stopwatch_ns  # type: ignore[method-assign]
        self.node = Node(self.world, options)
        self.node.start()

    def connect(self, port: int = PORT) -> Raw:
        """A new connection."""
        raw = self.connect_soon(port)
        self.simulation.run_for(20)
        return raw

    def connect_soon(self, port: int = PORT) -> Raw:
        """A new connection, which stands when some time has passed."""
        raw = Raw(self)
        self._client_world.connect(HOST, port, raw)
        return raw

    def logged(self, text: str) -> bool:
        """Whether a log line has this."""
        return any(text in line for line in self.world.lines)
