import socket
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.resp.reader import Limits, ProtocolError, QueryBufferExceeded, ReplyReader, RequestReader
from protocol.resp.types import ErrorReply
from protocol.resp.writer import encode_command
from tests.support.oracle import Oracle

requests = st.lists(
    st.lists(st.binary(max_size=12) | st.sampled_from([b"*", b"\r\n*1\r\n", b"+OK", b"$5\r\n"]), min_size=1),
    min_size=1,
)
FRAGMENTS = (
    b"PING\r\n|*1\r\n$4\r\nPING\r\n|*0\r\n|*-1\r\n|\r\n|*2\r\n|$3\r\nfoo\r\n|*1\r\n|"
    b"*1\r\n*1\r\n|+OK\r\n|:1\r\n|"
    b"$-1\r\n|~1\r\n|%1\r\n|$0\r\n\r\n|'a\r\n|\0|$2\r\n"
)
lines = st.sampled_from(FRAGMENTS.split(b"|"))
garbage = st.lists(st.binary(max_size=6) | lines).map(b"".join)

WHAT_REDIS_ANSWERS = [
    (b"*2147483648\r\n", "invalid multibulk length"),
    (b"*x\r\n", "invalid multibulk length"),
    (b"*\r\n", "invalid multibulk length"),
    (b"*01\r\n", "invalid multibulk length"),
    (b"*+1\r\n", "invalid multibulk length"),
    (b"*99999999999999999999\r\n", "invalid multibulk length"),
    (b"*1\r\n:5\r\n", "expected '$', got ':'"),
    (b"*1\r\n+PING\r\n", "expected '$', got '+'"),
    (b"*1\r\n=8\r\ntxt:PING\r\n", "expected '$', got '='"),
    (b"*1\r\n*1\r\n$4\r\nPING\r\n", "expected '$', got '*'"),
    (b"*1\r\n~1\r\n$4\r\nPING\r\n", "expected '$', got '~'"),
    (b"*1\r\n_\r\n", "expected '$', got '_'"),
    (b"*1\r\n#t\r\n", "expected '$', got '#'"),
    (b"*1\r\n\r\n", "expected '$', got ' '"),
    (b"*1\r\n\n\r\n", "expected '$', got ' '"),
    (b"*1\r\n\xff1\r\n", "expected '$', got '\xff'"),
    (b"*1\r\n$-1\r\n", "invalid bulk length"),
    (b"*1\r\n$\r\n", "invalid bulk length"),
    (b"*1\r\n$x\r\n", "invalid bulk length"),
    (b"*1\r\n$04\r\nPING\r\n", "invalid bulk length"),
    (b"*1\r\n$536870913\r\n", "invalid bulk length"),
    (b"*1\r\n$9999999999999999999999\r\n", "invalid bulk length"),
    (b"*" + b"1" * 70_000, "too big mbulk count string"),
    (b"*1\r\n$" + b"1" * 70_000, "too big bulk count string"),
    (b"*1\r\n" + b"x" * 70_000, "too big bulk count string"),
    (b"A" * 70_000, "too big inline request"),
    (b'ECHO "a\r\n', "unbalanced quotes in request"),
    (b"ECHO 'a'b\r\n", "unbalanced quotes in request"),
]


def read(*pieces: bytes, reader: RequestReader | None = None) -> list[list[bytes] | str]:
    """The requests that come out, and the protocol error that ended it, if one did."""
    reader = reader or RequestReader()
    found: list[list[bytes] | str] = []
    try:
        for piece in pieces:
            reader.feed(piece)
            while (argv := reader.next()) is not None:
                found.append(argv)
    except ProtocolError as error:
        found.append(str(error))
    return found


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:stop] for start, stop in pairwise(edges)]


@given(requests, st.lists(st.integers(0, 10_000)))
def test_a_pipeline_cut_anywhere(argvs: list[list[bytes]], places: list[int]) -> None:
    data = b"".join(map(encode_command, argvs))
    assert read(*cut(data, places)) == argvs


def test_a_request_cut_at_every_byte() -> None:
    data = encode_command([b"SET", b"key", b"a\r\nvalue"]) + b"GET key\r\n" + encode_command([b"PING"])
    whole = [[b"SET", b"key", b"a\r\nvalue"], [b"GET", b"key"], [b"PING"]]
    assert read(*(data[place : place + 1] for place in range(len(data)))) == whole
    for place in range(len(data)):
        assert read(data[:place], data[place:]) == whole


@given(garbage, st.lists(st.integers(0, 10_000)))
def test_garbage_reads_the_same_however_it_comes(data: bytes, places: list[int]) -> None:
    """Byte by byte, only the careful reader sees it."""
    measure = read(*(data[place : place + 1] for place in range(len(data))))
    assert read(data) == measure
    assert read(*cut(data, places)) == measure
    assert all(isinstance(item, str) or all(type(word) is bytes for word in item) for item in measure)


@pytest.mark.parametrize(("data", "text"), WHAT_REDIS_ANSWERS)
def test_malformed_requests(data: bytes, text: str) -> None:
    good = encode_command([b"PING"])
    assert read(data) == [f"Protocol error: {text}"]
    assert read(good + data) == [[b"PING"], f"Protocol error: {text}"]
    assert read(good, good + data) == [[b"PING"], [b"PING"], f"Protocol error: {text}"]


@pytest.mark.parity
@pytest.mark.parametrize(("data", "text"), WHAT_REDIS_ANSWERS)
def test_malformed_requests_at_redis(oracle: Oracle, data: bytes, text: str) -> None:
    with socket.create_connection(("127.0.0.1", oracle.port), timeout=5) as link:
        link.sendall(data)
        assert link.recv(1000) == b"-ERR Protocol error: %b\r\n" % text.encode("latin-1")


@pytest.mark.parametrize(
    ("data", "argvs"),
    [
        (b"*0\r\n*-1\r\n*-5\r\n\r\n\n  \r\nPING\r\n", [[b"PING"]]),
        (b"*1\rX$4\rXPINGab", [[b"PING"]]),
        (b"*1\r\n$0\r\n\r\n", [[b""]]),
        (b"$4\r\nPING\n", [[b"$4"], [b"PING"]]),
        (b"A" * 70_000 + b"\r\n", [[b"A" * 70_000]]),
        (b"PI\0NG\r\nPING\r\n", []),
        (b"*1\0\r\n$4\r\nPING\r\n", []),
        (b"*1000000000\r\n", []),
        (b"*2147483647\r\n$4\r\nPING\r\n", []),
    ],
)
def test_what_redis_takes(data: bytes, argvs: list[list[bytes]]) -> None:
    assert read(data) == argvs
    assert read(encode_command([b"PING"]) + data) == [[b"PING"], *argvs]


def test_an_announced_array_reserves_nothing() -> None:
    reader = RequestReader()
    data = encode_command([b"PING"]) + b"*1000000000\r\n$1\r\na\r\n"
    assert read(data, reader=reader) == [[b"PING"]]
    assert reader.pending_bytes == len(b"*1000000000\r\n$1\r\na\r\n")


def test_bulk_limit() -> None:
    reader = RequestReader(Limits(bulk_bytes=4))
    assert read(encode_command([b"PING"]), encode_command([b"PINGS"]), reader=reader) == [
        [b"PING"],
        "Protocol error: invalid bulk length",
    ]


def test_strangers_have_small_limits() -> None:
    def stranger() -> RequestReader:
        reader = RequestReader()
        reader.authenticated = False
        return reader

    assert read(encode_command([b"a"] * 10), reader=stranger()) == [[b"a"] * 10]
    assert read(b"*11\r\n", reader=stranger()) == ["Protocol error: unauthenticated multibulk length"]
    assert read(encode_command([b"a" * 16384]), reader=stranger()) == [[b"a" * 16384]]
    assert read(b"*1\r\n$16385\r\n", reader=stranger()) == ["Protocol error: unauthenticated bulk length"]


def test_who_authenticates_in_a_pipeline_is_no_stranger_from_then_on() -> None:
    reader = RequestReader()
    reader.authenticated = False
    reader.feed(encode_command([b"AUTH", b"secret"]) + encode_command([b"MGET"] + [b"k"] * 20))
    assert reader.next() == [b"AUTH", b"secret"]
    reader.authenticated = True
    assert reader.next() == [b"MGET"] + [b"k"] * 20
    assert reader.next() is None


def test_an_unfinished_request_is_bounded() -> None:
    reader = RequestReader(Limits(query_buffer_bytes=1000))
    reader.feed(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5000\r\n")
    assert reader.next() is None
    with pytest.raises(QueryBufferExceeded):
        for _ in range(20):
            reader.feed(b"x" * 100)
            assert reader.next() is None


def test_counts_what_is_pending() -> None:
    reader = RequestReader()
    data = encode_command([b"SET", b"k", b"value"])
    for place in range(len(data)):
        reader.feed(data[place : place + 1])
        if place < len(data) - 1:
            assert reader.next() is None
            assert reader.pending_bytes == place + 1
    assert reader.next() == [b"SET", b"k", b"value"]
    assert reader.pending_bytes == 0
    reader.feed(data + data[:7])
    assert reader.next() == [b"SET", b"k", b"value"]
    assert reader.next() is None
    assert reader.pending_bytes == 7


def test_a_large_value_in_many_pieces() -> None:
    value = bytes(range(256)) * 4096
    data = encode_command([b"SET", b"k", value]) + encode_command([b"PING"])
    pieces = [data[place : place + 1000] for place in range(0, len(data), 1000)]
    assert read(*pieces) == [[b"SET", b"k", value], [b"PING"]]


def test_a_long_pipeline() -> None:
    argvs = [[b"SET", b"key:%d" % number, b"*%d" % number] for number in range(5000)]
    data = b"".join(map(encode_command, argvs))
    assert read(data) == argvs
    assert read(*(data[place : place + 777] for place in range(0, len(data), 777))) == argvs


def test_replies() -> None:
    reader = ReplyReader()
    reader.feed(b"+OK\r\n-ERR no\r\n*2\r\n$1\r\na\r\n-WRONGTYPE x\r\n%1\r\n+k\r\n,1.5\r\n_\r\n:")
    assert reader.replies() == [b"OK", b"ERR no", [b"a", b"WRONGTYPE x"], {b"k": 1.5}, None]
    reader.feed(b"5\r\n-ERR again\r\n")
    number, error = reader.replies()
    assert number == 5
    assert isinstance(error, ErrorReply)
    assert reader.replies() == []


def test_replies_that_are_none() -> None:
    reader = ReplyReader()
    reader.feed(b"what?\r\n")
    with pytest.raises(ProtocolError, match="Protocol error"):
        reader.replies()
