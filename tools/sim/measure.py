"""What is measured of a simulated cluster: one function for each question, one seed for each answer.

All of them load a formed cluster, half of it primaries, let it come to rest, do one thing, and look.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from cluster.core.core import Settings
from cluster.core.effects import Send
from protocol.gossip.messages import Rumors
from tools.sim.fabric import Weather
from tools.sim.flock import Flock, SimNode

REST_MS = 2500
IDLE_MS = 10_000
PATIENCE_MS_MIN = 60_000
PATIENCE_NODE_TIMEOUTS = 4
DEAD_SHARE = 0.1
PAUSED_SHARE = 0.05
SPLIT_MS = 4000
PARTS_BY_ITSELF_MAX = 200


@dataclass(frozen=True, slots=True)
class Case:
    """What to simulate. Times in milliseconds; `loss` is a share of the datagrams."""

    nodes: int = 100
    primaries: int = 0
    fanout: int = 3
    seed: int = 1
    loss: float = 0.0
    latency_ms: float = 1.0
    jitter_ms: float = 0.0
    node_timeout_ms: int = 1000
    duration_ms: int = 0

    @property
    def primary_count(self) -> int:
        return self.primaries or max(1, self.nodes // 2)

    @property
    def patience_ms(self) -> int:
        """How long to wait for what may never come."""
        return max(PATIENCE_MS_MIN, PATIENCE_NODE_TIMEOUTS * self.node_timeout_ms)

    def flock(self) -> Flock:
        """The formed cluster."""
        flock = self._empty()
        flock.load(self.nodes, self.primary_count)
        return flock

    def parted(self) -> tuple[Flock, tuple[list[str], list[str]]]:
        """A cluster that was cut into halves a while ago; who is on either side."""
        flock = self._empty()
        return flock, flock.load_parted(self.nodes, self.primary_count)

    def _empty(self) -> Flock:
        settings = Settings(node_timeout_ms=self.node_timeout_ms, gossip_fanout=self.fanout)
        weather = Weather(int(self.latency_ms * 1000), int(self.jitter_ms * 1000), self.loss)
        return Flock(self.seed, settings=settings, weather=weather)

    def bereaved(self, dead: int) -> tuple[Flock, SimNode, list[SimNode]]:
        """The formed cluster when so many have just died and nobody knows it yet: one that lives, and the
        others that do. Traffic counts from here."""
        flock = self.flock()
        flock.run(REST_MS)
        origin, *others = flock.rng.sample(flock.running(), len(flock.nodes))
        for node in others[:dead]:
            flock.kill(node.name)
        flock.traffic.clear()
        return flock, origin, others[dead:]


@dataclass(slots=True)
class Outcome:
    """What one seed gave. `figures` by name, in the unit that ends the name, None for what did not come to
    pass; `times_ms` when each node had got there; `bytes_by_kind` what was sent meanwhile."""

    case: Case
    figures: dict[str, float | None]
    times_ms: list[float] = field(default_factory=list)
    bytes_by_kind: dict[str, int] = field(default_factory=dict)
    messages_by_kind: dict[str, int] = field(default_factory=dict)


class Arrivals:
    """Waits until a condition has come true at each of some nodes, and notes when."""

    def __init__(self, flock: Flock, nodes: Iterable[SimNode], holds: Callable[[SimNode], bool]) -> None:
        self.waiting = set(nodes)
        self.times_ms: list[float] = []
        self._flock = flock
        self._holds = holds
        self._begin_us = flock.now_us
        flock.watch = self.look
        for node in list(self.waiting):
            self.look(node)

    def look(self, node: SimNode) -> None:
        if node in self.waiting and self._holds(node):
            self.waiting.discard(node)
            self.times_ms.append((self._flock.now_us - self._begin_us) / 1000)

    def finish(self, limit_ms: int) -> float | None:
        """Runs until all are there: when the last one was, or None."""
        self._flock.run_until(lambda: not self.waiting, limit_ms)
        self._flock.watch = None
        return None if self.waiting else max(self.times_ms, default=0.0)


def idle(case: Case) -> Outcome:
    """What a node sends when nothing happens."""
    flock = case.flock()
    flock.run(REST_MS)
    flock.traffic.clear()
    duration_ms = case.duration_ms or IDLE_MS
    flock.run(duration_ms)
    share = case.nodes * duration_ms / 1000
    figures: dict[str, float | None] = {
        "bytes_per_node_s": flock.traffic.bytes.total() / share,
        "messages_per_node_s": flock.traffic.messages.total() / share,
    }
    return _outcome(case, flock, figures)


def rumor(case: Case) -> Outcome:
    """One node says something new: when all others know it, and with how many messages."""
    return _rumor(case, dead=0)


def rumor_with_dead(case: Case) -> Outcome:
    """The same when a tenth of the nodes have just died and nobody knows it yet."""
    return _rumor(case, dead=int(case.nodes * DEAD_SHARE))


def _rumor(case: Case, dead: int) -> Outcome:
    flock, origin, others = case.bereaved(dead)
    subject, before = origin.core.me.node_id, origin.core.me.incarnation
    arrivals = Arrivals(flock, others, lambda node: node.core.peers[subject].incarnation > before)
    sent = 0

    def count(_: SimNode, effect: Send) -> None:
        nonlocal sent
        message = effect.message
        if isinstance(message, Rumors):
            sent += any(rumor.fact.node_id == subject for rumor in message.rumors)

    flock.sends = count
    flock.rename(origin.name, "said.something.new")
    last_ms = arrivals.finish(case.patience_ms)
    if not dead:
        # What is said again by those who have not heard that it came, counts as well; but where many are dead
        # the messages are soon about them.
        flock.run(case.node_timeout_ms // 2)
    figures = {"last_ms": last_ms, "messages_per_node": sent / case.nodes}
    return _outcome(case, flock, figures, arrivals.times_ms)


def crash(case: Case) -> Outcome:
    """A primary dies: when every live node holds it for FAIL."""
    flock = case.flock()
    flock.run(REST_MS)
    victim = flock.rng.choice([node for node in flock.running() if not node.core.me.is_replica])
    flock.kill(victim.name)
    flock.traffic.clear()
    subject = victim.core.me.node_id
    arrivals = Arrivals(flock, flock.running(), lambda node: _fails(node, subject))
    last_ms = arrivals.finish(case.patience_ms)
    figures = {"first_ms": min(arrivals.times_ms, default=None), "last_ms": last_ms}
    figures["false_fails"] = false_fails(flock)
    return _outcome(case, flock, figures, arrivals.times_ms)


def _fails(node: SimNode, subject: str) -> bool:
    peer = node.core.troubled.get(subject)
    return peer is not None and peer.failed


def false_fails(flock: Flock) -> int:
    """How often one live node holds another for FAIL, whoever the two are."""
    living = {node.core.me.node_id for node in flock.running()}
    return sum(
        peer.failed and peer.node_id in living
        for node in flock.running()
        for peer in node.core.troubled.values()
    )


def heal(case: Case) -> Outcome:
    """The network parts into random halves, something happens in each, and it heals: when all views are
    equal. Large clusters begin parted: what they do until then grows with the square of the nodes."""
    if case.nodes > PARTS_BY_ITSELF_MAX:
        flock, halves = case.parted()
    else:
        flock = case.flock()
        flock.run(REST_MS)
        names = flock.rng.sample(list(flock.nodes), len(flock.nodes))
        halves = names[: len(names) // 2], names[len(names) // 2 :]
        flock.fabric.split(*halves)
        flock.links_changed()
    flock.run(SPLIT_MS)
    for half in halves:
        flock.rename(half[0], "seen.by.half")
    flock.run(200)
    views_before = len(flock.views)
    flock.fabric.heal()
    flock.links_changed()
    flock.traffic.clear()
    took_ms = flock.run_until(lambda: len(flock.views) == 1, case.patience_ms)
    figures = {"views_before": float(views_before), "last_ms": took_ms}
    return _outcome(case, flock, figures)


def shards(case: Case) -> Outcome:
    """All but a majority of the primaries die at once: FAIL everywhere, and every slot served again."""
    flock = case.flock()
    flock.run(REST_MS)
    primaries = [node for node in flock.nodes.values() if not node.core.me.is_replica]
    victims = flock.rng.sample(primaries, (len(primaries) - 1) // 2)
    for node in victims:
        flock.kill(node.name)
    flock.traffic.clear()
    dead = {node.core.me.node_id for node in victims}
    heirs = {node: node.core.me.primary_id for node in flock.running() if node.core.me.primary_id in dead}
    orphaned = set(heirs.values())
    begin_us = flock.now_us
    all_fail = Arrivals(flock, flock.running(), lambda node: _all_fail(node, dead))
    served: list[float] = []

    def watch(node: SimNode) -> None:
        all_fail.look(node)
        if heirs.get(node) in orphaned and not node.core.me.is_replica and any(node.core.serving):
            orphaned.remove(heirs[node])
            served.append((flock.now_us - begin_us) / 1000)

    flock.watch = watch
    flock.run_until(lambda: not orphaned and not all_fail.waiting, case.patience_ms)
    figures = {
        "fail_last_ms": None if all_fail.waiting else max(all_fail.times_ms),
        "served_last_ms": None if orphaned else max(served),
        "false_fails": false_fails(flock),
    }
    return _outcome(case, flock, figures, served)


def _all_fail(node: SimNode, dead: set[str]) -> bool:
    troubled = node.core.troubled
    if len(troubled) < len(dead):
        return False
    return all(node_id in troubled and troubled[node_id].failed for node_id in dead)


def pauses(case: Case) -> Outcome:
    """At any time a twentieth of the nodes stand still for less than half of node-timeout: how many pairs
    there are of a node and another that it ever holds for FAIL."""
    flock = case.flock()
    flock.run(REST_MS)
    end_ms = flock.now_ms + (case.duration_ms or 600_000)
    wrong: set[tuple[str, str]] = set()

    def watch(node: SimNode) -> None:
        for peer in node.core.troubled.values():
            if peer.failed:
                wrong.add((node.name, peer.node_id))

    def pause(name: str) -> None:
        length_ms = flock.rng.randrange(1, max(2, case.node_timeout_ms // 2))
        flock.stop(name)
        flock.at(flock.now_ms + length_ms, flock.resume, name)

    mean_ms = case.node_timeout_ms // 4
    every_ms = max(1, round(mean_ms / (case.nodes * PAUSED_SHARE)))
    flock.watch = watch
    while flock.now_ms < end_ms:
        pause(flock.rng.choice(flock.running()).name)
        flock.run(every_ms)
    return _outcome(case, flock, {"false_fails": len(wrong)})


def _outcome(
    case: Case, flock: Flock, figures: dict[str, float | None], times_ms: list[float] | None = None
) -> Outcome:
    figures["events"] = flock.events
    traffic = flock.traffic
    return Outcome(case, figures, times_ms or [], dict(traffic.bytes), dict(traffic.messages))


MEASURES: dict[str, Callable[[Case], Outcome]] = {
    "idle": idle,
    "rumor": rumor,
    "rumor-with-dead": rumor_with_dead,
    "crash": crash,
    "heal": heal,
    "shards": shards,
    "pauses": pauses,
}


def with_seed(case: Case, seed: int) -> Case:
    return replace(case, seed=seed)
