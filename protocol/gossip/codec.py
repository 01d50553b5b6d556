"""Bus messages as bytes and back.

A frame, big-endian:

    offset  bytes
    0       2      magic, "SG"
    2       1      version of this layout
    3       1      kind of message (numbered by hand below, append only)
    4       2      key id; 0: not authenticated
    6       16     tag; with key id 0 a CRC-32 of the rest of the frame, then zeros
    22      4      length of the body in bytes
    26      20     the sender's node id
    46      8      the sender's currentEpoch
    54             the body, fields as the kind's layout has them
"""

from __future__ import annotations

import struct
import zlib
from typing import Final

from protocol.gossip.fields import (
    BITMAP,
    BYTES,
    FLAG,
    HOST,
    NODE_ID,
    OPTIONAL_ID,
    PORT,
    SLOTS,
    U32,
    U64,
    VERSION,
    Field,
    MalformedFrame,
    Reader,
    layout_size,
    many,
    record,
    tagged,
)
from protocol.gossip.messages import (
    FACT_KINDS,
    VERSION_MAX,
    Ack,
    Ballot,
    Ballots,
    ClaimFact,
    Cut,
    DoubtFact,
    Fact,
    FailFact,
    Hollow,
    HollowAnswer,
    InSync,
    InSyncReceipt,
    Meet,
    MemberFact,
    Message,
    PausedOffset,
    PauseRequest,
    Probe,
    ProbeRequest,
    Publication,
    Published,
    PublishReceipt,
    Receipt,
    Receipts,
    Rumor,
    Rumors,
    ShardPublished,
    SyncRecord,
    Update,
    View,
    ViewRequest,
    Vote,
    VoteRefused,
    VoteRequest,
    Vouch,
    Welcome,
)

__all__ = [
    "DATAGRAM_BYTES_MAX",
    "FRAME_BYTES_MAX",
    "MalformedFrame",
    "StreamDecoder",
    "decode",
    "encode",
    "encoded_bytes",
]

MAGIC: Final = b"SG"
LAYOUT_VERSION: Final = 3
DATAGRAM_BYTES_MAX: Final = 1400
FRAME_BYTES_MAX: Final = 8 << 20
RUMORS_MAX: Final = 256
"""How many rumors a message may have."""

PUBLICATIONS_MAX: Final = 4096
"""How many publications a message may have."""

_HEADER = struct.Struct(">2sBBH16sI20sQ")
_CHECKED_FROM = 22
assert _HEADER.size == 54
assert struct.calcsize(">2sBBH16s") == _CHECKED_FROM
assert struct.calcsize(">2sBBH") == 6

_ITEMS_MAX = 1 << 16
_PARTS_MAX = 1 << 12

_MEMBER = record(
    MemberFact,
    {
        "node_id": NODE_ID,
        "incarnation": VERSION,
        "host": HOST,
        "port": PORT,
        "bus_port": PORT,
        "hostname": HOST,
        "no_failover": FLAG,
    },
)
_CLAIM = record(
    ClaimFact,
    {
        "node_id": NODE_ID,
        "version": VERSION,
        "config_epoch": VERSION,
        "primary_id": OPTIONAL_ID,
        "slots": SLOTS,
    },
)
_DOUBT = record(DoubtFact, {"node_id": NODE_ID, "incarnation": VERSION})
_FAIL = record(
    FailFact,
    {
        "node_id": NODE_ID,
        "incarnation": VERSION,
        "roster_size": U32,
        "roster": U64,
        "voters": BITMAP,
    },
)
_FACT = tagged(
    {
        FACT_KINDS[MemberFact]: (MemberFact, _MEMBER),
        FACT_KINDS[ClaimFact]: (ClaimFact, _CLAIM),
        FACT_KINDS[FailFact]: (FailFact, _FAIL),
        FACT_KINDS[DoubtFact]: (DoubtFact, _DOUBT),
    }
)
_RUMOR = record(Rumor, {"fact": _FACT, "roster": U32, "told": U64, "until": OPTIONAL_ID})
_RECEIPT = record(Receipt, {"has": FLAG, "told": U64})
_PUBLISHED = {"channel": BYTES, "message": BYTES}
_PUBLICATION = record(Publication, _PUBLISHED)
_BALLOT = record(Ballot, {"node_id": NODE_ID, "incarnation": VERSION, "round": U32, "age_ms": U32})
_CUT = record(Cut, {"voters": BITMAP, "ballots": many(_BALLOT, _ITEMS_MAX)})
_SYNC_RECORD = record(
    SyncRecord,
    {
        "primary_id": NODE_ID,
        "term": VERSION,
        "version": VERSION,
        "fence": VERSION,
        "members": many(NODE_ID, _ITEMS_MAX),
    },
)
_NODE_IDS = many(NODE_ID, _ITEMS_MAX)
_PROBE = {"number": U32, "view": U64, "offset": U64, "accused": VERSION}

# Numbered by hand; append only: a number once given keeps its meaning as long as LAYOUT_VERSION stays. 16 was
# a message published to all, sent by its publisher to each.
_LAYOUTS: dict[int, tuple[type[Message], dict[str, Field]]] = {
    1: (Meet, {"member": _MEMBER, "claim": _CLAIM, "target_host": HOST}),
    2: (Welcome, {"member": _MEMBER, "claim": _CLAIM, "seen_host": HOST}),
    3: (Probe, _PROBE),
    4: (Ack, {**_PROBE, "stale": FLAG, "doubted": _NODE_IDS}),
    5: (ProbeRequest, {"target_id": NODE_ID}),
    6: (Vouch, {"target_id": NODE_ID}),
    7: (Rumors, {"number": U32, "rumors": many(_RUMOR, RUMORS_MAX)}),
    8: (Receipts, {"number": U32, "roster": U32, "receipts": many(_RECEIPT, RUMORS_MAX)}),
    9: (VoteRequest, {"election_epoch": VERSION, "config_epoch": VERSION, "slots": SLOTS, "force": FLAG}),
    10: (
        Vote,
        {"election_epoch": VERSION, "records": many(_SYNC_RECORD, _ITEMS_MAX), "doubted": _NODE_IDS},
    ),
    11: (Update, {"claim": _CLAIM}),
    14: (PauseRequest, {}),
    15: (PausedOffset, {"offset": U64}),
    23: (VoteRefused, {"election_epoch": VERSION}),
    17: (ShardPublished, _PUBLISHED),
    18: (Ballots, {"roster": U64, "place": U32, "cuts": many(_CUT, _ITEMS_MAX)}),
    24: (InSync, {"record": _SYNC_RECORD}),
    25: (
        InSyncReceipt,
        {
            "term": VERSION,
            "version": VERSION,
            "taken": FLAG,
            "fence": VERSION,
            "doubted": _NODE_IDS,
        },
    ),
    26: (Hollow, {}),
    27: (HollowAnswer, {"has": FLAG}),
    19: (
        Published,
        {
            "origin": NODE_ID,
            "life": VERSION,
            "first": U64,
            "publications": many(_PUBLICATION, PUBLICATIONS_MAX),
            "number": U64,
            "until": NODE_ID,
        },
    ),
    20: (PublishReceipt, {"first": U64, "last": U64}),
    21: (ViewRequest, {"hashes": many(U64, _PARTS_MAX), "spread": FLAG}),
    22: (
        View,
        {
            "facts": many(_FACT, 4 * _ITEMS_MAX),
            "count": U32,
            "parts": many(U32, _PARTS_MAX),
            "more": FLAG,
            "spread": FLAG,
        },
    ),
}
_NUMBERS = {kind: number for number, (kind, _) in _LAYOUTS.items()}
_SIZES = {kind: layout_size(layout) for kind, layout in _LAYOUTS.values()}


def encode(message: Message) -> bytes:
    """The message as one frame."""
    number = _NUMBERS[type(message)]
    body = bytearray()
    for name, field in _LAYOUTS[number][1].items():
        field.write(body, getattr(message, name))
    sender = bytes.fromhex(message.sender)
    frame = bytearray(
        _HEADER.pack(MAGIC, LAYOUT_VERSION, number, 0, b"", len(body), sender, message.epoch) + body
    )
    struct.pack_into(">I", frame, 6, zlib.crc32(frame[_CHECKED_FROM:], number))
    return bytes(frame)


def encoded_bytes(message: Message) -> int:
    """How long the message's frame is, without making it."""
    size = _SIZES[type(message)]
    return _HEADER.size + (size if isinstance(size, int) else size(message))


def decode(data: bytes) -> Message:
    """The message in one frame. Raises MalformedFrame, whatever is wrong with it."""
    if len(data) < _HEADER.size:
        raise MalformedFrame("shorter than a header")
    if len(data) > FRAME_BYTES_MAX:
        raise MalformedFrame("longer than a frame may be")
    magic, version, number, key_id, tag, length, sender, epoch = _HEADER.unpack_from(data)
    if magic != MAGIC or version != LAYOUT_VERSION or key_id != 0 or number not in _LAYOUTS:
        raise MalformedFrame("not a frame of this version")
    if length != len(data) - _HEADER.size or epoch >= VERSION_MAX:
        raise MalformedFrame("wrong length or epoch")
    if tag != struct.pack(">I12x", zlib.crc32(data[_CHECKED_FROM:], number)):
        raise MalformedFrame("wrong checksum")
    kind, layout = _LAYOUTS[number]
    reader = Reader(data[_HEADER.size :])
    values = {name: field.read(reader) for name, field in layout.items()}
    reader.finish()
    return kind(sender=sender.hex(), epoch=epoch, **values)


def fact_bytes(fact: Fact) -> int:
    """How much room a fact takes in a message."""
    return _FACT.size_of(fact)


def rumor_bytes(rumor: Rumor) -> int:
    """How much room a rumor takes in a Rumors message."""
    return _RUMOR.size_of(rumor)


RUMORS_BYTES: Final = _HEADER.size + 8
"""What a Rumors message takes besides its rumors."""


class StreamDecoder:
    """Messages out of a TCP stream: frames one after another, each preceded by nothing but its own header."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Message]:
        """The messages that these bytes complete. Raises MalformedFrame: the stream is then of no more
        use."""
        self._buffer += data
        messages: list[Message] = []
        while len(self._buffer) >= _HEADER.size:
            length = _HEADER.size + int.from_bytes(self._buffer[22:26], "big")
            if self._buffer[:2] != MAGIC or length > FRAME_BYTES_MAX:
                raise MalformedFrame("not a stream of frames")
            if len(self._buffer) < length:
                break
            messages.append(decode(bytes(self._buffer[:length])))
            del self._buffer[:length]
        return messages
