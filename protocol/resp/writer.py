"""Values to bytes: replies in RESP2 and RESP3, and commands.

Source: https://redis.io/docs/latest/develop/reference/protocol-spec/
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, cast

from protocol.resp.types import (
    LATER,
    NO_REPLY,
    NULL_ARRAY,
    OK,
    Attributed,
    Batch,
    BigNumber,
    DoubleText,
    ErrorReply,
    MapReply,
    Push,
    Reply,
    SetReply,
    Status,
    Verbatim,
)

_ONE_LINE: Final = bytes.maketrans(b"\r\n", b"  ")
"""A line break inside a one-line reply would let data pass for protocol; it becomes a space."""

_COPIED_AT_MOST: Final = 4096
"""Up to this many bytes, formatting a bulk in one step beats appending its three parts."""


def format_double(value: float) -> bytes:
    """A double as Redis 7.0 replies with it: 17 significant digits, `inf`, `-inf`, `nan`."""
    return b"%.17g" % value


def encode(value: Reply, protocol: int, out: bytearray) -> None:
    """Appends a reply to `out`, in RESP2 (protocol 2) or RESP3 (3). Raises TypeError for what is no reply."""
    kind = type(value)
    if kind is bytes:
        _encode_bulk(cast(bytes, value), protocol, out)
    elif kind is int:
        out += b":%d\r\n" % cast(int, value)
    elif value is OK:
        out += b"+OK\r\n"
    elif kind is Status:
        out += b"+%b\r\n" % cast(Status, value).translate(_ONE_LINE)
    elif value is None:
        out += b"_\r\n" if protocol == 3 else b"$-1\r\n"
    elif kind is list:
        _encode_list(cast("list[Reply]", value), protocol, out)
    else:
        _encoder(kind)(value, protocol, out)


def encode_command(argv: Sequence[bytes]) -> bytes:
    """A command as clients, replication streams and append-only files carry it: an array of bulk strings."""
    parts = [b"*%d\r\n" % len(argv)]
    parts += [b"$%d\r\n%b\r\n" % (len(argument), argument) for argument in argv]
    return b"".join(parts)


def _encode_bulk(value: bytes, _protocol: int, out: bytearray) -> None:
    size = len(value)
    if size <= _COPIED_AT_MOST:
        out += b"$%d\r\n%b\r\n" % (size, value)
    else:
        out += b"$%d\r\n" % size
        out += value
        out += b"\r\n"


def _encode_items(items: Iterable[Reply], protocol: int, out: bytearray) -> None:
    for item in items:
        if type(item) is bytes and len(item) <= _COPIED_AT_MOST:
            out += b"$%d\r\n%b\r\n" % (len(item), item)
        else:
            encode(item, protocol, out)


def _encode_list(value: list[Reply], protocol: int, out: bytearray) -> None:
    out += b"*%d\r\n" % len(value)
    _encode_items(value, protocol, out)


def _encode_set(value: SetReply, protocol: int, out: bytearray) -> None:
    out += b"%b%d\r\n" % (b"~" if protocol == 3 else b"*", len(value))
    _encode_items(value, protocol, out)


def _encode_push(value: Push, protocol: int, out: bytearray) -> None:
    out += b"%b%d\r\n" % (b">" if protocol == 3 else b"*", len(value))
    _encode_items(value, protocol, out)


def _encode_map(value: dict[bytes, Reply], protocol: int, out: bytearray) -> None:
    out += b"%%%d\r\n" % len(value) if protocol == 3 else b"*%d\r\n" % (2 * len(value))
    for key, item in value.items():
        encode(key, protocol, out)
        encode(item, protocol, out)


def _encode_flat_map(value: MapReply, protocol: int, out: bytearray) -> None:
    out += b"%%%d\r\n" % (len(value) // 2) if protocol == 3 else b"*%d\r\n" % len(value)
    _encode_items(value, protocol, out)


def _encode_batch(value: Batch, protocol: int, out: bytearray) -> None:
    out += b"*%d\r\n" % value.replies
    _encode_items(value, protocol, out)


def _encode_error(value: ErrorReply, _protocol: int, out: bytearray) -> None:
    out += b"-%b\r\n" % value.translate(_ONE_LINE)


def _encode_bool(value: bool, protocol: int, out: bytearray) -> None:
    if protocol == 3:
        out += b"#t\r\n" if value else b"#f\r\n"
    else:
        out += b":1\r\n" if value else b":0\r\n"


def _encode_double(value: float, protocol: int, out: bytearray) -> None:
    text = format_double(value)
    if protocol == 3:
        out += b",%b\r\n" % text
    else:
        _encode_bulk(text, protocol, out)


def _encode_double_text(value: DoubleText, protocol: int, out: bytearray) -> None:
    if protocol == 3:
        out += b",%b\r\n" % value
    else:
        _encode_bulk(value, protocol, out)


def _encode_big_number(value: BigNumber, protocol: int, out: bytearray) -> None:
    if protocol == 3:
        out += b"(%d\r\n" % value
    else:
        _encode_bulk(b"%d" % value, protocol, out)


def _encode_verbatim(value: Verbatim, protocol: int, out: bytearray) -> None:
    if protocol == 3:
        out += b"=%d\r\n%b:%b\r\n" % (len(value.text) + 4, value.kind, value.text)
    else:
        _encode_bulk(value.text, protocol, out)


def _encode_attributed(value: Attributed, protocol: int, out: bytearray) -> None:
    if protocol == 3:
        out += b"|%d\r\n" % (len(value.attributes) // 2)
        _encode_items(value.attributes, protocol, out)
    encode(value.reply, protocol, out)


def _encode_sentinel(value: object, protocol: int, out: bytearray) -> None:
    if value is NULL_ARRAY:
        out += b"_\r\n" if protocol == 3 else b"*-1\r\n"
    elif value is not NO_REPLY and value is not LATER:
        raise TypeError(f"not a reply: {value!r}")


_ENCODERS: Final[dict[type, Callable[..., None]]] = {
    bytearray: _encode_bulk,
    SetReply: _encode_set,
    Push: _encode_push,
    Batch: _encode_batch,
    dict: _encode_map,
    MapReply: _encode_flat_map,
    ErrorReply: _encode_error,
    bool: _encode_bool,
    float: _encode_double,
    DoubleText: _encode_double_text,
    BigNumber: _encode_big_number,
    Verbatim: _encode_verbatim,
    Attributed: _encode_attributed,
    type(NULL_ARRAY): _encode_sentinel,
}


def _encoder(kind: type) -> Callable[..., None]:
    encoder = _ENCODERS.get(kind)
    if encoder is None:
        raise TypeError(f"not a reply: {kind.__name__}")
    return encoder
