"""Views that differ are made equal.

Rumors may miss someone. So every probe and its answer carry a hash of the sender's whole view. When it has
differed from ours twice more often than it was the same (what differs once may be a rumor under way), we ask
the one who told us. An exchange is three messages: the hashes of our view's parts; all that the other knows
of those parts that differ, and which they are; and what of these we know better. Both merge, the greater
versions win on both sides, and after that the two are equal in these parts.

Why all become equal: after an exchange both know what either knew, so what one node knows is known by twice
as many after each round of exchanges at the latest, and what most know already by nearly all after two or
three. A node whose view is not as the others' finds that out from anyone, and asks; the others, whose views
are the same with most they meet, ask nobody. So a straggler costs one exchange, and thousands that have been
parted ask each other all the time, each a few times a second.

What bounds the work: the hashes are kept as records change; a part is about MEMBERS_PER_PART members, so that
one record that differs costs the records of one part; an answer has no more than ANSWER_BYTES_MAX unless a
single part has (a newcomer asks for all as one), and the rest is asked for when that is taken in, for as long
as anything comes of it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator

from cluster.core.peers import Peer
from cluster.core.state import State
from cluster.core.viewhash import is_count, part_bounds, parts_for
from protocol.gossip.codec import fact_bytes
from protocol.gossip.messages import (
    ClaimFact,
    Fact,
    FactKey,
    FailFact,
    MemberFact,
    View,
    ViewRequest,
    fact_key,
)

PULL_PERIOD_MS = 300
COUNT_PERIOD_MS = 100
"""Views that differ twice within so short a time may have been told amid the same rumor."""
DIFFERENCES_MIN = 2
MEMBERS_PER_PART = 8
ANSWER_BYTES_MAX = 512 << 10


class AntiEntropy:
    """`merge` takes a fact into the view and says whether it was news; `spread` passes it on."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._differences = 0
        self._counted_ms = -COUNT_PERIOD_MS
        self._pulled_ms = -PULL_PERIOD_MS
        self._away = False
        self.merge: Callable[[Fact, Peer], bool] = lambda _fact, _source: False
        self.spread: Callable[[Fact, tuple[str, ...]], None] = lambda _fact, _has: None

    def compare(self, peer: Peer, view: int) -> None:
        """A member has told the hash of its view."""
        now_ms = self._state.now_ms
        if view == self._state.view_hash:
            self._differences = max(0, self._differences - 1)
            return
        if now_ms - self._counted_ms >= COUNT_PERIOD_MS:
            self._counted_ms = now_ms
            self._differences = min(DIFFERENCES_MIN, self._differences + 1)
        differs = self._away or self._differences >= DIFFERENCES_MIN
        if differs and now_ms - self._pulled_ms >= PULL_PERIOD_MS:
            self.pull(peer)

    def was_away(self) -> None:
        """We may have missed much: the first sign that our views differ is enough to ask."""
        self._away = True

    def pull(self, peer: Peer) -> None:
        """Asks a member for what it knows better."""
        self._pulled_ms = self._state.now_ms
        self._away = False
        self._differences = 0
        self._ask(peer, spread=False)

    def exchange(self, peer: Peer) -> None:
        """Two that have just met tell each other everything, to be passed on where it is new."""
        self._ask(peer, spread=True)

    def _ask(self, peer: Peer, *, spread: bool) -> None:
        state = self._state
        hashes = state.view.parts(parts_for(len(state.roster), MEMBERS_PER_PART))
        state.send(peer, ViewRequest(state.me.node_id, state.current_epoch, hashes, spread), reliable=True)

    def receive_request(self, source: Peer, message: ViewRequest) -> None:
        state = self._state
        count = len(message.hashes)
        if not is_count(count):
            return
        ours = state.view.parts(count)
        differing = [part for part in range(count) if ours[part] != message.hashes[part]]
        # Who is asked by many begins somewhere else each time: together they soon have all of it.
        first = state.rng.randrange(len(differing)) if differing else 0
        parts: list[int] = []
        facts: list[Fact] = []
        room = ANSWER_BYTES_MAX
        for part in differing[first:] + differing[:first]:
            found = list(self._facts(part, count))
            room -= sum(map(fact_bytes, found))
            if parts and room < 0:
                break
            parts.append(part)
            facts += found
        more = len(parts) < len(differing)
        self._tell(source, facts, count, tuple(parts), more=more, spread=message.spread)

    def receive_view(self, source: Peer, message: View) -> None:
        """Merges, and answers what was an answer to us."""
        news = False
        for fact in message.facts:
            if self.merge(fact, source):
                news = True
                if message.spread:
                    self.spread(fact, (source.node_id,))
        if not is_count(message.count) or not _are_parts(message.parts, message.count):
            return
        better = self._known_better(message)
        if better:
            self._tell(source, better, 0, (), more=False, spread=message.spread)
        if message.more and (news or better):
            self._ask(source, spread=message.spread)

    def _known_better(self, message: View) -> list[Fact]:
        theirs: dict[FactKey, int] = {fact_key(fact): fact.version for fact in message.facts}
        return [
            fact
            for part in message.parts
            for fact in self._facts(part, message.count)
            if fact.version > theirs.get(fact_key(fact), -1)
        ]

    def _tell(
        self,
        peer: Peer,
        facts: Iterable[Fact],
        count: int,
        parts: tuple[int, ...],
        *,
        more: bool,
        spread: bool,
    ) -> None:
        """Members first: a claim or a FAIL of a stranger is not listened to."""
        order = (MemberFact, ClaimFact, FailFact)
        ordered = tuple(sorted(facts, key=lambda fact: order.index(type(fact))))
        state = self._state
        view = View(state.me.node_id, state.current_epoch, ordered, count, parts, more, spread)
        state.send(peer, view, reliable=True)

    def _facts(self, part: int, count: int) -> Iterator[Fact]:
        ids = self._state.roster
        begin, end = part_bounds(part, count)
        for node_id in ids[bisect_left(ids, begin) : bisect_left(ids, end)]:
            peer = self._state.peers.look(node_id)
            yield peer.member_fact()
            yield peer.claim_fact()
            if peer.fail_holds():
                yield peer.fail_fact()


def _are_parts(parts: tuple[int, ...], count: int) -> bool:
    """Whether these are parts of a view, each once: what is said of a part may be long."""
    return len(set(parts)) == len(parts) and all(part < count for part in parts)
