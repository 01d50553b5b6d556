from __future__ import annotations

from typing import cast

from cluster.core.core import Core
from cluster.core.effects import (
    Address,
    Deliver,
    Effect,
    InSyncChanged,
    PauseWrites,
    Persist,
    RoleChanged,
    Send,
    ServingChanged,
    SlotsChanged,
    Trace,
)
from cluster.core.orders import ReplicationStatus
from cluster.node.bus import Bus
from cluster.node.driver import CoreDriver
from protocol.gossip.messages import Message, PauseRequest
from tools.sim.clock import Simulation
from tools.sim.network import Network
from tools.sim.world import SimDisk, SimWorld

TO = Address("10.0.0.2", 17000)
MESSAGE = PauseRequest("a" * 40, 1)


class Script:
    """Stands in for core, bus and node; keeps what happens, in order. Each tick gives the next effects."""

    def __init__(self, *ticks: list[Effect]) -> None:
        self.simulation = Simulation(1)
        self.disk = SimDisk()
        self.world = SimWorld(self.simulation, Network(self.simulation), "10.0.0.1", self.disk, 1)
        self.events: list[object] = []
        self.due_ms: int | None = None
        self._ticks = list(ticks)
        self._effects: list[Effect] = []
        self.driver = CoreDriver(self.world, cast(Core, self), cast(Bus, self), self, "nodes.conf")

    # the core
    def receive(self, now_ms: int, source: Address, message: Message) -> None:
        self.events.append(("receive", source, message))

    def order(self, now_ms: int, order: object) -> str:
        self.events.append(order)
        return "OK"

    def tick(self, now_ms: int) -> None:
        self.events.append("tick")
        if self._ticks:
            self._effects = self._ticks.pop(0)

    def deadline_ms(self) -> int | None:
        return self.due_ms

    def take_effects(self) -> list[Effect]:
        effects, self._effects = self._effects, []
        return effects

    # the bus
    def send(self, to: Address, message: Message, *, reliable: bool) -> None:
        self.events.append(("send", self.disk.contents.get("nodes.conf")))

    # the node
    def replication_status(self) -> ReplicationStatus:
        return ReplicationStatus(1, True, 0)

    def role_changed(self, primary: tuple[str, int] | None) -> None:
        self.events.append(("role", primary))

    def slots_dropped(self, slots: tuple[int, ...]) -> None:
        self.events.append(("dropped", slots))

    def serving_changed(self) -> None:
        self.events.append("serving")

    def in_sync_changed(self) -> None:
        self.events.append("in sync")

    def published(self, channel: bytes, message: bytes, *, sharded: bool) -> None:
        self.events.append(("published", channel, message, sharded))

    def pause_writes(self, until_ms: int) -> None:
        self.events.append(("pause", until_ms))

    def fatal(self, text: str) -> None:
        self.events.append(("fatal", text))
        self.driver.stop()

    def log(self, level: str, text: str) -> None:
        self.events.append((level, text))


def test_a_tick_tells_replication_first_and_effects_happen_in_order() -> None:
    script = Script(
        [
            Trace("notice", "hello"),
            RoleChanged("b" * 40, "10.0.0.2", 7000),
            RoleChanged(None, None, None),
            SlotsChanged((1,), ()),
            SlotsChanged((), (2, 3)),
            PauseWrites(99),
            Deliver(b"news", b"hello", True),
            ServingChanged(),
            InSyncChanged(),
        ]
    )
    script.driver.tick()
    assert script.events == [
        ReplicationStatus(1, True, 0),
        "tick",
        ("notice", "hello"),
        ("role", ("10.0.0.2", 7000)),
        ("role", None),
        ("dropped", (2, 3)),
        ("pause", 99),
        ("published", b"news", b"hello", True),
        "serving",
        "in sync",
    ]


def test_a_vote_is_on_the_disk_before_it_is_sent() -> None:
    script = Script(
        [
            Send(TO, MESSAGE),
            Persist(lambda: "epoch 5", True),
            Send(TO, MESSAGE),
            Persist(lambda: "epoch 6", False),
        ]
    )
    script.driver.tick()
    assert script.events[2:] == [("send", None), ("send", b"epoch 5")]
    assert script.disk.contents["nodes.conf"] == b"epoch 6"


class FullDisk(dict[str, bytes]):
    def __setitem__(self, name: str, data: bytes) -> None:
        raise OSError(28, "No space left on device")


def test_a_vote_that_cannot_be_kept_is_not_sent() -> None:
    script = Script([Persist(lambda: "epoch 5", True), Send(TO, MESSAGE)])
    script.disk.contents = FullDisk()
    script.driver.tick()
    assert script.events[-1] == ("fatal", "Fatal: can't update cluster config file.")
    assert not any(isinstance(event, tuple) and event[0] == "send" for event in script.events)
    script.driver.receive(TO, MESSAGE)
    assert script.events[-1] == ("fatal", "Fatal: can't update cluster config file.")


def test_one_timer_follows_the_deadline() -> None:
    script = Script()
    start_ms = script.simulation.now_ms
    script.due_ms = start_ms + 500
    script.driver.settle()
    script.due_ms = start_ms + 200
    script.driver.settle()
    script.driver.settle()
    script.simulation.run_for(199)
    assert not script.events
    script.due_ms = None
    script.simulation.run_for(1000)
    assert script.events == [ReplicationStatus(1, True, 0), "tick"]
