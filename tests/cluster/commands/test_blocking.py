"""Timeouts, and where nothing can wait."""

from __future__ import annotations

import pytest

from cluster.commands.blocking import NEGATIVE_TIMEOUT, NOT_A_FLOAT_TIMEOUT, timeout_ms, timeout_s
from cluster.spec.errors import CommandError
from protocol.resp.types import LATER, NULL_ARRAY
from tests.support.served import NOW_MS, Client, Served


@pytest.mark.parametrize(
    ("text", "left_ms"),
    [("0", 0), ("1", 1000), ("0.0001", 1), ("1.5", 1500), ("0x10", 16000), ("1e3", 10**6), ("-0.0001", 0)],
)
def test_seconds(text: str, left_ms: int) -> None:
    deadline_ms = timeout_s(Served().client.session.context, text.encode())
    assert deadline_ms == (NOW_MS + left_ms if left_ms else 0)


@pytest.mark.parametrize("text", [b"-1", b"inf", b"-inf", b"1e20", b"9223372036854776"])
def test_redis_calls_all_of_these_negative(text: bytes) -> None:
    with pytest.raises(CommandError, match=NEGATIVE_TIMEOUT):
        timeout_s(Served().client.session.context, text)


@pytest.mark.parametrize("text", [b"x", b"", b"nan", b"1e-5000"])
def test_what_is_no_number(text: bytes) -> None:
    with pytest.raises(CommandError, match=NOT_A_FLOAT_TIMEOUT):
        timeout_s(Served().client.session.context, text)


def test_milliseconds() -> None:
    context = Served().client.session.context
    assert timeout_ms(context, b"250") == NOW_MS + 250
    assert timeout_ms(context, b"0") == 0
    with pytest.raises(CommandError, match=NEGATIVE_TIMEOUT):
        timeout_ms(context, b"-1")


def test_nothing_waits_in_a_transaction() -> None:
    served = Served()
    served.call("MULTI")
    served.call("BLPOP", "k", 0)
    served.call("BLMOVE", "k", "d", "LEFT", "RIGHT", 0)
    assert served.call("EXEC") == [NULL_ARRAY, None]
    assert not served.server.waiters


def test_info_and_client_list_tell_who_waits() -> None:
    served = Served()
    waiting = Client(served)
    assert waiting.call("BZPOPMIN", "k", 0) is LATER
    assert b"blocked_clients:1\r\n" in served.client.raw("INFO", "clients")
    line = served.client.raw("CLIENT", "LIST", "ID", waiting.session.id)
    assert b" flags=b " in line
    assert b" cmd=bzpopmin " in line
