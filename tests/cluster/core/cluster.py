"""Cores that pass each other messages: a virtual clock and one heap of events, no sockets.

Latency, loss, cuts between nodes, nodes that are stopped, killed and started again with the nodes.conf that
they had.
"""

from __future__ import annotations

import copy
import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from cluster.core.core import Core, Settings
from cluster.core.effects import (
    Address,
    Effect,
    PauseWrites,
    Persist,
    RoleChanged,
    Send,
    ServingChanged,
    SlotsChanged,
    Trace,
)
from cluster.core.orders import AddSlots, Meet, Order, Replicate, ReplicationStatus, SetConfigEpoch
from cluster.core.peers import Peer
from cluster.core.roster import Base
from protocol.gossip import slotset
from protocol.gossip.codec import decode, encode
from protocol.gossip.messages import Message


@dataclass(eq=False)
class Node:
    """One node of the harness. `disk` is its nodes.conf; `offset` what its replication stream is said to be
    at."""

    name: str
    core: Core
    address: Address
    disk: str | None = None
    alive: bool = True
    paused: bool = False
    offset: int = 0
    log: list[str] = field(default_factory=list)
    roles: list[RoleChanged] = field(default_factory=list)
    slots: list[SlotsChanged] = field(default_factory=list)
    pauses: list[PauseWrites] = field(default_factory=list)
    held: list[tuple[Address, Message]] = field(default_factory=list)


class Cluster:
    def __init__(
        self, seed: int = 1, *, node_timeout_ms: int = 1000, latency_ms: int = 1, loss: float = 0.0
    ) -> None:
        self.rng = random.Random(seed)
        self.node_timeout_ms = node_timeout_ms
        self.latency_ms = latency_ms
        self.loss = loss
        self.now_ms = 1_000_000
        self.nodes: dict[str, Node] = {}
        self.by_address: dict[Address, Node] = {}
        self.cut: Callable[[Node, Node], bool] = lambda source, target: False
        self.sent: list[tuple[int, str, str, Message]] = []
        self.trace: list[str] = []
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._number = 0

    # making nodes

    def add(self, name: str, *, host: str = "10.0.0.1", saved: str | None = None, **settings: object) -> Node:
        """A node, new or (with `saved`) come back."""
        number = int(name.lstrip("n"))
        node_settings = Settings(node_timeout_ms=self.node_timeout_ms)
        for key, value in settings.items():
            setattr(node_settings, key, value)
        core = Core(
            node_settings,
            random.Random(self.rng.getrandbits(64)),
            self.now_ms,
            host=host,
            port=7000 + number,
            bus_port=17000 + number,
            saved=saved,
        )
        address = Address("10.0.0.1", 17000 + number)
        node = Node(name, core, address, saved)
        self._take(node)
        return node

    def _take(self, node: Node) -> None:
        self.nodes[node.name] = node
        self.by_address[node.address] = node
        self._after(node)
        self._status(node)

    def form(self, primaries: int, replicas: int = 0) -> None:
        """A cluster as redis-cli makes it: primaries n1.., then their replicas in turn."""
        names = [f"n{number}" for number in range(1, primaries * (1 + replicas) + 1)]
        for epoch, name in enumerate(names, 1):
            self.add(name)
            self.order(name, SetConfigEpoch(epoch))
        for place, name in enumerate(names[:primaries]):
            first, last = 16384 * place // primaries, 16384 * (place + 1) // primaries
            self.order(name, AddSlots(tuple(range(first, last))))
        for name in names[1:]:
            self.meet(name, names[0])
        self.run_until(lambda: all(len(self.core(name).members) == len(names) - 1 for name in names), 5000)
        for place, name in enumerate(names[primaries:]):
            self.order(name, Replicate(self.id(names[place % primaries]), 0))
        self.run_until(lambda: all(self.core(name).is_ok for name in names) and self.agree(), 10_000)

    def load(self, primaries: int, replicas: int = 0) -> None:
        """The same, in the middle of its life and at once: all start from one view."""
        count = primaries * (1 + replicas)
        peers = [
            Peer(
                f"{self.rng.getrandbits(160):040x}", "10.0.0.1", 7000 + number, 17000 + number, reachable=True
            )
            for number in range(1, count + 1)
        ]
        for place, peer in enumerate(peers):
            peer.incarnation = peer.claim_version = 1
            if place < primaries:
                first, last = 16384 * place // primaries, 16384 * (place + 1) // primaries
                peer.claims = peer.owned = slotset.from_ranges([(first, last - 1)])
                peer.config_epoch = place + 1
            else:
                peer.is_replica, peer.primary_id = True, peers[place % primaries].node_id
        base = Base(peers, primaries)
        for number, peer in enumerate(peers, 1):
            settings = Settings(node_timeout_ms=self.node_timeout_ms)
            rng = random.Random(self.rng.getrandbits(64))
            core = Core.formed(settings, rng, self.now_ms + self.rng.randrange(1000), copy.copy(peer), base)
            self._take(Node(f"n{number}", core, Address("10.0.0.1", 17000 + number)))

    # acting

    def core(self, name: str) -> Core:
        return self.nodes[name].core

    def id(self, name: str) -> str:
        return self.core(name).me.node_id

    def name_of(self, node_id: str | None) -> str:
        return next((node.name for node in self.nodes.values() if node.core.me.node_id == node_id), "?")

    def order(self, name: str, order: Order) -> str:
        node = self.nodes[name]
        try:
            return node.core.order(self.now_ms, order)
        finally:
            self._after(node)

    def meet(self, name: str, other: str) -> None:
        address = self.nodes[other].address
        self.order(name, Meet(address.host, address.port - 10000, address.port))

    def kill(self, name: str) -> None:
        self.nodes[name].alive = False

    def restart(self, name: str) -> Node:
        """Starts a killed node with what was on its disk."""
        old = self.nodes[name]
        old.alive = False
        node = self.add(name, saved=old.disk)
        node.offset, node.log = old.offset, old.log
        return node

    def stop(self, name: str) -> None:
        """SIGSTOP: nothing is done; what comes waits in the socket."""
        self.nodes[name].paused = True

    def resume(self, name: str) -> None:
        """SIGCONT: first what lay in the socket is read, then the timer fires: the worse order."""
        node = self.nodes[name]
        node.paused = False
        for source, message in node.held:
            node.core.receive(self.now_ms, source, message)
            self._after(node)
        node.held.clear()
        node.core.tick(self.now_ms)
        self._after(node)

    def split(self, *sides: set[str]) -> None:
        """Cuts the network: a node reaches only those on its own side."""
        side = {name: number for number, names in enumerate(sides) for name in names}
        self.cut = lambda source, target: side.get(source.name) != side.get(target.name)

    def heal(self) -> None:
        self.cut = lambda source, target: False

    # time

    def run(self, duration_ms: int) -> None:
        end_ms = self.now_ms + duration_ms
        while self._heap and self._heap[0][0] <= end_ms:
            self._step()
        self.now_ms = end_ms

    def run_until(self, condition: Callable[[], bool], limit_ms: int) -> int:
        """Runs until it holds; how long that took. Fails when it never does."""
        start_ms = self.now_ms
        while not condition():
            assert self._heap, "nothing happens any more"
            assert self.now_ms - start_ms <= limit_ms, f"not within {limit_ms} ms"
            self._step()
        return self.now_ms - start_ms

    def _step(self) -> None:
        self.now_ms, _, action = heapq.heappop(self._heap)
        action()

    def _at(self, when_ms: int, action: Callable[[], None]) -> None:
        self._number += 1
        heapq.heappush(self._heap, (when_ms, self._number, action))

    # what goes on between the nodes

    def _after(self, node: Node) -> None:
        for effect in node.core.take_effects():
            self._carry_out(node, effect)
        deadline_ms = node.core.deadline_ms()
        if deadline_ms is not None:
            self._at(max(deadline_ms, self.now_ms), lambda: self._timer(node))

    def _status(self, node: Node) -> None:
        following = node.core.me.primary_id
        leader = next((n for n in self.nodes.values() if n.core.me.node_id == following), None)
        up = leader is not None and leader.alive and not leader.paused and not self.cut(leader, node)
        if up and leader is not None and node.offset < leader.offset:
            node.offset = leader.offset
        down_ms = 0 if up or following is None else self.now_ms
        node.core.order(self.now_ms, ReplicationStatus(node.offset, up, down_ms))

    def _timer(self, node: Node) -> None:
        wanted_ms = node.core.deadline_ms()
        if node is not self.nodes.get(node.name) or not node.alive or node.paused:
            return
        if wanted_ms is None or wanted_ms > self.now_ms:
            return
        self._status(node)
        node.core.tick(self.now_ms)
        self._after(node)

    def _carry_out(self, node: Node, effect: Effect) -> None:
        match effect:
            case Send():
                self._send(node, effect)
            case Persist():
                node.disk = effect.text
            case Trace():
                node.log.append(effect.text)
                if effect.level in ("notice", "warning"):
                    self.trace.append(f"{node.name} {effect.text}")
            case RoleChanged():
                node.roles.append(effect)
            case SlotsChanged():
                node.slots.append(effect)
            case PauseWrites():
                node.pauses.append(effect)
            case ServingChanged():
                pass

    def _send(self, node: Node, effect: Send) -> None:
        target = self.by_address.get(effect.to)
        self.sent.append((self.now_ms, node.name, target.name if target else "?", effect.message))
        frame = encode(effect.message)
        reliable = effect.reliable or len(frame) > 1400
        if target is None or (not reliable and self.rng.random() < self.loss):
            return
        delay_ms = self.latency_ms + self.rng.randint(0, self.latency_ms)
        self._at(self.now_ms + delay_ms, lambda: self._deliver(node, target.name, decode(frame)))

    def _deliver(self, source: Node, name: str, message: Message) -> None:
        target = self.nodes.get(name)
        if target is None or not target.alive or self.cut(source, target):
            return
        if target.paused:
            target.held.append((source.address, message))
            return
        target.core.receive(self.now_ms, source.address, message)
        self._after(target)

    # looking

    def running(self) -> list[Node]:
        return [node for node in self.nodes.values() if node.alive and not node.paused]

    def agree(self) -> bool:
        """Whether all running nodes have the same view."""
        cores = [node.core for node in self.running()]
        views = [(core.view_hash, self.map(core)) for core in cores]
        return all(view == views[0] for view in views)

    def map(self, core: Core) -> list[tuple[str, list[tuple[int, int]]]]:
        """Who owns what, as a node sees it."""
        return [(peer.node_id, core.slot_ranges(peer.node_id)) for peer in core.primaries]

    def owner(self, slot: int, seen_by: str) -> str:
        peer = self.core(seen_by).owners[slot]
        return self.name_of(peer.node_id if peer else None)

    def servers(self, slot: int) -> list[str]:
        """The running nodes that would serve a client on this slot."""
        return [node.name for node in self.running() if node.core.serving[slot]]
