"""The twin of cluster/commands/expirations.py."""

from __future__ import annotations

import pytest

from cluster.commands.expirations import expiry_of_key, expiry_of_value, getex_options, set_options
from cluster.spec.errors import CommandError
from tests.support.local import NOW_MS, Local


@pytest.mark.parametrize(
    "words", [b"NX XX", b"EX", b"EX 1 PX 1", b"KEEPTTL EX 1", b"EX 1 KEEPTTL", b"PERSIST", b"WHAT", b"GET EX"]
)
def test_set_refuses(words: bytes) -> None:
    with pytest.raises(CommandError, match="syntax"):
        set_options(words.split())


def test_set_takes() -> None:
    options = set_options(b"nx get Ex 10 EX 20".split())
    assert (options.condition, options.get, options.unit, options.time) == (b"NX", True, b"EX", b"20")


@pytest.mark.parametrize("words", [b"PERSIST EX 1", b"EX 1 PERSIST", b"KEEPTTL", b"GET", b"PX"])
def test_getex_refuses(words: bytes) -> None:
    with pytest.raises(CommandError, match="syntax"):
        getex_options(words.split())


def test_times() -> None:
    ctx = Local().session.context
    assert expiry_of_value(ctx, b"10", "set", unit_ms=1000, relative=True) == NOW_MS + 10_000
    assert expiry_of_value(ctx, b"10", "set", unit_ms=1000, relative=False) == 10_000
    assert expiry_of_key(ctx, b"-10", "expire", unit_ms=1000, relative=True) == NOW_MS - 10_000
    for text in (b"0", b"-1", b"9223372036854775807"):
        with pytest.raises(CommandError, match="invalid expire time in 'set' command"):
            expiry_of_value(ctx, text, "set", unit_ms=1, relative=True)
    for text in (b"9223372036854775", b"-9223372036854776"):
        with pytest.raises(CommandError, match="invalid expire time in 'expire' command"):
            expiry_of_key(ctx, text, "expire", unit_ms=1000, relative=True)
