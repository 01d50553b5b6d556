"""Whether the bytes of an RDB file that pass by are a whole one: its first and last bytes, and its checksum.

A copy that is not can be refused before anything is thrown away for it.
"""

from __future__ import annotations

from typing import Final

from protocol.checksum import crc64
from protocol.rdb import codes
from protocol.rdb.records import RDB_VERSION

_HEADER_BYTES: Final = 9
CHECKSUM_BYTES: Final = 8
CHECKSUM_SINCE: Final = 5


class Seal:
    """Give it all bytes with pass_by(); fault() then says what is wrong with them, "" for nothing. Not
    `checksum`: that at the end is not looked at, as with rdbchecksum no."""

    def __init__(self, *, checksum: bool = True) -> None:
        self._checksum = checksum
        self._head = b""
        self._tail = b""
        self._end = -1
        self._crc = 0

    def pass_by(self, data: bytes) -> None:
        """The next bytes of the file."""
        if len(self._head) < _HEADER_BYTES:
            self._head += data[: _HEADER_BYTES - len(self._head)]
        data = self._tail + data
        self._crc = crc64(data[:-CHECKSUM_BYTES], self._crc)
        if len(data) > CHECKSUM_BYTES:
            self._end = data[-CHECKSUM_BYTES - 1]
        self._tail = data[-CHECKSUM_BYTES:]

    def fault(self) -> str:
        """To be asked behind the last byte."""
        magic, digits = self._head[:5], self._head[5:]
        if magic != b"REDIS" or len(digits) != 4 or not digits.isdigit():
            return "Wrong signature: not an RDB file"
        version = int(digits)
        if not 1 <= version <= RDB_VERSION:
            return f"Can't handle RDB format version {version}"
        if version < CHECKSUM_SINCE:
            return ""
        if self._end != codes.EOF:
            return "unexpected end"
        stored = int.from_bytes(self._tail, "little")
        return "" if not self._checksum or stored in (0, self._crc) else "Wrong RDB checksum"
