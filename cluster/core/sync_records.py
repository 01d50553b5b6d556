"""Who holds all that a primary has acknowledged, as the voters know it (cluster-write-acks).

A primary that promises acknowledged writes acknowledges one only when every replica that may be elected has
it. Which ones may, it says in a record, and it counts on a record only when a majority of the primaries that
own slots have it on disk (in_sync.py). A voter votes for nobody whom the newest record that it knows leaves
out. Why no acknowledged write is lost, then:

- Whoever is elected has a majority. It shares a voter with the majority that took the record. If that voter
  took the record first, it has refused whom the record leaves out. If it voted first, it has taken no record
  of that primary since: a vote puts up a fence, which a word of a lower term does not pass.
- A voter may be replaced meanwhile, and not have heard of it. Votes carry the records: the new one knows all
  that a majority of the voters knew when they chose it. What its predecessor says after one of them has voted
  against it counts for nothing, be it a receipt, a vote or an answer to a probe: all of these name the owners
  whom their sender doubts so, and every majority has one that does.
- A new primary's own records begin where its predecessor's end: until it has one, the last record that names
  it as in sync holds for its replicas as well.
- A replaced primary that has not heard of it may answer reads until the word that it got from a voter has
  grown old. So a voter takes no record from the new one before that: nobody acknowledges anything earlier.
  A voter that has just come to its place, or back to it, does not know what was answered from there, and
  waits as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from cluster.core.peers import Peer
from cluster.core.state import State
from protocol.gossip.messages import InSync, InSyncReceipt, SyncRecord

ID_LENGTH = 40
_HEX = frozenset("0123456789abcdef")


class SyncRecords:
    """What this node knows of others' records, and its own. Kept in nodes.conf."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._seated_ms: int | None = None

    def seated(self) -> None:
        """This node has come to own slots that were another's, or its own in an earlier life."""
        self._seated_ms = self._state.now_ms

    def about(self, primary: Peer) -> SyncRecord | None:
        """The newest word on whose data may take this primary's place: its own, or that of the one whose
        place it took."""
        known = self._state.sync_records
        own = known.get(primary.node_id)
        found = [own] if own is not None and own.version else []
        found += [
            record
            for record in known.values()
            if primary.node_id in record.members and not self._owns_slots(record.primary_id)
        ]
        return max(found, key=_age, default=None)

    def _owns_slots(self, node_id: str) -> bool:
        peer = self._state.peers.get(node_id)
        return peer is not None and bool(peer.owned)

    def forbids(self, candidate: Peer, primary: Peer) -> bool:
        """Whether the candidate may lack what the primary has acknowledged."""
        record = self.about(primary)
        if record is None or not record.members:
            return False
        return candidate.node_id not in (record.primary_id, *record.members)

    def fence(self, primary: Peer, epoch: int) -> None:
        """We vote, in this epoch, for someone to take over from this primary. The caller saves."""
        known = self._state.sync_records
        if known or self._state.settings.write_acks:
            record = known.get(primary.node_id) or SyncRecord(primary.node_id, 0, 0, 0, ())
            known[primary.node_id] = replace(record, fence=max(record.fence, epoch))

    def doubted(self) -> tuple[str, ...]:
        """The owners of slots whom we have voted to replace, in an epoch that they have not come to. Nobody
        where nothing was ever promised."""
        if not (self._state.sync_records or self._state.settings.write_acks):
            return ()
        return tuple(peer.node_id for peer in self._state.primaries if self._fence(peer) > peer.config_epoch)

    def _fence(self, peer: Peer) -> int:
        record = self._state.sync_records.get(peer.node_id)
        return max(peer.voted_epoch, record.fence if record is not None else 0)

    def _seat_fence(self, owner: Peer) -> int:
        """Below which term we take no word of this owner's: we have voted to replace it, or for whom it has
        replaced to stay."""
        claimants = [each for each in self._state.members if each.stale() and each.claims & owner.owned]
        return max(self._fence(each) for each in (owner, *claimants))

    def all(self) -> tuple[SyncRecord, ...]:
        return tuple(self._state.sync_records.values())

    def learn(self, records: Iterable[SyncRecord]) -> None:
        """Takes in what a voter knows, whom we ask for its vote. The caller saves."""
        for record in records:
            known = self._state.sync_records.get(record.primary_id)
            fence = max(record.fence, known.fence if known is not None else 0)
            newest = record if known is None or _age(known) < _age(record) else known
            self._state.sync_records[record.primary_id] = replace(newest, fence=fence)

    def keep(self, record: SyncRecord) -> None:
        """The newest word of a primary, on disk before anyone hears that we have it. It takes the place of
        what was said by those whom it has replaced."""
        known = self._state.sync_records
        for other in list(known.values()):
            if (
                record.primary_id in other.members
                and _age(other) < _age(record)
                and not self._owns_slots(other.primary_id)
            ):
                del known[other.primary_id]
        known[record.primary_id] = record
        self._state.save(durable=True)

    def receive(self, source: Peer, message: InSync) -> None:
        """A primary asks us to keep its record."""
        state, record = self._state, message.record
        if record.primary_id != source.node_id:
            return
        fence = self._seat_fence(source)
        known = state.sync_records.get(source.node_id)
        is_known = known is not None and _age(known) == _age(record)
        taken = is_known or (fence <= record.term and self._may_take(source, record, known))
        if taken and not is_known:
            self.keep(replace(record, fence=self._fence(source)))
        state.send(
            source,
            InSyncReceipt(
                state.me.node_id, state.current_epoch, record.term, record.version, taken, fence,
                self.doubted(),
            ),
        )  # fmt: skip

    def _may_take(self, source: Peer, record: SyncRecord, known: SyncRecord | None) -> bool:
        if source.is_replica or not source.owned or record.term > source.config_epoch:
            return False
        if known is not None and _age(known) > _age(record):
            return False
        return not self._one_replaced_may_serve()

    def _one_replaced_may_serve(self) -> bool:
        """Whether a primary that is replaced may still count on an answer that was given from here."""
        state = self._state
        if self._is_just_seated():
            return True
        since_ms = state.now_ms - state.settings.node_timeout_ms
        return any(peer.assented_ms > since_ms and peer.stale() for peer in state.members)

    def _is_just_seated(self) -> bool:
        state = self._state
        return self._seated_ms is not None and self._seated_ms > state.now_ms - state.settings.node_timeout_ms

    def shares_seat(self) -> bool:
        """Whether the one whose place this node took may still count itself: as voters, the two are one."""
        me = self._state.me
        return self._is_just_seated() and any(
            peer.stale() and peer.claims & me.owned for peer in self._state.members
        )


def sound(words: Mapping[str, Iterable[str]]) -> int:
    """How many of these voters count together: those whom none of them doubts. `words`: whom each doubts."""
    doubted = {node_id for ids in words.values() for node_id in ids}
    return sum(voter not in doubted for voter in words)


def settled(votes: Mapping[str, Iterable[str]]) -> frozenset[str]:
    """Who need not be asked again. While some votes do not count nobody is: doubts may have ended."""
    return frozenset(votes if sound(votes) == len(votes) else ())


def _age(record: SyncRecord) -> tuple[int, int]:
    return record.term, record.version


def to_text(records: Iterable[SyncRecord]) -> str:
    """The records as one word of nodes.conf."""
    return ";".join(
        f"{record.primary_id}:{record.term}:{record.version}:{record.fence}:{','.join(record.members)}"
        for record in records
    )


def from_text(text: str) -> dict[str, SyncRecord]:
    """The records of a word of nodes.conf. Raises ValueError."""
    records = {}
    for part in text.split(";") if text else ():
        primary_id, term, version, fence, members = part.split(":")
        ids_from_text(primary_id)
        ids = ids_from_text(members)
        if not all(word.isascii() and word.isdigit() for word in (term, version, fence)):
            raise ValueError("no number")
        records[primary_id] = SyncRecord(primary_id, int(term), int(version), int(fence), ids)
    return records


def ids_from_text(text: str) -> tuple[str, ...]:
    """Node ids with commas between them. Raises ValueError."""
    ids = tuple(text.split(",")) if text else ()
    if not all(len(node_id) == ID_LENGTH and _HEX.issuperset(node_id) for node_id in ids):
        raise ValueError("no node id")
    return ids
