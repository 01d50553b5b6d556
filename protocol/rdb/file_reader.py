"""RDB files, taken apart as they come: from a disk, or from a primary's socket.

No more is held than what was fed last and the value that is not whole yet. Every length is checked against
the bytes that are there before anything is made of it, so that a corrupt input costs no more than its size.

Source: https://github.com/sripathikrishnan/redis-rdb-tools/wiki/Redis-RDB-Dump-File-Format
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import Final

from protocol.checksum import crc64
from protocol.rdb import codes
from protocol.rdb.decode import Source, UnexpectedEnd, is_empty
from protocol.rdb.records import (
    RDB_VERSION,
    AuxField,
    BytesLeftOver,
    CorruptFile,
    CorruptPayload,
    FilePart,
    FunctionLibrary,
    KeyRecord,
)

_I64: Final = Struct("<q")
_U64: Final = Struct("<Q")
_HEADER_BYTES: Final = 9
_CHECKSUM_SINCE: Final = 5


def decode_file(data: bytes, databases: int = 2**31) -> Iterator[FilePart]:
    """The parts of an RDB file, in order; empty collections are left out, as Redis does.

    A key in database number `databases` or a later one is refused.
    Raises CorruptFile where the file stops making sense, and at the end if its checksum is wrong: what came
    until then is not to be used. Raises BytesLeftOver when something follows the file.
    """
    reader = FileReader(databases)
    reader.feed(data)
    reader.end()
    yield from reader.parts()
    if reader.offset < len(data):
        raise BytesLeftOver(reader.offset)


class FileReader:
    """An RDB file in pieces: feed() them, and take the parts() that are whole by then; end() when nothing
    more comes. `is_over` says that the file has ended well; rest() is what was fed behind it. Not
    `checksum`: that at the end is not looked at, as with rdbchecksum no.
    """

    def __init__(self, databases: int = 2**31, *, checksum: bool = True) -> None:
        self.is_over = False
        self._checksum = checksum
        self._databases = databases
        self._database = 0
        self._version = 0
        self._source = Source(b"", 0, 0)
        self._base = 0
        self._crc = 0
        self._mark = 0
        self._pieces: list[bytes] = []
        self._unjoined_bytes = 0
        self._wanted_bytes = 0
        self._is_last = False

    @property
    def offset(self) -> int:
        """Where in the file the next part begins."""
        return self._base + self._source.position

    def feed(self, data: bytes) -> None:
        """Appends what has come."""
        self._pieces.append(data)
        self._unjoined_bytes += len(data)

    def end(self) -> None:
        """Nothing more comes: what is not whole now never will be."""
        self._is_last = True

    def rest(self) -> bytes:
        """What has been fed and does not belong to the parts handed out."""
        self._join()
        return self._source.data[self._source.position :]

    def parts(self) -> Iterator[FilePart]:
        """Each part that is whole, as far as they go now. Raises CorruptFile."""
        if self.is_over or (self._unjoined_bytes < self._wanted_bytes and not self._is_last):
            return
        self._join()
        source, start = self._source, self._source.position
        try:
            if not self._version:
                self._read_version(source)
            while not self.is_over:
                start = self._mark = source.position
                part = self._next(source)
                if part is not None:
                    yield part
        except UnexpectedEnd as short:
            # More may have come, and the end have been told, since these parts were begun.
            if self._is_last and not self._pieces:
                raise CorruptFile(self._base + self._mark, str(short)) from None
            source.position = start
            # A value that is not whole is tried again when twice as much of it is here, not with each piece.
            self._wanted_bytes = source.end - start
        except CorruptPayload as corruption:
            raise CorruptFile(self._base + self._mark, str(corruption)) from None

    def _join(self) -> None:
        if not self._pieces:
            return
        source = self._source
        used = source.position
        if used and not self.is_over:
            self._crc = crc64(source.data[:used], self._crc)
        self._base += used
        data = b"".join((source.data[used:], *self._pieces))
        self._pieces.clear()
        self._unjoined_bytes = self._wanted_bytes = 0
        source.data, source.position, source.end = data, 0, len(data)

    def _read_version(self, source: Source) -> None:
        magic = source.data[:_HEADER_BYTES]
        digits = magic[5:]
        if not b"REDIS0000"[:5].startswith(magic[:5]) or not (digits.isdigit() or not digits):
            raise CorruptPayload("Wrong signature: not an RDB file")
        if len(magic) < _HEADER_BYTES:
            if self._is_last:
                raise CorruptPayload("Wrong signature: not an RDB file")
            raise UnexpectedEnd
        version = int(digits)
        if not 1 <= version <= RDB_VERSION:
            self._mark = 5
            raise CorruptPayload(f"Can't handle RDB format version {version}")
        self._version = version
        source.position = _HEADER_BYTES

    def _next(self, source: Source) -> FilePart | None:
        """One step: a key with all that stands before it, or something else; None where that says nothing."""
        expire_ms, idle_s, frequency = 0, None, None
        while True:
            self._mark = source.position
            code = source.byte()
            if code == codes.STRING:
                key = source.string()
                return KeyRecord(self._database, key, source.string(), expire_ms, idle_s, frequency)
            if code == codes.EXPIRE_MS:
                expire_ms = _I64.unpack(source.take(8))[0]
            elif code == codes.EXPIRE_S:
                expire_ms = int.from_bytes(source.take(4), "little", signed=True) * 1000
            elif code == codes.IDLE:
                idle_s = source.length()
            elif code == codes.FREQUENCY:
                frequency = source.byte()
            elif code in _NO_VALUES:
                return self._other(code, source)
            else:
                key, record = source.string(), source.value(code)
                if is_empty(record):
                    return None
                return KeyRecord(self._database, key, record, expire_ms, idle_s, frequency)

    def _other(self, code: int, source: Source) -> FilePart | None:
        match code:
            case codes.SELECT:
                database = source.length()
                if database >= self._databases:
                    raise CorruptPayload(f"made by a server with more than {self._databases} databases")
                self._database = database
            case codes.AUX:
                return AuxField(source.string(), source.string())
            case codes.FUNCTION_2:
                return FunctionLibrary(offset=self._base + source.position - 1, code=source.string())
            case codes.RESIZE:
                source.length()
                source.length()
            case codes.EOF:
                self._end(source)
            case _:
                what = "module data" if code == codes.MODULE_AUX else "pre-release functions"
                raise CorruptPayload(f"Unsupported: {what}")
        return None

    def _end(self, source: Source) -> None:
        if self._version >= _CHECKSUM_SINCE:
            self._mark = source.position
            seen = crc64(source.data[: source.position], self._crc)
            stored = _U64.unpack(source.take(8))[0]
            if self._checksum and stored and stored != seen:
                raise CorruptPayload("Wrong RDB checksum")
        self.is_over = True


_NO_VALUES: Final = frozenset(
    (
        codes.SELECT,
        codes.AUX,
        codes.FUNCTION_2,
        codes.RESIZE,
        codes.EOF,
        codes.MODULE_AUX,
        codes.FUNCTION_PRE_GA,
    )
)
