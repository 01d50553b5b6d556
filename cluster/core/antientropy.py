"""Views that differ are made equal.

Rumors may miss someone. So every probe and its answer carry a hash of the sender's whole view, and when it
differs from ours twice running (once may be a rumor under way), we pull what the other knows. Each merges the
other's facts, the greater versions win on both sides, and after that the two are equal; any two nodes that
keep in touch end up so.
"""

from __future__ import annotations

from collections.abc import Callable

from cluster.core.peers import Peer
from cluster.core.state import State
from protocol.gossip.messages import ClaimFact, Fact, FailFact, MemberFact, View, ViewRequest

PULL_PERIOD_MS = 300
DIFFERENCES_MIN = 2
DIFFERENCES_KEPT = 64


class AntiEntropy:
    """`merge` takes a fact into the view and says whether it was news; `spread` passes it on."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._differences: dict[str, int] = {}
        self._pulled_ms = -PULL_PERIOD_MS
        self._away = False
        self.merge: Callable[[Fact, Peer], bool] = lambda _fact, _source: False
        self.spread: Callable[[Fact, tuple[str, ...]], None] = lambda _fact, _has: None

    def compare(self, peer: Peer, view: int) -> None:
        """A member has told the hash of its view."""
        if view == self._state.view_hash:
            self._differences.pop(peer.node_id, None)
            return
        count = self._differences.pop(peer.node_id, 0) + 1
        self._differences[peer.node_id] = count
        if len(self._differences) > DIFFERENCES_KEPT:
            del self._differences[next(iter(self._differences))]
        if self._away:
            count = DIFFERENCES_MIN
        if count >= DIFFERENCES_MIN and self._state.now_ms - self._pulled_ms >= PULL_PERIOD_MS:
            self.pull(peer)

    def was_away(self) -> None:
        """We may have missed much: the first sign that our views differ is enough to ask."""
        self._away = True

    def pull(self, peer: Peer) -> None:
        """Asks a member for all that it knows."""
        self._pulled_ms = self._state.now_ms
        self._away = False
        self._differences.pop(peer.node_id, None)
        self._ask(peer, spread=False)

    def exchange(self, peer: Peer) -> None:
        """Two that have just met tell each other everything, to be passed on where it is new."""
        self._answer(peer, spread=True)
        self._ask(peer, spread=True)

    def forget(self, node_id: str) -> None:
        self._differences.pop(node_id, None)

    def _ask(self, peer: Peer, *, spread: bool) -> None:
        request = ViewRequest(self._state.me.node_id, self._state.current_epoch, spread)
        self._state.send(peer, request, reliable=True)

    def _answer(self, peer: Peer, *, spread: bool) -> None:
        view = View(self._state.me.node_id, self._state.current_epoch, self._facts(), spread)
        self._state.send(peer, view, reliable=True)

    def receive_request(self, source: Peer, message: ViewRequest) -> None:
        self._answer(source, spread=message.spread)

    def receive_view(self, source: Peer, message: View) -> None:
        for fact in message.facts:
            if self.merge(fact, source) and message.spread:
                self.spread(fact, (source.node_id,))

    def _facts(self) -> tuple[Fact, ...]:
        """Members first: a claim or a FAIL of a stranger is not listened to."""
        peers = [self._state.me, *self._state.members]
        members: list[MemberFact] = [peer.member_fact() for peer in peers]
        claims: list[ClaimFact] = [peer.claim_fact() for peer in peers]
        fails = [
            FailFact(
                peer.node_id,
                peer.failed_incarnation,
                peer.failed_roster_size,
                peer.failed_roster,
                peer.failed_voters,
            )
            for peer in peers
            if peer.fail_holds()
        ]
        return (*members, *claims, *fails)
