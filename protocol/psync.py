"""The replication handshake's lines, the payload behind them and the stream that follows, as bytes.

A replica asks `PSYNC <id> <offset>`; the primary says `+FULLRESYNC <id> <offset>` and sends a snapshot, or
`+CONTINUE [<id>]` and goes on with the stream. The snapshot is `$<length>\\r\\n<bytes>` or, where the primary
does not know its length beforehand, `$EOF:<40 bytes>\\r\\n<bytes><the same 40 bytes>`; neither has a line end
behind it.

Source: https://redis.io/docs/latest/operate/oss_and_stack/management/replication/
"""

from __future__ import annotations

from dataclasses import dataclass

MARKER_BYTES = 40
LINE_BYTES_MAX = 64 * 1024
BULK_BYTES_MAX = 4 * 1024**3
ITEMS_MAX = 1024 * 1024
FIELD_ENDS = b"field-ends"
"""Our own capability, which redis-server passes over: to read hashes whose fields expire."""


class PsyncError(Exception):
    """The other side sent what the protocol does not have; str() says what."""


@dataclass(frozen=True, slots=True)
class FullResync:
    """The snapshot that follows is that of history `id` at `offset`.

    `parted_at` is up to where what the replica holds was this history as well, where that is known, else -1.
    It is our own third word, said to nodes of our own kind only.
    """

    id: str
    offset: int
    parted_at: int = -1

    def line(self) -> bytes:
        parted = b" %d" % self.parted_at if self.parted_at >= 0 else b""
        return b"+FULLRESYNC %s %d%s\r\n" % (self.id.encode(), self.offset, parted)


@dataclass(frozen=True, slots=True)
class Continue:
    """The stream goes on where it was asked for; `id` is "" when the history's name has not changed.

    `reaches` is how far the stream goes by now, where that is known, else -1. It is our own third word, said
    to nodes of our own kind only.
    """

    id: str = ""
    reaches: int = -1

    def line(self) -> bytes:
        reaches = b" %d" % self.reaches if self.reaches >= 0 else b""
        return b"+CONTINUE %s%s\r\n" % (self.id.encode(), reaches) if self.id else b"+CONTINUE\r\n"


@dataclass(frozen=True, slots=True)
class TryLater:
    """The primary can't serve replicas now, but may soon (it loads, or has lost its own primary)."""

    text: str


def parse_answer(line: bytes) -> FullResync | Continue | TryLater:
    """What the primary said to PSYNC, from its line without the line end. Raises PsyncError."""
    words = line.decode("latin-1").split()
    if words[:1] == ["+FULLRESYNC"]:
        numbers = words[2:]
        if 1 <= len(numbers) <= 2 and len(words[1]) == MARKER_BYTES and all(map(str.isdecimal, numbers)):
            return FullResync(words[1], *map(int, numbers))
        raise PsyncError("Master replied with wrong +FULLRESYNC syntax.")
    if words[:1] == ["+CONTINUE"]:
        if len(words) < 2 or len(words[1]) != MARKER_BYTES:
            return Continue()
        return Continue(words[1], int(words[2]) if len(words) > 2 and words[2].isdecimal() else -1)
    text = line.decode("latin-1")
    if line.startswith((b"-NOMASTERLINK", b"-LOADING")):
        return TryLater(text)
    if line.startswith(b"-ERR"):
        raise PsyncError(f"Master does not support PSYNC or is in error state (reply: {text})")
    raise PsyncError(f"Unexpected reply to PSYNC from master: {text}")


class Payload:
    """Takes a snapshot out of the bytes that arrive: hands on what belongs to it, and keeps what follows it.

    `length` is None for the form that ends with a marker.
    """

    def __init__(self, header: bytes) -> None:
        """`header` is the payload's first line without its line end. Raises PsyncError."""
        self.done = False
        self.length: int | None = None
        self._marker = b""
        self._held = b""
        if header.startswith(b"$EOF:") and len(header) == 5 + MARKER_BYTES:
            self._marker = header[5:]
        elif header.startswith(b"$") and header[1:].isdigit():
            self.length = self._left = int(header[1:])
            self.done = not self._left
        else:
            shown = header[:80].decode("latin-1")
            raise PsyncError(
                f"Bad protocol from MASTER, the first byte is not '$' (we received '{shown}'), "
                "are you sure the host and port are right?"
            )

    def take(self, data: bytes) -> tuple[bytes, bytes]:
        """The part of `data` (and of bytes held back) that is payload, and what lies behind its end."""
        return self._take_marked(data) if self._marker else self._take_counted(data)

    def _take_counted(self, data: bytes) -> tuple[bytes, bytes]:
        mine = data[: self._left]
        self._left -= len(mine)
        self.done = not self._left
        return mine, data[len(mine) :]

    def _take_marked(self, data: bytes) -> tuple[bytes, bytes]:
        data = self._held + data
        end = data.find(self._marker)
        if end >= 0:
            self.done = True
            return data[:end], data[end + MARKER_BYTES :]
        # The marker may have begun in the last bytes: they are held back until the next ones tell.
        keep = min(len(data), MARKER_BYTES - 1)
        self._held = data[len(data) - keep :]
        return data[: len(data) - keep], b""


class CommandStream:
    """Splits the stream into commands and tells how many bytes each one took, which is what offsets count."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._at = 0

    def feed(self, data: bytes) -> None:
        """Appends what has arrived."""
        if self._at:
            del self._data[: self._at]
            self._at = 0
        self._data += data

    def next(self) -> tuple[list[bytes], bytes] | None:
        """The next whole command and its very bytes; None until more arrives. Raises PsyncError."""
        start = self._at
        found = self._line(start)
        if found is None:
            return None
        line, position = found
        if not line.startswith(b"*"):
            return self._taken(line.split(), position)
        argv: list[bytes] = []
        for _ in range(_number(line[1:], ITEMS_MAX)):
            found = self._line(position)
            if found is None:
                return None
            line, position = found
            if not line.startswith(b"$"):
                raise PsyncError(f"Protocol error: expected '$', got '{line[:1].decode('latin-1')}'")
            end = position + _number(line[1:], BULK_BYTES_MAX)
            if len(self._data) < end + 2:
                return None
            argv.append(bytes(self._data[position:end]))
            position = end + 2
        return self._taken(argv, position)

    def _taken(self, argv: list[bytes], end: int) -> tuple[list[bytes], bytes]:
        raw = bytes(self._data[self._at : end])
        self._at = end
        return argv, raw

    def _line(self, start: int) -> tuple[bytes, int] | None:
        end = self._data.find(b"\n", start, start + LINE_BYTES_MAX)
        if end >= 0:
            return bytes(self._data[start:end]).rstrip(b"\r"), end + 1
        if len(self._data) - start >= LINE_BYTES_MAX:
            raise PsyncError("Protocol error: too big inline request")
        return None


def _number(digits: bytes, most: int) -> int:
    if not digits.isdigit() or len(digits) > 20 or int(digits) > most:
        raise PsyncError(f"Protocol error: invalid length '{digits[:32].decode('latin-1')}'")
    return int(digits)
