"""Rumors with a memory: how a fact reaches every member with about one message each, and then stops.

This is rumor mongering (Demers et al., "Epidemic algorithms for replicated database maintenance", 1987) with
the list of the told made explicit, and divided: a node that has a rumor and a duty to tell it (delegation.py)
splits the duty among k heads (cluster-gossip-fanout), each of which acknowledges, takes its part on, and
splits that in turn, at once. The memory travels with the rumor and comes back with its acknowledgement. Up
to BITMAP_MEMBERS members it is a bitmap over their ids in order: with the rumor, everyone but those whom the
receiver is asked to tell; with the receipt, those whom the receiver has told or has taken on. Above that size
it is the end of the stretch of ids that begins behind the receiver.

What can go wrong, and why everyone hears of it all the same:
- A send or its receipt is lost: after a few round trips it is repeated.
- A head is doubted or suspected: it is told with nobody behind it, and less often.
- A head is dead: after SENDS_BEFORE_TAKE_OVER sends its part is split among the next heads, and after
  SENDS_MAX it is given up itself. (At 5% loss three sends in a row are lost for one node in 8000: too many to
  give up then.) It acknowledged and died before it told anyone: those behind it are missed.
- Lists of members differ (a join or FORGET is under way). A bitmap over another list means nothing to its
  receiver, who takes nothing on and says so; the sender goes on with that part itself. A stretch of ids means
  the same to all, but whoever does not know a member cannot tell it.
- A receiver has the rumor already (two nodes found out the same thing). It owns up only to what it has taken
  on itself, not to what others were said to do, and of that only to those who come behind it on the way round
  the ring of ids from the sender. Were it to own up to all, several could rely on each other for a member, in
  a circle, and nobody would tell it. So whoever is relied on for a member stands nearer to it, on the way
  round, than who relies: no circle closes, and the last in the chain tells the member itself.
- A newer version of the same fact takes the place of the older one; whoever knows the newer one
  acknowledges the older one, which ends it.
When half of a cluster has something to say about the other half, a node sends no more datagrams than it can:
with more than BUSY_RUMORS new rumors in a period it hands on only every GATHER_MS, and what it starts itself
takes the same way round the ring as all else, so that what arrives together travels on together.

Whoever is missed is found by anti-entropy: every probe carries a hash of the view (antientropy.py). A rumor
ends when all of its duty is acknowledged or given up, and in any case after 2*ceil(log2 N) periods.
"""

from __future__ import annotations

import heapq
import math
import zlib
from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from cluster.core.delegation import Arc, Duty, Names, Part, Ring, split
from cluster.core.peers import Peer
from cluster.core.round_trip import RoundTrip
from cluster.core.rumors import Spreading
from cluster.core.state import State
from protocol.gossip.codec import DATAGRAM_BYTES_MAX, RUMORS_BYTES, RUMORS_MAX, rumor_bytes
from protocol.gossip.messages import (
    FACT_KINDS,
    ClaimFact,
    DoubtFact,
    Fact,
    FactKey,
    FailFact,
    MemberFact,
    Receipt,
    Receipts,
    Rumor,
    Rumors,
    fact_key,
)

PERIOD_MS = 100
PERIODS_MIN = 10
BUSY_RUMORS = 16
GATHER_MS = 20
SENDS_BEFORE_TAKE_OVER = 3
SENDS_MAX = 5
SENDS_TO_DOUBTFUL = 2
BITMAP_MEMBERS = 64
ALL = (1 << 64) - 1


@dataclass(slots=True)
class _Parcel:
    """Rumors sent to a head in one datagram, each with the part that the head is to take on."""

    head: str
    items: list[tuple[Spreading, Names | Arc]]
    sent_ms: int
    due_ms: int
    sends: int = 1


class Gossip:
    """Spreads facts. `merge` takes a fact into the view and says whether it was news."""

    def __init__(self, state: State, round_trip: RoundTrip) -> None:
        self._state = state
        self._round_trip = round_trip
        self._spreading: dict[FactKey, Spreading] = {}
        self._open: list[tuple[Spreading, Duty]] = []
        self._parcels: dict[int, _Parcel] = {}
        self._due: list[tuple[int, int]] = []
        self._number = 0
        self._swept_ms = state.now_ms
        self._hashed: tuple[tuple[str, ...], int] = ((), 0)
        self._period = 0
        self._begun = [0, 0]
        """How many rumors are new to this node in this period, and in the one before."""
        self._held_until_ms = 0
        self.merge: Callable[[Fact, Peer], bool] = lambda _fact, _source: False

    # what is told

    def spread(self, fact: Fact, has: tuple[str, ...] = ()) -> None:
        """Starts to tell everyone but those who have it; an older version on its way is replaced."""
        key = fact_key(fact)
        current = self._current(key)
        if current is not None and current.fact.version >= fact.version:
            return
        spreading = self._begin(fact)
        spreading.has.update(has)
        self._take_on(spreading, self._everyone(fact))

    def forget(self, node_id: str) -> None:
        """Stops every rumor about a node."""
        for key in [key for key in self._spreading if key[1] == node_id]:
            del self._spreading[key]

    def clear(self) -> None:
        self._spreading.clear()
        self._open.clear()
        self._parcels.clear()

    def is_idle(self) -> bool:
        """Whether there is nobody left whom this node has to tell something."""
        return not self._open and not self._parcels

    def _begin(self, fact: Fact) -> Spreading:
        self._sweep()
        self._count_begun(1)
        periods = max(PERIODS_MIN, 2 * math.ceil(math.log2(len(self._state.roster))))
        spreading = Spreading(fact, self._state.now_ms + periods * PERIOD_MS)
        self._spreading[fact_key(fact)] = spreading
        return spreading

    def _count_begun(self, count: int) -> None:
        period = self._state.now_ms // PERIOD_MS
        if period != self._period:
            self._begun = [0, self._begun[0] if period == self._period + 1 else 0]
            self._period = period
        self._begun[0] += count

    def _is_busy(self) -> bool:
        self._count_begun(0)
        return max(self._begun) > BUSY_RUMORS

    def _sweep(self) -> None:
        """Drops, now and then, what nobody will ask for again."""
        now_ms = self._state.now_ms
        if now_ms - self._swept_ms >= PERIODS_MIN * PERIOD_MS:
            self._swept_ms = now_ms
            self._spreading = {
                key: spreading for key, spreading in self._spreading.items() if spreading.expires_ms > now_ms
            }

    def _current(self, key: FactKey) -> Spreading | None:
        spreading = self._spreading.get(key)
        return spreading if spreading is not None and self._state.now_ms < spreading.expires_ms else None

    def _is_current(self, spreading: Spreading) -> bool:
        return self._current(fact_key(spreading.fact)) is spreading

    def _take_on(self, spreading: Spreading, duty: Duty) -> None:
        new = spreading.take_on(duty)
        if new is not None:
            self._open.append((spreading, new))

    def _everyone(self, fact: Fact) -> Duty:
        roster = self._state.roster
        if len(roster) > BITMAP_MEMBERS and self._is_busy():
            return Ring(0)
        if len(roster) > BITMAP_MEMBERS:
            # The same for all that is said at once, so that it travels together: of one node, or the deaths
            # that one majority has found.
            subject = fact.roster if isinstance(fact, FailFact) else f"{fact.node_id} {fact.version}"
            return Ring(zlib.crc32(str(subject).encode()))
        return self._names(fact, roster)

    def _names(self, fact: Fact, ids: tuple[str, ...]) -> Names:
        """These but for this node, and a subject that said it first or does not answer; as they come on the
        way round the ring from here."""
        me = self._state.me.node_id
        author = fact.node_id if isinstance(fact, MemberFact | ClaimFact | DoubtFact) else ""
        others = [node_id for node_id in ids if node_id not in (me, author)]
        turn = bisect_left(others, me)
        return Names((*others[turn:], *others[:turn]))

    # receiving

    def receive_rumors(self, source: Peer, message: Rumors) -> None:
        receipts: list[Receipt] = [Receipt(False, 0)] * len(message.rumors)
        # Members first: what is said of a stranger is not taken.
        order = sorted(
            range(len(message.rumors)), key=lambda at: not isinstance(message.rumors[at].fact, MemberFact)
        )
        for at in order:
            receipts[at] = self._receive(source, message.rumors[at])
        state = self._state
        answer = Receipts(
            state.me.node_id, state.current_epoch, message.number, self._roster_hash(), tuple(receipts)
        )
        state.send(source, answer)

    def _receive(self, source: Peer, rumor: Rumor) -> Receipt:
        fact = rumor.fact
        news = self.merge(fact, source)
        if fact.node_id not in self._state.peers:
            # About a node that has not been introduced yet: unacknowledged, it comes again.
            return Receipt(False, 0)
        current = self._current(fact_key(fact))
        if current is None or current.fact.version < fact.version:
            if not news and not self._holds(fact):
                # We know better: this version ends here.
                return Receipt(True, ALL)
            current = self._begin(fact)
            first = True
        elif current.fact.version > fact.version:
            return Receipt(True, ALL)
        else:
            first = False
        current.has.add(source.node_id)
        if rumor.roster:
            return self._take_list(source, current, rumor, first=first)
        if rumor.until:
            self._take_on(current, Arc(self._state.me.node_id, rumor.until))
        elif news:
            self._take_on(current, self._everyone(fact))
        return Receipt(True, ALL)

    def _take_list(self, source: Peer, current: Spreading, rumor: Rumor, *, first: bool) -> Receipt:
        roster = self._state.roster
        if len(roster) > BITMAP_MEMBERS or rumor.roster != self._roster_hash():
            return Receipt(True, 0)
        if first:
            told = {node_id for place, node_id in enumerate(roster) if rumor.told >> place & 1}
            current.has |= told
            rest = tuple(node_id for node_id in roster if node_id not in told)
            self._take_on(current, self._names(rumor.fact, rest))
        me = self._bitmap({self._state.me.node_id})
        before, until = 2 * me - 1, self._bitmap({source.node_id}) - 1
        behind = until & ~before if before <= until else until | ~before
        return Receipt(True, me | self._bitmap(current.names) & behind)

    def _holds(self, fact: Fact) -> bool:
        """Whether the view has just this version."""
        peer = self._state.peers[fact.node_id]
        match fact:
            case MemberFact():
                return fact.incarnation == peer.incarnation
            case ClaimFact():
                return fact.version == peer.claim_version
            case FailFact():
                return peer.fail_holds() and fact.incarnation == peer.failed_incarnation
            case _:
                return False

    def receive_receipts(self, source: Peer, message: Receipts) -> None:
        parcel = self._parcels.get(message.number)
        if parcel is None or parcel.head != source.node_id or len(message.receipts) != len(parcel.items):
            return
        del self._parcels[message.number]
        if parcel.sends == 1:
            self._round_trip.sample(self._state.now_ms - parcel.sent_ms)
        for (spreading, part), receipt in zip(parcel.items, message.receipts, strict=True):
            if self._is_current(spreading):
                self._acknowledged(parcel, spreading, part, receipt, message.roster)

    def _acknowledged(
        self, parcel: _Parcel, spreading: Spreading, part: Names | Arc, receipt: Receipt, roster: int
    ) -> None:
        if receipt.has:
            spreading.has.add(parcel.head)
        else:
            self._try_again(parcel, spreading, part)
        if isinstance(part, Names):
            if roster == self._roster_hash():
                ids = self._state.roster
                spreading.has.update(ids[place] for place in range(len(ids)) if receipt.told >> place & 1)
            part = spreading.open_names(part)
            if not part.ids:
                return
        elif receipt.told:
            return
        self._open.append((spreading, part))

    def _try_again(self, parcel: _Parcel, spreading: Spreading, part: Names | Arc) -> None:
        """The head could not take it, for it has not been introduced to the subject yet."""
        alone = [(spreading, _nobody(part, parcel.head))]
        self._await(_Parcel(parcel.head, alone, parcel.sent_ms, 0, parcel.sends))

    # sending

    def deadline_ms(self) -> int | None:
        due_ms = self._repeat_ms()
        if self._open:
            return self._held_until_ms if due_ms is None else min(due_ms, self._held_until_ms)
        return due_ms

    def _repeat_ms(self) -> int | None:
        while self._due:
            due_ms, number = self._due[0]
            parcel = self._parcels.get(number)
            if parcel is not None and parcel.due_ms == due_ms:
                return due_ms
            heapq.heappop(self._due)
        return None

    def flush(self) -> None:
        """Sends what is due, several rumors to a datagram."""
        while (due_ms := self._repeat_ms()) is not None and due_ms <= self._state.now_ms:
            _, number = heapq.heappop(self._due)
            self._repeat(number, self._parcels.pop(number))
        if not self._open or self._state.now_ms < self._held_until_ms:
            return
        if self._is_busy():
            self._held_until_ms = self._state.now_ms + GATHER_MS
        duties, self._open = self._open, []
        parts: dict[tuple[Duty, bool], list[Part]] = {}
        loads: dict[str, list[tuple[Spreading, Names | Arc]]] = {}
        for spreading, duty in duties:
            if isinstance(duty, Names):
                duty = spreading.open_names(duty)
            # Rumors with the same duty are split alike, so that they travel together.
            key = (duty, isinstance(spreading.fact, DoubtFact))
            if key not in parts:
                # Those who may be dead need not hear who else may be.
                is_leaf = _nobody_is if key[1] else self._is_leaf
                fanout, roster = self._state.settings.gossip_fanout, self._state.roster
                parts[key] = split(duty, fanout, roster, self._can_head, is_leaf)
            for head, part in parts[key]:
                loads.setdefault(head, []).append((spreading, part))
        for head, items in loads.items():
            self._send(head, items)

    def _can_head(self, node_id: str) -> bool:
        state = self._state
        return node_id != state.me.node_id and node_id in state.peers and not self._is_doubtful(node_id)

    def _is_leaf(self, node_id: str) -> bool:
        """Those who are doubted or suspected, and not known to be dead."""
        peer = self._state.troubled.get(node_id)
        return self._is_doubtful(node_id) and (peer is None or not peer.fail_holds())

    def _is_doubtful(self, node_id: str) -> bool:
        peer = self._state.troubled.get(node_id)
        if peer is not None and (peer.suspected or peer.fail_holds()):
            return True
        doubt = self._current((FACT_KINDS[DoubtFact], node_id))
        return doubt is not None and doubt.fact.version >= self._state.peers.look(node_id).incarnation

    def _repeat(self, number: int, parcel: _Parcel) -> None:
        items = [item for item in parcel.items if self._is_current(item[0])]
        # Who has been told by someone else meanwhile has not been told of its part.
        self._open += [item for item in items if parcel.head in item[0].has]
        items = [item for item in items if parcel.head not in item[0].has]
        if self._state.member(parcel.head) is None:
            # Forgotten meanwhile: those behind it are still to be told.
            self._open += items
            return
        if parcel.sends <= SENDS_BEFORE_TAKE_OVER and self._is_doubtful(parcel.head):
            self._open += items
            if parcel.sends >= SENDS_TO_DOUBTFUL:
                return
            items = [(spreading, _nobody(part, parcel.head)) for spreading, part in items]
        elif parcel.sends == SENDS_BEFORE_TAKE_OVER:
            # Those behind the head need not wait for it any longer.
            self._open += items
            items = [(spreading, _nobody(part, parcel.head)) for spreading, part in items]
        if items and parcel.sends < SENDS_MAX:
            parcel.items = items
            parcel.sends += 1
            self._send_parcel(parcel, [self._rumor(*item) for item in items], number)

    def _send(self, head: str, items: list[tuple[Spreading, Names | Arc]]) -> None:
        """In as many datagrams as it takes."""
        batch: list[tuple[Spreading, Names | Arc]] = []
        rumors: list[Rumor] = []
        room = DATAGRAM_BYTES_MAX - RUMORS_BYTES
        for item in items:
            rumor = self._rumor(*item)
            size = rumor_bytes(rumor)
            if batch and (size > room or len(batch) == RUMORS_MAX):
                self._send_parcel(_Parcel(head, batch, self._state.now_ms, 0), rumors)
                batch, rumors, room = [], [], DATAGRAM_BYTES_MAX - RUMORS_BYTES
            batch.append(item)
            rumors.append(rumor)
            room -= size
        self._send_parcel(_Parcel(head, batch, self._state.now_ms, 0), rumors)

    def _send_parcel(self, parcel: _Parcel, rumors: Iterable[Rumor], number: int = 0) -> None:
        state = self._state
        peer = state.member(parcel.head)
        if peer is None:
            return
        number = self._await(parcel, number)
        state.send(peer, Rumors(state.me.node_id, state.current_epoch, number, tuple(rumors)))

    def _await(self, parcel: _Parcel, number: int = 0) -> int:
        """Waits for the receipt of a parcel, under a new number if it has none."""
        if not number:
            number = self._number = self._number % 0xFFFFFFFF + 1
        parcel.due_ms = self._state.now_ms + self._round_trip.timeout_ms(parcel.sends)
        self._parcels[number] = parcel
        heapq.heappush(self._due, (parcel.due_ms, number))
        return number

    def _rumor(self, spreading: Spreading, part: Names | Arc) -> Rumor:
        if isinstance(part, Arc):
            return Rumor(spreading.fact, until=part.until)
        untold = self._bitmap(set(part.ids))
        everyone = (1 << len(self._state.roster)) - 1
        return Rumor(spreading.fact, self._roster_hash(), everyone & ~untold & ALL)

    # the list of members

    def _roster_hash(self) -> int:
        """Never 0, which says that there is no list; 0 only above the size that has one."""
        roster = self._state.roster
        if len(roster) > BITMAP_MEMBERS:
            return 0
        if self._hashed[0] is not roster:
            self._hashed = (roster, zlib.crc32("".join(roster).encode()) | 1)
        return self._hashed[1]

    def _bitmap(self, ids: set[str]) -> int:
        bitmap = 0
        for node_id in ids:
            place = self._state.place(node_id)
            if place is not None and place < BITMAP_MEMBERS:
                bitmap |= 1 << place
        return bitmap


def _nobody(part: Names | Arc, head: str) -> Names | Arc:
    """A part of the same kind for a head that has to tell no one."""
    return Names(()) if isinstance(part, Names) else Arc(head, head)


def _nobody_is(_node_id: str) -> bool:
    return False
