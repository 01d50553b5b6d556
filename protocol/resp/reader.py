"""Bytes to values: requests as a server reads them, replies as a client does.

Source: https://redis.io/docs/latest/develop/reference/protocol-spec/
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final, cast

import hiredis

from protocol.integers import parse_integer
from protocol.resp.inline import split_words
from protocol.resp.types import ErrorReply, Reply


class ProtocolError(Exception):
    """What the other side sent is not RESP. The text is Redis's; send it as an error (code ERR) and close."""


class QueryBufferExceeded(ProtocolError):
    """An unfinished request has outgrown `Limits.query_buffer_bytes`. Redis closes without a reply."""


@dataclass(slots=True)
class Limits:
    """How large a request may be. One instance may serve many readers; a change holds from the next header
    on.
    """

    bulk_bytes: int = 512 * 1024 * 1024
    """proto-max-bulk-len"""
    query_buffer_bytes: int = 1024 * 1024 * 1024
    """client-query-buffer-limit"""


INLINE_BYTES_MAX: Final = 64 * 1024
"""The longest line: an inline request, or the count line of a multibulk or a bulk, while its end is not in
sight.
"""

MULTIBULK_MAX: Final = 2**31 - 1
UNAUTHENTICATED_MULTIBULK: Final = 10
UNAUTHENTICATED_BULK_BYTES: Final = 16384

_PARTS: Final = {b"*%d" % count: 2 * count for count in range(1, 1025)}
"""The count line of a plain request, and how many parts follow it."""
_BULK_HEADERS: Final = tuple(b"$%d" % size for size in range(4096))


class RequestReader:
    """Turns the bytes of one connection into requests: arrays of bulk strings, or inline commands.

    Two readers in one. The quick one splits what has come at its line ends and takes as many requests as
    stand there in their plain form, line for line: small, whole, no line end inside an argument. That costs
    about what hiredis costs for a long pipeline and half for a single request; and hiredis, which is made
    for replies, would have to be guarded against nested and other types and against reserving memory on a
    mere promise. The careful one reads all else (what the network has cut, large arguments, inline commands,
    strangers' requests, malformed ones) one request at a time, from the same bytes; what is malformed, and
    in what, only it decides.
    """

    __slots__ = (
        "_argv",
        "_buffer",
        "_bulk_size",
        "_missing",
        "_position",
        "_ready",
        "_split",
        "_taken",
        "authenticated",
        "limits",
    )

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = Limits() if limits is None else limits
        self.authenticated = True
        """While False, the small limits for strangers hold. Set it before feeding, or between two calls of
        next().
        """
        self._ready: deque[list[bytes]] = deque()
        self._buffer = bytearray()
        self._position = 0
        self._split = False
        self._argv: list[bytes] = []
        self._missing = 0
        self._bulk_size = -1
        self._taken = 0

    @property
    def pending_bytes(self) -> int:
        """How many of the bytes fed belong to requests that next() has not returned for want of their end."""
        return self._taken + len(self._buffer) - self._position

    def feed(self, data: bytes) -> None:
        """Takes what was read from the connection. Raises QueryBufferExceeded."""
        if self._buffer or self._missing:
            self._buffer += data
            self._split = True
            if self.pending_bytes > self.limits.query_buffer_bytes:
                raise QueryBufferExceeded("Protocol error: query buffer limit exceeded")
        else:
            self._read_plain(data)

    def next(self) -> list[bytes] | None:
        """The next request, never empty; None when more bytes are needed. Raises ProtocolError, and then
        again and again: the connection is to be closed.
        """
        if self._ready:
            return self._ready.popleft()
        return self._next_carefully() if self._buffer else None

    # The quick reader.

    def _read_plain(self, data: bytes) -> None:
        """Makes requests of what is plain at the start of `data`, and keeps the rest for the careful
        reader.
        """
        if not self.authenticated or len(data) > self.limits.bulk_bytes:
            self._buffer += data
            return
        parts = data.split(b"\r\n")
        start, last = 0, len(parts) - 1
        headers = _BULK_HEADERS
        try:
            while start < last:
                index = start + 1
                end = index + _PARTS[parts[start]]
                argv = parts[start + 2 : end : 2]
                for argument in argv:
                    if parts[index] != headers[len(argument)]:
                        break
                    index += 2
                if index != end or end > last:
                    break
                self._ready.append(argv)
                start = end
        except LookupError:
            pass
        if start < last or parts[last]:
            self._buffer += data[sum(map(len, parts[:start])) + 2 * start :]

    # The careful reader.

    def _next_carefully(self) -> list[bytes] | None:
        argv = self._one()
        if argv is None:
            del self._buffer[: self._position]
            self._position = 0
            return None
        self._taken = 0
        if self._position == len(self._buffer):
            self._buffer.clear()
            self._position = 0
            self._split = False
        elif self._split:
            self._hand_back()
        return argv

    def _hand_back(self) -> None:
        """The cut request is complete; what follows it may be whole and plain again. Tried once for each
        feed, so that reading stays linear in the bytes fed.
        """
        self._split = False
        rest = bytes(self._buffer[self._position :])
        self._buffer.clear()
        self._position = 0
        self._read_plain(rest)

    def _one(self) -> list[bytes] | None:
        """One request that is not empty, or None."""
        buffer = self._buffer
        while self._missing or self._position < len(buffer):
            if self._missing:
                return self._arguments()
            if buffer[self._position] == 0x2A:
                if not self._multibulk_header():
                    return None
            else:
                words = self._inline()
                if words is None or words:
                    return words
            if not self._missing:
                self._taken = 0
        return None

    def _arguments(self) -> list[bytes] | None:
        while self._missing:
            if self._bulk_size < 0 and not self._bulk_header():
                return None
            start, size = self._position, self._bulk_size
            if len(self._buffer) < start + size + 2:
                return None
            with memoryview(self._buffer) as view:
                self._argv.append(bytes(view[start : start + size]))
            self._advance(start + size + 2)
            self._bulk_size = -1
            self._missing -= 1
        argv, self._argv = self._argv, []
        return argv

    def _multibulk_header(self) -> bool:
        line = self._line(b"\r", "too big mbulk count string")
        if line is None:
            return False
        count = parse_integer(line[1:])
        if count is None or count > MULTIBULK_MAX:
            raise ProtocolError("Protocol error: invalid multibulk length")
        if count > UNAUTHENTICATED_MULTIBULK and not self.authenticated:
            raise ProtocolError("Protocol error: unauthenticated multibulk length")
        self._advance(self._position + len(line) + 2)
        self._missing = max(count, 0)
        return True

    def _bulk_header(self) -> bool:
        line = self._line(b"\r", "too big bulk count string")
        if line is None:
            return False
        if line[:1] != b"$":
            got = " " if line[:1] in b"\r\n" else chr(line[0])
            raise ProtocolError(f"Protocol error: expected '$', got '{got}'")
        size = parse_integer(line[1:])
        if size is None or not 0 <= size <= self.limits.bulk_bytes:
            raise ProtocolError("Protocol error: invalid bulk length")
        if size > UNAUTHENTICATED_BULK_BYTES and not self.authenticated:
            raise ProtocolError("Protocol error: unauthenticated bulk length")
        self._advance(self._position + len(line) + 2)
        self._bulk_size = size
        return True

    def _inline(self) -> list[bytes] | None:
        line = self._line(b"\n", "too big inline request")
        if line is None:
            return None
        words = split_words(line)
        if words is None:
            raise ProtocolError("Protocol error: unbalanced quotes in request")
        self._advance(self._position + len(line) + 1)
        return words

    def _line(self, end: bytes, too_big: str) -> bytes | None:
        """What stands before the next `end`, if that has come. A count line needs the byte behind its `\\r`
        as well.

        Redis looks with strchr(), so a NUL byte hides all line ends behind it.
        """
        buffer, start = self._buffer, self._position
        at = buffer.find(end, start)
        if at < 0 or buffer.find(b"\0", start, at) >= 0:
            if len(buffer) - start > INLINE_BYTES_MAX:
                raise ProtocolError(f"Protocol error: {too_big}")
            return None
        if end == b"\r" and at + 1 >= len(buffer):
            return None
        return bytes(buffer[start:at])

    def _advance(self, position: int) -> None:
        self._taken += position - self._position
        self._position = position


class ReplyReader:
    """Reads replies, as a client of another node. Errors come as ErrorReply values; statuses as plain
    bytes.
    """

    __slots__ = ("_reader",)

    _NEED_MORE: Final = object()

    def __init__(self) -> None:
        self._reader = hiredis.Reader(replyError=_ReplyError, notEnoughData=ReplyReader._NEED_MORE)

    def feed(self, data: bytes) -> None:
        """Takes what was read from the connection."""
        self._reader.feed(data)

    def replies(self) -> list[Reply]:
        """All replies that are complete. Raises ProtocolError for what is no RESP."""
        try:
            found = list(iter(self._reader.gets, ReplyReader._NEED_MORE))
        except hiredis.ProtocolError as error:
            raise ProtocolError(f"Protocol error: {error}") from None
        return [_as_reply(value) for value in found]


class _ReplyError(Exception):
    """hiredis wants to make exceptions of errors."""


def _as_reply(value: object) -> Reply:
    if isinstance(value, _ReplyError):
        return ErrorReply(str(value).encode("utf-8", "surrogateescape"))
    if isinstance(value, list):
        return [_as_reply(item) for item in value]
    if isinstance(value, dict):
        return {cast(bytes, key): _as_reply(item) for key, item in value.items()}
    return cast(Reply, value)
