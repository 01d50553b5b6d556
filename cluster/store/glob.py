"""Redis's glob patterns: `*`, `?`, `[a-z]`, `[^x]` and a backslash before a byte to be taken as it is.

A pattern is cut at its stars into pieces of fixed length. The first must stand at the beginning, the last at
the end, and each one between is taken where it first occurs after the one before: taking it later could never
let the rest match where taking it early does not. So nothing is ever tried again, and a pattern such as
a*a*a*a*b costs no more than its length times the text's; a matcher that goes back for each star needs years
for it.

Source: https://redis.io/docs/latest/commands/keys/; odd forms (`[a`, `[]`, ranges of bytes above 127, which
are signed) as redis-server 7.0 answers them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

_ANY = b"[\\x00-\\xff]"
_NONE = b"(?!)"


class Glob:
    """A pattern, ready to be matched."""

    __slots__ = ("_empty", "_first", "_last", "_last_length", "_middle", "_starred")

    def __init__(self, pattern: bytes, *, ignore_case: bool = False) -> None:
        pieces = _pieces(pattern)
        compiled = [re.compile(b"".join(piece), re.IGNORECASE if ignore_case else 0) for piece in pieces]
        self._starred = len(compiled) > 1
        self._empty = pattern in (b"", b"*")
        self._first = compiled[0]
        self._middle = [one for one, piece in zip(compiled[1:-1], pieces[1:-1], strict=True) if piece]
        self._last = compiled[-1]
        self._last_length = len(pieces[-1])

    def matches(self, text: bytes) -> bool:
        """Whether the whole text matches. As in Redis, `**` and the like do not match the empty text."""
        if not text:
            return self._empty
        if not self._starred:
            return self._first.fullmatch(text) is not None
        found = self._first.match(text)
        for piece in self._middle:
            if found is None:
                return False
            found = piece.search(text, found.end())
        start = len(text) - self._last_length
        return found is not None and start >= found.end() and self._last.match(text, start) is not None


@lru_cache(maxsize=64)
def matcher(pattern: bytes, *, ignore_case: bool = False) -> Callable[[bytes], bool]:
    """The test whether a text matches a pattern."""
    return Glob(pattern, ignore_case=ignore_case).matches


def _pieces(pattern: bytes) -> list[list[bytes]]:
    """The pattern cut at its stars; each piece as regular expressions, one for each byte that it matches."""
    pieces: list[list[bytes]] = [[]]
    at = 0
    while at < len(pattern):
        byte = pattern[at : at + 1]
        at += 1
        if byte == b"*":
            pieces.append([])
        elif byte == b"?":
            pieces[-1].append(_ANY)
        elif byte == b"[":
            expression, at = _class(pattern, at)
            pieces[-1].append(expression)
        else:
            if byte == b"\\" and at < len(pattern):
                byte = pattern[at : at + 1]
                at += 1
            pieces[-1].append(re.escape(byte))
    return pieces


def _class(pattern: bytes, at: int) -> tuple[bytes, int]:
    """What stands between brackets, from after the opening one; and where it ends."""
    negated = pattern[at : at + 1] == b"^"
    at += negated
    members: set[int] = set()
    while at < len(pattern) and pattern[at] != ord("]"):
        if pattern[at] == ord("\\") and at + 1 < len(pattern):
            members.add(pattern[at + 1])
            at += 2
        elif pattern[at + 1 : at + 2] == b"-" and at + 2 < len(pattern):
            members |= _range(pattern[at], pattern[at + 2])
            at += 3
        else:
            members.add(pattern[at])
            at += 1
    if negated:
        members = set(range(256)) - members
    if not members:
        return _NONE + _ANY, at + 1
    return b"[%b]" % b"".join(b"\\x%02x" % member for member in sorted(members)), at + 1


def _range(one: int, other: int) -> set[int]:
    low, high = sorted((_signed(one), _signed(other)))
    return {value % 256 for value in range(low, high + 1)}


def _signed(byte: int) -> int:
    return byte - 256 if byte > 127 else byte
