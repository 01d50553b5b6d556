"""Who is in the cluster: MEET, JOIN, ADDR, FORGET, RESET.

A newcomer sends Meet, again and again until it is answered or node-timeout is over; the answer brings the
other's id. The two then hand each other all they know, and each passes what is new to it on to the cluster
that it knew before: so also two whole clusters become one. Everyone else hears of a member by rumor.
"""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Callable

from cluster.core.announce import Announcer
from cluster.core.effects import Address, ServingChanged
from cluster.core.gossip import Gossip
from cluster.core.orders import Meet as MeetOrder
from cluster.core.orders import OrderRefused, Reset
from cluster.core.peers import Peer
from cluster.core.roles import Roles
from cluster.core.slots import Slots
from cluster.core.state import State
from protocol.gossip.messages import Meet, MemberFact, Welcome, is_credible

FORGET_BAN_MS = 60_000
HANDSHAKE_MIN_MS = 1000
MEET_PERIOD_MS = 200


def make_node_id(rng: random.Random) -> str:
    return f"{rng.getrandbits(160):040x}"


class Membership:
    def __init__(
        self, state: State, gossip: Gossip, announcer: Announcer, slots: Slots, roles: Roles
    ) -> None:
        self._state = state
        self._gossip = gossip
        self._announcer = announcer
        self._slots = slots
        self._roles = roles
        self._banned: dict[str, int] = {}
        self._next_meet_ms: int | None = None
        self.forgotten: Callable[[str], None] = lambda _: None
        self.exchange_views: Callable[[Peer], None] = lambda _: None

    # handshakes

    def meet(self, order: MeetOrder) -> None:
        """CLUSTER MEET. Raises OrderRefused."""
        try:
            host = str(ipaddress.ip_address(order.host))
        except ValueError:
            host = ""
        if not host or not (0 < order.port < 65536 and 0 < order.bus_port < 65536):
            raise OrderRefused(f"ERR Invalid node address specified: {order.host}:{order.port}")
        if any(peer.handshake and self._is_at(peer, host, order) for peer in self._state.peers.values()):
            return
        peer = Peer(
            make_node_id(self._state.rng), host, order.port, order.bus_port, handshake=True,
            handshake_since_ms=self._state.now_ms,
        )  # fmt: skip
        self._state.add(peer)
        self._next_meet_ms = self._state.now_ms

    @staticmethod
    def _is_at(peer: Peer, host: str, order: MeetOrder) -> bool:
        return peer.host == host and peer.port == order.port and peer.bus_port == order.bus_port

    def deadline_ms(self) -> int | None:
        return self._next_meet_ms

    def tick(self) -> None:
        now_ms = self._state.now_ms
        if self._next_meet_ms is None or now_ms < self._next_meet_ms:
            return
        self._next_meet_ms = None
        timeout_ms = max(self._state.settings.node_timeout_ms, HANDSHAKE_MIN_MS)
        for peer in [peer for peer in self._state.peers.values() if peer.handshake]:
            if now_ms - peer.handshake_since_ms > timeout_ms:
                self._state.remove(peer)
                continue
            me = self._state.me
            hello = Meet(me.node_id, self._state.current_epoch, me.member_fact(), me.claim_fact(), peer.host)
            self._state.send(peer, hello, reliable=True)
            self._next_meet_ms = now_ms + MEET_PERIOD_MS

    def receive_meet(self, source: Address, message: Meet) -> None:
        """A stranger (or a member that does not know it is one) wants in."""
        if message.sender == self._state.me.node_id or not self._is_its_own_word(message):
            return
        self._learn_own_host(message.target_host)
        self._banned.pop(message.sender, None)
        self._take_in(source, message)
        peer = self._state.member(message.sender)
        if peer is None:
            return
        me = self._state.me
        answer = Welcome(
            me.node_id, self._state.current_epoch, me.member_fact(), me.claim_fact(), source.host
        )
        self._state.send(peer, answer, reliable=True)

    def receive_welcome(self, source: Address, message: Welcome) -> None:
        """The answer to a Meet of ours; from anyone else it is not listened to."""
        asked = [
            peer
            for peer in self._state.peers.values()
            if peer.handshake and peer.host == source.host and peer.bus_port == message.member.bus_port
        ]
        if not asked or not self._is_its_own_word(message):
            return
        for peer in asked:
            self._state.remove(peer)
        if message.sender == self._state.me.node_id:
            return
        self._learn_own_host(message.seen_host)
        self._banned.pop(message.sender, None)
        self._take_in(source, message)
        member = self._state.member(message.sender)
        if member is not None:
            self.exchange_views(member)

    def _is_its_own_word(self, message: Meet | Welcome) -> bool:
        """Whether a stranger speaks of itself, and says nothing that the others would not believe."""
        ids = (message.member.node_id, message.claim.node_id)
        facts = (message.member, message.claim)
        epoch = self._state.current_epoch
        return ids == (message.sender,) * 2 and all(is_credible(fact, epoch) for fact in facts)

    def _take_in(self, source: Address, message: Meet | Welcome) -> None:
        fact = message.member
        self._state.sees_epoch(message.epoch)
        if self.merge(fact, source.host):
            member = self._state.peers[fact.node_id]
            self._gossip.spread(member.member_fact(), (fact.node_id,))
        if self._slots.merge(message.claim):
            self._gossip.spread(message.claim, (fact.node_id,))

    def _learn_own_host(self, host: str) -> None:
        """A node that listens on every address knows its own only from how others reach it."""
        if not self._state.me.host and host:
            self._state.me.host = host
            self._state.trace("warning", f"IP address for this node updated to {host}")
            self._announcer.member()

    # facts

    def merge(self, fact: MemberFact, source_host: str = "") -> bool:
        """Takes a member's presence; whether it was news. `source_host` is where it came from, if from
        itself."""
        state = self._state
        if fact.node_id == state.me.node_id:
            if fact.incarnation > state.me.incarnation:
                self._announcer.member(above=fact.incarnation)
            return False
        if self._is_banned(fact.node_id):
            return False
        peer = state.peers.get(fact.node_id)
        host = fact.host or source_host
        if peer is None:
            peer = Peer(fact.node_id, host, fact.port, fact.bus_port, reachable=True)
            state.add(peer)
            state.emit(ServingChanged())
        elif fact.incarnation <= peer.incarnation:
            return False
        self._update(peer, fact, host)
        return True

    def _update(self, peer: Peer, fact: MemberFact, host: str) -> None:
        moved = (peer.host, peer.port) != (host or peer.host, fact.port)
        peer.incarnation = fact.incarnation
        peer.host = host or peer.host
        peer.port = fact.port
        peer.bus_port = fact.bus_port
        peer.no_address = not peer.host
        peer.hostname = fact.hostname
        peer.no_failover = fact.no_failover
        self._state.rehash(peer)
        self._state.save()
        if moved:
            self._state.trace(
                "notice", f"Address updated for node {peer.node_id}, now {peer.host}:{peer.port}"
            )
            self._roles.tell_node()

    def _is_banned(self, node_id: str) -> bool:
        until_ms = self._banned.get(node_id)
        if until_ms is not None and until_ms <= self._state.now_ms:
            del self._banned[node_id]
            return False
        return until_ms is not None

    # orders

    def forget(self, node_id: str) -> None:
        """CLUSTER FORGET: here only, as in Redis, and for a minute against what others still tell. Raises
        OrderRefused."""
        state = self._state
        peer = state.peers.get(node_id)
        if peer is None:
            raise OrderRefused(f"ERR Unknown node {node_id}")
        if peer is state.me:
            raise OrderRefused("ERR I tried hard but I can't forget myself...")
        if state.me.is_replica and state.me.primary_id == node_id:
            raise OrderRefused("ERR Can't forget my master!")
        self._banned[node_id] = state.now_ms + FORGET_BAN_MS
        self._remove(peer)
        state.save(now=True)

    def _remove(self, peer: Peer) -> None:
        self._state.remove(peer)
        self._gossip.forget(peer.node_id)
        self.forgotten(peer.node_id)
        self._slots.drop_peer(peer)
        for table in (self._state.migrating, self._state.importing):
            for slot in [slot for slot, node_id in table.items() if node_id == peer.node_id]:
                del table[slot]
        self._state.emit(ServingChanged())

    def reset(self, order: Reset) -> None:
        """CLUSTER RESET. Raises OrderRefused."""
        state = self._state
        me = state.me
        if not me.is_replica and order.keys:
            raise OrderRefused("ERR CLUSTER RESET can't be called with master nodes containing keys")
        if me.is_replica:
            state.follows(me, None)
            self._roles.tell_node()
            self._roles.discard_data()
        self._roles.abandon()
        self._slots.clear()
        self._gossip.clear()
        for peer in [peer for peer in state.peers.values() if peer is not me]:
            state.remove(peer)
            self.forgotten(peer.node_id)
        if order.hard:
            self._become_new()
        # Said to nobody, for nobody is known; but whoever meets us next shall not believe what we claimed
        # before.
        self._announcer.claim()

    def _become_new(self) -> None:
        state = self._state
        state.current_epoch = state.last_vote_epoch = 0
        state.me.config_epoch = 0
        state.remove(state.me)
        state.me.node_id = make_node_id(state.rng)
        state.add(state.me)
        state.trace("notice", f"Node hard reset, now I'm {state.me.node_id}")
