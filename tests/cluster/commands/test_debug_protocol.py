from __future__ import annotations

import pytest

from cluster.commands.debug_protocol import REPLIES, sample
from cluster.spec.errors import CommandError
from protocol.resp.types import ErrorReply, Push
from protocol.resp.writer import encode


@pytest.mark.parametrize("name", REPLIES)
def test_each_can_be_written(name: bytes) -> None:
    for protocol in (2, 3):
        if name == b"push" and protocol == 2:
            continue
        out = bytearray()
        encode(sample(name.upper(), protocol), protocol, out)
        assert out.endswith(b"\r\n")


def test_attributes_stand_before_the_reply_and_only_in_resp3() -> None:
    plain, attributed = bytearray(), bytearray()
    encode(sample(b"attrib", 2), 2, plain)
    encode(sample(b"attrib", 3), 3, attributed)
    assert attributed == b"|1\r\n$14\r\nkey-popularity\r\n*2\r\n$7\r\nkey:123\r\n:90\r\n" + plain


def test_what_is_refused() -> None:
    assert type(sample(b"push", 3)) is Push
    for name, protocol in ((b"push", 2), (b"what", 3), (b"", 3)):
        with pytest.raises(CommandError) as refusal:
            sample(name, protocol)
        assert type(refusal.value.reply) is ErrorReply
