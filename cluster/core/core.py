"""The only door of the cluster state machine: inputs go in with the time, effects come out.

After each input (receive, order, tick) the node carries out take_effects(), in order, and sets its timer
to deadline_ms(). The core does nothing by itself: the same inputs at the same times with the same random
numbers give the same effects.

A node that may have slept (SIGSTOP, a paused machine, a long command) must not serve on what it knew before:
the node around the core calls tick() before it serves a client at a time later than `lease_ends_ms`.
"""

from __future__ import annotations

import random
from functools import partial

from cluster.core import snapshot
from cluster.core.announce import Announcer
from cluster.core.antientropy import AntiEntropy
from cluster.core.effects import Address, Effect, Persist
from cluster.core.election import Election
from cluster.core.epochs import Epochs
from cluster.core.gossip import Gossip
from cluster.core.health import Health
from cluster.core.in_sync import InSyncSets
from cluster.core.manual_failover import ManualFailover
from cluster.core.membership import Membership, make_node_id
from cluster.core.migration import Migration
from cluster.core.orders import (
    AddSlots,
    BumpEpoch,
    DelSlots,
    Failover,
    FlushSlots,
    Forget,
    Meet,
    Order,
    OrderRefused,
    ProposeInSync,
    Publish,
    Replicate,
    ReplicationStatus,
    Reset,
    SaveConfig,
    SetConfigEpoch,
    SetSlotImporting,
    SetSlotMigrating,
    SetSlotNode,
    SetSlotStable,
)
from cluster.core.peers import Peer
from cluster.core.probe import Prober
from cluster.core.publishing import Publishing
from cluster.core.roles import Roles
from cluster.core.roster import Base
from cluster.core.round_trip import RoundTrip
from cluster.core.settings import Settings
from cluster.core.slots import Slots
from cluster.core.spare_replicas import SpareReplicas
from cluster.core.suspicion import Suspicion
from cluster.core.sync_records import SyncRecords
from cluster.core.views import Views
from protocol.gossip import messages as bus

__all__ = ["Core", "Settings"]

LATE_MIN_MS = 100


class Core(Views):
    """One node's view of the cluster and its part in it.

    What commands may read (State): `me`, `peers` (by id, me included), `current_epoch`, `last_vote_epoch`,
    `is_ok`, `owners`, `migrating`, `importing`, `messages_sent` and `messages_received` by kind. `serving`
    has a 1 for each slot on which any request of a client may go on without a question.
    """

    def __init__(
        self,
        settings: Settings,
        rng: random.Random,
        now_ms: int,
        *,
        host: str,
        port: int,
        bus_port: int,
        saved: str | None = None,
    ) -> None:
        """`saved` is the text of nodes.conf. Raises CorruptSnapshot (cluster.core.snapshot) when it does not
        parse; one cut in half does not. `host` may be "" until another node tells us our address."""
        loaded = snapshot.parse(saved) if saved is not None else None
        if loaded is not None:
            me = loaded.me
            me.host = host or me.host
            me.port, me.bus_port = port, bus_port
        else:
            me = Peer(make_node_id(rng), host, port, bus_port)
        me.suspected = me.failed = me.no_address = False
        me.reachable = True
        me.hostname = settings.announce_hostname
        me.no_failover = settings.replica_no_failover
        self._open(settings, rng, now_ms, me)
        if loaded is not None:
            self._restore(loaded)
        else:
            self._roles.begin()
        self._announcer.claim()
        self._settle()

    @classmethod
    def formed(cls, settings: Settings, rng: random.Random, now_ms: int, me: Peer, base: Base) -> Core:
        """A node in the middle of its life in a formed cluster, whose whole view is the base."""
        core = cls.__new__(cls)
        core._open(settings, rng, now_ms, me, base)
        core.is_ok = True
        core.synced = me.is_replica
        core._roles.begin()
        core._slots.begin(base)
        core._settle()
        return core

    def _open(
        self, settings: Settings, rng: random.Random, now_ms: int, me: Peer, base: Base | None = None
    ) -> None:
        super().__init__(settings, rng, now_ms, me, base)
        self._build_rooms()
        self._promised_ms: int | None = None
        self.lease_ends_ms = now_ms + settings.node_timeout_ms

    def _build_rooms(self) -> None:
        self._round_trip = RoundTrip()
        self._gossip = Gossip(self, self._round_trip)
        self._announcer = Announcer(self, self._gossip)
        self._roles = Roles(self, self._announcer)
        self._epochs = Epochs(self, self._announcer)
        self._slots = Slots(self, self._announcer, self._epochs, self._roles)
        self._migration = Migration(self, self._slots, self._epochs)
        self._membership = Membership(self, self._gossip, self._announcer, self._slots, self._roles)
        self._antientropy = AntiEntropy(self)
        self._prober = Prober(self, self._round_trip)
        self._suspicion = Suspicion(self, self._gossip, self._announcer)
        self._records = SyncRecords(self)
        self._election = Election(self, self._slots, self._roles, self._records)
        self._manual = ManualFailover(self, self._election, self._epochs)
        self._in_sync = InSyncSets(self, self._records, self._announcer)
        self._spare = SpareReplicas(self, self._roles)
        self._health = Health(self)
        self._publishing = Publishing(self)
        rooms_with_time = (
            self._membership,
            self._prober,
            self._suspicion,
            self._slots,
            self._manual,
            self._election,
            self._in_sync,
            self._spare,
            self._publishing,
        )
        self._room_ticks = tuple(room.tick for room in rooms_with_time)
        rooms_that_wait = (*rooms_with_time, self._gossip, self._health)
        self._room_deadlines = tuple(room.deadline_ms for room in rooms_that_wait)
        self._gossip.merge = self._merge_rumor
        self._antientropy.merge = self._merge
        self._antientropy.spread = self._gossip.spread
        self._membership.exchange_views = self._antientropy.exchange
        self._membership.forgotten = self._forgotten
        self._prober.answered = self._answered
        self._prober.alive = self._suspicion.is_alive
        self._prober.doubts = self._suspicion.doubt
        self._prober.accuses = self._suspicion.show
        self._prober.assented = self._in_sync.answered
        self._in_sync.probe = self._prober.probe
        self._in_sync.take_over = self._take_over
        self._epochs.renew = self._in_sync.renew_soon
        self._suspicion.probe = self._prober.probe
        self._suspicion.silent = self._prober.silent
        self._suspicion.silent_ms = self._prober.silent_ms
        self._election.probe = self._prober.probe
        self._election.by_hand = self._manual.can_start
        self._election.by_hand_pending = self._manual.pending
        self._roles.abandon = self._abandon

    def _restore(self, loaded: snapshot.Snapshot) -> None:
        self.current_epoch = loaded.current_epoch
        self.last_vote_epoch = loaded.last_vote_epoch
        self.migrating.update(loaded.migrating)
        self.importing.update(loaded.importing)
        self.me.incarnation = self.incarnation_kept = loaded.incarnation
        self.sync_records.update(loaded.sync_records)
        self.sync_kept = loaded.sync_kept
        for peer in loaded.peers:
            if peer is not self.me:
                # nodes.conf has no certificates, and a FAIL without one convinces nobody else: those who have
                # one tell us at once, and if nobody has, the dead one is found again within node-timeout.
                peer.failed = peer.suspected = False
                self.peers[peer.node_id] = peer
                self.rehash(peer)
                self.judged(peer)
        self.list_members()
        owns = bool(self.me.claims)
        self._slots.restore()
        self._roles.begin()
        if owns and self.members:
            self._health.restarted()
            self._records.seated()
            self._in_sync.restarted()
        self._antientropy.was_away()

    # inputs

    def receive(self, now_ms: int, source: Address, message: bus.Message) -> None:
        """A message has come. From strangers only a Meet is listened to, and the answer to our own."""
        self._begin(now_ms)
        self.messages_received[message.kind] = self.messages_received.get(message.kind, 0) + 1
        if isinstance(message, bus.Meet):
            self._membership.receive_meet(source, message)
        elif isinstance(message, bus.Welcome):
            self._membership.receive_welcome(source, message)
        elif (peer := self.member(message.sender)) is not None:
            self.sees_epoch(message.epoch)
            self._receive_from(peer, message)
        self._settle()

    def _receive_from(self, peer: Peer, message: bus.Message) -> None:
        match message:
            case bus.Probe():
                self._receive_probe(peer, message)
            case bus.Ack():
                self._prober.receive_ack(peer, message)
            case bus.ProbeRequest():
                self._prober.receive_request(peer, message)
            case bus.Vouch():
                self._prober.receive_vouch(peer, message)
            case bus.Rumors():
                self._gossip.receive_rumors(peer, message)
            case bus.Receipts():
                self._gossip.receive_receipts(peer, message)
            case bus.Ballots():
                self._suspicion.receive_ballots(peer, message)
            case bus.VoteRequest():
                self._election.receive_request(peer, message)
            case bus.Vote():
                self._election.receive_vote(peer, message)
                self._in_sync.receive_vote(peer, message)
            case bus.InSync():
                self._records.receive(peer, message)
            case bus.InSyncReceipt():
                self._in_sync.receive_receipt(peer, message)
            case bus.Hollow():
                self._in_sync.receive_hollow(peer)
            case bus.HollowAnswer():
                self._in_sync.receive_answer(peer, message)
            case bus.VoteRefused():
                self._election.receive_refusal(peer, message)
            case bus.Update():
                self._merge(message.claim, peer)
            case bus.ViewRequest():
                self._antientropy.receive_request(peer, message)
            case bus.View():
                self._antientropy.receive_view(peer, message)
            case bus.PauseRequest():
                self._manual.receive_pause_request(peer)
            case bus.PausedOffset():
                self._manual.receive_offset(peer, message)
            case bus.Published():
                self._publishing.receive(peer, message)
            case bus.PublishReceipt():
                self._publishing.receive_receipt(peer, message)
            case bus.ShardPublished():
                self._publishing.receive_sharded(message)

    def order(self, now_ms: int, order: Order) -> str:
        """Carries it out; what the reply's status says (mostly "OK"; BUMPEPOCH has more). Raises
        OrderRefused."""
        self._begin(now_ms)
        try:
            return self._carry_out(order)
        finally:
            self._settle()

    def _carry_out(self, order: Order) -> str:
        match order:
            case ReplicationStatus():
                self._take_status(order)
            case Meet():
                self._membership.meet(order)
            case Forget():
                self._membership.forget(order.node_id)
            case Reset():
                self._membership.reset(order)
            case AddSlots():
                self._slots.add(order.slots)
            case DelSlots():
                self._slots.delete(order.slots)
            case FlushSlots():
                self._slots.flush()
            case SetSlotMigrating():
                self._migration.migrating(order)
            case SetSlotImporting():
                self._migration.importing(order)
            case SetSlotStable():
                self._migration.stable(order)
            case SetSlotNode():
                self._migration.node(order)
            case Replicate():
                self._replicate(order)
            case Failover():
                self._manual.order(order.mode)
            case BumpEpoch():
                return self._epochs.bump()
            case SetConfigEpoch():
                self._epochs.assign(order.epoch)
            case SaveConfig():
                self.save(durable=True)
            case ProposeInSync():
                self._in_sync.propose(order.members)
            case Publish():
                self._publishing.publish(order)
        return "OK"

    def tick(self, now_ms: int) -> None:
        """Time has passed."""
        self._begin(now_ms)
        for room_tick in self._room_ticks:
            room_tick()
        self._follow_the_chain()
        self._settle()

    def deadline_ms(self) -> int | None:
        """When tick() is wanted next."""
        return self._promised_ms

    def take_effects(self) -> list[Effect]:
        """What is to be done, in order; each is given once."""
        due_ms = self._publishing.flush()
        if due_ms is not None and self._promised_ms is not None:
            self._promised_ms = min(self._promised_ms, due_ms)
        effects, self.effects = self.effects, []
        self._effects_seen = 0
        return effects

    def settings_changed(self, now_ms: int) -> None:
        """What others are told of our settings may have changed (CONFIG SET)."""
        self._begin(now_ms)
        told = (self.me.hostname, self.me.no_failover)
        self.me.hostname = self.settings.announce_hostname
        self.me.no_failover = self.settings.replica_no_failover
        if told != (self.me.hostname, self.me.no_failover):
            self._announcer.member()
        self._settle()

    # around each input

    def _begin(self, now_ms: int) -> None:
        """Looks at how late we are before anything is made of the input."""
        now_ms = max(now_ms, self.now_ms)
        late_ms = now_ms - self._promised_ms if self._promised_ms is not None else 0
        self.now_ms = now_ms
        timeout_ms = self.settings.node_timeout_ms
        if late_ms > max(LATE_MIN_MS, timeout_ms // 10):
            self._prober.restart_waiting()
        if late_ms > timeout_ms:
            self.trace(
                "warning", f"Waking up {late_ms} milliseconds late: asking the others what has changed."
            )
            self._health.lose_lease(self._prober.next_number)
            self._prober.probe_all(self.primaries)
            self._antientropy.was_away()
        self._promised_ms = None

    def _settle(self) -> None:
        """After an input: what follows from it, the disk before the others, and when we want to be called."""
        self._health.update()
        self._gossip.flush()
        if self.save_due_ms is not None and self.now_ms >= self.save_due_ms:
            self.save_now = self.save_durable = True
        if self.save_now:
            durable = self.save_durable
            self.save_now = self.save_durable = False
            if durable:
                self.save_due_ms = None
            # Before all that this input sends: a vote, an epoch or an incarnation is on disk when others hear
            # of it.
            self.effects.insert(self._effects_seen, Persist(partial(snapshot.saved_text, self), durable))
        self._effects_seen = len(self.effects)
        # Never in the past: what we are late for is counted from now on, not twice.
        self._promised_ms = max(self._next_deadline_ms(), self.now_ms)
        self.lease_ends_ms = self._promised_ms + self.settings.node_timeout_ms

    def _next_deadline_ms(self) -> int:
        deadlines = [due_ms for deadline_ms in self._room_deadlines if (due_ms := deadline_ms()) is not None]
        if self.save_due_ms is not None:
            deadlines.append(self.save_due_ms)
        return min(deadlines)

    # between the rooms

    def _merge(self, fact: bus.Fact, source: Peer) -> bool:
        """Takes a fact into the view; whether it was news."""
        if not bus.is_credible(fact, self.current_epoch):
            return False
        match fact:
            case bus.MemberFact():
                return self._merge_member(fact)
            case bus.ClaimFact():
                return self._slots.merge(fact)
            case bus.DoubtFact():
                return self._suspicion.merge_doubt(fact)
            case bus.FailFact():
                return self._suspicion.merge_fail(fact, source)

    def _merge_rumor(self, fact: bus.Fact, source: Peer) -> bool:
        news = self._merge(fact, source)
        self.watch.duplicates += not news
        return news

    def _merge_member(self, fact: bus.MemberFact) -> bool:
        if not self._membership.merge(fact):
            return False
        peer = self.member(fact.node_id)
        if peer is not None:
            self._suspicion.came_back(peer)
        return True

    def _receive_probe(self, peer: Peer, message: bus.Probe) -> None:
        stale = peer.stale() or self._election.doubts(peer)
        if peer.stale():
            self._update(peer)
        if not stale:
            peer.assented_ms = self.now_ms
        if message.accused:
            self._suspicion.answer_accuser(peer, message.accused)
        doubted = self._records.doubted() if peer.owned else ()
        self._prober.receive_probe(peer, message, stale=stale, doubted=doubted)
        self._compare(peer, message.view)

    def _compare(self, peer: Peer, view: int) -> None:
        self.watch.compared(self.now_ms, equal=view == self.view_hash)
        self._antientropy.compare(peer, view)

    def _answered(self, peer: Peer, message: bus.Ack) -> None:
        self._health.answered(peer.node_id, message.number, message.stale)
        if message.accused:
            self._suspicion.answer_accuser(peer, message.accused)
        self._compare(peer, message.view)

    def _update(self, peer: Peer) -> None:
        """Tells a node who owns the slots that it still claims."""
        lost = peer.claims & ~peer.owned
        for node_id in sorted(self.owners.among(lost)):
            owner = self.peers[node_id]
            if owner is not peer:
                self.send(peer, bus.Update(self.me.node_id, self.current_epoch, owner.claim_fact()))

    def _forgotten(self, node_id: str) -> None:
        self._suspicion.forget(node_id)
        self._publishing.forget(node_id)

    def _abandon(self) -> None:
        self._election.abandon()
        self._manual.abandon()

    def _replicate(self, order: Replicate) -> None:
        primary = self.peers.get(order.node_id)
        if primary is None or primary.handshake:
            raise OrderRefused(f"ERR Unknown node {order.node_id}")
        if primary is self.me:
            raise OrderRefused("ERR Can't replicate myself")
        if primary.is_replica:
            raise OrderRefused("ERR I can only replicate a master, not a replica.")
        if not self.me.is_replica and (self.me.owned or order.keys):
            raise OrderRefused("ERR To set a master the node must be empty and without assigned slots.")
        self._roles.follow(primary)

    def _follow_the_chain(self) -> None:
        """A replica whose primary has become a replica itself follows that one's primary."""
        primary = self.primary()
        if primary is not None and primary.is_replica and primary.primary_id != self.me.node_id:
            above = self.peers.get(primary.primary_id or "")
            if above is not None and not above.is_replica:
                self.trace("notice", "I'm a sub-replica! Reconfiguring myself from my grandmaster.")
                self._roles.follow(above)

    def _take_status(self, order: ReplicationStatus) -> None:
        self.offset = self.me.replication_offset = order.offset
        self.link_up = order.link_up
        self.link_down_since_ms = order.link_down_since_ms
        self.syncing = order.syncing
        self.synced = self.synced or order.link_up
        self.status_number += 1

    @property
    def agreed_in_sync(self) -> tuple[str, ...] | None:
        """The replicas that are in sync by agreement; None when there is none yet."""
        return self._in_sync.agreed

    @property
    def asked_in_sync(self) -> tuple[str, ...] | None:
        """Those of the record that is being agreed on; the agreed ones when none is."""
        return self._in_sync.asked

    @property
    def is_bound(self) -> bool:
        """Whether the voters hold this primary to a promise."""
        record = self._records.about(self.me)
        return not self.me.is_replica and record is not None and bool(record.members)

    def leased_until_ms(self) -> int:
        """Up to when nobody else has acknowledged writes to our slots, by the core's clock."""
        return self._in_sync.leased_until_ms()

    def _take_over(self) -> None:
        if not self._manual.pending():
            self._manual.order("FORCE")

    def failure_reports(self, node_id: str) -> int:
        """How many others' votes stand against a member."""
        return self._suspicion.failure_reports(node_id)

    def fail_voters(self, node_id: str) -> list[str]:
        """Who voted for a member's FAIL; nobody when the list of members has changed since."""
        return self._suspicion.voters_of(self.peers[node_id])
