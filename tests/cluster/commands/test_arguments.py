from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.commands.arguments import (
    LONG_ZERO,
    ScanOptions,
    add_long_doubles,
    double,
    format_double,
    format_long_double,
    integer,
    integer_between,
    lex_range,
    long_double,
    positive,
    scan_cursor,
    scan_options,
    score_range,
)
from cluster.spec.errors import CommandError
from cluster.store.values.ranges import LexRange, ScoreRange


def refusal(read: Callable[[], object]) -> str:
    with pytest.raises(CommandError) as caught:
        read()
    return caught.value.reply.decode()


def test_integers_and_their_bounds() -> None:
    assert integer(b"-5") == -5
    assert refusal(lambda: integer(b"05")) == "ERR value is not an integer or out of range"
    assert refusal(lambda: integer(b"x", "ERR other")) == "ERR other"
    assert integer_between(b"3", 3, 3, "ERR no") == 3
    assert refusal(lambda: integer_between(b"4", 3, 3, "ERR no")) == "ERR no"
    assert positive(b"0") == 0
    assert refusal(lambda: positive(b"-1")) == "ERR value is out of range, must be positive"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"1.5", 1.5),
        (b"+5", 5.0),
        (b".5", 0.5),
        (b"5.", 5.0),
        (b"0x1p3", 8.0),
        (b"0XA.8", 10.5),
        (b"-inf", -math.inf),
        (b"Infinity", math.inf),
        (b"1e308", 1e308),
        (b"4.9e-324", 5e-324),
        (b"0e-999", 0.0),
    ],
)
def test_doubles(text: bytes, value: float) -> None:
    assert double(text) == value


@pytest.mark.parametrize(
    "text", b"|nan|1e400|-1e400|1e-400|0x1p99999| 1|1 |1_0|x|1e|0x|--1|1\0|infin".split(b"|")
)
def test_what_is_no_double(text: bytes) -> None:
    assert refusal(lambda: double(text)) == "ERR value is not a valid float"


@given(st.floats(allow_nan=False))
def test_a_double_survives_being_written(value: float) -> None:
    assert double(format_double(value)) == value


@pytest.mark.parametrize(
    ("value", "text"), [(0.1, b"0.10000000000000001"), (3.0, b"3"), (1e17, b"1e+17"), (-math.inf, b"-inf")]
)
def test_doubles_as_redis_prints_them(value: float, text: bytes) -> None:
    assert format_double(value) == text


@pytest.mark.parametrize(
    ("left", "right", "total"),
    [
        (b"0.1", b"0.2", b"0.3"),
        (b"10.50", b"0.1", b"10.6"),
        (b"5.0e3", b"2.0e2", b"5200"),
        (b"3", b"-3", b"0"),
        (b"-0.0", b"-0.0", b"0"),
        (b"0x1p-3", b"0.1", b"0.225"),
        (b"1", b"1e-18", b"1"),
        (b"1e00000000000001", b"1e-000000000001", b"10.1"),
        (b"18446744073709551616", b"1", b"18446744073709551616"),
    ],
)
def test_sums_of_long_doubles(left: bytes, right: bytes, total: bytes) -> None:
    made = add_long_doubles(long_double(left), long_double(right))
    assert made is not None
    assert format_long_double(made) == total


def test_sums_that_are_no_number() -> None:
    assert add_long_doubles(long_double(b"inf"), LONG_ZERO) is None
    assert add_long_doubles(long_double(b"1e4932"), long_double(b"1e4932")) is None


@pytest.mark.parametrize("text", b"|nan|1e5000|1e-5000|1e999999999999| 1|x|0x".split(b"|"))
def test_what_is_no_long_double(text: bytes) -> None:
    assert refusal(lambda: long_double(text)) == "ERR value is not a valid float"
    assert refusal(lambda: long_double(b"1" * 6000)) == "ERR value is not a valid float"


def test_a_great_long_double_is_written_in_full() -> None:
    value = long_double(b"1e4900")
    assert value is not None
    assert len(format_long_double(value)) == 4901


def test_score_ranges() -> None:
    assert score_range(b"1", b"(2.5") == ScoreRange(1.0, 2.5, False, True)
    assert score_range(b"(-inf", b"+inf") == ScoreRange(-math.inf, math.inf, True, False)
    assert score_range(b"", b"( 7") == ScoreRange(0.0, 7.0, False, True)
    assert score_range(b"1e400", b"1\0x") == ScoreRange(math.inf, 1.0)
    for bad in (b"x", b"nan", b"1 ", b"((1"):
        said = refusal(lambda bad=bad: score_range(b"1", bad))  # type: ignore[misc]
        assert said == "ERR min or max is not a float"


def test_lex_ranges() -> None:
    assert lex_range(b"-", b"+") == LexRange(None, None)
    assert lex_range(b"[a", b"(b") == LexRange(b"a", b"b", False, True)
    assert lex_range(b"+", b"[a").nowhere
    assert lex_range(b"[a", b"-").nowhere
    for bad in (b"", b"a", b"-1"):
        text = refusal(lambda bad=bad: lex_range(b"-", bad))  # type: ignore[misc]
        assert text == "ERR min or max not valid string range item"


def test_cursors() -> None:
    assert scan_cursor(b"17") == 17
    assert scan_cursor(b"") == 0
    assert scan_cursor(b"-1") == (1 << 64) - 1
    for bad in (b"x", b" 1", b"+", b"18446744073709551616"):
        assert refusal(lambda bad=bad: scan_cursor(bad)) == "ERR invalid cursor"  # type: ignore[misc]


def test_scan_options() -> None:
    assert scan_options([]) == ScanOptions(10, None, None)
    assert scan_options([b"MATCH", b"a*", b"count", b"5"]) == ScanOptions(5, b"a*", None)
    assert scan_options([b"match", b"*"]).pattern is None
    assert scan_options([b"TYPE", b"List"], takes_type=True).kind == b"list"
    for bad in ([b"TYPE", b"list"], [b"COUNT", b"0"], [b"COUNT"], [b"x", b"1"]):
        assert refusal(lambda bad=bad: scan_options(bad)) == "ERR syntax error"  # type: ignore[misc]
    assert refusal(lambda: scan_options([b"COUNT", b"x"])) == "ERR value is not an integer or out of range"
