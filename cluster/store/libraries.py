"""Libraries of functions that have come with another server's data: their code, which is kept and handed on
in files and copies, since it cannot be run here.

Source: https://redis.io/docs/latest/develop/programmability/functions-intro/
"""

from __future__ import annotations

from collections.abc import Sequence


def changed(libraries: Sequence[bytes], argv: Sequence[bytes]) -> list[bytes] | None:
    """What is kept behind FUNCTION LOAD, DELETE or FLUSH, as files and a primary's stream have them; None
    when `argv` is something else."""
    if len(argv) < 2 or argv[0].upper() != b"FUNCTION":
        return None
    match argv[1].upper(), len(argv):
        case (b"LOAD", 3 | 4):
            code = argv[-1]
            return [*_without(libraries, _name(code)), code]
        case (b"DELETE", 3):
            return _without(libraries, argv[2])
        case (b"FLUSH", 2 | 3):
            return []
    return None


def _without(libraries: Sequence[bytes], name: bytes) -> list[bytes]:
    return [code for code in libraries if _name(code) != name]


def _name(code: bytes) -> bytes:
    """Of `#!lua name=mine`, which is the first line, `mine`."""
    words = code.split(b"\n", 1)[0].split()
    return next((word[5:] for word in words if word.startswith(b"name=")), b"")
