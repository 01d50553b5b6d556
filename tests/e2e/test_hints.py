"""redis-cli's hints, which it makes of COMMAND DOCS: the same as on a real server."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import NO_SERVER, REQUIRED
from tests.e2e.cluster import REDIS_CLI
from tests.e2e.terminal import Terminal
from tests.support.oracle import Oracle
from tests.support.process import Start, ready

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.parity,
    pytest.mark.skipif(REDIS_CLI is None and not REQUIRED, reason=NO_SERVER),
]

TYPED = [
    "get ",
    "set ",
    "SET key value ",
    "getex key ",
    "zadd key ",
    "zrange key 0 -1 ",
    "zunionstore ",
    "hset key field ",
    "lpos key element ",
    "lmpop 2 a b ",
    "blmove ",
    "bitfield key ",
    "xadd key ",
    "xread ",
    "xautoclaim key group ",
    "xgroup create ",
    "geosearch key ",
    "sort key ",
    "copy a ",
    "migrate ",
    "restore key ",
    "lcs a b ",
    "object encoding ",
    "memory usage ",
    "client kill ",
    "cluster setslot 1 ",
    "config set ",
]


def hints(port: int, home: Path) -> dict[str, str]:
    with Terminal(port, home) as terminal:
        return {words: terminal.hint(words) for words in TYPED}


def test_the_same_hints(oracle: Oracle, start: Start, tmp_path: Path) -> None:
    _, client = ready(start)
    port = client.connection_pool.connection_kwargs["port"]
    client.close()
    ours, theirs = hints(port, tmp_path), hints(oracle.port, tmp_path)
    assert ours == theirs
    assert ours["zadd key "] == "[NX|XX] [GT|LT] [CH] [INCR] score member [score member ...]"
    assert all(ours.values())


def test_hints_for_what_the_client_does_not_know(start: Start, tmp_path: Path) -> None:
    """It is older than the command, so what it hints at is ours."""
    _, client = ready(start)
    port = client.connection_pool.connection_kwargs["port"]
    client.close()
    with Terminal(port, tmp_path) as terminal:
        assert terminal.hint("hexpire key ") == "seconds [NX|XX|GT|LT] FIELDS numfields field [field ...]"
