"""What a command may reply with, as plain values.

`bytes` is a bulk string, `int` an integer, `None` a null, `list` an array, `dict` a map, `float` a double and
`bool` a boolean; the classes here are the few reply types that Python has no value for. RESP2 forms of the
RESP3 types follow Redis: a map is a flat array, a set an array, a double a bulk string, a boolean 1 or 0.

Source: https://redis.io/docs/latest/develop/reference/protocol-spec/
"""

from __future__ import annotations

from typing import Final, TypeAlias


class Status(bytes):
    """A simple string, such as OK."""

    __slots__ = ()


class ErrorReply(bytes):
    """An error, code first, without the leading minus: b"ERR no such key"."""

    __slots__ = ()


class DoubleText(bytes):
    """A double that is written already, with more digits than a double needs; a bulk string in RESP2."""

    __slots__ = ()


class BigNumber(int):
    """An integer beyond 64 bits; a bulk string in RESP2."""

    __slots__ = ()


class SetReply(list["Reply"]):
    """A RESP3 set; an array in RESP2."""

    __slots__ = ()


class MapReply(list["Reply"]):
    """A map as keys and values in turn, for one that may have a key twice; as in RESP2."""

    __slots__ = ()


class Push(list["Reply"]):
    """Out-of-band data: a RESP3 push; an array in RESP2."""

    __slots__ = ()


class Batch(list["Reply"]):
    """EXEC's replies, so many `replies`, with what is written between them: messages to the client itself."""

    __slots__ = ("replies",)

    def __init__(self, values: list[Reply], replies: int) -> None:
        super().__init__(values)
        self.replies = replies


class Verbatim:
    """Text with a three-letter format ("txt", "mkd"); a bulk string in RESP2."""

    __slots__ = ("kind", "text")

    def __init__(self, text: bytes, kind: bytes = b"txt") -> None:
        self.text = text
        self.kind = kind


class Attributed:
    """A reply with attributes, which RESP2 leaves out."""

    __slots__ = ("attributes", "reply")

    def __init__(self, attributes: MapReply, reply: Reply) -> None:
        self.attributes = attributes
        self.reply = reply


class _Sentinel:
    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


NULL_ARRAY: Final = _Sentinel("NULL_ARRAY")
"""A null that RESP2 writes as *-1 and not as $-1."""

NO_REPLY: Final = _Sentinel("NO_REPLY")
"""Nothing is to be written for this request."""

LATER: Final = _Sentinel("LATER")
"""The reply comes later, through the session; the client's next request waits until then."""

OK: Final = Status(b"OK")
PONG: Final = Status(b"PONG")
QUEUED: Final = Status(b"QUEUED")

Reply: TypeAlias = (
    "bytes | int | float | list[Reply] | dict[bytes, Reply] | Verbatim | Attributed | _Sentinel | None"
)
"""Status, ErrorReply, DoubleText are bytes; bool and BigNumber are int; SetReply, MapReply and Push lists."""
