"""The ids of a stream's entries: 128-bit integers, unix milliseconds in the upper half, a sequence below.

As integers they compare as Redis compares them, and the one after an id is that plus one.
"""

from __future__ import annotations

import re
from typing import Final

HALF_BITS: Final = 64
HALF_MAX: Final = (1 << HALF_BITS) - 1
ID_MAX: Final = (1 << 2 * HALF_BITS) - 1

_LONGEST = 127
_C_UNSIGNED = re.compile(rb"[ \t\n\v\f\r]*([+-]?)(\d+)\Z")
_CANONICAL_NEGATIVE = re.compile(rb"-[1-9]\d*\Z")


def make_id(ms: int, seq: int) -> int:
    """The id of these two halves."""
    return ms << HALF_BITS | seq


def format_id(id_: int) -> bytes:
    """An id as clients see it: b"1526919030474-55"."""
    return b"%d-%d" % (id_ >> HALF_BITS, id_ & HALF_MAX)


def parse_id(text: bytes, missing_seq: int = 0, *, strict: bool = True) -> int:
    """The id that a text stands for; `missing_seq` is for one that is only milliseconds. Raises ValueError.

    Where it is not `strict`, "-" and "+" are the lowest and the highest id.
    """
    if len(text) > _LONGEST:
        raise ValueError(text)
    text = text.partition(b"\0")[0]
    if text in (b"-", b"+") and not strict:
        return 0 if text == b"-" else ID_MAX
    ms, dash, seq = text.partition(b"-")
    return make_id(_unsigned(ms), _unsigned(seq) if dash else missing_seq)


def _unsigned(text: bytes) -> int:
    """As C's strtoull reads it, which takes blanks, signs and leading zeros; a plain negative is refused."""
    match = _C_UNSIGNED.match(text)
    if match is None or _CANONICAL_NEGATIVE.match(text):
        raise ValueError(text)
    value = int(match[2])
    if value > HALF_MAX:
        raise ValueError(text)
    return -value & HALF_MAX if match[1] == b"-" else value
