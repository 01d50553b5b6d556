"""The twin of cluster/commands/info.py; that the fields are Redis's is in test_server.py."""

from __future__ import annotations

import pytest

from cluster.commands.info import ON_REQUEST, SECTIONS
from protocol.resp.types import Verbatim
from tests.support.served import Served


@pytest.fixture
def served() -> Served:
    return Served()


def _info(served: Served, *sections: str) -> str:
    reply = served.call("INFO", *sections)
    assert isinstance(reply, Verbatim)
    return reply.text.decode()


def _titles(text: str) -> list[str]:
    return [line[2:].lower() for line in text.split("\r\n") if line.startswith("# ")]


def test_sections_come_once_and_in_order_whatever_order_is_asked_for(served: Served) -> None:
    assert _titles(_info(served, "cpu", "server", "CPU")) == ["server", "cpu"]
    assert _titles(_info(served, "everything")) == list(SECTIONS)
    assert _titles(_info(served)) == [name for name in SECTIONS if name not in ON_REQUEST]
    assert _info(served, "nosuch") == ""


def test_every_line_is_a_title_or_a_field(served: Served) -> None:
    lines = [line for line in _info(served, "all").split("\r\n") if line]
    assert not [line for line in lines if not line.startswith("# ") and ":" not in line]


def test_commands_and_errors_are_told(served: Served) -> None:
    served.stopwatch.step_usec = 10
    for words in (("SET", "k", "v"), ("INCR", "k"), ("GET",), ("SET", "k", "w")):
        served.call(*words)
    text = _info(served, "commandstats", "errorstats")
    assert "cmdstat_set:calls=2,usec=20,usec_per_call=10.00,rejected_calls=0,failed_calls=0\r\n" in text
    assert "cmdstat_incr:calls=1,usec=10,usec_per_call=10.00,rejected_calls=0,failed_calls=1\r\n" in text
    assert "cmdstat_get:calls=0,usec=0,usec_per_call=0.00,rejected_calls=1,failed_calls=0\r\n" in text
    assert "errorstat_ERR:count=2\r\n" in text


def test_only_databases_with_keys_are_told(served: Served) -> None:
    assert "db" not in _info(served, "keyspace")
    served.call("SET", "k", "v")
    served.call("SELECT", "2")
    served.call("SET", "k", "v", "EX", "100")
    text = _info(served, "keyspace")
    assert "db0:keys=1,expires=0" in text
    assert "db1:" not in text
    assert "db2:keys=1,expires=1" in text
