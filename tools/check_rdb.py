"""`starling check-rdb`: whether an RDB file can be loaded, as redis-check-rdb tells it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from protocol.rdb.file_reader import decode_file
from protocol.rdb.records import AuxField, BytesLeftOver, CorruptFile, KeyRecord
from protocol.rdb.seal import CHECKSUM_BYTES, CHECKSUM_SINCE

Say = Callable[[str], None]

_UNCHECKED = "RDB file was saved with checksum disabled: no check performed."


@dataclass
class RdbFindings:
    """What is in a file. `end` is the offset behind the RDB data, `error` why they cannot be loaded."""

    end: int = 0
    keys: int = 0
    expires: int = 0
    expired: int = 0
    error: CorruptFile | None = None


def check_rdb(path: Path, now_ms: int, say: Say, *, may_go_on: bool = False) -> RdbFindings:
    """Reads a whole file and tells what is in it. `may_go_on`: commands may follow, as in an old append only
    file. Raises OSError.
    """
    data = path.read_bytes()
    found = RdbFindings(len(data))
    say(f"[offset 0] Checking RDB file {path}")
    database = None
    try:
        for part in decode_file(data):
            if isinstance(part, AuxField):
                name, value = part.name.decode(errors="replace"), part.value.decode(errors="replace")
                say(f"AUX FIELD {name} = '{value}'")
            elif isinstance(part, KeyRecord):
                if part.database != database:
                    database = part.database
                    say(f"Selecting DB ID {database}")
                found.keys += 1
                found.expires += bool(part.expire_ms)
                found.expired += 0 < part.expire_ms < now_ms
    except BytesLeftOver as more:
        found.end = more.offset
        found.error = None if may_go_on else more
    except CorruptFile as error:
        found.error = error
    _conclude(found, data, say)
    return found


def _conclude(found: RdbFindings, data: bytes, say: Say) -> None:
    if found.error is None:
        if int(data[5:9]) >= CHECKSUM_SINCE:
            has_one = any(data[found.end - CHECKSUM_BYTES : found.end])
            say(f"[offset {found.end}] {'Checksum OK' if has_one else _UNCHECKED}")
        say(f"[offset {found.end}] \\o/ RDB looks OK! \\o/")
    else:
        say("--- RDB ERROR DETECTED ---")
        say(f"[offset {found.error.offset}] {found.error.reason}")
    say(f"[info] {found.keys} keys read")
    say(f"[info] {found.expires} expires")
    say(f"[info] {found.expired} already expired")
