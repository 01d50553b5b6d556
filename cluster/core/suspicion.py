"""From silence to FAIL.

PFAIL is one node's opinion: a member has not answered for node-timeout. A few unanswered tries make a node
doubt a member, and tell everyone of the doubt; the primaries that own slots then look for themselves, so that
their own node-timeout runs at the same time as the first one's. Those that come to PFAIL vote, and exchange
what they know of the votes (votes.py), each period with k others of them, for as long as there is news, and
ever more rarely after that. Who holds a member for PFAIL itself and knows the votes of a majority of the
primaries that own slots holds it for FAIL, and the news goes out with its voters.

What can go wrong: the member lives, and was only slow or cut off from some. It is told first (each probe to a
suspect carries the accusation) and answers with a higher incarnation, which voids every vote and every FAIL
against the lower one, at every node, in whatever order things arrive. FAIL is therefore never taken back by
anyone but its subject. Votes that nobody takes back end after twice node-timeout; those who still mean it say
so again in the next round.

A node whose own loop was late has no opinion: what it did not hear may lie unread in its socket.

Lists of members that differ (a join is under way, a member was forgotten by some) make bitmaps unreadable to
each other. Of such ballots the sender's own vote counts, and no more: what others have voted comes from
themselves or from somebody with the same list. It takes longer, but waits for no list to become equal.
"""

from __future__ import annotations

from collections.abc import Callable

from cluster.core.announce import Announcer
from cluster.core.effects import ServingChanged
from cluster.core.gossip import Gossip
from cluster.core.peers import Peer
from cluster.core.state import State
from cluster.core.viewhash import digest
from cluster.core.votes import Votes, bits
from protocol.gossip.messages import COUNTER_MAX, Ballots, DoubtFact, FailFact, Rumor, Rumors

VOTE_PERIOD_MS = 50
GATHER_MS = 20
"""How long a vote waits for others, to travel with them."""
LOOKS_MAX = 16
LOOKS_PERIOD_MS = 1000
"""Whether a member that defends itself is there for us too, a probe of our own shows. When half of a cluster
comes back at once it is left to the probes of each period: a node would send as many as there are members."""


class Suspicion:
    """`probe(peer)` asks a member directly; `silent(ms)` are the members that have owed an answer so long,
    and `silent_ms(ms)` says when the next one will have."""

    def __init__(self, state: State, gossip: Gossip, announcer: Announcer) -> None:
        self._state = state
        self._gossip = gossip
        self._announcer = announcer
        self._votes = Votes()
        self._next_ms: int | None = None
        self._wait_ms = VOTE_PERIOD_MS
        self._returning: dict[str, Peer] = {}
        self._roster: tuple[str, ...] = ()
        self._roster_hash = 0
        self._looks = 0
        self._looks_since_ms = state.now_ms
        self._primaries: tuple[tuple[str, ...], tuple[str, ...], int] = ((), (), 0)
        self.probe: Callable[[Peer], None] = lambda _: None
        self.silent: Callable[[int], list[Peer]] = lambda _: []
        self.silent_ms: Callable[[int], int | None] = lambda _: None

    def failure_reports(self, node_id: str) -> int:
        """CLUSTER COUNT-FAILURE-REPORTS: how many others' votes stand against a member."""
        self._end_old_rounds()
        peer = self._state.peers.get(node_id)
        return 0 if peer is None else (self._voters(peer) & ~self._votes.own).bit_count()

    def voters_of(self, peer: Peer) -> list[str]:
        """Who voted for a member's FAIL; nobody when the list of members has changed since."""
        self._follow_roster()
        if peer.failed_roster != self._roster_hash:
            return []
        return [self._roster[place] for place in bits(peer.failed_voters) if place < len(self._roster)]

    def forget(self, node_id: str) -> None:
        self._votes.close(node_id)
        self._returning.pop(node_id, None)

    # time

    def deadline_ms(self) -> int | None:
        timeout_ms = self._state.settings.node_timeout_ms
        waits = [wait for wait in (self.silent_ms(timeout_ms), self._next_ms) if wait is not None]
        waits += [peer.failed_since_ms + 2 * timeout_ms for peer in self._returning.values()]
        return min(waits, default=None)

    def tick(self) -> None:
        now_ms = self._state.now_ms
        for peer in self.silent(self._state.settings.node_timeout_ms):
            self._suspect(peer)
        for peer in list(self._returning.values()):
            self.clear_if_back(peer)
        if self._next_ms is not None and now_ms >= self._next_ms:
            self._exchange()

    def doubt(self, peer: Peer) -> None:
        """A member has not answered several tries: others should look as well."""
        if not peer.failed:
            self._gossip.spread(DoubtFact(peer.node_id, peer.incarnation))

    def merge_doubt(self, fact: DoubtFact) -> bool:
        """Looks, if our vote counts; whether it is to be passed on."""
        peer = self._state.member(fact.node_id)
        if peer is None or fact.incarnation < peer.incarnation or peer.fail_holds():
            return False
        self._look(peer)
        return True

    def _look(self, peer: Peer) -> None:
        if self._state.me.owned and not peer.suspected and not peer.ping_sent_ms:
            self.probe(peer)

    def _suspect(self, peer: Peer) -> None:
        peer.suspected = True
        self._state.judged(peer)
        peer.reachable = False
        self._state.trace("debug", f"*** NODE {peer.node_id} possibly failing")
        self._state.emit(ServingChanged())
        self.probe(peer)
        if self._state.me.owned and not peer.fail_holds():
            self._follow_roster()
            self._votes.cast(peer.node_id, peer.incarnation, self._state.now_ms)
            self._has_news()
        self._count(peer)

    def is_alive(self, peer: Peer) -> None:
        """A member has answered us, or someone whom we asked."""
        if peer.suspected:
            peer.suspected = False
            self._state.judged(peer)
            self._state.emit(ServingChanged())
            self._votes.withdraw(peer.node_id)

    # votes

    def _has_news(self) -> None:
        self._wait_ms = VOTE_PERIOD_MS
        soon_ms = self._state.now_ms + GATHER_MS
        self._next_ms = soon_ms if self._next_ms is None else min(self._next_ms, soon_ms)

    def _follow_roster(self) -> None:
        state = self._state
        if self._roster is state.roster:
            return
        place = state.place(state.me.node_id)
        self._votes.renumber(self._roster, state.roster, 0 if place is None else 1 << place)
        self._roster = state.roster
        self._roster_hash = digest("".join(state.roster))

    def _primaries_bitmap(self) -> int:
        """Those whose votes count."""
        ids = self._state.primary_ids
        before, roster, bitmap = self._primaries
        if roster is not self._roster:
            before, bitmap = (), 0
        if before is not ids:
            for node_id in set(before) ^ set(ids):
                place = self._state.place(node_id)
                bitmap ^= 1 << place if place is not None else 0
            self._primaries = (ids, self._roster, bitmap)
        return bitmap

    def _voters(self, peer: Peer) -> int:
        self._follow_roster()
        return self._votes.voters(peer.node_id, peer.incarnation) & self._primaries_bitmap()

    def _end_old_rounds(self) -> None:
        now_ms = self._state.now_ms
        if self._votes.expire(now_ms - 2 * self._state.settings.node_timeout_ms + 1, now_ms) and self._votes:
            self._has_news()

    def _exchange(self) -> None:
        """Tells k of the voters what we know of the votes."""
        state = self._state
        self._follow_roster()
        self._end_old_rounds()
        self._next_ms = None
        cuts = self._votes.cuts(state.now_ms) if state.me.owned else ()
        if not self._votes:
            return
        self._next_ms = state.now_ms + self._wait_ms
        self._wait_ms = min(2 * self._wait_ms, max(VOTE_PERIOD_MS, state.settings.node_timeout_ms // 2))
        place = state.place(state.me.node_id) or 0
        message = Ballots(state.me.node_id, state.current_epoch, self._roster_hash, place, cuts)
        for peer in self._some_voters() if cuts else []:
            state.send(peer, message)

    def _some_voters(self) -> list[Peer]:
        state = self._state
        chosen: dict[str, Peer] = {}
        count = state.settings.gossip_fanout
        # Drawn by chance, not listed: there may be thousands.
        for _ in range(4 * count):
            node_id = state.rng.choice(state.primary_ids)
            if node_id not in chosen and node_id not in state.troubled and node_id != state.me.node_id:
                chosen[node_id] = state.peers[node_id]
                if len(chosen) == count:
                    break
        return list(chosen.values())

    def _readable(self, source: Peer, message: Ballots, voters: int) -> int:
        """The votes that we understand, as bits of our own list."""
        if message.roster == self._roster_hash:
            return voters & ((1 << len(self._roster)) - 1)
        place = self._state.place(source.node_id)
        return 1 << place if place is not None and voters >> message.place & 1 else 0

    def receive_ballots(self, source: Peer, message: Ballots) -> None:
        """Takes others' votes; looks at those suspects that we have no opinion of."""
        state = self._state
        self._follow_roster()
        self._end_old_rounds()
        for cut in message.cuts:
            voters = self._readable(source, message, cut.voters)
            for ballot in cut.ballots:
                if ballot.node_id == state.me.node_id:
                    self.refute(ballot.incarnation)
                    continue
                peer = state.member(ballot.node_id)
                if peer is None or ballot.incarnation < peer.incarnation or peer.fail_holds():
                    continue
                if ballot.age_ms < 2 * state.settings.node_timeout_ms and ballot.incarnation < COUNTER_MAX:
                    if voters and self._votes.merge(ballot.node_id, ballot, voters, state.now_ms):
                        self._has_news()
                    self._look(peer)
                    self._count(peer)

    def _count(self, peer: Peer) -> None:
        if not peer.suspected or peer.fail_holds():
            return
        voters = self._voters(peer)
        if voters.bit_count() < self._state.quorum():
            return
        self._state.trace("notice", f"Marking node {peer.node_id} as failing (quorum reached).")
        size = len(self._state.primary_ids)
        fact = FailFact(peer.node_id, peer.incarnation, size, self._roster_hash, voters)
        self._fail(peer, fact)
        self._gossip.spread(fact)

    # FAIL

    def _fail(self, peer: Peer, fact: FailFact) -> None:
        peer.failed = True
        peer.reachable = False
        peer.failed_since_ms = self._state.now_ms
        peer.failed_incarnation = fact.incarnation
        peer.failed_roster_size = fact.roster_size
        peer.failed_roster = fact.roster
        peer.failed_voters = fact.voters
        self._state.judged(peer)
        self._votes.close(peer.node_id)
        self._state.rehash(peer)
        self._state.save()
        self._state.emit(ServingChanged())

    def merge_fail(self, fact: FailFact, source: Peer) -> bool:
        """Takes a majority's verdict; whether it was news. Against ourselves: refuted."""
        if not fact.roster_size // 2 < fact.voters.bit_count() <= fact.roster_size:
            return False
        if fact.node_id == self._state.me.node_id:
            self.refute(fact.incarnation)
            return False
        peer = self._state.member(fact.node_id)
        if peer is None or fact.incarnation < peer.incarnation or peer.fail_holds():
            return False
        self._state.trace("notice", f"FAIL message received from {source.node_id} about {peer.node_id}")
        self._fail(peer, fact)
        return True

    def refute(self, incarnation: int) -> None:
        """We are held for dead at this incarnation: a higher one shows that we are not."""
        if self._state.me.incarnation <= incarnation < COUNTER_MAX:
            self._announcer.member(above=incarnation)

    def answer_accuser(self, accuser: Peer, incarnation: int) -> None:
        """Refutes to the accuser's face: no rumor of ours may reach it, if its side and ours are FAIL to each
        other."""
        self.refute(incarnation)
        self.show(accuser)

    def show(self, peer: Peer) -> None:
        """Tells a member, and by it everyone to whom that is news, that this node is there, and where."""
        state = self._state
        rumor = Rumor(state.me.member_fact())
        state.send(peer, Rumors(state.me.node_id, state.current_epoch, 0, (rumor,)))

    def came_back(self, peer: Peer) -> None:
        """A member has shown a higher incarnation: what was held against it is void."""
        self._votes.close(peer.node_id)
        # An answer that was owed before it was back is owed no more, suspected or only heard of as FAIL.
        peer.ping_sent_ms = 0
        if peer.troubled:
            peer.reachable = True
        if peer.suspected and not peer.fail_holds():
            peer.suspected = False
            self._state.judged(peer)
            self._state.emit(ServingChanged())
            self._look_again(peer)
        if peer.failed:
            self._returning[peer.node_id] = peer
            self.clear_if_back(peer)

    def _look_again(self, peer: Peer) -> None:
        now_ms = self._state.now_ms
        if now_ms - self._looks_since_ms >= LOOKS_PERIOD_MS:
            self._looks, self._looks_since_ms = 0, now_ms
        self._looks += 1
        if self._looks <= LOOKS_MAX:
            self.probe(peer)

    def clear_if_back(self, peer: Peer) -> None:
        """Ends FAIL as Redis does: at once for a node without slots, else only when nobody has taken them for
        long."""
        if peer.fail_holds():
            self._returning.pop(peer.node_id, None)
            return
        if peer.owned:
            if self._state.now_ms - peer.failed_since_ms < 2 * self._state.settings.node_timeout_ms:
                return
            why = "is reachable again and nobody is serving its slots after some time"
        else:
            why = (
                "replica is reachable again" if peer.is_replica else "master without slots is reachable again"
            )
        self._state.trace("notice", f"Clear FAIL state for node {peer.node_id}: {why}.")
        peer.failed = False
        peer.failed_voters = 0
        self._returning.pop(peer.node_id, None)
        self._state.judged(peer)
        self._state.rehash(peer)
        self._state.save()
        self._state.emit(ServingChanged())
