"""What can be said of a string: plain bytes, or a bytearray once a command has changed it in place."""

from __future__ import annotations

from typing import Final

INT64_MIN: Final = -(1 << 63)
INT64_MAX: Final = (1 << 63) - 1

_LONGEST_INTEGER = 20
_EMBEDDED_BYTES_MAX = 44


class Sum(bytes):
    """What INCRBYFLOAT has left when it is a whole number: Redis keeps it as text all the same."""

    __slots__ = ()


class Unshared(bytes):
    """A whole number that COPY has made: Redis shares small ones among keys, but not a copy."""

    __slots__ = ()


def parse_integer(text: bytes) -> int:
    """The signed 64-bit integer that text is the one canonical form of. Raises ValueError."""
    if len(text) > _LONGEST_INTEGER:
        raise ValueError(text)
    value = int(text)
    if b"%d" % value != text or not INT64_MIN <= value <= INT64_MAX:
        raise ValueError(text)
    return value


def as_int64(value: int) -> int:
    """What is left of an integer in 64 bits with a sign: Redis's counters go round."""
    return (value - INT64_MIN) % (1 << 64) + INT64_MIN


def is_integer(text: bytes) -> bool:
    """Whether text is a signed 64-bit integer in its one canonical form."""
    try:
        parse_integer(text)
    except ValueError:
        return False
    return True


def string_encoding(value: bytes | bytearray) -> str:
    """As OBJECT ENCODING names it."""
    if isinstance(value, bytearray) or len(value) > _EMBEDDED_BYTES_MAX:
        return "raw"
    return "int" if type(value) is not Sum and is_integer(value) else "embstr"
