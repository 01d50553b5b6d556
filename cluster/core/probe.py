"""Who is there: members probed by chance, all the time.

Every period k members (cluster-gossip-fanout) are probed: the next one on the ring of ids, and others, in
clusters below SMALL_CLUSTER in turn, in an order drawn anew for each round, above that drawn by chance. So
about k others a period come upon a dead one, all together, and the first of them tells the rest
(suspicion.py). Were all drawn by chance, one member in e**k would be passed over for a period, and one in
e**2k for two. The period is half of node-timeout, but neither shorter nor longer than what a node may send
when nothing happens: each is probed within half of node-timeout by somebody, not by all.

No answer: the probe is repeated after a few round trips, and three others are asked to try, so that a lost
datagram or a broken path between the two is no death. After some tries the member is doubted. How many grows
with the cluster: false doubts come with the number of nodes, and each is told to all. Those who try for
others, or look because of a doubt, ask nobody in turn. Still no answer after node-timeout: PFAIL.

FAIL members are probed as well. That is how the two halves of a healed partition find each other. What can
go wrong: a node that was started at another address while it was cut off is answered at the old one, and
hears no answer, ever. So whoever is probed as a suspect is also told where the prober is, at its incarnation
of now: of two that hold each other for dead, one knowing the way is enough.

A node must stop to serve when it is cut off from the majority of the primaries, but k members a second would
take it minutes to miss the majority of a thousand. So when several do not answer at once it asks a sample of
the primaries, and all of them when many of those are silent: with a tenth of the members dead, thousands are
not asked by thousands.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from cluster.core.local_health import LocalHealth
from cluster.core.peers import Peer
from cluster.core.round_trip import RoundTrip
from cluster.core.state import State
from protocol.gossip.messages import Ack, Probe, ProbeRequest, Vouch

SMALL_CLUSTER = 64
PERIOD_MAX_MS = 1000
PERIOD_MIN_MS = 500
"""At three probes a period a node sends 1 kB/s."""
RETRY_MIN_MS = 20
RETRY_TRIPS = 8
HELPERS = 3
ERRANDS_MAX = 1024
ASKERS_MAX = 16
MISSED_MIN = 2
"""So many members that do not answer at once, and it may be us who is cut off."""
SAMPLE = 32
SILENT_SHARE = 1 / 3
"""More of the sample than this silent, and all are asked: with a tenth dead and a twentieth of the datagrams
lost it is one sample in forty, with the majority out of reach all but one in thousands."""


@dataclass(slots=True)
class _Wait:
    """An answer that is awaited. `helped`: this node came upon the member by itself, and so others are asked
    and told."""

    due_ms: int
    sent_ms: int
    number: int
    tries: int
    helped: bool


class Prober:
    """`answered(peer, ack)` is called for each answer; `alive(peer)` for each sign of life, direct or not;
    `doubts(peer)` when there was none for some tries; `accuses(peer)` when one is probed in its turn that
    is suspected or FAIL; `assented(peer, sent_ms, doubted)` when the last probe, sent then, was answered and
    our claim not called stale."""

    def __init__(self, state: State, round_trip: RoundTrip) -> None:
        self._state = state
        self._round_trip = round_trip
        self._health = LocalHealth()
        self._round: list[str] = []
        self._next_ms = state.now_ms
        self._waiting: dict[str, _Wait] = {}
        # Heaps, which may have what is no longer so: with many waits none is looked at before its time.
        self._due: list[tuple[int, str]] = []
        self._owing: list[tuple[int, str]] = []
        self._missed: set[str] = set()
        self._asked_ms = state.now_ms - state.settings.node_timeout_ms
        self._sample: list[str] = []
        self._sample_due_ms = 0
        self._errands: dict[str, dict[str, int]] = {}
        self.next_number = 1
        self.answered: Callable[[Peer, Ack], None] = lambda _peer, _ack: None
        self.alive: Callable[[Peer], None] = lambda _: None
        self.assented: Callable[[Peer, int, tuple[str, ...]], None] = lambda _peer, _sent_ms, _doubted: None
        self.doubts: Callable[[Peer], None] = lambda _: None
        self.accuses: Callable[[Peer], None] = lambda _: None

    def deadline_ms(self) -> int | None:
        next_ms = min(self._next_ms, self._sample_due_ms) if self._sample else self._next_ms
        while self._due:
            due_ms, node_id = self._due[0]
            wait = self._waiting.get(node_id)
            if wait is not None and wait.due_ms == due_ms:
                return min(next_ms, due_ms)
            heapq.heappop(self._due)
        return next_ms

    def silent(self, timeout_ms: int) -> list[Peer]:
        """The members that have owed an answer for so long and are not suspected yet."""
        found: dict[str, Peer] = {}
        while (peer := self._owes_longest()) is not None:
            if peer.ping_sent_ms > self._state.now_ms - timeout_ms:
                break
            heapq.heappop(self._owing)
            found[peer.node_id] = peer
        return list(found.values())

    def silent_ms(self, timeout_ms: int) -> int | None:
        """When the next member will have owed one for so long."""
        peer = self._owes_longest()
        return None if peer is None else peer.ping_sent_ms + timeout_ms

    def _owes_longest(self) -> Peer | None:
        while self._owing:
            since_ms, node_id = self._owing[0]
            if node_id in self._waiting:
                peer = self._state.member(node_id)
                if peer is not None and peer.ping_sent_ms == since_ms and not peer.suspected:
                    return peer
            heapq.heappop(self._owing)
        return None

    def tick(self) -> None:
        now_ms = self._state.now_ms
        while self._due and self._due[0][0] <= now_ms:
            due_ms, node_id = heapq.heappop(self._due)
            wait = self._waiting.get(node_id)
            if wait is not None and wait.due_ms == due_ms:
                self._retry(node_id, wait)
        if self._sample and now_ms >= self._sample_due_ms:
            self._end_sample()
        if now_ms < self._next_ms:
            return
        self._next_ms = now_ms + self._period_ms()
        self._health.end_period()
        for peer in self._next_members():
            if peer.node_id not in self._waiting:
                self.probe(peer, helped=True)
                if peer.suspected or peer.fail_holds():
                    self.accuses(peer)

    def _period_ms(self) -> int:
        return max(PERIOD_MIN_MS, min(PERIOD_MAX_MS, self._state.settings.node_timeout_ms // 2))

    def _retry_ms(self, tries: int, *, helped: bool) -> int:
        """Soon while it may be a lost datagram that makes a doubt; with none to raise, or after it, four
        times in node-timeout."""
        slow_ms = max(RETRY_MIN_MS, self._state.settings.node_timeout_ms // 4)
        if tries > self._tries_max() or not helped:
            return slow_ms
        wait_ms = max(RETRY_MIN_MS, RETRY_TRIPS * self._round_trip.timeout_ms(1))
        return min(slow_ms, self._health.slowed_ms(wait_ms))

    def _tries_max(self) -> int:
        """How many tries without an answer make a doubt."""
        return 2 + round(math.log10(len(self._state.roster)) / 2)

    def _next_members(self) -> list[Peer]:
        state = self._state
        members = state.members
        if not members:
            return []
        # This node is not among the members: the next one has its place there.
        place = (state.place(state.me.node_id) or 0) % len(members)
        chosen = {members[place].node_id: members[place]}
        for _ in range(2 * state.settings.gossip_fanout):
            if len(chosen) == min(state.settings.gossip_fanout, len(members)):
                break
            other = self._next_in_turn() if len(members) < SMALL_CLUSTER else state.rng.choice(members)
            if other is not None:
                chosen[other.node_id] = other
        return list(chosen.values())

    def _next_in_turn(self) -> Peer | None:
        while self._round:
            peer = self._state.member(self._round.pop())
            if peer is not None:
                return peer
        self._round = [peer.node_id for peer in self._state.members]
        self._state.rng.shuffle(self._round)
        return self._state.member(self._round.pop()) if self._round else None

    def probe(self, peer: Peer, *, helped: bool = False) -> None:
        """Asks a member whether it is there; telling a suspect so, that it can defend itself."""
        state = self._state
        is_owed = peer.ping_sent_ms != 0
        if not is_owed:
            peer.ping_sent_ms = state.now_ms
        number, self.next_number = self.next_number, self.next_number % 0xFFFFFFFF + 1
        before = self._waiting.get(peer.node_id)
        tries = before.tries + 1 if before is not None else 1
        helped = helped or (before is not None and before.helped)
        due_ms = state.now_ms + self._retry_ms(tries, helped=helped)
        self._waiting[peer.node_id] = _Wait(due_ms, state.now_ms, number, tries, helped)
        heapq.heappush(self._due, (due_ms, peer.node_id))
        if not (before is not None and is_owed) and not peer.suspected:
            heapq.heappush(self._owing, (peer.ping_sent_ms, peer.node_id))
        message = Probe(
            state.me.node_id, state.current_epoch, number, state.view_hash, state.offset, accusation(peer)
        )
        state.send(peer, message)

    def probe_all(self, peers: Iterable[Peer]) -> None:
        for peer in peers:
            if peer is not self._state.me:
                self.probe(peer)

    def restart_waiting(self) -> None:
        """Our own loop was late: what has not been answered may lie unread. Every wait begins anew."""
        self._health.worse()
        now_ms = self._state.now_ms
        for node_id in self._waiting:
            peer = self._state.member(node_id)
            if peer is not None and not peer.suspected:
                peer.ping_sent_ms = now_ms
                heapq.heappush(self._owing, (now_ms, node_id))
        self._missed.clear()
        self._sample.clear()
        self._next_ms = min(self._next_ms, now_ms)

    def _retry(self, node_id: str, wait: _Wait) -> None:
        peer = self._state.member(node_id)
        if peer is None or peer.suspected or peer.failed:
            # It will be probed again by and by; until then nobody waits for it.
            del self._waiting[node_id]
            self._missed.discard(node_id)
            return
        self.probe(peer)
        if wait.helped:
            self._miss(peer)
        if wait.helped and wait.tries < self._tries_max():
            self._ask_others(peer)
        elif wait.helped and wait.tries == self._tries_max():
            self.doubts(peer)

    def _miss(self, peer: Peer) -> None:
        """One that this node came upon by itself does not answer."""
        state = self._state
        self._missed.add(peer.node_id)
        if len(self._missed) < min(MISSED_MIN, len(state.members)):
            return
        if state.now_ms - self._asked_ms >= state.settings.node_timeout_ms:
            self._asked_ms = state.now_ms
            others = self._not_asked()
            if len(others) > SAMPLE:
                others = state.rng.sample(others, SAMPLE)
                self._sample = [peer.node_id for peer in others]
                self._sample_due_ms = state.now_ms + self._retry_ms(1, helped=True)
            self.probe_all(others)

    def _not_asked(self) -> list[Peer]:
        """The primaries whose answers say whether we are cut off."""
        state = self._state
        return [
            primary
            for primary in state.primaries
            if primary.node_id not in self._waiting and primary.node_id not in state.troubled
        ]

    def _end_sample(self) -> None:
        silent = sum(node_id in self._waiting for node_id in self._sample)
        if silent > SILENT_SHARE * len(self._sample):
            self.probe_all(self._not_asked())
        self._sample.clear()

    def _ask_others(self, peer: Peer) -> None:
        state = self._state
        members = state.members
        for place in state.rng.sample(range(len(members)), min(HELPERS + 1, len(members))):
            helper = members[place]
            if helper is not peer and helper.reachable:
                state.send(helper, ProbeRequest(state.me.node_id, state.current_epoch, peer.node_id))

    def receive_probe(self, source: Peer, message: Probe, *, stale: bool, doubted: tuple[str, ...]) -> None:
        source.replication_offset = message.offset
        if message.accused:
            self._health.worse()
        state = self._state
        answer = Ack(
            state.me.node_id,
            state.current_epoch,
            message.number,
            state.view_hash,
            state.offset,
            accusation(source),
            stale,
            doubted,
        )
        state.send(source, answer)

    def receive_ack(self, source: Peer, message: Ack) -> None:
        source.replication_offset = message.offset
        source.pong_received_ms = self._state.now_ms
        wait = self._waiting.get(source.node_id)
        if wait is not None and wait.number == message.number:
            self._round_trip.sample(self._state.now_ms - wait.sent_ms)
            if not message.stale:
                self.assented(source, wait.sent_ms, message.doubted)
        self._is_alive(source)
        self.answered(source, message)
        for asker_id in self._errands.pop(source.node_id, ()):
            asker = self._state.member(asker_id)
            if asker is not None:
                vouch = Vouch(self._state.me.node_id, self._state.current_epoch, source.node_id)
                self._state.send(asker, vouch)

    def _is_alive(self, peer: Peer) -> None:
        peer.ping_sent_ms = 0
        peer.reachable = True
        self._waiting.pop(peer.node_id, None)
        self._missed.discard(peer.node_id)
        self.alive(peer)

    def receive_request(self, source: Peer, message: ProbeRequest) -> None:
        target = self._state.member(message.target_id)
        if target is None or target is source:
            return
        now_ms = self._state.now_ms
        if len(self._errands) >= ERRANDS_MAX:
            self._errands = {
                target_id: askers
                for target_id, askers in self._errands.items()
                if any(until_ms > now_ms for until_ms in askers.values())
            }
        askers = self._errands.get(target.node_id, {})
        if len(self._errands) < ERRANDS_MAX and len(askers) < ASKERS_MAX:
            askers[source.node_id] = now_ms + self._state.settings.node_timeout_ms
            self._errands[target.node_id] = askers
            self.probe(target)

    def receive_vouch(self, source: Peer, message: Vouch) -> None:
        peer = self._state.member(message.target_id)
        if peer is not None and peer is not source and peer.node_id in self._waiting:
            self._is_alive(peer)


def accusation(peer: Peer) -> int:
    """The incarnation at which we hold a member for PFAIL or FAIL; 0 when we do not."""
    return peer.incarnation if peer.suspected or peer.fail_holds() else 0
