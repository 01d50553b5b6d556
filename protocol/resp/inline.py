"""Splits an inline command (a line that a person types) into its words, with Redis's quoting rules.

Double quotes know \\n \\r \\t \\a \\b and \\xHH, single quotes only \\'; a closing quote must be followed by
a space or the end.
"""

from __future__ import annotations

import re
from typing import Final

_BLANKS: Final = b" \t\n\v\f\r"
_WORD_PART: Final = re.compile(
    rb'"((?:[^"\\]|\\.)*)"(?=[ \t\n\v\f\r]|\Z)'
    rb"|'((?:[^'\\]|\\.)*)'(?=[ \t\n\v\f\r]|\Z)"
    rb"|([^ \t\n\v\f\r\"']+)",
    re.DOTALL,
)
_DOUBLE_ESCAPE: Final = re.compile(rb"\\(?:x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_CONTROL: Final = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"a": b"\a", b"b": b"\b"}


def split_words(line: bytes) -> list[bytes] | None:
    """The words of a line; None when its quotes are unbalanced."""
    words: list[bytes] = []
    position, end = 0, len(line)
    while position < end:
        if line[position] in _BLANKS:
            position += 1
            continue
        word = bytearray()
        while position < end and line[position] not in _BLANKS:
            part = _WORD_PART.match(line, position)
            if part is None:
                return None
            word += _plain(part)
            position = part.end()
        words.append(bytes(word))
    return words


def _plain(part: re.Match[bytes]) -> bytes:
    double, single, bare = part.groups()
    if double is not None:
        return _DOUBLE_ESCAPE.sub(_unescape, double)
    if single is not None:
        return single.replace(b"\\'", b"'")
    return bare


def _unescape(escape: re.Match[bytes]) -> bytes:
    digits, character = escape.groups()
    return bytes([int(digits, 16)]) if digits else _CONTROL.get(character, character)
