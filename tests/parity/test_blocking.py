"""Clients that wait for keys, compared with a real redis-server: three clients, random requests."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.oracle import Oracle
from tests.support.several import Id, Step, play_together

pytestmark = pytest.mark.parity

EXAMPLES = os.environ.get("STARLING_PARITY_EXAMPLES")
KEYS = ["{k}a", "{k}b", "{k}c"]
CLIENTS = 3


def steps(*requests: str) -> list[Step]:
    """Requests as "client command word word"; #2 is the id of client 2."""
    made = []
    for request in requests:
        client, *argv = request.split()
        made.append(Step(int(client), tuple(Id(int(word[1:])) if word[0] == "#" else word for word in argv)))
    return made


def request(*words: st.SearchStrategy[object] | str) -> st.SearchStrategy[tuple[object, ...]]:
    return st.tuples(*(st.just(word) if isinstance(word, str) else word for word in words))


key = st.sampled_from(KEYS)
side = st.sampled_from(["LEFT", "RIGHT"])
end = st.sampled_from(["MIN", "MAX"])
requests = st.one_of(
    request(st.sampled_from(["BLPOP", "BRPOP", "BZPOPMIN", "BZPOPMAX"]), key, "0"),
    request(st.sampled_from(["BLPOP", "BRPOP", "BZPOPMIN", "BZPOPMAX"]), key, key, "0"),
    request("BLMOVE", key, key, side, side, "0"),
    request("BRPOPLPUSH", key, key, "0"),
    request("BLMPOP", "0", "2", key, key, side, "COUNT", st.sampled_from(["1", "2", "9"])),
    request("BZMPOP", "0", "2", key, key, end, "COUNT", st.sampled_from(["1", "2", "9"])),
    request(st.sampled_from(["LPUSH", "RPUSH"]), key, "x"),
    request(st.sampled_from(["LPUSH", "RPUSH"]), key, "x", "y", "z"),
    request("ZADD", key, "1", "m", "2", "n"),
    request("SET", key, "s"),
    request("DEL", key),
    request("RENAME", key, key),
    request("COPY", key, key, "REPLACE"),
    request(st.sampled_from(["TYPE", "MULTI", "EXEC", "EXEC", "FLUSHALL"])).map(
        lambda words: (*words, KEYS[0]) if words == ("TYPE",) else words
    ),
    request(
        "CLIENT", "UNBLOCK", st.sampled_from(range(CLIENTS)).map(Id), st.sampled_from(["ERROR", "TIMEOUT"])
    ),
    request("LRANGE", key, "0", "-1"),
)
scripts = st.lists(st.builds(Step, st.integers(0, CLIENTS - 1), requests), min_size=1, max_size=30)


@settings(
    max_examples=int(EXAMPLES or 60),
    derandomize=EXAMPLES is None,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(scripts, st.sampled_from([2, 3]))
def test_who_gets_what(oracle: Oracle, script: list[Step], protocol: int) -> None:
    play_together(oracle, script, clients=CLIENTS, protocol=protocol)


@pytest.mark.parametrize("protocol", [2, 3])
def test_what_the_end_of_time_gives(oracle: Oracle, protocol: int) -> None:
    script = steps("0 BLPOP a b 0.5", "1 BLMOVE a b LEFT RIGHT 0.5", "2 BZMPOP 0.5 1 a MIN", "3 WAIT 5 500")
    play_together(oracle, script, clients=4, protocol=protocol, runs_out=True)


@pytest.mark.parametrize("protocol", [2, 3])
def test_other_databases(oracle: Oracle, protocol: int) -> None:
    script = steps(
        "0 BLPOP k 0",
        "1 SELECT 1",
        "1 RPUSH k here",
        "1 SWAPDB 0 1",
        "0 BZPOPMIN z 0",
        "1 ZADD z 1 m",
        "1 MOVE z 0",
        "0 BLPOP c 0",
        "1 RPUSH c x",
        "1 COPY c c DB 0",
    )
    play_together(oracle, script, clients=2, protocol=protocol)
