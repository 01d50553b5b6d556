from __future__ import annotations

import pytest

from protocol.rdb.encode import encode_file
from protocol.rdb.records import DatabaseRecord, KeyRecord
from protocol.rdb.seal import Seal

FILE = b"".join(encode_file([DatabaseRecord(0, 1, 0, [KeyRecord(0, b"key", b"value")])], {b"a": b"b"}))


def fault(data: bytes, size: int = 1000) -> str:
    seal = Seal()
    for start in range(0, len(data), size):
        seal.pass_by(data[start : start + size])
    return seal.fault()


@pytest.mark.parametrize("size", [1, 3, 8, 9, 17, 1000])
def test_a_whole_file_has_no_fault_and_a_cut_or_changed_one_has(size: int) -> None:
    assert fault(FILE, size) == ""
    for end in range(len(FILE)):
        assert fault(FILE[:end], size)
    for at in range(len(FILE)):
        assert fault(FILE[:at] + bytes([FILE[at] ^ 1]) + FILE[at + 1 :], size)


def test_files_without_a_checksum() -> None:
    assert fault(FILE[:-8] + bytes(8)) == ""
    assert fault(b"REDIS0003\xff") == ""
    assert fault(b"REDIS0011\xff" + bytes(8)) == "Can't handle RDB format version 11"
    assert fault(b"JUNK") == "Wrong signature: not an RDB file"
