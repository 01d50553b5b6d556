from __future__ import annotations

from cluster.node.world import Link
from tools.sim.clock import Simulation
from tools.sim.network import Network
from tools.sim.world import SimDisk, SimWorld


class Recorder:
    def __init__(self) -> None:
        self.link: Link | None = None
        self.data = b""
        self.ends: list[str] = []

    def connected(self, link: Link) -> None:
        self.link = link

    def received(self, data: bytes) -> None:
        self.data += data

    def closed(self, reason: str) -> None:
        self.ends.append(reason)


class Pair:
    """Two hosts, and a stream from the second to the first."""

    def __init__(self, seed: int = 1) -> None:
        self.simulation = Simulation(seed)
        self.network = Network(self.simulation)
        self.worlds = [
            SimWorld(self.simulation, self.network, f"10.0.0.{number}", SimDisk(), 1) for number in (1, 2)
        ]
        self.server, self.client = Recorder(), Recorder()
        self.worlds[0].listen("*", 7000, lambda: self.server)
        self.worlds[1].connect("10.0.0.1", 7000, self.client)
        self.simulation.run_for(10)
        assert self.server.link is not None
        assert self.client.link is not None
        self.server_link, self.client_link = self.server.link, self.client.link


def test_a_stream_keeps_its_order_whatever_the_delays() -> None:
    pair = Pair()
    pair.network.conditions.jitter_us = 100_000
    for number in range(50):
        pair.client_link.write(b"%d " % number)
    assert pair.client_link.unsent_bytes() > 0
    pair.simulation.run_for(5000)
    assert pair.server.data.split() == [b"%d" % number for number in range(50)]
    assert pair.client_link.unsent_bytes() == 0
    assert pair.client_link.local_address == pair.server_link.peer_address


def test_closing_delivers_what_was_written_and_both_hear_of_it_once() -> None:
    pair = Pair()
    pair.server_link.write(b"bye")
    pair.server_link.close()
    pair.server_link.write(b"never")
    pair.simulation.run_for(100)
    assert pair.client.data == b"bye"
    assert (pair.client.ends, pair.server.ends) == ([""], [""])


def test_paused_reading_holds_back() -> None:
    pair = Pair()
    pair.server_link.pause_reading()
    pair.client_link.write(b"later")
    pair.simulation.run_for(100)
    assert pair.server.data == b""
    pair.server_link.resume_reading()
    pair.simulation.run_for(1)
    assert pair.server.data == b"later"


def test_a_cut_holds_streams_back_and_loses_datagrams() -> None:
    pair = Pair()
    got: list[bytes] = []
    pair.worlds[0].datagram("*", 9000, lambda data, *_: got.append(data))
    sender = pair.worlds[1].datagram("*", 9000, lambda *_: None)
    pair.network.cut(["10.0.0.1"], ["10.0.0.2"])
    pair.client_link.write(b"held")
    sender.send(b"lost", "10.0.0.1", 9000)
    late = Recorder()
    pair.worlds[1].connect("10.0.0.1", 7000, late, timeout_ms=700)
    pair.simulation.run_for(1000)
    assert (pair.server.data, got, late.ends) == (b"", [], ["Connection timed out"])
    pair.network.heal()
    sender.send(b"found", "10.0.0.1", 9000)
    pair.simulation.run_for(1000)
    assert (pair.server.data, got) == (b"held", [b"found"])


def test_loss_is_a_share_of_datagrams() -> None:
    pair = Pair()
    got: list[bytes] = []
    pair.worlds[0].datagram("*", 9000, lambda data, *_: got.append(data))
    sender = pair.worlds[1].datagram("*", 9000, lambda *_: None)
    pair.network.conditions.loss = 0.3
    for _ in range(1000):
        sender.send(b"x", "10.0.0.1", 9000)
    pair.simulation.run_for(100)
    assert 620 < len(got) < 780


def test_nobody_listening_refuses() -> None:
    pair = Pair()
    late = Recorder()
    pair.worlds[1].connect("10.0.0.1", 7001, late)
    pair.simulation.run_for(100)
    assert late.ends == ["Connection refused"]
