"""When a key is to expire, as the options of SET and GETEX and the commands of the EXPIRE family say it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cluster.commands.arguments import integer
from cluster.commands.context import Context
from cluster.spec.errors import SYNTAX, CommandError
from cluster.store.values.string import INT64_MAX, INT64_MIN

SECOND_MS: Final = 1000

_UNITS: Final = {b"EX": (SECOND_MS, True), b"PX": (1, True), b"EXAT": (SECOND_MS, False), b"PXAT": (1, False)}
"""For each option that takes a time: its unit in milliseconds, and whether it counts from now."""


@dataclass(slots=True)
class StringOptions:
    """What SET and GETEX may say. `unit` is EX, PX, EXAT, PXAT or empty, `time` its argument."""

    unit: bytes = b""
    time: bytes = b""
    condition: bytes = b""
    get: bool = False
    keep: bool = False
    persist: bool = False

    def expire_ms(self, ctx: Context, command: str) -> int:
        """The expiry, 0 where none is asked for. Raises CommandError."""
        if not self.unit:
            return 0
        unit_ms, relative = _UNITS[self.unit]
        return expiry_of_value(ctx, self.time, command, unit_ms=unit_ms, relative=relative)


def set_options(words: Sequence[bytes]) -> StringOptions:
    """SET's options. Raises CommandError."""
    options = StringOptions()
    rest = iter(words)
    for word in rest:
        name = word.upper()
        if name in (b"NX", b"XX") and options.condition in (b"", name):
            options.condition = name
        elif name == b"GET":
            options.get = True
        elif name == b"KEEPTTL" and not options.unit:
            options.keep = True
        elif not options.keep:
            _take_time(options, name, next(rest, None))
        else:
            raise CommandError(SYNTAX)
    return options


def getex_options(words: Sequence[bytes]) -> StringOptions:
    """GETEX's options. Raises CommandError."""
    options = StringOptions()
    rest = iter(words)
    for word in rest:
        name = word.upper()
        if name == b"PERSIST" and not options.unit:
            options.persist = True
        elif not options.persist:
            _take_time(options, name, next(rest, None))
        else:
            raise CommandError(SYNTAX)
    return options


def _take_time(options: StringOptions, name: bytes, time: bytes | None) -> None:
    if name not in _UNITS or options.unit not in (b"", name) or time is None:
        raise CommandError(SYNTAX)
    options.unit, options.time = name, time


def expiry_of_value(ctx: Context, text: bytes, command: str, *, unit_ms: int, relative: bool) -> int:
    """The expiry (unix ms) that is given together with a value: it must be positive. Raises CommandError."""
    time = integer(text)
    at_ms = time * unit_ms + (ctx.now_ms if relative else 0)
    if time <= 0 or at_ms > INT64_MAX:
        raise _invalid(command)
    return at_ms


def expiry_of_key(ctx: Context, text: bytes, command: str, *, unit_ms: int, relative: bool) -> int:
    """The expiry (unix ms) that EXPIRE and its kin set: it may well be over. Raises CommandError."""
    time_ms = integer(text) * unit_ms
    at_ms = time_ms + (ctx.now_ms if relative else 0)
    if time_ms < INT64_MIN or at_ms > INT64_MAX:
        raise _invalid(command)
    return at_ms


def is_over(ctx: Context, at_ms: int) -> bool:
    """Whether a key that is to expire then can be removed at once: a replica waits for its primary's word."""
    return at_ms <= ctx.now_ms and ctx.db.deletes_expired


def _invalid(command: str) -> CommandError:
    return CommandError(f"ERR invalid expire time in '{command}' command")
