"""Pub/sub between the nodes: a message published here goes to the clients of the others as well.

PUBLISH goes along the tree by which rumors are told (delegation.py), cut at its publisher: the ring of ids
behind the publisher is split among k heads (cluster-gossip-fanout), each of which takes its stretch on and
splits that in turn. So a message costs each node one frame (and a receipt for all that came within
RECEIPT_MS), whoever publishes. All publishers' trees have one shape, turned: a node talks to the same
k * log N others for all of them, and the TCP links to those stay open. A frame has all that one publisher
sent within one turn of its loop. SPUBLISH goes straight to the few members of its shard.

Order. As long as nobody comes or goes, a message takes the same links as the one before it, and a link keeps
order. Where the tree changes, paths differ: so a publisher numbers its messages, in a stream for each of its
lives, and whoever finds a number missing holds what follows for up to GAP_MS. What came already is dropped.

What can go wrong, and why everyone hears of it all the same:
- A head says nothing: it is sent the same again once, as its link may have been cut; then its stretch is
  split among the next heads, and for a while it is only told, and nobody behind it relies on it. The first
  frames after a death reach those behind it later by two waits.
- A link drops a frame: the receipt names an unbroken run of frames, so that what was lost comes again.
- A receipt is lost: the next one covers it, or the frame comes again, and is known by its number.
- Lists of members differ: a stretch is of ids, and means the same to all; whoever does not know a member
  cannot tell it.
What stays lost, as pub/sub allows: what a head acknowledged and did not pass on before it died, what comes
later than GAP_MS, and what is dropped where more than UNSENT_BYTES_MAX or HELD_BYTES_MAX would be kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from cluster.core.delegation import Arc, split
from cluster.core.effects import Deliver
from cluster.core.orders import Publish
from cluster.core.peers import Peer
from cluster.core.round_trip import RoundTrip
from cluster.core.state import State
from protocol.gossip import messages as bus
from protocol.gossip.codec import FRAME_BYTES_MAX, PUBLICATIONS_MAX, encoded_bytes

RECEIPT_MS = 20
"""How long a receipt waits for more that it can cover."""

WAIT_MIN_MS = 300
"""How long a head may at least be silent before it is sent to again, and as long again before its stretch is
taken from it. TCP has sent a lost segment once more by then."""

ROUND_TRIPS = 4
MUTE_MS = 5_000
"""How long nobody is put behind a head that was silent, unless it is heard of before."""

GAP_MS = 3_000
FRAME_BYTES = 64 << 10
"""Where a frame of several messages ends."""

MESSAGE_BYTES_MAX = FRAME_BYTES_MAX - FRAME_BYTES
UNSENT_BYTES_MAX = 32 << 20
HELD_BYTES_MAX = 8 << 20
HELD_OVERHEAD_BYTES = 256
"""What a publication takes in memory beside its text: empty ones must not be held without end either."""


@dataclass(slots=True)
class _Parcel:
    """A frame that was sent, once or (`again`) twice, and when last."""

    message: bus.Published
    sent_ms: int
    again: bool = False


@dataclass(slots=True)
class _Head:
    """A member to whom stretches are handed. `parcels` are the frames that it has not acknowledged, by their
    numbers; `heard_ms` is when it was last heard of."""

    number: int
    parcels: dict[int, _Parcel] = field(default_factory=dict)
    heard_ms: int = 0
    mute_until_ms: int = 0


@dataclass(slots=True)
class _Stream:
    """One publisher's messages in one of its lives. `held` are those behind a gap, which ends at
    `gap_until_ms`."""

    life: int
    next: int
    held: dict[int, bus.Publication] = field(default_factory=dict)
    held_bytes: int = 0
    gap_until_ms: int = 0


class Publishing:
    """Sends what is published to those whom it concerns, and hands over what others publish."""

    def __init__(self, state: State) -> None:
        self._state = state
        # Its own: receipts wait for company, which the answers to probes do not.
        self._round_trip = RoundTrip()
        self._life = 0
        self._next = 1
        self._written: list[bus.Publication] = []
        self._heads: dict[str, _Head] = {}
        self._waiting: dict[str, _Head] = {}
        self._unsent_bytes = 0
        self._runs: dict[str, tuple[int, int]] = {}
        self._receipts_due: dict[str, int] = {}
        self._streams: dict[str, _Stream] = {}
        self._gaps: dict[str, _Stream] = {}

    # what our clients publish

    def publish(self, order: Publish) -> None:
        """To all members, or with `sharded` to the primary and the replicas of this node's own shard."""
        state = self._state
        message = bus.ShardPublished(state.me.node_id, state.current_epoch, order.channel, order.message)
        if encoded_bytes(message) > MESSAGE_BYTES_MAX:
            state.trace("warning", "A published message is too long for the cluster bus: not sent to others.")
        elif not order.sharded:
            self._written.append(bus.Publication(order.channel, order.message))
        else:
            for peer in self._shard():
                if not peer.failed:
                    state.send(peer, message, reliable=True)

    def _shard(self) -> Iterable[Peer]:
        state = self._state
        shard_id = state.me.primary_id or state.me.node_id
        return (peer for peer in state.members if shard_id in (peer.node_id, peer.primary_id))

    def flush(self) -> int | None:
        """Sends what was published since the last call; when tick() is wanted for it. To be called when the
        turn of the loop ends."""
        written, self._written = self._written, []
        if not written or not self._state.members:
            return None
        # No life of a node has an incarnation that one before had.
        self._life = self._life or self._state.me.incarnation
        roster, me = self._state.roster, self._state.me.node_id
        whole = Arc(me, roster[roster.index(me) - 1])
        for publications in _batches(written):
            first, self._next = self._next, self._next + len(publications)
            self._hand_on(bus.Published(me, 0, me, self._life, first, publications, 0, me), whole)
        return self.deadline_ms()

    # handing on

    def _hand_on(self, message: bus.Published, duty: Arc) -> None:
        """Splits a duty among heads, and sends to each."""
        told_only: list[str] = []

        def can_head(node_id: str) -> bool:
            peer = self._state.troubled.get(node_id)
            if self._state.member(node_id) is None or (peer is not None and peer.failed):
                return False
            if peer is None and not self._is_mute(node_id):
                return True
            told_only.append(node_id)
            return False

        for head, part in split(duty, self._state.settings.gossip_fanout, self._state.roster, can_head):
            assert isinstance(part, Arc)
            self._send(head, message, part.until)
        for node_id in told_only:
            self._send(node_id, message, node_id)

    def _is_mute(self, node_id: str) -> bool:
        head = self._heads.get(node_id)
        return head is not None and head.mute_until_ms > self._state.now_ms

    def _send(self, node_id: str, message: bus.Published, until: str) -> None:
        state = self._state
        head = self._heads.get(node_id)
        if head is None:
            # Begun anywhere, so that another life of ours does not go on with numbers that were used.
            head = self._heads[node_id] = _Head(state.rng.getrandbits(48))
        head.number += 1
        sent = bus.Published(
            state.me.node_id, state.current_epoch, message.origin, message.life, message.first,
            message.publications, head.number, until,
        )  # fmt: skip
        if head.mute_until_ms <= state.now_ms:
            self._unsent_bytes += encoded_bytes(sent)
            head.parcels[head.number] = _Parcel(sent, state.now_ms)
            self._waiting[node_id] = head
            while self._unsent_bytes > UNSENT_BYTES_MAX and len(head.parcels) > 1:
                self._drop(node_id, head, next(iter(head.parcels)))
        state.send(state.peers[node_id], sent, reliable=True)

    def _drop(self, node_id: str, head: _Head, number: int) -> bus.Published:
        """Waits no longer for this parcel."""
        message = head.parcels.pop(number).message
        self._unsent_bytes -= encoded_bytes(message)
        if not head.parcels:
            del self._waiting[node_id]
        return message

    def receive_receipt(self, source: Peer, message: bus.PublishReceipt) -> None:
        """A head has taken on what it was sent. What was sent before that and is not acknowledged is lost,
        for a link keeps order."""
        head = self._heads.get(source.node_id)
        if head is None:
            return
        numbers = [number for number in head.parcels if number <= message.last]
        for number in numbers:
            parcel = head.parcels[number]
            if number < message.first and not parcel.again:
                self._send_again(source, parcel)
            else:
                self._drop(source.node_id, head, number)
        if numbers and not parcel.again:
            self._round_trip.sample(self._state.now_ms - parcel.sent_ms)
        self._heard(head)

    def _send_again(self, to: Peer, parcel: _Parcel) -> None:
        parcel.again = True
        parcel.sent_ms = self._state.now_ms
        self._state.send(to, parcel.message, reliable=True)

    def _heard(self, head: _Head) -> None:
        head.heard_ms = self._state.now_ms
        head.mute_until_ms = 0

    # receiving

    def receive_sharded(self, message: bus.ShardPublished) -> None:
        """A client of another node of this shard has published a message."""
        self._state.emit(Deliver(message.channel, message.message, sharded=True))

    def receive(self, source: Peer, message: bus.Published) -> None:
        """Someone has handed us messages, and members to tell them."""
        state = self._state
        if source.node_id in self._heads:
            self._heard(self._heads[source.node_id])
        if not self._is_news(source, message.number):
            state.watch.duplicates += len(message.publications)
            return
        if message.origin == state.me.node_id:
            return
        if message.until != state.me.node_id:
            self._hand_on(message, Arc(state.me.node_id, message.until))
        if state.member(message.origin) is not None and message.life <= bus.COUNTER_MAX:
            self._take(message)

    def _is_news(self, source: Peer, number: int) -> bool:
        """Whether a frame of this number has not just come from this member, who will have a receipt."""
        first, last = self._runs.get(source.node_id, (number, number - 1))
        is_news = not first <= number <= last
        if is_news and number != last + 1:
            # What came before it would not be covered by a later receipt.
            if source.node_id in self._receipts_due:
                self._send_receipt(source.node_id)
            first = number
        self._runs[source.node_id] = (first, number if is_news else last)
        self._receipts_due.setdefault(source.node_id, self._state.now_ms + RECEIPT_MS)
        return is_news

    def _take(self, message: bus.Published) -> None:
        """Hands to our clients what is next, and holds what is not."""
        stream = self._streams.get(message.origin)
        if stream is None or stream.life < message.life:
            # What came first may yet come by another way; whoever has just joined waits for it in vain, once.
            stream = self._streams[message.origin] = _Stream(message.life, 1)
            self._gaps.pop(message.origin, None)
        elif stream.life > message.life:
            return
        for number, publication in enumerate(message.publications, message.first):
            if number < stream.next or number in stream.held:
                self._state.watch.duplicates += 1
            elif number == stream.next:
                self._deliver(stream, publication)
            else:
                stream.held[number] = publication
                stream.held_bytes += _held_bytes(publication)
        self._go_on(message.origin, stream)
        while stream.held_bytes > HELD_BYTES_MAX:
            self._skip(message.origin, stream)

    def _deliver(self, stream: _Stream, publication: bus.Publication) -> None:
        stream.next += 1
        self._state.emit(Deliver(publication.channel, publication.message, sharded=False))

    def _go_on(self, origin: str, stream: _Stream) -> None:
        """What was held for want of what has come now; a gap that is left is a new one."""
        before = stream.next
        while (publication := stream.held.pop(stream.next, None)) is not None:
            stream.held_bytes -= _held_bytes(publication)
            self._deliver(stream, publication)
        if not stream.held:
            self._gaps.pop(origin, None)
        elif origin not in self._gaps or before != stream.next:
            stream.gap_until_ms = self._state.now_ms + GAP_MS
            self._gaps[origin] = stream

    def _skip(self, origin: str, stream: _Stream) -> None:
        """Waits no longer for what is missing."""
        stream.next = min(stream.held)
        self._go_on(origin, stream)

    # time

    def deadline_ms(self) -> int | None:
        return min(self._deadlines(), default=None)

    def _deadlines(self) -> Iterator[int]:
        yield from self._receipts_due.values()
        yield from (self._overdue_ms(head) for head in self._waiting.values())
        yield from (stream.gap_until_ms for stream in self._gaps.values())

    def _overdue_ms(self, head: _Head) -> int:
        oldest = next(iter(head.parcels.values()))
        wait_ms = max(WAIT_MIN_MS, ROUND_TRIPS * self._round_trip.timeout_ms(1))
        return max(oldest.sent_ms, head.heard_ms) + wait_ms

    def tick(self) -> None:
        now_ms = self._state.now_ms
        for node_id in [node_id for node_id, due_ms in self._receipts_due.items() if due_ms <= now_ms]:
            self._send_receipt(node_id)
        for node_id, head in list(self._waiting.items()):
            if head.parcels and self._overdue_ms(head) <= now_ms:
                self._overdue(node_id, head)
        for origin, stream in list(self._gaps.items()):
            if stream.gap_until_ms <= now_ms:
                self._skip(origin, stream)

    def _send_receipt(self, node_id: str) -> None:
        state = self._state
        del self._receipts_due[node_id]
        peer = state.member(node_id)
        if peer is not None:
            state.send(peer, bus.PublishReceipt(state.me.node_id, state.current_epoch, *self._runs[node_id]))

    def _overdue(self, node_id: str, head: _Head) -> None:
        peer = self._state.member(node_id)
        oldest = next(iter(head.parcels.values()))
        if not oldest.again and peer is not None and not peer.failed:
            for parcel in head.parcels.values():
                self._send_again(peer, parcel)
            return
        head.mute_until_ms = self._state.now_ms + MUTE_MS
        for number in list(head.parcels):
            message = self._drop(node_id, head, number)
            if message.until != node_id:
                self._hand_on(message, Arc(node_id, message.until))

    def forget(self, node_id: str) -> None:
        """A member is gone."""
        head = self._heads.pop(node_id, None)
        if head is not None:
            for number in list(head.parcels):
                self._drop(node_id, head, number)
        self._streams.pop(node_id, None)
        self._gaps.pop(node_id, None)
        self._runs.pop(node_id, None)
        self._receipts_due.pop(node_id, None)


def _bytes(publication: bus.Publication) -> int:
    return len(publication.channel) + len(publication.message)


def _held_bytes(publication: bus.Publication) -> int:
    return HELD_OVERHEAD_BYTES + _bytes(publication)


def _batches(publications: list[bus.Publication]) -> Iterator[tuple[bus.Publication, ...]]:
    """In as many frames as it takes; one that is long has one of its own."""
    batch: list[bus.Publication] = []
    size = 0
    for publication in publications:
        if batch and (size + _bytes(publication) > FRAME_BYTES or len(batch) == PUBLICATIONS_MAX):
            yield tuple(batch)
            batch, size = [], 0
        batch.append(publication)
        size += _bytes(publication)
    yield tuple(batch)
