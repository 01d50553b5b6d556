"""Who is there: members probed by chance, all the time.

Every period k members (cluster-gossip-fanout) are probed. In clusters below SMALL_CLUSTER they are taken in
turn, in an order drawn anew for each round, and the period is such that each is probed within half of
node-timeout. Above that it is a second and k members drawn by chance, whatever the size: about k others a
second come upon a dead one, all together, and the first of them tells the rest (suspicion.py).

No answer: the probe is repeated after a few round trips, and three others are asked to try, so that a lost
datagram or a broken path between the two is no death. After some tries the member is doubted. How many grows
with the cluster: false doubts come with the number of nodes, and each is told to all. Those who try for
others, or look because of a doubt, ask nobody in turn. Still no answer after node-timeout: PFAIL.

FAIL members are probed as well. That is how the two halves of a healed partition find each other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from cluster.core.peers import Peer
from cluster.core.round_trip import RoundTrip
from cluster.core.state import State
from protocol.gossip.messages import Ack, Probe, ProbeRequest, Vouch

SMALL_CLUSTER = 64
PERIOD_MAX_MS = 1000
PERIOD_MIN_MS = 10
RETRY_MIN_MS = 20
RETRY_TRIPS = 8
HELPERS = 3
ERRANDS_MAX = 1024


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
    `doubts(peer)` when there was none for some tries."""

    def __init__(self, state: State, round_trip: RoundTrip) -> None:
        self._state = state
        self._round_trip = round_trip
        self._round: list[str] = []
        self._next_ms = state.now_ms
        self._waiting: dict[str, _Wait] = {}
        self._errands: dict[tuple[str, str], int] = {}
        self.next_number = 1
        self.answered: Callable[[Peer, Ack], None] = lambda _peer, _ack: None
        self.alive: Callable[[Peer], None] = lambda _: None
        self.doubts: Callable[[Peer], None] = lambda _: None

    def deadline_ms(self) -> int | None:
        return min([self._next_ms, *(wait.due_ms for wait in self._waiting.values())])

    def silent(self, timeout_ms: int) -> list[Peer]:
        """The members that have owed an answer for so long and are not suspected yet."""
        until_ms = self._state.now_ms - timeout_ms
        return [peer for peer in self._owing() if peer.ping_sent_ms <= until_ms]

    def silent_ms(self, timeout_ms: int) -> int | None:
        """When the next member will have owed one for so long."""
        return min((peer.ping_sent_ms + timeout_ms for peer in self._owing()), default=None)

    def _owing(self) -> list[Peer]:
        if not self._waiting:
            return []
        peers = [self._state.member(node_id) for node_id in self._waiting]
        return [peer for peer in peers if peer is not None and peer.ping_sent_ms and not peer.suspected]

    def tick(self) -> None:
        now_ms = self._state.now_ms
        for node_id in [node_id for node_id, wait in self._waiting.items() if wait.due_ms <= now_ms]:
            self._retry(node_id)
        if now_ms < self._next_ms:
            return
        self._next_ms = now_ms + self._period_ms()
        for _ in range(min(self._state.settings.gossip_fanout, len(self._state.members))):
            peer = self._next_member()
            if peer is not None and peer.node_id not in self._waiting:
                self.probe(peer, helped=True)

    def _period_ms(self) -> int:
        others = len(self._state.members)
        if not others or others >= SMALL_CLUSTER:
            return PERIOD_MAX_MS
        fair_ms = self._state.settings.node_timeout_ms * self._state.settings.gossip_fanout // (2 * others)
        return max(PERIOD_MIN_MS, min(PERIOD_MAX_MS, fair_ms))

    def _retry_ms(self, tries: int) -> int:
        """Soon while it may be a lost datagram, then five times in a node-timeout."""
        slow_ms = max(RETRY_MIN_MS, self._state.settings.node_timeout_ms // 5)
        if tries > self._tries_max():
            return slow_ms
        return min(slow_ms, max(RETRY_MIN_MS, RETRY_TRIPS * self._round_trip.timeout_ms(1)))

    def _tries_max(self) -> int:
        """How many tries without an answer make a doubt."""
        return 2 + round(math.log10(len(self._state.roster)) / 2)

    def _next_member(self) -> Peer | None:
        members = self._state.members
        if len(members) >= SMALL_CLUSTER:
            return members[self._state.rng.randrange(len(members))]
        while self._round:
            peer = self._state.member(self._round.pop())
            if peer is not None:
                return peer
        self._round = [peer.node_id for peer in members]
        self._state.rng.shuffle(self._round)
        return self._state.member(self._round.pop()) if self._round else None

    def probe(self, peer: Peer, *, helped: bool = False) -> None:
        """Asks a member whether it is there; telling a suspect so, that it can defend itself."""
        state = self._state
        if not peer.ping_sent_ms:
            peer.ping_sent_ms = state.now_ms
        number, self.next_number = self.next_number, self.next_number % 0xFFFFFFFF + 1
        before = self._waiting.get(peer.node_id)
        tries = before.tries + 1 if before is not None else 1
        helped = helped or (before is not None and before.helped)
        due_ms = state.now_ms + self._retry_ms(tries)
        self._waiting[peer.node_id] = _Wait(due_ms, state.now_ms, number, tries, helped)
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
        now_ms = self._state.now_ms
        for node_id in self._waiting:
            peer = self._state.member(node_id)
            if peer is not None and not peer.suspected:
                peer.ping_sent_ms = now_ms
        self._next_ms = min(self._next_ms, now_ms)

    def _retry(self, node_id: str) -> None:
        wait = self._waiting[node_id]
        peer = self._state.member(node_id)
        if peer is None or peer.suspected or peer.failed:
            # It will be probed again by and by; until then nobody waits for it.
            del self._waiting[node_id]
            return
        self.probe(peer)
        if wait.helped and wait.tries < self._tries_max():
            self._ask_others(peer)
        elif wait.helped and wait.tries == self._tries_max():
            self.doubts(peer)

    def _ask_others(self, peer: Peer) -> None:
        state = self._state
        members = state.members
        for place in state.rng.sample(range(len(members)), min(HELPERS + 1, len(members))):
            helper = members[place]
            if helper is not peer and helper.reachable:
                state.send(helper, ProbeRequest(state.me.node_id, state.current_epoch, peer.node_id))

    def receive_probe(self, source: Peer, message: Probe, *, stale: bool) -> None:
        source.replication_offset = message.offset
        state = self._state
        answer = Ack(
            state.me.node_id,
            state.current_epoch,
            message.number,
            state.view_hash,
            state.offset,
            accusation(source),
            stale,
        )
        state.send(source, answer)

    def receive_ack(self, source: Peer, message: Ack) -> None:
        source.replication_offset = message.offset
        source.pong_received_ms = self._state.now_ms
        wait = self._waiting.get(source.node_id)
        if wait is not None and wait.number == message.number:
            self._round_trip.sample(self._state.now_ms - wait.sent_ms)
        self._is_alive(source)
        self.answered(source, message)
        for asker_id, target_id in [errand for errand in self._errands if errand[1] == source.node_id]:
            del self._errands[asker_id, target_id]
            asker = self._state.member(asker_id)
            if asker is not None:
                self._state.send(asker, Vouch(self._state.me.node_id, self._state.current_epoch, target_id))

    def _is_alive(self, peer: Peer) -> None:
        peer.ping_sent_ms = 0
        peer.reachable = True
        self._waiting.pop(peer.node_id, None)
        self.alive(peer)

    def receive_request(self, source: Peer, message: ProbeRequest) -> None:
        target = self._state.member(message.target_id)
        if target is None or target is source:
            return
        now_ms = self._state.now_ms
        if len(self._errands) >= ERRANDS_MAX:
            self._errands = {errand: until for errand, until in self._errands.items() if until > now_ms}
        if len(self._errands) < ERRANDS_MAX:
            self._errands[source.node_id, target.node_id] = now_ms + self._state.settings.node_timeout_ms
            self.probe(target)

    def receive_vouch(self, source: Peer, message: Vouch) -> None:
        peer = self._state.member(message.target_id)
        if peer is not None and peer is not source and peer.node_id in self._waiting:
            self._is_alive(peer)


def accusation(peer: Peer) -> int:
    """The incarnation at which we hold a member for PFAIL or FAIL; 0 when we do not."""
    return peer.incarnation if peer.suspected or peer.fail_holds() else 0
