"""The primary's side of cluster-write-acks: agreeing on who is in sync, its lease, and coming back empty.

The node says which replicas it holds for in sync (an order); this room has a majority of the primaries that
own slots take that down (sync_records.py). Between asking and agreement either set may count for the voters,
so the node waits for both. A new term (a failover, a new config epoch) begins with nothing agreed.

A voter that has once voted against this primary takes its word no more in this term. If that election came
to nothing, the primary has itself elected: it asks for votes as a replica would, and the epoch that it wins
is its new term. So it does where two have the same epoch. A replica that had won after all, and was not
heard of, then loses to it, and has acknowledged nothing: it would have needed a record, and so a majority,
which shares a voter with ours, and that one takes no record of an epoch below ours. A primary hears of the
vote when it asks for agreement, and in the answers to its probes: it may have nothing to ask, and where most
are doubted nobody could agree on anything any more.

The lease is for reads. While a majority has answered our probes, none of them knew of a successor; they take
no successor's record for node-timeout, so that it acknowledges nothing, and what we hold is the newest. We
are one of that majority, and our successor has our place: so it does not count itself for as long either,
unless it has seen us step down.

A primary that is restarted may have lost what only memory held. It serves nobody and copies its data to
nobody until one of those in sync has taken over, or all of them have said that they have nothing either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from cluster.core.announce import Announcer
from cluster.core.effects import InSyncChanged
from cluster.core.orders import OrderRefused
from cluster.core.peers import Peer
from cluster.core.state import State
from cluster.core.sync_records import SyncRecords
from protocol.gossip.messages import (
    Hollow,
    HollowAnswer,
    InSync,
    InSyncReceipt,
    SyncRecord,
    Vote,
    VoteRequest,
)

REPEAT_MS = 100
REMIND_MS = 1000
RENEWAL_MIN_MS = 2000
ASK_AGAIN_MS = 500


class InSyncSets:
    """`agreed` are the replicas whom a majority knows to be in sync, None before there is agreement in this
    term; `asked` those of the record that is under way, or the same."""

    def __init__(self, state: State, records: SyncRecords, announcer: Announcer) -> None:
        self._state = state
        self._records = records
        self._announcer = announcer
        self.agreed: tuple[str, ...] | None = None
        self.asked: tuple[str, ...] | None = None
        self._record: SyncRecord | None = None
        self._takers: dict[str, tuple[str, ...]] = {}
        self._next_ms = 0
        self._fenced_at = 0
        self._renews = False
        self._renewal_epoch = 0
        self._renewal_votes: set[str] = set()
        self._renewal_ends_ms = 0
        self._next_renewal_ms = 0
        self._answered: dict[str, tuple[int, tuple[str, ...]]] = {}
        self._leased_ms = 0
        self._next_lease_ms = 0
        self._next_question_ms = 0
        self._empty: set[str] = set()
        self.probe: Callable[[Peer], None] = lambda _: None
        self.take_over: Callable[[], None] = lambda: None

    # agreement

    def propose(self, members: tuple[str, ...]) -> None:
        """Asks the voters to hold these replicas for in sync. Nothing while a question is under way."""
        if self._leads() and not self.is_asking() and not self._state.hollow:
            self._ask(members)

    def is_asking(self) -> bool:
        """Whether agreement is awaited."""
        return self._record is not None and self.asked != self.agreed

    def _leads(self) -> bool:
        return not self._state.me.is_replica and bool(self._state.me.owned)

    def _ask(self, members: tuple[str, ...]) -> None:
        state = self._state
        me = state.me
        if self.agreed is None:
            state.sync_kept = tuple(sorted(self._holders()))
        known = state.sync_records.get(me.node_id)
        version, fence = (known.version, known.fence) if known is not None else (0, 0)
        self._record = SyncRecord(me.node_id, me.config_epoch, version + 1, fence, members)
        self.asked = members
        self._takers = {}
        self._records.keep(self._record)
        self._send()
        self._count()

    def _send(self) -> None:
        state = self._state
        assert self._record is not None
        self._next_ms = state.now_ms + (REPEAT_MS if self.is_asking() else REMIND_MS)
        message = InSync(state.me.node_id, state.current_epoch, self._record)
        # While there is no agreement all are asked again: whom they doubted, they may trust by now.
        for voter in state.primaries:
            if voter is not state.me and (self.is_asking() or voter.node_id not in self._takers):
                state.send(voter, message)

    def receive_receipt(self, source: Peer, message: InSyncReceipt) -> None:
        """A voter has taken our record, or has not."""
        record = self._record
        if record is None or (message.term, message.version) != (record.term, record.version):
            return
        if message.taken:
            self._takers[source.node_id] = message.doubted
            self._count()
        else:
            self._fenced_at = max(self._fenced_at, message.fence)

    def _count(self) -> None:
        state = self._state
        doubted = {*self._records.doubted()}.union(*self._takers.values())
        takers = {*self._takers} if self._records.shares_seat() else {state.me.node_id, *self._takers}
        count = sum(voter_id in takers and voter_id not in doubted for voter_id in state.primary_ids)
        if count >= state.quorum() and self.agreed != self.asked:
            self.agreed = self.asked
            if self.agreed != (state.me.node_id,):
                state.sync_kept = self.agreed or ()
            state.trace("notice", f"In sync by agreement: {', '.join(self.agreed or ()) or 'no promise'}")
            state.emit(InSyncChanged())

    # time

    def deadline_ms(self) -> int | None:
        state = self._state
        if not self._leads():
            return state.now_ms if self._record is not None or state.hollow else None
        due = [self._next_lease_ms] if state.settings.write_acks else []
        if self._renews:
            due.append(self._next_renewal_ms)
        if state.hollow:
            due.append(self._next_question_ms)
        if self._record is not None:
            due.append(state.now_ms if self._record.term != state.me.config_epoch else self._next_ms)
        return max(state.now_ms, min(due)) if due else None

    def tick(self) -> None:
        state = self._state
        if state.hollow:
            self._ask_for_data()
        if not self._leads():
            self._end_term()
        else:
            self._tick_primary()

    def _end_term(self) -> None:
        if self._record is not None:
            self._record = self.agreed = self.asked = None
            self._answered.clear()
            self._leased_ms = 0
            self._renewal_epoch = 0
            self._renews = False
            self._state.emit(InSyncChanged())

    def _tick_primary(self) -> None:
        state = self._state
        if state.settings.write_acks and state.now_ms >= self._next_lease_ms:
            self._next_lease_ms = state.now_ms + max(1, state.settings.node_timeout_ms // 4)
            for voter in state.primaries:
                if voter is not state.me and not voter.failed:
                    self.probe(voter)
        if self._record is not None:
            self._tick_record(self._record)
        if self._renews and state.now_ms >= self._next_renewal_ms:
            self._renew()

    def _tick_record(self, record: SyncRecord) -> None:
        state = self._state
        if record.term != state.me.config_epoch:
            self._ask(record.members)
        elif state.now_ms >= self._next_ms:
            self._send()
            self._count()
            if self.is_asking() and self._fenced_at > record.term:
                self.renew_soon()

    # a new term by election

    def renew_soon(self) -> None:
        """Has this primary elected anew."""
        self._renews = True

    def _renew(self) -> None:
        state = self._state
        self._next_renewal_ms = state.now_ms + REPEAT_MS
        if state.now_ms >= self._renewal_ends_ms:
            self._renewal_ends_ms = state.now_ms + max(2 * state.settings.node_timeout_ms, RENEWAL_MIN_MS)
            state.current_epoch = max(state.current_epoch, self._fenced_at) + 1
            self._renewal_epoch = state.current_epoch
            self._renewal_votes.clear()
            state.save(durable=True)
            state.trace("warning", f"To be elected anew: election for epoch {self._renewal_epoch}.")
        request = VoteRequest(
            state.me.node_id, state.current_epoch, self._renewal_epoch, state.me.config_epoch,
            state.me.owned, True,
        )  # fmt: skip
        for voter in state.primaries:
            if voter is not state.me and voter.node_id not in self._renewal_votes:
                state.send(voter, request)

    def receive_vote(self, source: Peer, message: Vote) -> None:
        """A voter's consent to our new term."""
        state = self._state
        if not self._renewal_epoch or message.election_epoch != self._renewal_epoch or not self._leads():
            return
        self._renewal_votes.add(source.node_id)
        if len(self._renewal_votes) >= state.quorum():
            state.me.config_epoch, self._renewal_epoch = self._renewal_epoch, 0
            self._renews = False
            state.trace("warning", f"configEpoch set to {state.me.config_epoch}: elected anew")
            self._announcer.claim()
            state.save(durable=True)

    # the lease

    def answered(self, voter: Peer, sent_ms: int, doubted: tuple[str, ...]) -> None:
        """A member has answered a probe that we sent then, and has not called our claim stale."""
        state = self._state
        if state.me.node_id in doubted and self._leads() and state.now_ms >= self._renewal_ends_ms:
            # Said before our last election, perhaps; then it is said again, or it is not.
            self.renew_soon()
        if state.settings.write_acks:
            self._answered[voter.node_id] = sent_ms, doubted
            before_ms, self._leased_ms = self._leased_ms, self._lease_ms()
            if before_ms != self._leased_ms:
                state.emit(InSyncChanged())

    def leased_until_ms(self) -> int:
        """Up to when what we hold is known to be the newest; the core's clock."""
        state = self._state
        return self._leased_ms if state.quorum() > 1 else state.now_ms + state.settings.node_timeout_ms

    def _lease_ms(self) -> int:
        state = self._state
        timeout_ms = state.settings.node_timeout_ms
        others = state.quorum() - 1
        answers = {node_id: self._answered.get(node_id, (0, ())) for node_id in state.primary_ids}
        doubted = {*self._records.doubted()}
        for sent_ms, doubts in answers.values():
            # Whoever is silent counts for nothing, and so do its doubts.
            if sent_ms > state.now_ms - timeout_ms:
                doubted.update(doubts)
        sent = sorted(
            (sent_ms for each, (sent_ms, _) in answers.items() if each not in doubted), reverse=True
        )
        # Shorter than what the voters wait, as clocks do not run alike.
        return sent[others - 1] + timeout_ms - timeout_ms // 8 if len(sent) >= others else 0

    # restarted

    def restarted(self) -> None:
        """This node came up with slots that it saved."""
        if self._state.settings.write_acks and not self._state.settings.keeps_all and self._holders():
            self._state.hollow = True
            self._state.trace(
                "warning",
                "Restarted, and maybe without acknowledged writes: a replica in sync is to take over.",
            )

    def _holders(self) -> set[str]:
        record = self._records.about(self._state.me)
        if record is None or not record.members:
            return set()
        me = self._state.me.node_id
        # While we were alone nothing was acknowledged: those before have all that was.
        return {record.primary_id, *record.members} - {me} or {*self._state.sync_kept} - {me}

    def _ask_for_data(self) -> None:
        state = self._state
        holders = {node_id for node_id in self._holders() if state.member(node_id) is not None}
        if state.me.is_replica or not state.settings.write_acks or holders <= self._empty:
            state.hollow = False
            if not state.me.is_replica:
                state.trace("warning", "Nobody else has the acknowledged writes: serving what was on disk.")
        elif state.now_ms >= self._next_question_ms:
            if self._record is None:
                # Our last word, which may not have reached a majority: without it nobody can be elected.
                self._ask(tuple(sorted(self._holders())))
            self._next_question_ms = state.now_ms + ASK_AGAIN_MS
            self._send_to(holders - self._empty, Hollow(state.me.node_id, state.current_epoch))

    def _send_to(self, node_ids: Iterable[str], message: Hollow) -> None:
        for node_id in sorted(node_ids):
            self._state.send(self._state.peers[node_id], message)

    def receive_hollow(self, source: Peer) -> None:
        """Our primary has come back without its data."""
        state = self._state
        follows = state.me.is_replica and state.me.primary_id == source.node_id
        if not state.me.is_replica and state.me.owned:
            return
        has = follows and state.synced and not state.syncing
        state.send(source, HollowAnswer(state.me.node_id, state.current_epoch, has))
        if has:
            try:
                self.take_over()
            except OrderRefused as refusal:
                state.trace("warning", f"Can't take over: {refusal}")

    def receive_answer(self, source: Peer, message: HollowAnswer) -> None:
        """One of those in sync says whether it has our data."""
        if self._state.hollow:
            (self._empty.discard if message.has else self._empty.add)(source.node_id)
