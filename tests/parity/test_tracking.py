"""Client-side caching, compared with a real redis-server: several clients, random requests."""

from __future__ import annotations

import pytest

from tests.parity import draws as st
from tests.parity.drive import Drive
from tests.parity.together import Talk, request, steps
from tests.support.oracle import Oracle
from tests.support.several import Id, play_together

pytestmark = pytest.mark.parity

key = st.sampled_from(["a", "b", "ab"])
option = st.sampled_from(
    [(), ("BCAST",), ("OPTIN",), ("OPTOUT",), ("NOLOOP",), ("BCAST", "PREFIX", "a"), ("PREFIX", "b"), ("x",)]
)
status = st.sampled_from(["ON", "ON", "ON", "OFF", "x"])
requests = st.one_of(
    st.tuples(status, option, option).map(
        lambda parts: ("CLIENT", "TRACKING", parts[0], *parts[1], *parts[2])
    ),
    st.tuples(st.sampled_from([0, 1, 2]), option).map(
        lambda parts: ("CLIENT", "TRACKING", "ON", "REDIRECT", Id(parts[0]), *parts[1])
    ),
    request("CLIENT", "CACHING", st.sampled_from(["YES", "NO", "x"])),
    request("GET", key),
    request("MGET", key, key),
    request("SET", key, "1"),
    request("SET", key, "1"),
    request("DEL", key, key),
    request("EXPIRE", key, "-1"),
    request(st.sampled_from(["FLUSHALL", "MULTI", "EXEC", "PING"])),
    request("SUBSCRIBE", "__redis__:invalidate"),
    request("RENAME", key, key),
)


TRACKING = Talk("", mixes=(requests,), ends=["a", "b"])


def test_who_is_told(drive: Drive) -> None:
    drive(TRACKING)


@pytest.mark.parametrize("protocol", [2, 3])
def test_a_reader_is_told_once(oracle: Oracle, protocol: int) -> None:
    play_together(
        oracle,
        steps(
            "1 SUBSCRIBE __redis__:invalidate",
            "0 CLIENT TRACKING ON REDIRECT #1",
            "0 GET a",
            "2 SET a 1",
            "2 SET a 2",
            "0 MGET a b",
            "0 SET b 3",
            "2 FLUSHALL",
        ),
        protocol=protocol,
    )


@pytest.mark.parametrize(
    "line",
    [
        "CLIENT TRACKING ON REDIRECT 99999",
        "CLIENT TRACKING ON REDIRECT x",
        "CLIENT TRACKING ON PREFIX a",
        "CLIENT TRACKING ON BCAST PREFIX a PREFIX ab",
        "CLIENT TRACKING ON BCAST OPTIN",
        "CLIENT TRACKING ON OPTIN OPTOUT",
        "CLIENT TRACKING ON FOO",
        "CLIENT TRACKING ON REDIRECT",
        "CLIENT CACHING YES",
        "CLIENT GETREDIR",
        "CLIENT TRACKINGINFO",
    ],
)
@pytest.mark.parametrize("protocol", [2, 3])
def test_refusals(oracle: Oracle, line: str, protocol: int) -> None:
    play_together(
        oracle, steps(f"0 {line}", "0 CLIENT TRACKING ON BCAST PREFIX z", f"0 {line}"), protocol=protocol
    )


def test_of_the_prefixes_that_overlap_the_first_in_order_is_named(oracle: Oracle) -> None:
    before = "0 CLIENT TRACKING ON BCAST PREFIX zb PREFIX za"
    play_together(oracle, steps(before, "0 CLIENT TRACKING ON BCAST PREFIX z"), protocol=3)
