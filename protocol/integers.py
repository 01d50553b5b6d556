"""Integers as Redis reads them out of strings."""

from __future__ import annotations

import re
from typing import Final

_CANONICAL: Final = re.compile(rb"0|-?[1-9][0-9]{0,18}").fullmatch


def parse_integer(text: bytes) -> int | None:
    """A signed 64-bit integer in the one way of writing it that Redis takes: no plus, leading zero or blank.

    None for anything else, so that the text can always be had back from the integer.
    """
    if not _CANONICAL(text):
        return None
    value = int(text)
    return value if -(2**63) <= value < 2**63 else None
