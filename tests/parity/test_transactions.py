"""Transactions of random commands, compared byte by byte with a real server."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.oracle import Connection, Oracle
from tests.support.served import Client, Served

pytestmark = pytest.mark.parity

LINES = """
MULTI
EXEC
EXEC now
DISCARD
WATCH k
WATCH
UNWATCH
SET k 1
SET k x
GET k
INCR k
LPUSH k x
DEL k
NOSUCH
GET
PING
SELECT 1
SELECT 0
MULTI
EXEC
"""
STEP = st.tuples(st.booleans(), st.sampled_from(LINES.strip().splitlines()))


@settings(
    max_examples=60, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
@given(st.lists(STEP, min_size=3, max_size=14), st.sampled_from([2, 3]))
def run(oracle: Oracle, steps: list[tuple[bool, str]], protocol: int) -> None:
    """Two clients, each step of one of them."""
    oracle.raw("FLUSHALL")
    served = Served()
    ours = (served.client, Client(served))
    theirs = (Connection(oracle.port, protocol), Connection(oracle.port, protocol))
    if protocol == 3:
        for client in ours:
            client.raw("HELLO", 3)
    try:
        for second, line in steps:
            assert ours[second].raw(*line.split()) == theirs[second].raw(*line.split()), steps
    finally:
        for connection in theirs:
            connection.close()


def test_transactions(oracle: Oracle) -> None:
    run(oracle)
