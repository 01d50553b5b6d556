"""The replication handshake's lines, payload forms and stream."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.psync import (
    CommandStream,
    Continue,
    FullResync,
    Payload,
    PsyncError,
    TryLater,
    parse_answer,
)
from protocol.resp.writer import encode_command

ID = "0123456789abcdef0123456789abcdef01234567"
MARKER = b"m" * 20 + b"k" * 20


def test_answers_are_read_as_they_are_written() -> None:
    for answer in (FullResync(ID, 17), Continue(ID), Continue(ID, 18), Continue()):
        assert parse_answer(answer.line().rstrip(b"\r\n")) == answer


@pytest.mark.parametrize("line", [b"-NOMASTERLINK Can't SYNC", b"-LOADING Redis is loading"])
def test_a_busy_primary_is_asked_again_later(line: bytes) -> None:
    assert parse_answer(line) == TryLater(line.decode())


@pytest.mark.parametrize(
    "line",
    [b"+FULLRESYNC", b"+FULLRESYNC abc 1", b"+FULLRESYNC " + ID.encode() + b" -1", b"-ERR no", b"+WHAT", b""],
)
def test_other_answers_are_refused(line: bytes) -> None:
    with pytest.raises(PsyncError):
        parse_answer(line)


@given(st.binary(max_size=200), st.lists(st.integers(1, 50), max_size=12))
def test_both_payload_forms_give_the_same_bytes_however_they_are_cut(body: bytes, sizes: list[int]) -> None:
    rest = b"*1\r\n"
    for header, wire in (
        (b"$%d" % len(body), body + rest),
        (b"$EOF:" + MARKER, body + MARKER + rest),
    ):
        payload, taken, left = Payload(header), b"", b""
        for piece in _cut(wire, sizes):
            if payload.done:
                left += piece
                continue
            part, behind = payload.take(piece)
            taken += part
            left += behind
        if payload.done:
            assert (taken, left) == (body, rest)
        else:
            pytest.fail("the payload never ended")


def _cut(data: bytes, sizes: list[int]) -> list[bytes]:
    pieces, at = [], 0
    for size in sizes:
        pieces.append(data[at : at + size])
        at += size
    return [*pieces, data[at:]]


def test_an_empty_payload_is_done_at_once() -> None:
    assert Payload(b"$0").done
    assert Payload(b"$5").length == 5
    assert Payload(b"$EOF:" + MARKER).length is None


@pytest.mark.parametrize("header", [b"", b"+OK", b"$", b"$-1", b"$EOF:short", b"$1x"])
def test_other_headers_are_refused(header: bytes) -> None:
    with pytest.raises(PsyncError, match="Bad protocol from MASTER"):
        Payload(header)


@given(st.lists(st.lists(st.binary(max_size=30), min_size=1, max_size=4), max_size=5), st.integers(1, 9))
def test_commands_come_out_whole_with_their_own_bytes(commands: list[list[bytes]], size: int) -> None:
    wire = b"".join(encode_command(argv) for argv in commands)
    stream, found = CommandStream(), []
    for at in range(0, len(wire), size):
        stream.feed(wire[at : at + size])
        while (one := stream.next()) is not None:
            found.append(one)
    assert [argv for argv, _ in found] == commands
    assert b"".join(raw for _, raw in found) == wire


def test_inline_commands_and_empty_lines_count_as_well() -> None:
    stream = CommandStream()
    stream.feed(b"PING\r\n\nSET a b\n")
    assert [stream.next() for _ in range(4)] == [
        ([b"PING"], b"PING\r\n"),
        ([], b"\n"),
        ([b"SET", b"a", b"b"], b"SET a b\n"),
        None,
    ]


@pytest.mark.parametrize(
    "wire",
    [
        b"*x\r\n",
        b"*99999999999\r\n",
        b"*1\r\n+a\r\n",
        b"*1\r\n$-1\r\n",
        b"*1\r\n$9999999999999\r\n",
        b"x" * 70000,
    ],
)
def test_garbage_is_refused(wire: bytes) -> None:
    stream = CommandStream()
    stream.feed(wire)
    with pytest.raises(PsyncError):
        stream.next()


def test_a_full_copy_may_say_where_the_histories_part() -> None:
    told = FullResync("a" * 40, 7, 5)
    assert told.line() == b"+FULLRESYNC " + b"a" * 40 + b" 7 5\r\n"
    assert parse_answer(told.line().rstrip()) == told
    assert FullResync("a" * 40, 7).line().endswith(b" 7\r\n")
