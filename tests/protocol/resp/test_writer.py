import math

import hiredis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.resp.types import (
    LATER,
    NO_REPLY,
    NULL_ARRAY,
    OK,
    BigNumber,
    DoubleText,
    ErrorReply,
    MapReply,
    Push,
    Reply,
    SetReply,
    Status,
    Verbatim,
)
from protocol.resp.writer import encode, encode_command, format_double
from tests.support.oracle import Oracle


def encoded(value: Reply, protocol: int = 2) -> bytes:
    out = bytearray()
    encode(value, protocol, out)
    return bytes(out)


@pytest.mark.parametrize(
    ("value", "resp2", "resp3"),
    [
        (b"", b"$0\r\n\r\n", b"$0\r\n\r\n"),
        (b"a\r\nb", b"$4\r\na\r\nb\r\n", b"$4\r\na\r\nb\r\n"),
        (bytearray(b"ab"), b"$2\r\nab\r\n", b"$2\r\nab\r\n"),
        (-7, b":-7\r\n", b":-7\r\n"),
        (OK, b"+OK\r\n", b"+OK\r\n"),
        (Status(b"a\r\nb"), b"+a  b\r\n", b"+a  b\r\n"),
        (ErrorReply(b"ERR a\r\nb"), b"-ERR a  b\r\n", b"-ERR a  b\r\n"),
        (None, b"$-1\r\n", b"_\r\n"),
        (NULL_ARRAY, b"*-1\r\n", b"_\r\n"),
        (NO_REPLY, b"", b""),
        (LATER, b"", b""),
        ([], b"*0\r\n", b"*0\r\n"),
        (
            [b"a", 1, None, [OK]],
            b"*4\r\n$1\r\na\r\n:1\r\n$-1\r\n*1\r\n+OK\r\n",
            b"*4\r\n$1\r\na\r\n:1\r\n_\r\n*1\r\n+OK\r\n",
        ),
        (SetReply([b"a"]), b"*1\r\n$1\r\na\r\n", b"~1\r\n$1\r\na\r\n"),
        (Push([b"a", 1]), b"*2\r\n$1\r\na\r\n:1\r\n", b">2\r\n$1\r\na\r\n:1\r\n"),
        ({b"a": 1}, b"*2\r\n$1\r\na\r\n:1\r\n", b"%1\r\n$1\r\na\r\n:1\r\n"),
        (
            MapReply([b"a", 1, b"a", 2]),
            b"*4\r\n$1\r\na\r\n:1\r\n$1\r\na\r\n:2\r\n",
            b"%2\r\n$1\r\na\r\n:1\r\n$1\r\na\r\n:2\r\n",
        ),
        (True, b":1\r\n", b"#t\r\n"),
        (False, b":0\r\n", b"#f\r\n"),
        (1.5, b"$3\r\n1.5\r\n", b",1.5\r\n"),
        (BigNumber(1 << 70), b"$22\r\n1180591620717411303424\r\n", b"(1180591620717411303424\r\n"),
        (Verbatim(b"hi"), b"$2\r\nhi\r\n", b"=6\r\ntxt:hi\r\n"),
    ],
)
def test_every_type(value: Reply, resp2: bytes, resp3: bytes) -> None:
    assert encoded(value, 2) == resp2
    assert encoded(value, 3) == resp3


def test_appends() -> None:
    out = bytearray(b"+OK\r\n")
    encode(1, 2, out)
    assert out == b"+OK\r\n:1\r\n"


def test_large_values_are_whole() -> None:
    large = b"x" * 100_000
    assert encoded(large) == b"$100000\r\n" + large + b"\r\n"
    assert encoded([large, b"y"]) == b"*2\r\n$100000\r\n" + large + b"\r\n$1\r\ny\r\n"


def test_what_is_no_reply() -> None:
    for value in ("text", object(), (b"a",)):
        with pytest.raises(TypeError, match="not a reply"):
            encoded(value)  # type: ignore[arg-type]


@given(st.floats(allow_nan=False))
def test_doubles_come_back(value: float) -> None:
    assert float(format_double(value)) == value


def test_doubles_that_are_written_already() -> None:
    for protocol, mark in ((2, b"$19\r\n"), (3, b",")):
        assert encoded(DoubleText(b"38.1155563954962986"), protocol) == mark + b"38.1155563954962986\r\n"


def test_doubles_in_words() -> None:
    assert [format_double(value) for value in (math.inf, -math.inf, math.nan, -0.0, 3.3)] == [
        b"inf", b"-inf", b"nan", b"-0", b"3.2999999999999998"
    ]  # fmt: skip


@pytest.mark.parity
def test_doubles_as_redis_writes_them(oracle: Oracle) -> None:
    for value in (
        0.0,
        3.3,
        0.1,
        100.0,
        -17.0,
        1e30,
        1e-7,
        1e16,
        1e17,
        123456.789,
        2.0**53,
        math.inf,
        -math.inf,
    ):
        oracle.call("ZADD", "doubles", repr(value), "m")
        for protocol in (2, 3):
            assert oracle.raw("ZSCORE", "doubles", "m", protocol=protocol) == encoded(value, protocol)


@pytest.mark.parity
@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("string", b"Hello World"),
        ("integer", 12345),
        ("double", 3.141),
        ("null", None),
        ("array", [0, 1, 2]),
        ("set", SetReply([0, 1, 2])),
        ("verbatim", Verbatim(b"This is a verbatim\nstring")),
        ("true", True),
        ("false", False),
        ("bignum", BigNumber(1234567999999999999999999999999999999)),
    ],
)
def test_types_as_redis_writes_them(oracle: Oracle, kind: str, value: Reply) -> None:
    for protocol in (2, 3):
        assert oracle.raw("DEBUG", "PROTOCOL", kind, protocol=protocol) == encoded(value, protocol)


@given(st.lists(st.binary(), min_size=1, max_size=5))
def test_commands(argv: list[bytes]) -> None:
    assert encode_command(argv) == hiredis.pack_command(tuple(argv))  # type: ignore[arg-type]
