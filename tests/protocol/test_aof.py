from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.aof import AofReader, CorruptAof, Remark, timestamp_line
from protocol.resp.writer import encode_command

COMMANDS = st.lists(st.lists(st.binary(max_size=40), min_size=1, max_size=5), max_size=8)


def read_all(reader: AofReader) -> list[list[bytes] | Remark]:
    found = []
    while (record := reader.next()) is not None:
        found.append(record)
    return found


@given(COMMANDS, st.integers(1, 30))
def test_what_is_written_is_read_however_it_is_cut(commands: list[list[bytes]], part_bytes: int) -> None:
    data = b"".join(map(encode_command, commands))
    reader = AofReader()
    found: list[list[bytes] | Remark] = []
    for at in range(0, len(data), part_bytes):
        reader.feed(data[at : at + part_bytes])
        found += read_all(reader)
    assert found == commands
    assert reader.position == len(data)
    assert reader.rest_bytes == 0


def test_remarks_tell_the_time() -> None:
    reader = AofReader(100)
    reader.feed(timestamp_line(1628217473) + b"#something else\r\n" + encode_command([b"PING"]))
    assert read_all(reader) == [Remark(1628217473), Remark(None), [b"PING"]]
    assert reader.position == 100 + len(b"#TS:1628217473\r\n#something else\r\n*1\r\n$4\r\nPING\r\n")


def test_the_beginning_of_a_record_is_kept() -> None:
    reader = AofReader()
    whole = encode_command([b"SET", b"key", b"value"])
    for size in range(len(whole)):
        reader = AofReader()
        reader.feed(whole + whole[:size])
        assert len(read_all(reader)) == 1
        assert (reader.position, reader.rest_bytes) == (len(whole), size)


@pytest.mark.parametrize(
    ("data", "offset", "reason"),
    [
        (b"+OK\r\n", 0, "number of arguments"),
        (b"*x\r\n", 0, "number of arguments"),
        (b"*0\r\n", 0, "without a name"),
        (b"*-1\r\n", 0, "number of arguments"),
        (b"*1\r\n+PING\r\n", 4, "argument's length"),
        (b"*1\r\n$-4\r\nPING\r\n", 4, "argument's length"),
        (b"*1\r\n$4\r\nPINGPONG\r\n", 12, "line end"),
        (b"*1\r\n$4\r\nPING\n\r", 12, "line end"),
        (b"*1\r\n$4\r\nPINGx", 12, "line end"),
        (b"*" + b"1" * 40, 0, "shorter line"),
        (b"#" + b"x" * 2000, 0, "shorter line"),
        (b"*1\r\n$" + b"9" * 20 + b"\r\n", 4, "argument's length"),
    ],
)
def test_what_is_corrupt_says_where(data: bytes, offset: int, reason: str) -> None:
    first = encode_command([b"SELECT", b"0"])
    reader = AofReader()
    reader.feed(first + data)
    assert reader.next() == [b"SELECT", b"0"]
    with pytest.raises(CorruptAof, match=reason) as caught:
        reader.next()
    assert caught.value.offset == len(first) + offset
    assert reader.position == len(first)
