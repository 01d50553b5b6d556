"""DEBUG PROTOCOL: a reply of each type, with which client libraries test their parsers."""

from __future__ import annotations

from typing import Final

from cluster.spec.errors import CommandError
from protocol.resp.types import (
    Attributed,
    BigNumber,
    DoubleText,
    MapReply,
    Push,
    Reply,
    SetReply,
    Verbatim,
)

REPLIES: Final[dict[bytes, Reply]] = {
    b"string": b"Hello World",
    b"integer": 12345,
    b"double": DoubleText(b"3.141"),
    b"bignum": BigNumber(1234567999999999999999999999999999999),
    b"null": None,
    b"array": [0, 1, 2],
    b"set": SetReply([0, 1, 2]),
    b"map": MapReply([0, False, 1, True, 2, False]),
    b"attrib": Attributed(
        MapReply([b"key-popularity", [b"key:123", 90]]), b"Some real reply following the attribute"
    ),
    b"push": Push([b"server-cpu-usage", 42]),
    b"verbatim": Verbatim(b"This is a verbatim\nstring"),
    b"true": True,
    b"false": False,
}


def sample(name: bytes, protocol: int) -> Reply:
    """A reply of the type of that name. Raises CommandError."""
    found = REPLIES.get(name.lower(), b"")
    if found == b"":
        known = "|".join(each.decode() for each in REPLIES)
        raise CommandError(f"ERR Wrong protocol type name. Please use one of the following: {known}")
    if isinstance(found, Push) and protocol < 3:
        raise CommandError("ERR RESP2 is not supported by this command")
    return found
