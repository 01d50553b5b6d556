"""The append only file: commands as a client would send them, and remarks with the time in between.

Source: https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

HEADER_BYTES_MAX: Final = 32
"""A count with its mark and line end is shorter."""
REMARK_BYTES_MAX: Final = 1024
ARGUMENTS_MAX: Final = 2**31 - 1
ARGUMENT_BYTES_MAX: Final = 2**40
_TIMESTAMP: Final = b"#TS:"
_END: Final = b"\r\n"


class CorruptAof(Exception):
    """Bytes that cannot be a record's: what is wrong, and at which byte."""

    def __init__(self, offset: int, reason: str) -> None:
        super().__init__(f"{reason} at offset {offset}")
        self.offset = offset
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Remark:
    """A line that is no command. `unix_s` is the time that it states, None where it states none."""

    unix_s: int | None


AofRecord = list[bytes] | Remark
"""A command with its arguments, or a remark."""


def timestamp_line(unix_s: int) -> bytes:
    """The remark that what follows was written at that time, or later."""
    return b"#TS:%d\r\n" % unix_s


class AofReader:
    """Bytes of a file to records. `position` is the offset behind the last whole record."""

    def __init__(self, position: int = 0) -> None:
        """`position` is the offset of the first byte that will be fed."""
        self.position = position
        self._buffer = bytearray()
        self._at = 0
        self._wanted_bytes = 0

    @property
    def rest_bytes(self) -> int:
        """How much of what was fed lies behind `position`: the beginning of a record, when next() gives
        none."""
        return len(self._buffer) - self._at

    def feed(self, data: bytes) -> None:
        """Takes the file's next bytes."""
        del self._buffer[: self._at]
        self._at = 0
        self._buffer += data

    def next(self) -> AofRecord | None:
        """The next record; None when its end has not been fed. Raises CorruptAof."""
        buffer, start = self._buffer, self._at
        if len(buffer) - start < max(1, self._wanted_bytes):
            return None
        self._wanted_bytes = 0
        record = self._remark() if buffer[start] == 0x23 else self._command()
        if record is not None:
            self.position += self._at - start
        return record

    def _remark(self) -> Remark | None:
        line = self._line(self._at, REMARK_BYTES_MAX)
        if line is None:
            return None
        self._at += len(line) + 2
        digits = line.removeprefix(_TIMESTAMP)
        return Remark(int(digits) if len(digits) < len(line) and digits.isdigit() else None)

    def _command(self) -> list[bytes] | None:
        buffer, start = self._buffer, self._at
        header = self._line(start, HEADER_BYTES_MAX)
        if header is None:
            return None
        count = self._count(start, header, b"*", "Expected a command's number of arguments", ARGUMENTS_MAX)
        if not count:
            raise self._corrupt(start, "A command without a name")
        at = start + len(header) + 2
        argv = []
        for _ in range(count):
            header = self._line(at, HEADER_BYTES_MAX)
            if header is None:
                return None
            size = self._count(at, header, b"$", "Expected an argument's length", ARGUMENT_BYTES_MAX)
            begin = at + len(header) + 2
            end = begin + size
            if end + 2 > len(buffer):
                self._wanted_bytes = end + 2 - start
                if len(buffer) > end and buffer[end] != 0x0D:
                    raise self._corrupt(end, "Expected a line end behind an argument")
                return None
            if buffer[end : end + 2] != _END:
                raise self._corrupt(end, "Expected a line end behind an argument")
            argv.append(bytes(buffer[begin:end]))
            at = end + 2
        self._at = at
        return argv

    def _line(self, at: int, bytes_max: int) -> bytes | None:
        """What stands before the next line end; None when that may still come."""
        end = self._buffer.find(_END, at, at + bytes_max)
        if end >= 0:
            return bytes(self._buffer[at:end])
        if len(self._buffer) - at >= bytes_max:
            raise self._corrupt(at, "Expected a shorter line")
        return None

    def _count(self, at: int, header: bytes, mark: bytes, expected: str, limit: int) -> int:
        digits = header[1:]
        if header[:1] != mark or not digits.isdigit() or int(digits) > limit:
            raise self._corrupt(at, expected)
        return int(digits)

    def _corrupt(self, at: int, reason: str) -> CorruptAof:
        return CorruptAof(self.position + at - self._at, reason)
