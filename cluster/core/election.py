"""A replica takes over from its failed primary, by a majority of the primaries that own slots.

Redis's rules. The replica waits a little (for FAIL to reach the voters; the lower its rank by replication
offset, the less), takes a new epoch, and asks. A primary gives one vote an epoch, on disk before it is sent,
so that two majorities in one epoch cannot be; epochs only grow, so a later winner's claim beats an earlier
one's. Shards that lost their primaries together do not wait for each other: each takes an epoch of its own,
by the place of its primary among the dead, and a voter may vote in several epochs in any order, in each once.
Who votes changes meanwhile, as the winners become voters: a winner votes only above the epoch that it won, up
to which whom it has replaced may have voted. Else two could win one epoch, each with a majority of its time.
About one primary it votes in rising epochs only: two majorities for one shard share a voter, so the one that
was won later has the higher epoch, and its claim stands.
Two that come to the same epoch split its votes. A voter that has given its vote to the other says so, and
once a majority is out of reach the candidate takes a newer epoch, at once: whoever voted for it before does
so again. An election that is lost for another reason is tried again after twice its time. Requests are
repeated while the election lasts: a datagram may be lost, and a voter may not have heard of the FAIL yet. The
vote is the same however often it is asked for.

Redis waits 500 ms and up to 500 more by chance before it asks. With a node-timeout below 2 s that would be
much of the outage, so both are at most a quarter of node-timeout here.
"""

from __future__ import annotations

from collections.abc import Callable

from cluster.core.peers import Peer
from cluster.core.roles import Roles
from cluster.core.slots import Slots
from cluster.core.state import State
from cluster.core.sync_records import SyncRecords, settled, sound
from protocol.gossip.messages import Update, Vote, VoteRefused, VoteRequest

DELAY_MAX_MS = 500
RANK_DELAY_MS = 1000
TIMEOUT_MIN_MS = 2000
REPEAT_MS = 100
VOTES_KEPT = 4096
PRIMARY_PING_MS = 10_000
"""repl-ping-replica-period, part of how old a replica's data may be."""


class Election:
    """Both sides: asking for votes and giving them.

    `probe(peer)` asks a member for a sign, which carries its offset. `by_hand()` says whether a manual
    failover may start its election now; `by_hand_pending()` whether one is under way.
    """

    def __init__(self, state: State, slots: Slots, roles: Roles, records: SyncRecords) -> None:
        self._state = state
        self._records = records
        self._slots = slots
        self._roles = roles
        self._start_ms: int | None = None
        self._epoch: int | None = None
        self._rank = 0
        self._votes: dict[str, tuple[str, ...]] = {}
        self._refusals: set[str] = set()
        self._has_asked = False
        self._next_ask_ms = 0
        self._voted: dict[int, str] = {}
        self._voted_last = 0
        self._voted_up_to: int | None = None
        self._refusal = ""
        self.probe: Callable[[Peer], None] = lambda _: None
        self.by_hand: Callable[[], bool] = lambda: False
        self.by_hand_pending: Callable[[], bool] = lambda: False

    def abandon(self) -> None:
        self._start_ms = None
        self._epoch = None
        self._votes.clear()

    def _timeout_ms(self) -> int:
        return max(2 * self._state.settings.node_timeout_ms, TIMEOUT_MIN_MS)

    def deadline_ms(self) -> int | None:
        stands = self._may_stand() is not None
        if stands and self._refused():
            # Even amid an election, when our data has grown too old: asking is due, but not for us to do.
            return None
        if self._start_ms is None:
            return self._state.now_ms if stands else None
        if self._epoch is not None and self._is_open():
            return self._next_ask_ms
        if self._epoch is None and self._is_open():
            return max(self._start_ms, self._state.now_ms)
        return self._start_ms + 2 * self._timeout_ms()

    # the candidate

    def _may_stand(self) -> Peer | None:
        """The primary to take over from, if this replica should do so now."""
        state = self._state
        primary = state.primary()
        if not state.me.is_replica or primary is None or not primary.owned:
            return None
        if self.by_hand():
            return primary
        if self.by_hand_pending() or not primary.failed or state.settings.replica_no_failover:
            return None
        return primary

    def _refused(self) -> bool:
        """Whether our data is too old to take over with."""
        state = self._state
        if self.by_hand() and (state.synced or not state.settings.write_acks):
            return False
        timeout_ms = state.settings.node_timeout_ms
        age_ms = 0 if state.link_up else state.now_ms - state.link_down_since_ms
        age_ms = max(0, age_ms - timeout_ms)
        factor = state.settings.replica_validity_factor
        # A node that was never in step with a primary, or is in the middle of a full copy, has nothing to
        # serve: it may have come back empty a moment ago.
        too_old = not state.synced or age_ms > PRIMARY_PING_MS + timeout_ms * factor
        lacks_data = not state.synced and bool(state.settings.write_acks)
        refused = (bool(factor) and too_old) or lacks_data or state.syncing
        reason = "Disconnected from master for longer than allowed." if refused else ""
        if reason and reason != self._refusal:
            state.trace("warning", f"Currently unable to failover: {reason}")
        self._refusal = reason
        return bool(reason)

    def tick(self) -> None:
        primary = self._may_stand()
        if primary is None:
            if self._start_ms is not None:
                self.abandon()
            return
        if self._refused():
            return
        now_ms = self._state.now_ms
        if self._start_ms is None or now_ms - self._start_ms >= 2 * self._timeout_ms():
            self._schedule(primary)
        if not self._is_open():
            return
        if self._epoch is None:
            self._wait_our_turn(primary)
        if self._epoch is not None and now_ms >= self._next_ask_ms:
            self._ask(primary)

    def _is_open(self) -> bool:
        return self._start_ms is not None and self._state.now_ms - self._start_ms <= self._timeout_ms()

    def _schedule(self, primary: Peer) -> None:
        state = self._state
        self.abandon()
        if self.by_hand():
            self._start_ms = state.now_ms
            return
        delay_ms = min(DELAY_MAX_MS, state.settings.node_timeout_ms // 4)
        self._rank = self._our_rank(primary)
        wait_ms = delay_ms + state.rng.randint(0, delay_ms) + self._rank * RANK_DELAY_MS
        self._start_ms = state.now_ms + wait_ms
        state.trace(
            "warning",
            f"Start of election delayed for {wait_ms} milliseconds "
            f"(rank #{self._rank}, offset {state.offset}).",
        )
        for sibling in self._siblings(primary):
            self.probe(sibling)

    def _siblings(self, primary: Peer) -> list[Peer]:
        state = self._state
        ids = state.followers.of(primary.node_id)
        return [state.peers[node_id] for node_id in ids if node_id != state.me.node_id]

    def _our_rank(self, primary: Peer) -> int:
        """How many replicas of our primary have more of its data."""
        return sum(
            not sibling.no_failover and not sibling.failed and sibling.replication_offset > self._state.offset
            for sibling in self._siblings(primary)
        )

    def _wait_our_turn(self, primary: Peer) -> None:
        state = self._state
        assert self._start_ms is not None
        if not self.by_hand() and (rank := self._our_rank(primary)) > self._rank:
            self._start_ms += (rank - self._rank) * RANK_DELAY_MS
            self._rank = rank
            state.trace("warning", f"Replica rank updated to #{rank}.")
        if state.now_ms >= self._start_ms:
            self._take_epoch(primary)

    def _take_epoch(self, primary: Peer) -> None:
        state = self._state
        dead = (peer.node_id for peer in state.troubled.values() if peer.failed and peer.owned)
        state.current_epoch += 1 if self.by_hand() else 1 + sum(node_id < primary.node_id for node_id in dead)
        self._epoch = state.current_epoch
        self._votes.clear()
        self._refusals.clear()
        self._has_asked = False
        self._next_ask_ms = state.now_ms
        state.save(durable=True)
        state.trace("warning", f"Starting a failover election for epoch {self._epoch}.")

    def _ask(self, primary: Peer) -> None:
        state = self._state
        assert self._epoch is not None
        first, self._has_asked = not self._has_asked, True
        self._next_ask_ms = state.now_ms + REPEAT_MS
        request = VoteRequest(
            state.me.node_id,
            state.current_epoch,
            self._epoch,
            primary.config_epoch,
            primary.owned,
            self.by_hand(),
        )
        voted = settled(self._votes)
        for voter in state.primaries:
            # Who is held for dead is asked as well, but not at once: as a rule it is.
            needless = voter.node_id in voted or (first and voter.failed)
            if not needless and (voter is not primary or self._asks_primary()):
                state.send(voter, request)

    def _asks_primary(self) -> bool:
        """One that lives and is to be replaced by hand votes as well: of two primaries it is half. Not where
        writes wait for replicas: it would have to doubt itself, and could acknowledge nothing if that
        election came to nothing."""
        return self.by_hand() and not self._state.settings.write_acks

    def receive_vote(self, source: Peer, message: Vote) -> None:
        state = self._state
        if message.election_epoch != self._epoch or not source.owned or source.is_replica:
            return
        self._votes[source.node_id] = message.doubted
        self._records.learn(message.records)
        primary = self._may_stand()
        if primary is not None and self._is_open() and sound(self._votes) >= state.quorum():
            state.trace("warning", "Failover election won: I'm the new master.")
            self.take_over(primary, max(state.me.config_epoch, self._epoch))

    def receive_refusal(self, source: Peer, message: VoteRefused) -> None:
        state = self._state
        if message.election_epoch != self._epoch or not source.owned or source.is_replica:
            return
        self._refusals.add(source.node_id)
        primary = self._may_stand()
        out_of_reach = len(self._refusals) > len(state.primary_ids) - state.quorum()
        if primary is not None and self._is_open() and out_of_reach:
            self._take_epoch(primary)

    def take_over(self, primary: Peer, config_epoch: int) -> None:
        """Claims all that the primary owns."""
        slots = primary.owned
        self._records.seated()
        self._state.current_epoch = max(self._state.current_epoch, config_epoch)
        self._state.trace("warning", f"configEpoch set to {config_epoch} after successful failover")
        self._roles.abandon()
        self._roles.lead(slots, config_epoch)
        self._slots.take_over(slots)
        if self._state.sync_records:
            # What the votes have taught us, we are asked for as a voter from now on.
            self._state.save(durable=True)

    # the voter

    def receive_request(self, source: Peer, message: VoteRequest) -> None:
        """Votes for a replica, or says nothing; a stale claim is told who owns the slots."""
        state = self._state
        if not state.me.owned or state.me.is_replica:
            return
        epoch = message.election_epoch
        self._remember_votes()
        if self._voted.get(epoch) == source.node_id:
            self._send_vote(source, epoch)
            return
        if self._has_voted(epoch):
            state.send(source, VoteRefused(state.me.node_id, state.current_epoch, epoch))
            return
        why = self._why_not(source, message)
        if why:
            state.trace("debug", f"Failover auth denied to {source.node_id}: {why}")
            return
        primary = self._seat(source)
        assert primary is not None
        if primary is not source:
            primary.voted_ms = state.now_ms
        primary.voted_epoch = epoch
        self._records.fence(primary, epoch)
        state.last_vote_epoch = max(state.last_vote_epoch, epoch)
        self._voted[epoch] = source.node_id
        self._voted_last = state.last_vote_epoch
        state.save(durable=True)
        state.trace("warning", f"Failover auth granted to {source.node_id} for epoch {epoch}")
        self._send_vote(source, epoch)

    def _remember_votes(self) -> None:
        """Keeps the votes since the start; of those before only how far they went, as nodes.conf has it."""
        last = self._state.last_vote_epoch
        was_reset = last < self._voted_last
        if self._voted_up_to is None or was_reset or len(self._voted) >= VOTES_KEPT:
            self._voted_up_to = self._voted_last = last
            self._voted.clear()

    def _has_voted(self, epoch: int) -> bool:
        """Whether this node's seat may have given its vote: up to the epoch at which this node came to it,
        its predecessor's votes are its own."""
        return epoch in self._voted or epoch <= max(self._voted_up_to or 0, self._state.me.config_epoch)

    def _send_vote(self, source: Peer, epoch: int) -> None:
        records = self._records
        vote = Vote(
            self._state.me.node_id, self._state.current_epoch, epoch, records.all(), records.doubted()
        )
        self._state.send(source, vote)

    def _seat(self, source: Peer) -> Peer | None:
        """The primary whose place is asked for: a replica's, or its own, which it wants to hold anew."""
        if source.owned and not source.is_replica:
            return source
        return self._state.peers.get(source.primary_id or "") if source.is_replica else None

    def _why_not(self, source: Peer, message: VoteRequest) -> str:
        state = self._state
        if message.election_epoch > state.current_epoch:
            return "it asks for an epoch that nobody has come to"
        primary = self._seat(source)
        if primary is None:
            return "it is no replica of a known master"
        if primary is state.me and state.settings.write_acks:
            return "it is to take our own place"
        if self._records.forbids(source, primary):
            return "it may lack writes that its master has acknowledged"
        if not primary.failed and not message.force:
            return "its master is up"
        newest = max(primary.config_epoch, primary.voted_epoch)
        if message.election_epoch <= newest:
            return f"reqEpoch ({message.election_epoch}) is not above its master's ({newest})"
        wait_ms = 2 * state.settings.node_timeout_ms
        again = self._voted.get(primary.voted_epoch) == source.node_id
        if primary.voted_ms and state.now_ms - primary.voted_ms < wait_ms and not again:
            return "can't vote about this master before its time"
        for owner_id in sorted(state.owners.among(message.slots)):
            owner = state.peers[owner_id]
            if owner.config_epoch > message.config_epoch:
                update = Update(state.me.node_id, state.current_epoch, owner.claim_fact())
                state.send(source, update)
                return "a slot that it claims has a newer owner"
        return ""

    def doubts(self, peer: Peer) -> bool:
        """Whether we have voted, not long ago, for someone to take over from this member."""
        wait_ms = 2 * self._state.settings.node_timeout_ms
        return bool(peer.voted_ms) and self._state.now_ms - peer.voted_ms < wait_ms and peer.owned != 0
