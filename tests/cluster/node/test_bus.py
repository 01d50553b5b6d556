from __future__ import annotations

import random
from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.core.effects import Address
from cluster.node.bus import LINK_IDLE_MS, Bus
from cluster.node.log import Log
from protocol.gossip.codec import encode
from protocol.gossip.messages import MemberFact, Message, PauseRequest, Probe, View
from tests.cluster.node.single import HOST, Single
from tools.sim.clock import Simulation
from tools.sim.network import Network
from tools.sim.world import SimDisk, SimWorld

BUS_PORT = 17000
IDS = ["a" * 40, "b" * 40]


class Two:
    """Two buses on one network, and what each has received."""

    def __init__(self) -> None:
        self.simulation = Simulation(5)
        self.network = Network(self.simulation)
        self.got: list[list[tuple[Address, Message]]] = [[], []]
        self.buses: list[Bus] = []
        for index in range(2):
            world = SimWorld(self.simulation, self.network, f"10.0.0.{index + 1}", SimDisk(), 0)
            log = Log(world.log, world.unix_ms, 1)
            bus = Bus(world, log, partial(self._note, index))
            bus.open(("*",), BUS_PORT)
            self.buses.append(bus)

    def _note(self, index: int, source: Address, message: Message) -> None:
        self.got[index].append((source, message))

    def send(self, message: Message, *, reliable: bool = False) -> list[tuple[Address, Message]]:
        """From the first to the second; what the second has then."""
        self.buses[0].send(Address("10.0.0.2", BUS_PORT), message, reliable=reliable)
        self.simulation.run_for(50)
        return self.got[1]


def large_view() -> View:
    facts = tuple(MemberFact(f"{number:040x}", 1, "10.0.0.9", 7000, 17000) for number in range(100))
    return View(IDS[0], 1, facts, 0, (), False, False)


def test_a_small_message_is_a_datagram_a_large_or_reliable_one_takes_a_link() -> None:
    two = Two()
    probe = Probe(IDS[0], 1, 7, 0, 0, 0)
    assert two.send(probe) == [(Address("10.0.0.1", BUS_PORT), probe)]
    assert two.buses[0].links == 0
    assert two.send(large_view())[-1] == (Address("10.0.0.1", BUS_PORT), large_view())
    assert two.buses[0].links == 1
    pause = PauseRequest(IDS[0], 1)
    assert two.send(pause, reliable=True)[-1] == (Address("10.0.0.1", BUS_PORT), pause)
    assert two.buses[0].stats.link_frames_sent == 2
    assert two.buses[1].stats.link_frames_received == 2


def test_both_ends_count_the_same_bytes() -> None:
    two = Two()
    probe = Probe(IDS[0], 1, 7, 0, 0, 0)
    two.send(probe)
    two.send(large_view())
    two.send(probe, reliable=True)
    first_words = len(b"STARLNG1") + 2
    expected = 2 * len(encode(probe)) + len(encode(large_view())) + first_words
    assert two.buses[0].stats.bytes_sent == two.buses[1].stats.bytes_received == expected
    fields = two.buses[1].stats.info_fields()
    assert fields["cluster_stats_bytes_received"] == expected
    assert fields["cluster_stats_datagrams_received"] == 1
    assert fields["cluster_stats_link_frames_received"] == 2


def test_an_idle_link_is_closed_and_opened_again_when_needed() -> None:
    two = Two()
    two.send(large_view())
    two.simulation.run_for(LINK_IDLE_MS + 1000)
    for bus in two.buses:
        bus.tick()
    two.simulation.run_for(50)
    assert [bus.links for bus in two.buses] == [0, 0]
    assert len(two.send(large_view())) == 2


def test_a_link_to_nobody_ends_and_what_waited_is_lost() -> None:
    two = Two()
    two.buses[0].send(Address("10.0.0.3", BUS_PORT), large_view())
    two.simulation.run_for(100)
    assert two.buses[0].links == 0


def test_frames_behind_a_cut_arrive_in_order_when_it_heals() -> None:
    two = Two()
    two.send(large_view())
    two.network.cut(["10.0.0.1"], ["10.0.0.2"])
    for number in range(5):
        two.send(Probe(IDS[0], 1, number, 0, 0, 0), reliable=True)
    assert len(two.got[1]) == 1
    two.network.heal()
    two.simulation.run_for(1000)
    numbers = [message.number for _, message in two.got[1] if isinstance(message, Probe)]
    assert numbers == [0, 1, 2, 3, 4]


@settings(max_examples=60, deadline=None)
@given(chunks=st.lists(st.binary(min_size=1, max_size=200), min_size=1, max_size=5), magic=st.booleans())
def test_random_bytes_on_the_bus_port_harm_nobody(chunks: list[bytes], magic: bool) -> None:
    single = Single(cluster_enabled="yes")
    raw = single.connect(BUS_PORT)
    start = b"STARLNG1\x42\x68" if magic else b""
    for chunk in [start, *chunks]:
        if raw.link is not None and chunk:
            raw.link.write(chunk)
        single.network.send_datagram(chunk, ("10.9.9.9", 1), (HOST, BUS_PORT))
    single.simulation.run_for(50)
    assert single.node.bus is not None
    assert single.node.bus.stats.corrupt >= len(chunks)
    assert single.connect().send(b"PING\r\n") == b"+PONG\r\n"


def test_a_flood_of_rubbish_is_logged_once_a_second() -> None:
    single = Single(cluster_enabled="yes")
    chooser = random.Random(1)
    for _ in range(3000):
        single.network.send_datagram(chooser.randbytes(64), ("10.9.9.9", 1), (HOST, BUS_PORT))
        single.simulation.run_for(1)
    lines = [line for line in single.world.lines if "Bad frame" in line]
    assert 2 <= len(lines) <= 5
    assert single.node.bus is not None
    assert single.node.bus.stats.corrupt == 3000


def test_a_frame_cut_at_any_byte_is_dropped() -> None:
    single = Single(cluster_enabled="yes")
    frame = encode(Probe(IDS[0], 1, 7, 0, 0, 0))
    for end in range(len(frame)):
        single.network.send_datagram(frame[:end], ("10.9.9.9", 1), (HOST, BUS_PORT))
        damaged = bytearray(frame)
        damaged[end] ^= 0x40
        single.network.send_datagram(bytes(damaged), ("10.9.9.9", 1), (HOST, BUS_PORT))
    single.simulation.run_for(50)
    assert single.node.bus is not None
    assert single.node.bus.stats.corrupt == 2 * len(frame)
