"""Values, and whole databases, as the bytes that Redis keeps them in: DUMP payloads and RDB files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from cluster.store.frequency import counts_uses, frequency
from cluster.store.keyspace import Entry, Keyspace, Value
from cluster.store.values.expiring_hash import ExpiringHash
from cluster.store.values.hash import Hash
from cluster.store.values.limits import DEFAULT_LIMITS, Limits
from cluster.store.values.list import List
from cluster.store.values.set import Set
from cluster.store.values.sorted_set import SortedSet
from cluster.store.values.stream import Stream
from protocol.rdb.decode import parse_payload
from protocol.rdb.encode import dump_payload, encode_file
from protocol.rdb.file_reader import FileReader
from protocol.rdb.records import (
    PLAIN_BYTES,
    AuxField,
    BytesLeftOver,
    CorruptFile,
    DatabaseRecord,
    FunctionLibrary,
    HashRecord,
    KeyRecord,
    ListRecord,
    Record,
    SetRecord,
    SortedSetRecord,
    StreamRecord,
)

KEYS_A_STEP = 32

Uses = Callable[[Entry], tuple[int | None, int | None]]
"""What a file says of a key's use: for how many seconds it has been idle, and its frequency."""


def dump(value: Value, *, compress: bool = True, plain_bytes: int = PLAIN_BYTES) -> bytes:
    """What DUMP returns for a value. `compress` is rdbcompression; for `plain_bytes` see ListRecord."""
    record = _record(value)
    if isinstance(record, ListRecord):
        record.plain_bytes = plain_bytes
    return dump_payload(record, compress=compress)


def restore(payload: bytes, limits: Limits = DEFAULT_LIMITS) -> Value:
    """The value in a DUMP payload.

    Raises protocol.rdb.records.BadFooter (version or checksum) or another CorruptPayload (content).
    """
    return _value(parse_payload(payload), limits)


def snapshot(
    databases: Iterable[Keyspace],
    aux: Mapping[bytes, bytes],
    libraries: Sequence[bytes] = (),
    *,
    uses: Uses = lambda _: (None, None),
    compress: bool = True,
    checksum: bool = True,
    count: Callable[[int], None] = lambda _: None,
) -> Iterator[bytes]:
    """The databases as an RDB file, in chunks of 64 kB or one value more.

    `libraries` is the code of libraries of functions. `compress` and `checksum` are rdbcompression and
    rdbchecksum; `count` is told now and then how many keys more have been written. The databases must not
    change meanwhile.
    """
    records = (_database(database, uses, count) for database in databases)
    return encode_file(records, aux, libraries, compress=compress, checksum=checksum)


def uses_under(policy: str, now_ms: int, lfu_decay_minutes: int) -> Uses:
    """What the file says under a maxmemory-policy: how long a key has been idle, or how often it was used."""
    if counts_uses(policy):
        return lambda entry: (None, frequency(entry, now_ms, lfu_decay_minutes))
    if policy.endswith("-lru"):
        return lambda entry: (max(0, now_ms - entry.access_ms) // 1000, None)
    return lambda _: (None, None)


def load(
    data: bytes,
    databases: Sequence[Keyspace],
    *,
    limits: Limits = DEFAULT_LIMITS,
    alive_at_ms: int = 0,
) -> dict[bytes, bytes]:
    """Puts the keys of a whole RDB file into the databases; returns the file's auxiliary fields.

    Raises CorruptFile; the databases then hold part of the file and are to be cleared.
    """
    loader = Loader(databases, [], limits=limits, alive_at_ms=alive_at_ms)
    loader.feed(data)
    loader.end()
    for _ in loader.steps():
        pass
    loader.check_end()
    return loader.aux


class Loader:
    """Puts the keys of an RDB file into databases as it comes: feed() the pieces and go through the steps()
    after each; end() when nothing more comes. `is_over` says that the file has ended well.

    Keys whose expiry lies before `alive_at_ms` (unix time) are left out and added to `expired`, with their
    database: a primary drops them, a replica (0) keeps them until its primary's DEL. `libraries` is the code
    of the libraries of functions that are in the file. A key that is there already is replaced; where there
    was none to begin with, it came twice, and the file is refused. `checksum` is rdbchecksum.
    """

    def __init__(
        self,
        databases: Sequence[Keyspace],
        expired: list[tuple[int, bytes]],
        *,
        limits: Limits = DEFAULT_LIMITS,
        alive_at_ms: int = 0,
        checksum: bool = True,
    ) -> None:
        self.aux: dict[bytes, bytes] = {}
        self.libraries: list[bytes] = []
        self.keys_loaded = 0
        self._expired = expired
        self._databases = databases
        self._limits = limits
        self._alive_at_ms = alive_at_ms
        self._is_alone = not any(map(len, databases))
        self._reader = FileReader(len(databases), checksum=checksum)
        self.feed = self._reader.feed
        self.end = self._reader.end
        self.rest = self._reader.rest

    @property
    def is_over(self) -> bool:
        return self._reader.is_over

    @property
    def offset(self) -> int:
        """How far in the file this is."""
        return self._reader.offset

    def check_end(self) -> None:
        """Raises BytesLeftOver when something has been fed that does not belong to the file."""
        if self.rest():
            raise BytesLeftOver(self.offset)

    def steps(self) -> Iterator[None]:
        """Loads what is here, some keys at each step and one step at least: a piece may hold fewer, and large
        ones. Raises CorruptFile; the databases then hold part of the file and are to be cleared.
        """
        alive_at_ms = self._alive_at_ms
        for count, part in enumerate(self._reader.parts(), 1):
            if type(part) is KeyRecord:
                if not 0 < part.expire_ms < alive_at_ms:
                    self._put(part)
                    self.keys_loaded += 1
                else:
                    self._expired.append((part.database, part.key))
            elif isinstance(part, AuxField):
                self.aux[part.name] = part.value
            elif isinstance(part, FunctionLibrary):
                self.libraries.append(part.code)
            if not count % KEYS_A_STEP:
                yield
        yield

    def _put(self, part: KeyRecord) -> None:
        database, key, record = self._databases[part.database], part.key, part.record
        if type(record) is bytes:
            is_new = database.load(key, record, part.expire_ms)
        else:
            value = _value(record, self._limits)
            is_new = database.load(key, value, part.expire_ms)
            database.field_expiry.note(key, value, is_new=True)
        if not is_new and self._is_alone:
            shown = key[:128].decode(errors="replace")
            raise CorruptFile(self.offset, f"RDB has duplicated key '{shown}' in DB {part.database}")
        if part.idle_s is not None:
            database.set_access(key, database.clock.now_ms - part.idle_s * 1000)
        if part.frequency is not None:
            database.set_frequency(key, part.frequency)


def _database(database: Keyspace, uses: Uses, count: Callable[[int], None]) -> DatabaseRecord:
    return DatabaseRecord(database.index, len(database), len(database.expiry), _keys(database, uses, count))


def _keys(database: Keyspace, uses: Uses, count: Callable[[int], None]) -> Iterator[KeyRecord]:
    """All keys, expired ones that are still there among them: their DEL has not been propagated yet."""
    for slot in database.slots:
        for key, entry in slot.items():
            yield KeyRecord(database.index, key, _record(entry.value), entry.expire_ms, *uses(entry))
        if slot:
            count(len(slot))


def _record(value: Value) -> Record:
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    if isinstance(value, Hash):
        ends = value.ends if isinstance(value, ExpiringHash) else None
        return HashRecord(value.fields, value.encoding(), ends)
    if isinstance(value, List):
        return ListRecord(value.elements)
    if isinstance(value, Set):
        return SetRecord(list(value), value.encoding())
    if isinstance(value, Stream):
        return value.record()
    return SortedSetRecord(list(value), value.encoding())


def _value(record: Record, limits: Limits) -> Value:
    """As Redis does on loading, a collection takes the encoding that its content calls for; what comes packed
    is unpacked for the number of its members only."""
    match record:
        case bytes():
            return record
        case HashRecord(fields, encoding, ends):
            made = Hash.from_items(fields.items(), limits, packed=encoding != "hashtable")
            return ExpiringHash.of(made, ends) if ends else made
        case ListRecord(items=items):
            return List.from_items(items)
        case SetRecord(members):
            return Set.from_items(members, limits)
        case SortedSetRecord(members, encoding):
            return SortedSet.from_items(members, limits, packed=encoding == "listpack")
        case StreamRecord():
            return Stream.from_record(record)
