"""FAILOVER between a redis-server and us, there and back."""

from __future__ import annotations

import pytest

from tests.conftest import NO_SERVER, REQUIRED
from tests.parity.test_replication import Side, sides, wait
from tests.support.oracle import SERVER

__all__ = ["sides"]

pytestmark = [
    pytest.mark.parity,
    pytest.mark.xdist_group("e2e"),
    pytest.mark.skipif(SERVER is None and not REQUIRED, reason=NO_SERVER),
]


@pytest.mark.parametrize("first", ["ours", "theirs"])
def test_the_role_goes_over_and_comes_back_without_a_copy(request: pytest.FixtureRequest, first: str) -> None:
    both: dict[str, Side] = dict(request.getfixturevalue("sides"))
    primary = both.pop(first)
    (replica,) = both.values()
    assert primary.do("SET", "before", "1") == b"+OK\r\n"
    replica.follow(primary.port)
    wait("the first copy", replica.is_online)
    hand_over(primary, replica, b"there")
    assert replica.info("stats", "sync_full") == "0"
    hand_over(replica, primary, b"back")
    assert primary.info("stats", "sync_full") == "1"
    assert primary.digest() == replica.digest()


def hand_over(primary: Side, replica: Side, key: bytes) -> None:
    """From one to the other; a write to the new primary reaches the old one."""
    wait("the copy to be acknowledged", lambda: b"state=online" in primary.do("INFO", "replication"))
    assert primary.do("FAILOVER", "TO", "127.0.0.1", replica.port) == b"+OK\r\n"
    wait("the old primary to follow", lambda: b"role:slave" in primary.do("INFO", "replication"))
    wait("the link", primary.is_online)
    assert primary.info("replication", "master_failover_state") == "no-failover"
    assert replica.do("SET", key, "1") == b"+OK\r\n"
    wait("the write", lambda: primary.do("EXISTS", key) == b":1\r\n")
