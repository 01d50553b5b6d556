from __future__ import annotations

import pytest

from protocol.gossip import fields
from protocol.gossip.fields import Field, MalformedFrame, Reader


def read(field: Field, data: bytes) -> object:
    reader = Reader(data)
    value = field.read(reader)
    reader.finish()
    return value


@pytest.mark.parametrize(
    ("field", "data"),
    [
        (fields.FLAG, b"\x02"),
        (fields.NODE_ID, bytes(19)),
        (fields.HOST, b"\x03a b"),
        (fields.HOST, b"\x02a\n"),
        (fields.HOST, b"\x05abc"),
        (fields.VERSION, b"\xff" * 8),
        (fields.SLOTS, b"\x00\x01\x00\x05\x00\x04"),
        (fields.SLOTS, b"\x00\x01\x3f\xff\x40\x00"),
        (fields.SLOTS, b"\x00\x02\x00\x05\x00\x06\x00\x06\x00\x07"),
        (fields.SLOTS, b"\x01\xf5"),
        (fields.many(fields.U8, 2), b"\x00\x00\x00\x03abc"),
        (fields.tagged({}), b"\x01"),
        (fields.U8, b"ab"),
    ],
)
def test_what_is_out_of_bounds_is_malformed(field: Field, data: bytes) -> None:
    with pytest.raises(MalformedFrame):
        read(field, data)


def test_a_host_may_be_any_address_or_name() -> None:
    for host in ("", "10.0.0.1", "fe80::1%eth0", "node-1.example.org"):
        out = bytearray()
        fields.HOST.write(out, host)
        assert read(fields.HOST, bytes(out)) == host


def test_a_primary_has_no_primary_id() -> None:
    out = bytearray()
    fields.OPTIONAL_ID.write(out, "")
    assert out == b"\x00"
    assert read(fields.OPTIONAL_ID, bytes(out)) == ""
