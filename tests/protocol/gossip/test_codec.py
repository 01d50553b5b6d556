from __future__ import annotations

import contextlib
import dataclasses
import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.gossip import codec, slotset
from protocol.gossip import messages as bus
from protocol.gossip.codec import MalformedFrame, StreamDecoder, decode, encode, encoded_bytes
from tests.protocol.gossip.strategies import messages, rumors

PROBE = bus.Probe("ab" * 20, 5, 1, 2, 3, 4)


def resealed(frame: bytes) -> bytes:
    """The frame with a checksum that fits, so that what lies behind the checksum is tried."""
    crc = zlib.crc32(frame[22:], frame[3])
    return frame[:6] + struct.pack(">I12x", crc) + frame[22:]


@given(messages)
def test_what_is_encoded_is_decoded(message: bus.Message) -> None:
    assert decode(encode(message)) == message


@given(messages)
def test_the_length_is_known_without_encoding(message: bus.Message) -> None:
    assert encoded_bytes(message) == len(encode(message))


@given(st.binary(max_size=300))
def test_random_bytes_are_malformed_and_nothing_else(data: bytes) -> None:
    with pytest.raises(MalformedFrame):
        decode(data)


@given(messages, st.data())
def test_a_frame_cut_short_is_malformed(message: bus.Message, data: st.DataObject) -> None:
    frame = encode(message)
    with pytest.raises(MalformedFrame):
        decode(frame[: data.draw(st.integers(0, len(frame) - 1))])


@given(messages, st.data())
def test_a_changed_byte_is_malformed(message: bus.Message, data: st.DataObject) -> None:
    frame = bytearray(encode(message))
    place = data.draw(st.integers(0, len(frame) - 1))
    frame[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(MalformedFrame):
        decode(bytes(frame))


@settings(max_examples=300)
@given(messages, st.data())
def test_a_forged_body_is_read_or_malformed(message: bus.Message, data: st.DataObject) -> None:
    frame = bytearray(encode(message))
    for _ in range(data.draw(st.integers(1, 4))):
        frame[data.draw(st.integers(3, len(frame) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(MalformedFrame):
        assert isinstance(decode(resealed(bytes(frame))), bus.Message)


def test_the_header_is_where_the_layout_says() -> None:
    frame = encode(PROBE)
    assert frame[:2] == b"SG"
    assert frame[2:4] == b"\x03\x03"
    assert frame[4:6] == bytes(2)
    assert int.from_bytes(frame[22:26], "big") == len(frame) - 54
    assert frame[26:46] == bytes.fromhex(PROBE.sender)
    assert int.from_bytes(frame[46:54], "big") == PROBE.epoch


@pytest.mark.parametrize(("place", "value"), [(0, 0x54), (2, 2), (2, 4), (3, 99), (5, 1)])
def test_what_is_not_of_this_version_is_refused(place: int, value: int) -> None:
    frame = bytearray(encode(PROBE))
    frame[place] = value
    with pytest.raises(MalformedFrame):
        decode(resealed(bytes(frame)))


def test_an_epoch_that_would_leave_no_room_is_refused() -> None:
    frame = bytearray(encode(PROBE))
    frame[46:54] = b"\xff" * 8
    with pytest.raises(MalformedFrame):
        decode(resealed(bytes(frame)))


def test_many_ranges_travel_as_a_bitmap() -> None:
    every_second = slotset.from_slots(range(0, slotset.SLOTS, 2))
    claim = bus.ClaimFact("cd" * 20, 1, 1, "", every_second)
    message = bus.Update("ab" * 20, 1, claim)
    assert len(encode(message)) < 2200
    assert decode(encode(message)) == message


def test_every_kind_has_a_layout_with_the_fields_of_its_class() -> None:
    for kind, layout in codec._LAYOUTS.values():
        assert list(layout) == [field.name for field in dataclasses.fields(kind)][2:]


@given(rumors)
def test_the_room_of_a_rumor_is_known(rumor: bus.Rumor) -> None:
    with_one = encode(bus.Rumors("ab" * 20, 0, 1, (rumor,)))
    assert len(with_one) == codec.RUMORS_BYTES + codec.rumor_bytes(rumor)


@given(st.lists(messages, max_size=5), st.integers(1, 200))
def test_a_stream_gives_its_messages_however_it_is_cut(sent: list[bus.Message], size: int) -> None:
    stream = b"".join(encode(message) for message in sent)
    decoder = StreamDecoder()
    got: list[bus.Message] = []
    for start in range(0, len(stream), size):
        got += decoder.feed(stream[start : start + size])
    assert got == sent


@given(st.binary(min_size=54, max_size=200))
def test_a_stream_of_anything_else_is_malformed(data: bytes) -> None:
    with pytest.raises(MalformedFrame):
        StreamDecoder().feed(b"XX" + data)


def test_a_frame_longer_than_a_frame_may_be_is_refused_before_it_is_read() -> None:
    header = bytearray(encode(PROBE)[:54])
    header[22:26] = (codec.FRAME_BYTES_MAX).to_bytes(4, "big")
    with pytest.raises(MalformedFrame):
        StreamDecoder().feed(bytes(header))


@pytest.mark.parametrize(("places", "fits"), [(65536, True), (65537, False)])
def test_a_list_of_members_has_an_end(places: int, fits: bool) -> None:
    frame = encode(bus.Ballots("ab" * 20, 0, 0, 0, (bus.Cut(1 << places - 1, ()),)))
    if fits:
        assert encode(decode(frame)) == frame
    else:
        with pytest.raises(MalformedFrame, match="too many members"):
            decode(frame)
