"""Many cores in one process: production cluster.core, nothing around it but this.

The simulation carries out the cores' effects on a network, disks and clocks that can fail. Virtual time,
one heap of events, one seed: the same seed and the same calls give the same history.

What a message weighs is the length of its real frame. What is persisted is kept as the text of nodes.conf
where a node may be restarted, and only counted in clusters of `KEEP_DISKS_MAX` nodes and more.
"""

from __future__ import annotations

import copy
import heapq
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from cluster.core.core import Core, Settings
from cluster.core.effects import Address, Deliver, Effect, PauseWrites, Persist, RoleChanged, Send, Trace
from cluster.core.orders import AddSlots, Meet, Order, Replicate, ReplicationStatus, SetConfigEpoch
from cluster.core.peers import Peer
from cluster.core.roster import Base
from cluster.core.snapshot import saved_text
from protocol.gossip.codec import DATAGRAM_BYTES_MAX, encoded_bytes
from protocol.gossip.messages import Message
from tools.sim import formed
from tools.sim.clock import Standstill
from tools.sim.fabric import Fabric, Weather

START_MS = 1_000_000
KEEP_DISKS_MAX = 100
TICKS_AT_ONCE_MAX = 1000
SOCKET_BYTES = 212_992
"""What waits for a process that does not read: Linux's default for a datagram socket."""


@dataclass(eq=False, slots=True)
class SimNode:
    """One node. `disk` is its nodes.conf, `durable` what of that a power cut leaves; `held` what has come
    while it was paused. `clock_rate` is how fast its clock goes; `fsync_us` how long its disk takes."""

    name: str
    number: int
    core: Core
    address: Address
    disk: str | None = None
    durable: str | None = None
    alive: bool = True
    paused: bool = False
    held: list[tuple[Address, Message]] = field(default_factory=list)
    held_bytes: int = 0
    timer_us: int = 0
    ticked_us: int = 0
    ticks_at_once: int = 0
    clock_rate: float = 1.0
    clock_us: int = START_MS * 1000
    clock_set_us: int = START_MS * 1000
    fsync_us: int = 0
    busy_until_us: int = 0
    offset: int = 0
    link_down_since_ms: int = 0
    links_seen: int = -1
    view_hash: int = 0
    bytes_sent: int = 0
    runs: int = 0

    @property
    def is_running(self) -> bool:
        return self.alive and not self.paused

    def now_ms(self, now_us: int) -> int:
        """What its clock shows."""
        if self.clock_rate == 1.0:
            return (self.clock_us + now_us - self.clock_set_us) // 1000
        return int(self.clock_us + (now_us - self.clock_set_us) * self.clock_rate) // 1000

    def when_us(self, clock_ms: int, now_us: int) -> int:
        """When its clock will show this; not before now."""
        ahead_us = clock_ms * 1000 - self.clock_us
        when_us = self.clock_set_us + ahead_us
        if self.clock_rate != 1.0:
            when_us = self.clock_set_us + int(ahead_us / self.clock_rate) + 1
        return max(when_us, now_us)

    def drift(self, rate: float, now_us: int) -> None:
        """From now on its clock goes at this rate."""
        self.clock_us = int(self.clock_us + (now_us - self.clock_set_us) * self.clock_rate)
        self.clock_set_us = now_us
        self.clock_rate = rate


@dataclass(slots=True)
class Traffic:
    """What has been sent, by kind."""

    messages: Counter[str] = field(default_factory=Counter)
    bytes: Counter[str] = field(default_factory=Counter)

    def clear(self) -> None:
        self.messages.clear()
        self.bytes.clear()


class Flock:
    """Nodes n1, n2, ... `watch` is called with a node after each of its inputs, `sends` with each message
    that leaves one, and `delivers` with what others publish: that is how figures are measured and invariants
    checked."""

    def __init__(
        self, seed: int = 1, *, settings: Settings | None = None, weather: Weather | None = None
    ) -> None:
        self.seed = seed
        self.rng = random.Random(f"flock {seed}")
        self.settings = settings or Settings(node_timeout_ms=1000)
        self.fabric = Fabric(self.rng, weather or Weather())
        self.now_us = START_MS * 1000
        self.nodes: dict[str, SimNode] = {}
        self.by_address: dict[Address, SimNode] = {}
        self.by_id: dict[str, SimNode] = {}
        self.views: Counter[int] = Counter()
        self.traffic = Traffic()
        self.trace: list[str] | None = None
        self.events = 0
        self.keeps_disks = True
        self.watch: Callable[[SimNode], None] | None = None
        self.sends: Callable[[SimNode, Send], None] | None = None
        self.delivers: Callable[[SimNode, Deliver], None] | None = None
        self._links = 0
        self._heap: list[tuple[int, int, Callable[..., None], tuple[object, ...]]] = []
        self._count = 0

    @property
    def now_ms(self) -> int:
        """Since the beginning, whatever nodes' clocks show."""
        return self.now_us // 1000

    # making nodes

    def load(self, count: int, primaries: int) -> None:
        """A formed cluster, its nodes in the middle of their lives: all know the same."""
        peers = formed.members(self.rng, count, primaries)
        base = formed.whole(peers)
        self._load(peers, lambda _: base)

    def load_parted(self, count: int, primaries: int) -> tuple[list[str], list[str]]:
        """A cluster that was cut into random halves a while ago, each with its view of the other; who is on
        either side, by name."""
        peers = formed.members(self.rng, count, primaries)
        numbers = self.rng.sample(range(count), count)
        halves = numbers[: count // 2], numbers[count // 2 :]
        ids = [{peers[number].node_id for number in half} for half in halves]
        bases = [formed.of_one_side(peers, side, self.now_ms) for side in ids]
        names = [f"n{number + 1}" for number in halves[0]], [f"n{number + 1}" for number in halves[1]]
        self.fabric.split(*names)
        self._load(peers, lambda node_id: bases[node_id in ids[1]])
        return names

    def _load(self, peers: Sequence[Peer], base_of: Callable[[str], Base]) -> None:
        self.keeps_disks = len(peers) < KEEP_DISKS_MAX
        for number, peer in enumerate(peers, 1):
            name, base = f"n{number}", base_of(peer.node_id)
            rng = random.Random(f"{self.seed} {name}")
            # Probes begin anywhere in a second, as those of nodes do that were started one after the other.
            begin_ms = self.now_ms + self.rng.randrange(1000)
            me = copy.copy(base.peers[peer.node_id])
            core = Core.formed(copy.copy(self.settings), rng, begin_ms, me, base)
            core.incarnation_kept = me.incarnation
            disk = saved_text(core) if self.keeps_disks else None
            self._take(SimNode(name, number, core, Address(me.host, me.bus_port), disk, disk))

    def add(self, name: str, *, saved: str | None = None, host: str = "") -> SimNode:
        """A node of its own, new or come back with what was on its disk."""
        number = int(name[1:])
        old = self.nodes.get(name)
        host = host or (old.address.host if old is not None else formed.host(number))
        runs = old.runs + 1 if old is not None else 0
        rng = random.Random(f"{self.seed} {name} {runs}")
        address = Address(host, formed.BUS_PORT)
        clock = old or SimNode(name, number, None, address)  # type: ignore[arg-type]
        core = Core(
            copy.copy(self.settings), rng, clock.now_ms(self.now_us),
            host=host, port=7000, bus_port=formed.BUS_PORT, saved=saved,
        )  # fmt: skip
        node = SimNode(name, number, core, address, saved, saved, runs=runs)
        node.clock_us, node.clock_set_us, node.clock_rate = (
            clock.clock_us,
            clock.clock_set_us,
            clock.clock_rate,
        )
        node.fsync_us, node.offset = clock.fsync_us, clock.offset
        self._take(node)
        return node

    def _take(self, node: SimNode) -> None:
        self.nodes[node.name] = node
        self.by_address[node.address] = node
        self.by_id[node.core.me.node_id] = node
        self._links += 1
        self.views[0] += 1
        self._after(node)

    def form(self, primaries: int, replicas: int = 0) -> None:
        """A cluster made as redis-cli makes it: primaries n1.., then their replicas in turn."""
        names = [f"n{number}" for number in range(1, primaries * (1 + replicas) + 1)]
        for epoch, name in enumerate(names, 1):
            self.add(name)
            self.order(name, SetConfigEpoch(epoch))
        for place, name in enumerate(names[:primaries]):
            first, last = 16384 * place // primaries, 16384 * (place + 1) // primaries
            self.order(name, AddSlots(tuple(range(first, last))))
        for name in names[1:]:
            self.meet(name, names[0])
        everyone = len(names) - 1
        self.run_until(lambda: all(len(self.core(name).members) == everyone for name in names), 10_000)
        for place, name in enumerate(names[primaries:]):
            self.order(name, Replicate(self.id(names[place % primaries]), 0))
        self.run_until(lambda: all(self.core(name).is_ok for name in names) and self.agree(), 10_000)

    # looking

    def core(self, name: str) -> Core:
        return self.nodes[name].core

    def id(self, name: str) -> str:
        return self.core(name).me.node_id

    def name_of(self, node_id: str | None) -> str:
        """The node's name; with a prime for one whose disk was lost, and whose name another has now."""
        node = self.by_id.get(node_id or "")
        if node is None:
            return "?"
        return node.name if self.nodes[node.name].core.me.node_id == node_id else f"{node.name}'"

    def running(self) -> list[SimNode]:
        return [node for node in self.nodes.values() if node.is_running]

    def agree(self) -> bool:
        """Whether all running nodes have the same view."""
        running = self.running()
        if len({node.core.view_hash for node in running}) > 1:
            return False
        return len({(node.core.primary_ids, _owned(node.core)) for node in running}) <= 1

    # acting

    def order(self, name: str, order: Order) -> str:
        """Raises OrderRefused."""
        node = self.nodes[name]
        try:
            return node.core.order(node.now_ms(self.now_us), order)
        finally:
            self._after(node)

    def meet(self, name: str, other: str) -> None:
        address = self.nodes[other].address
        self.order(name, Meet(address.host, 7000, address.port))

    def rename(self, name: str, hostname: str) -> None:
        """CONFIG SET cluster-announce-hostname: a node has something to tell to all, and to no effect."""
        self.configure(name, "announce_hostname", hostname)

    def configure(self, name: str, setting: str, value: object) -> None:
        """CONFIG SET, in the words of Settings."""
        node = self.nodes[name]
        setattr(node.core.settings, setting, value)
        node.core.settings_changed(node.now_ms(self.now_us))
        self._after(node)

    def kill(self, name: str) -> None:
        """kill -9: what is on the disk stays."""
        node = self.nodes[name]
        if node.alive:
            node.alive = False
            node.held.clear()
            self._links += 1
            self._show_view(node, None)

    def power_cut(self, name: str) -> None:
        """What was not fsynced is lost as well."""
        self.kill(name)
        self.nodes[name].disk = self.nodes[name].durable

    def wipe(self, name: str) -> None:
        """The machine is lost, and its disk: whoever is started in its place is another node."""
        self.kill(name)
        self.nodes[name].disk = self.nodes[name].durable = None

    def restart(self, name: str, *, host: str = "") -> SimNode:
        """Starts a dead node with what is on its disk; on another host, if one is given."""
        self.kill(name)
        old = self.nodes[name]
        if self.by_address.get(old.address) is old:
            del self.by_address[old.address]
        return self.add(name, saved=old.disk, host=host)

    def stop(self, name: str) -> None:
        """SIGSTOP: nothing is done; what comes waits in the socket."""
        node = self.nodes[name]
        if node.alive and not node.paused:
            node.paused = True
            self._links += 1

    def resume(self, name: str) -> None:
        """SIGCONT: first what lay in the socket is read, then the timer fires: the worse order."""
        node = self.nodes[name]
        if node.paused:
            node.paused = False
            self._links += 1
            self._read_held(node)
            self._push(self.now_us, self._timer, (node,))

    def _read_held(self, node: SimNode) -> None:
        held, node.held, node.held_bytes = node.held, [], 0
        for place, (source, message) in enumerate(held):
            if not node.is_running or node.busy_until_us > self.now_us:
                node.held = held[place:] + node.held
                return
            node.core.receive(node.now_ms(self.now_us), source, message)
            self._after(node)

    # time

    def at(self, when_ms: int, action: Callable[..., None], *arguments: object) -> None:
        """Plans something from outside."""
        self._push(when_ms * 1000, action, arguments)

    def run(self, duration_ms: int) -> None:
        end_us = self.now_us + duration_ms * 1000
        heap, pop = self._heap, heapq.heappop
        while heap and heap[0][0] <= end_us:
            self.now_us, _, action, arguments = pop(heap)
            self.events += 1
            action(*arguments)
        self.now_us = end_us

    def run_until(self, condition: Callable[[], bool], limit_ms: int) -> int | None:
        """Runs until it holds; how many ms that took, or None when it does not within the limit."""
        start_us = self.now_us
        end_us = start_us + limit_ms * 1000
        heap, pop = self._heap, heapq.heappop
        while not condition():
            if not heap or heap[0][0] > end_us:
                self.now_us = max(self.now_us, end_us)
                return None
            self.now_us, _, action, arguments = pop(heap)
            self.events += 1
            action(*arguments)
        return (self.now_us - start_us) // 1000

    def _push(self, when_us: int, action: Callable[..., None], arguments: tuple[object, ...]) -> None:
        self._count += 1
        heapq.heappush(self._heap, (when_us, self._count, action, arguments))

    # what goes on at a node

    def _after(self, node: SimNode) -> None:
        """After each input: carries out what the core wants, and sees that its timer is set."""
        core = node.core
        for effect in core.take_effects():
            self._carry_out(node, effect)
        deadline_ms = core.deadline_ms()
        if deadline_ms is not None:
            when_us = node.when_us(deadline_ms, self.now_us)
            if not self.now_us < node.timer_us <= when_us:
                node.timer_us = when_us
                self._push(when_us, self._timer, (node,))
        if core.view_hash != node.view_hash:
            self._show_view(node, core.view_hash)
            self.by_id.setdefault(core.me.node_id, node)
        if self.watch is not None:
            self.watch(node)

    def _show_view(self, node: SimNode, view_hash: int | None) -> None:
        """Keeps count of the views that running nodes have."""
        self.views[node.view_hash] -= 1
        if not self.views[node.view_hash]:
            del self.views[node.view_hash]
        if view_hash is not None:
            self.views[view_hash] += 1
            node.view_hash = view_hash

    def _timer(self, node: SimNode) -> None:
        if node.paused or not node.alive:
            return
        if node.busy_until_us > self.now_us:
            self._push(node.busy_until_us, self._timer, (node,))
            return
        now_ms = node.now_ms(self.now_us)
        deadline_ms = node.core.deadline_ms()
        if deadline_ms is None or deadline_ms > now_ms:
            if node.timer_us <= self.now_us:
                node.timer_us = 0
                self._after(node)
            return
        node.timer_us = 0
        if node.links_seen != self._links:
            self._tell_status(node, now_ms)
        node.ticks_at_once = node.ticks_at_once + 1 if node.ticked_us == self.now_us else 0
        if node.ticks_at_once > TICKS_AT_ONCE_MAX:
            raise Standstill(f"{node.name} is called at {now_ms} ms again and again")
        node.ticked_us = self.now_us
        node.core.tick(now_ms)
        self._after(node)

    def _tell_status(self, node: SimNode, now_ms: int) -> None:
        """A replica in touch with its primary has all of its stream at once."""
        node.links_seen = self._links
        leader_id = node.core.me.primary_id
        leader = self.by_id.get(leader_id or "")
        up = (
            leader is not None
            and leader.is_running
            and not self.fabric.is_cut(leader.name, node.name, self.now_us)
            and not self.fabric.is_cut(node.name, leader.name, self.now_us)
        )
        if up and leader is not None:
            node.offset = max(node.offset, leader.offset)
        if up or leader_id is None:
            node.link_down_since_ms = 0
        else:
            node.link_down_since_ms = node.link_down_since_ms or now_ms
        node.core.order(now_ms, ReplicationStatus(node.offset, up, node.link_down_since_ms))

    def links_changed(self) -> None:
        """Who reaches whom is no longer what it was, or what was written: replicas look anew."""
        self._links += 1

    def _carry_out(self, node: SimNode, effect: Effect) -> None:
        kind = type(effect)
        if kind is Send:
            self._send(node, effect)  # type: ignore[arg-type]
        elif isinstance(effect, Persist):
            self._persist(node, effect)
        elif isinstance(effect, RoleChanged):
            self._links += 1
            self.by_id[node.core.me.node_id] = node
        elif isinstance(effect, Deliver):
            if self.delivers is not None:
                self.delivers(node, effect)
        elif isinstance(effect, PauseWrites):
            # Asks to be told where the stream stands.
            node.links_seen = -1
        elif isinstance(effect, Trace) and self.trace is not None and effect.level in ("notice", "warning"):
            self.trace.append(f"{node.name} {effect.text}")

    def _persist(self, node: SimNode, effect: Persist) -> None:
        if self.keeps_disks:
            node.disk = effect.text
            if effect.durable:
                node.durable = node.disk
        if effect.durable and node.fsync_us:
            # The process waits for its disk: what it sends leaves after that, and what comes waits for it.
            node.busy_until_us = max(node.busy_until_us, self.now_us) + node.fsync_us
            self._push(node.busy_until_us, self._ready, (node,))

    def _ready(self, node: SimNode) -> None:
        if node.is_running and node.busy_until_us <= self.now_us:
            self._read_held(node)

    def _send(self, node: SimNode, effect: Send) -> None:
        message = effect.message
        size = encoded_bytes(message)
        traffic = self.traffic
        traffic.messages[message.kind] += 1
        traffic.bytes[message.kind] += size
        node.bytes_sent += size
        if self.sends is not None:
            self.sends(node, effect)
        target = self.by_address.get(effect.to)
        if target is None:
            return
        leaves_us = max(self.now_us, node.busy_until_us)
        if effect.reliable or size > DATAGRAM_BYTES_MAX:
            arrives_us = self.fabric.stream_us(node.name, target.name, leaves_us)
            if arrives_us is not None:
                self._push(arrives_us, self._deliver, (target, node, message, size))
            return
        for arrives_us in self.fabric.datagram_us(node.name, target.name, leaves_us):
            self._push(arrives_us, self._deliver, (target, node, message, size))

    def _deliver(self, target: SimNode, source: SimNode, message: Message, size: int) -> None:
        if not target.alive:
            return
        if target.paused or target.busy_until_us > self.now_us:
            if target.held_bytes + size <= SOCKET_BYTES:
                target.held.append((source.address, message))
                target.held_bytes += size
            return
        target.core.receive(target.now_ms(self.now_us), source.address, message)
        self._after(target)


def _owned(core: Core) -> tuple[int, ...]:
    return tuple(peer.owned for peer in core.primaries)
