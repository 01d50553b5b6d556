"""Numbers and ranges as clients write them: read as strictly as Redis reads them, and written as it does.

Redis reads integers by its own strict rules (no sign but a minus, no leading zeros, no spaces), doubles by
C's strtod, and the operands of INCRBYFLOAT as x86's 80-bit long double. All three are kept here exactly, so
that a value that one server takes is taken, printed and replicated alike by the other.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from cluster.spec.errors import NOT_A_FLOAT, NOT_AN_INTEGER, SYNTAX, CommandError
from cluster.store.values.ranges import LexRange, ScoreRange
from cluster.store.values.string import INT64_MAX, parse_integer

UINT64_MAX: Final = (1 << 64) - 1

NOT_POSITIVE: Final = "ERR value is out of range, must be positive"

_C_SPACES = b" \t\n\v\f\r"
_LONGEST_INTEGER = 20
_LONGEST_DOUBLE = 5 * 1024


# Integers


def integer(text: bytes, message: str = NOT_AN_INTEGER) -> int:
    """A signed 64-bit integer. Raises CommandError(message)."""
    try:
        return parse_integer(text)
    except ValueError:
        raise CommandError(message) from None


def integer_between(text: bytes, low: int, high: int, message: str) -> int:
    """An integer within bounds, both included; the same error for one that is none."""
    value = integer(text, message)
    if not low <= value <= high:
        raise CommandError(message)
    return value


def positive(text: bytes, message: str = NOT_POSITIVE) -> int:
    """An integer that is not negative (Redis's word for it is positive)."""
    return integer_between(text, 0, INT64_MAX, message)


# Doubles

_DECIMAL = re.compile(
    rb"([+-]?)(?:(\d+)\.?(\d*)|\.(\d+))(?:e([+-]?\d+))?\Z",
    re.IGNORECASE,
)
_HEXADECIMAL = re.compile(
    rb"([+-]?)0x(?:([0-9a-f]+)\.?([0-9a-f]*)|\.([0-9a-f]+))(?:p([+-]?\d+))?\Z",
    re.IGNORECASE,
)
_INFINITE = re.compile(rb"([+-]?)inf(?:inity)?\Z", re.IGNORECASE)


def strtod(text: bytes) -> float:
    """What C's strtod makes of the whole text: decimal, hexadecimal or an infinity. Raises ValueError.

    A number too great for a double is an infinity, as in C. NaN is refused here, as no caller takes it.
    """
    if b"_" in text or text[:1].isspace() or text[-1:].isspace():
        raise ValueError(text)
    try:
        value = float(text)
    except ValueError:
        if _HEXADECIMAL.match(text) is None:
            raise
        value = _hexadecimal_double(text)
    if value != value:
        raise ValueError(text)
    return value


def _hexadecimal_double(text: bytes) -> float:
    try:
        return float.fromhex(text.decode())
    except OverflowError:
        return -math.inf if text[:1] == b"-" else math.inf


def parse_double(text: bytes) -> float:
    """A double or an infinity. Raises ValueError, also where a finite one falls to 0 or beyond all."""
    value = strtod(text)
    if (value - value != 0 and _INFINITE.match(text) is None) or (value == 0 and _is_not_zero(text)):
        raise ValueError(text)
    return value


def _is_not_zero(text: bytes) -> bool:
    match = _DECIMAL.match(text) or _HEXADECIMAL.match(text)
    return match is not None and any((match[group] or b"").strip(b"0") for group in (2, 3, 4))


def double(text: bytes, message: str = NOT_A_FLOAT) -> float:
    """A double. Raises CommandError(message)."""
    try:
        return parse_double(text)
    except ValueError:
        raise CommandError(message) from None


def format_double(value: float) -> bytes:
    """A double as Redis 7.0 prints it: 17 significant digits, "inf", "-inf"."""
    return b"%.17g" % value


# Long doubles: the operands of INCRBYFLOAT and HINCRBYFLOAT

_MANTISSA_BITS = 64
_EXPONENT_MAX = 16384
_SCALE_MAX = 16445
_HUMAN_DECIMALS = 17
_EXPONENT_DIGITS_MAX = 6
_TEXT_EXPONENT_MAX = {10: 20_000, 16: 100_000}
"""Beyond this, no mantissa that fits a text brings the number back to what a long double can hold."""


class LongDouble(NamedTuple):
    """An x86 long double: mantissa / 2**scale, the mantissa of 64 bits at most."""

    mantissa: int
    scale: int


LONG_ZERO: Final = LongDouble(0, 0)


def long_double(text: bytes, message: str = NOT_A_FLOAT) -> LongDouble | None:
    """The long double nearest to a number; None is an infinity. Raises CommandError(message)."""
    if not text or len(text) >= _LONGEST_DOUBLE:
        raise CommandError(message)
    if _INFINITE.match(text):
        return None
    ratio = _ratio(text)
    if ratio is None:
        raise CommandError(message)
    rounded = _rounded(*ratio)
    if rounded is None or (rounded.mantissa == 0 and ratio[0] != 0):
        raise CommandError(message)
    return rounded


def add_long_doubles(left: LongDouble | None, right: LongDouble | None) -> LongDouble | None:
    """Their sum, rounded as the processor rounds it; None where that is an infinity or not a number."""
    if left is None or right is None:
        return None
    scale = max(left.scale, right.scale, 0)
    total = (left.mantissa << (scale - left.scale)) + (right.mantissa << (scale - right.scale))
    return _rounded(total, 1 << scale)


def format_long_double(value: LongDouble) -> bytes:
    """The value with at most 17 decimals, none of them a trailing zero, and never an exponent."""
    mantissa, scale = value
    scaled = abs(mantissa) * 10**_HUMAN_DECIMALS
    units = _quotient(scaled, 1 << scale) if scale > 0 else scaled << -scale
    whole, decimals = divmod(units, 10**_HUMAN_DECIMALS)
    sign = b"-" if mantissa < 0 and units else b""
    return (b"%b%b.%017d" % (sign, _digits(whole), decimals)).rstrip(b"0").rstrip(b".")


def _digits(whole: int) -> bytes:
    """Decimal digits of an integer of any size; Python's own conversion stops at 4300 digits."""
    parts = []
    while whole >= 10**4000:
        whole, part = divmod(whole, 10**4000)
        parts.append(b"%04000d" % part)
    parts.append(b"%d" % whole)
    return b"".join(reversed(parts))


def _ratio(text: bytes) -> tuple[int, int] | None:
    """The number that text stands for, as a fraction; None when it is none, or far too great or small."""
    match, base, power = _DECIMAL.match(text), 10, 10
    if match is None:
        match, base, power = _HEXADECIMAL.match(text), 16, 2
    if match is None:
        return None
    sign, whole, after_whole, alone, exponent_text = match.groups(b"")
    decimals = after_whole or alone
    mantissa = _whole_number(whole + decimals, base)
    if mantissa == 0:
        return 0, 1
    exponent_digits = exponent_text.lstrip(b"+-0")
    if len(exponent_digits) > _EXPONENT_DIGITS_MAX or int(exponent_digits or 0) > _TEXT_EXPONENT_MAX[base]:
        return None
    exponent = int(exponent_digits or 0) * (-1 if exponent_text[:1] == b"-" else 1)
    numerator = -mantissa if sign == b"-" else mantissa
    denominator = base ** len(decimals)
    if exponent < 0:
        return numerator, denominator * power**-exponent
    return numerator * power**exponent, denominator


def _whole_number(digits: bytes, base: int) -> int:
    if base == 16:
        return int(digits, 16)
    value = 0
    for start in range(0, len(digits), 4000):
        part = digits[start : start + 4000]
        value = value * 10 ** len(part) + int(part)
    return value


def _rounded(numerator: int, denominator: int) -> LongDouble | None:
    """A fraction rounded to 64 bits of mantissa; None when it is too great for a long double."""
    size = abs(numerator)
    scale = min(_MANTISSA_BITS - size.bit_length() + denominator.bit_length(), _SCALE_MAX)
    mantissa = _scaled_quotient(size, denominator, scale)
    if mantissa.bit_length() > _MANTISSA_BITS:
        scale -= 1
        mantissa = _scaled_quotient(size, denominator, scale)
    if mantissa.bit_length() - scale > _EXPONENT_MAX:
        return None
    return LongDouble(-mantissa if numerator < 0 else mantissa, scale)


def _scaled_quotient(size: int, denominator: int, scale: int) -> int:
    return _quotient(size << scale, denominator) if scale > 0 else _quotient(size, denominator << -scale)


def _quotient(numerator: int, denominator: int) -> int:
    """Rounded to the nearest, half to even. Neither is negative."""
    quotient, rest = divmod(numerator, denominator)
    twice = 2 * rest
    return quotient + (twice > denominator or (twice == denominator and quotient & 1))


# Ranges of sorted sets


def score_range(low: bytes, high: bytes) -> ScoreRange:
    """A range as ZRANGEBYSCORE takes it: "1", "(1", "-inf". Raises CommandError."""
    low_score, low_exclusive = _score_bound(low)
    high_score, high_exclusive = _score_bound(high)
    return ScoreRange(low_score, high_score, low_exclusive, high_exclusive)


def _score_bound(text: bytes) -> tuple[float, bool]:
    """Read by strtod alone, as Redis does here: leading spaces pass, and so does an empty text, as 0."""
    exclusive = text[:1] == b"("
    number = (text[1:] if exclusive else text).partition(b"\0")[0]
    if not number:
        return 0.0, exclusive
    try:
        return strtod(number.lstrip(_C_SPACES)), exclusive
    except ValueError:
        raise CommandError("ERR min or max is not a float") from None


def lex_range(low: bytes, high: bytes) -> LexRange:
    """A range as ZRANGEBYLEX takes it: "-", "[a", "(a", "+". Raises CommandError."""
    low_side, low_member, low_exclusive = _lex_bound(low)
    high_side, high_member, high_exclusive = _lex_bound(high)
    empty = low_side > 0 or high_side < 0
    return LexRange(low_member, high_member, low_exclusive, high_exclusive, empty)


def _lex_bound(text: bytes) -> tuple[int, bytes | None, bool]:
    """(-1, 0 or 1 for "-", a member or "+"; the member; whether it is excluded)."""
    if text in (b"-", b"+"):
        return (-1 if text == b"-" else 1), None, False
    if text[:1] in (b"[", b"("):
        return 0, text[1:], text[:1] == b"("
    raise CommandError("ERR min or max not valid string range item")


# SCAN and its kin

_CURSOR = re.compile(rb"([+-]?)(\d*)\Z")


def scan_cursor(text: bytes) -> int:
    """A cursor, read as C's strtoul reads it. Raises CommandError."""
    match = _CURSOR.match(text.partition(b"\0")[0])
    value = int(match[2][-_LONGEST_INTEGER - 1 :] or 0) if match else UINT64_MAX + 1
    if match is None or value > UINT64_MAX or (match[1] and not match[2]):
        raise CommandError("ERR invalid cursor")
    return -value & UINT64_MAX if match[1] == b"-" else value


@dataclass(frozen=True, slots=True)
class ScanOptions:
    """`pattern` is None when every member matches; `kind` is what SCAN's TYPE asks for."""

    count: int = 10
    pattern: bytes | None = None
    kind: bytes | None = None


def scan_options(words: Sequence[bytes], *, takes_type: bool = False) -> ScanOptions:
    """[MATCH pattern] [COUNT count], and TYPE for SCAN itself. Raises CommandError."""
    count, pattern, kind = 10, None, None
    for at in range(0, len(words), 2):
        if at + 1 == len(words):
            raise CommandError(SYNTAX)
        word, value = words[at].lower(), words[at + 1]
        if word == b"count":
            count = integer(value)
            if count < 1:
                raise CommandError(SYNTAX)
        elif word == b"match":
            pattern = None if value == b"*" else value
        elif word == b"type" and takes_type:
            kind = value.lower()
        else:
            raise CommandError(SYNTAX)
    return ScanOptions(count, pattern, kind)
