"""Values, and whole databases, as the bytes that Redis keeps them in: DUMP payloads and RDB files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from cluster.store.keyspace import Keyspace, Value
from cluster.store.values.expiring_hash import ExpiringHash
from cluster.store.values.hash import Hash
from cluster.store.values.limits import DEFAULT_LIMITS, Limits
from cluster.store.values.list import List
from cluster.store.values.set import Set
from cluster.store.values.sorted_set import SortedSet
from cluster.store.values.stream import Stream
from protocol.rdb.decode import decode_file, parse_payload
from protocol.rdb.encode import dump_payload, encode_file
from protocol.rdb.records import (
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
    StringRecord,
)


def dump(value: Value, *, compress: bool = True) -> bytes:
    """What DUMP returns for a value. `compress` is rdbcompression."""
    return dump_payload(_record(value), compress=compress)


def restore(payload: bytes, limits: Limits = DEFAULT_LIMITS) -> Value:
    """The value in a DUMP payload.

    Raises protocol.rdb.records.BadFooter (version or checksum) or another CorruptPayload (content).
    """
    return _value(parse_payload(payload), limits)


def snapshot(
    databases: Iterable[Keyspace],
    aux: Mapping[bytes, bytes],
    *,
    compress: bool = True,
    checksum: bool = True,
) -> Iterator[bytes]:
    """The databases as an RDB file, in chunks of 64 kB or one value more.

    `compress` and `checksum` are rdbcompression and rdbchecksum. The databases must not change meanwhile.
    """
    return encode_file(map(_database, databases), aux, compress=compress, checksum=checksum)


def load(
    data: bytes,
    databases: Sequence[Keyspace],
    *,
    limits: Limits = DEFAULT_LIMITS,
    alive_at_ms: int = 0,
) -> dict[bytes, bytes]:
    """Puts the keys of an RDB file into the databases; returns the file's auxiliary fields.

    Keys whose expiry lies before `alive_at_ms` (unix time) are left out: a primary drops them, a replica (0)
    keeps them until its primary's DEL. Raises CorruptFile; the databases then hold part of the file and are
    to be cleared.
    """
    aux: dict[bytes, bytes] = {}
    _load(data, databases, aux, limits, alive_at_ms)
    return aux


def load_head(
    data: bytes, databases: Sequence[Keyspace], *, limits: Limits = DEFAULT_LIMITS
) -> tuple[dict[bytes, bytes], int]:
    """As load(), for an RDB file that something else may follow: where that begins comes second."""
    aux: dict[bytes, bytes] = {}
    try:
        _load(data, databases, aux, limits, 0)
    except BytesLeftOver as more:
        return aux, more.offset
    return aux, len(data)


def _load(
    data: bytes, databases: Sequence[Keyspace], aux: dict[bytes, bytes], limits: Limits, alive_at_ms: int
) -> None:
    for part in decode_file(data, len(databases)):
        if isinstance(part, AuxField):
            aux[part.name] = part.value
        elif isinstance(part, FunctionLibrary):
            raise CorruptFile(part.offset, "Unsupported: a library of functions")
        elif not 0 < part.expire_ms < alive_at_ms:
            _put(databases[part.database], part, limits)


def _put(database: Keyspace, part: KeyRecord, limits: Limits) -> None:
    value = _value(part.record, limits)
    database.put(part.key, value, part.expire_ms)
    database.field_expiry.note(part.key, value, is_new=True)
    if part.idle_s is not None:
        database.set_access(part.key, database.clock.now_ms - part.idle_s * 1000)
    if part.frequency is not None:
        database.set_frequency(part.key, part.frequency)


def _database(database: Keyspace) -> DatabaseRecord:
    return DatabaseRecord(database.index, len(database), len(database.expiry), _keys(database))


def _keys(database: Keyspace) -> Iterator[KeyRecord]:
    """All keys, expired ones that are still there among them: their DEL has not been propagated yet."""
    for slot in database.slots:
        for key, entry in slot.items():
            yield KeyRecord(database.index, key, _record(entry.value), entry.expire_ms)


def _record(value: Value) -> Record:
    if isinstance(value, (bytes, bytearray)):
        return StringRecord(bytes(value))
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
    """As Redis does on loading, a collection takes the encoding that its content calls for."""
    match record:
        case StringRecord(value):
            return value
        case HashRecord(fields, _, ends):
            made = Hash.from_items(fields.items(), limits)
            return ExpiringHash.of(made, ends) if ends else made
        case ListRecord(items):
            return List.from_items(items)
        case SetRecord(members):
            return Set.from_items(members, limits)
        case SortedSetRecord(members):
            return SortedSet.from_items(members, limits)
        case StreamRecord():
            return Stream.from_record(record)
