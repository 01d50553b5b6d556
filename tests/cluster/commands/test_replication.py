"""REPLICAOF, ROLE, WAIT and the switches of a cluster client."""

from __future__ import annotations

import pytest

from cluster.replication.primary import ONLINE, Replica
from protocol.resp.types import LATER, ErrorReply, Reply
from tests.support.local import Local

UNFORCED = "FAILOVER with force option requires both a timeout and target HOST and IP."
DISABLED = b"ERR This instance has cluster support disabled"


class Followed(Local):
    """A node that notes whom it was told to follow."""

    def __init__(self, *, cluster: bool = False) -> None:
        super().__init__(cluster=cluster)
        self.followed: list[tuple[str, int] | None] = []
        setattr(self.host, "follow", self._follow)  # noqa: B010

    def _follow(self, primary: tuple[str, int] | None) -> None:
        self.followed.append(primary)
        if primary is None:
            self.replication.promote(self.now_ms)
        else:
            self.replication.follow(*primary, self.now_ms)


def with_replica(local: Local, *, ack_offset: int = 0) -> Replica:
    replica = Replica(99, "10.0.0.2", port=6380)
    local.replication.attach(replica, local.now_ms)
    replica.state, replica.ack_offset = ONLINE, ack_offset
    return replica


def test_replicaof_follows_and_no_one_ends_it() -> None:
    local = Followed()
    assert local.call("REPLICAOF", "10.0.0.1", "6379") == b"OK"
    assert local.call("SLAVEOF", "10.0.0.1", "6379") == b"OK Already connected to specified master"
    assert local.call("replicaof", "no", "ONE") == b"OK"
    assert local.call("REPLICAOF", "NO", "ONE") == b"OK"
    assert local.followed == [("10.0.0.1", 6379), None]


@pytest.mark.parametrize("port", ["x", "-1", "65536"])
def test_replicaof_refuses_a_bad_port(port: str) -> None:
    local = Followed()
    assert local.call("REPLICAOF", "h", port) == ErrorReply(b"ERR Invalid master port")
    assert local.followed == []


def test_replicaof_is_refused_in_cluster_mode() -> None:
    refusal = ErrorReply(b"ERR REPLICAOF not allowed in cluster mode.")
    assert Followed(cluster=True).call("REPLICAOF", "NO", "ONE") == refusal


def test_role_of_a_primary_lists_replicas_that_are_online() -> None:
    local = Local()
    assert local.call("ROLE") == [b"master", 0, []]
    replica = with_replica(local, ack_offset=17)
    assert local.call("ROLE") == [b"master", 0, [[b"10.0.0.2", b"6380", b"17"]]]
    replica.announced_host = "1.2.3.4"
    assert local.call("ROLE") == [b"master", 0, [[b"1.2.3.4", b"6380", b"17"]]]
    replica.state = "send_bulk"
    assert local.call("ROLE") == [b"master", 0, []]


def test_role_of_a_replica_tells_its_link() -> None:
    local = Followed()
    local.call("REPLICAOF", "10.0.0.1", "6379")
    assert local.call("ROLE") == [b"slave", b"10.0.0.1", 6379, b"connect", -1]
    local.replication.link.state = "connected"
    local.replication.adopt("a" * 40, 7)
    assert local.call("ROLE") == [b"slave", b"10.0.0.1", 6379, b"connected", 7]


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("x", "0"), b"ERR value is not an integer or out of range"),
        (("1", "x"), b"ERR timeout is not an integer or out of range"),
        (("1", "-1"), b"ERR timeout is negative"),
    ],
)
def test_wait_refuses_bad_numbers(words: tuple[str, str], error: bytes) -> None:
    assert Local().call("WAIT", *words) == ErrorReply(error)


def test_wait_answers_at_once_when_enough_have_it() -> None:
    local = Local()
    assert local.call("WAIT", "0", "0") == 0
    with_replica(local, ack_offset=10)
    local.session.write_offset = 10
    assert local.call("WAIT", "1", "0") == 1


def finished(local: Local) -> list[Reply]:
    replies: list[Reply] = []
    local.session.on_finish = replies.append
    return replies


def test_wait_waits_for_the_acknowledgement() -> None:
    local = Local()
    replica, replies = with_replica(local), finished(local)
    local.session.write_offset = 10
    assert local.call("WAIT", "1", "0") is LATER
    assert [b"REPLCONF", b"GETACK", b"*"] in local.written
    local.replication.attachments.acknowledge(replica, 9, local.now_ms)
    assert replies == []
    local.replication.attachments.acknowledge(replica, 10, local.now_ms)
    assert replies == [1]
    assert local.session.waiting is None


def test_wait_ends_at_its_timeout() -> None:
    local = Local()
    replies = finished(local)
    assert local.call("WAIT", "1", "500") is LATER
    local.now_ms += 499
    local.engine.tick()
    assert replies == []
    local.now_ms += 1
    local.engine.tick()
    assert replies == [0]


def test_wait_of_a_client_that_has_gone_is_forgotten() -> None:
    local = Local()
    local.call("WAIT", "1", "0")
    local.engine.close(local.session)
    local.replication.tick(local.now_ms)
    assert local.replication.attachments.waiters == []


def test_wait_does_not_wait_in_a_transaction() -> None:
    local = Local()
    local.call("MULTI")
    local.call("WAIT", "1", "0")
    assert local.call("EXEC") == [0]


def test_wait_is_refused_on_a_replica() -> None:
    local = Followed()
    local.call("REPLICAOF", "10.0.0.1", "6379")
    reply = local.call("WAIT", "0", "0")
    assert isinstance(reply, ErrorReply)
    assert reply.startswith(b"ERR WAIT cannot be used with replica instances.")


@pytest.mark.parametrize("name", ["READONLY", "READWRITE", "ASKING"])
def test_a_cluster_clients_switches_need_a_cluster(name: str) -> None:
    assert Local().call(name) == ErrorReply(DISABLED)


def test_a_cluster_clients_switches() -> None:
    local = Local(cluster=True)
    assert local.call("READONLY") == b"OK"
    assert (local.session.readonly, local.session.plain) == (True, False)
    assert local.call("READWRITE") == b"OK"
    assert (local.session.readonly, local.session.plain) == (False, True)
    assert local.call("ASKING") == b"OK"
    assert local.session.asking
    assert local.call("PING") == b"PONG"
    assert not local.session.asking


def test_waitaof_refuses_bad_numbers() -> None:
    local = Local()
    refused = [local.call("WAITAOF", *words) for words in (("x", 0, 0), (2, 0, 0), (0, -1, 0), (0, 0, -1))]
    assert refused == [
        ErrorReply(b"ERR value is not an integer or out of range"),
        ErrorReply(b"ERR value is out of range, value must between 0 and 1"),
        ErrorReply(b"ERR value is out of range, must be positive"),
        ErrorReply(b"ERR timeout is negative"),
    ]
    assert local.call("WAITAOF", 0, 0, 0) == [0, 0]


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("ABORT", "No failover in progress."),
        ("TO a", "syntax error"),
        ("FORCE FORCE", "syntax error"),
        ("TIMEOUT 0", "FAILOVER timeout must be greater than 0"),
        ("TIMEOUT x", "value is not an integer or out of range"),
        ("", "FAILOVER requires connected replicas."),
    ],
)
def test_failover_refuses(words: str, error: str) -> None:
    assert Local().call("FAILOVER", *words.split()) == ErrorReply(b"ERR " + error.encode())


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("FORCE", "FAILOVER with force option requires both a timeout and target HOST and IP."),
        (
            "TO 10.0.0.2 6380 FORCE",
            "FAILOVER with force option requires both a timeout and target HOST and IP.",
        ),
        ("TO 10.0.0.2 6381", "FAILOVER target HOST and PORT is not a replica."),
    ],
)
def test_failover_refuses_wrong_targets(words: str, error: str) -> None:
    local = Local()
    with_replica(local)
    assert local.call("FAILOVER", *words.split()) == ErrorReply(b"ERR " + error.encode())
    local.replication.replicas[0].state = "send_bulk"
    target = ErrorReply(b"ERR FAILOVER target replica is not online.")
    assert local.call("FAILOVER", "TIMEOUT", 5, "TO", "10.0.0.2", 6380) == target
    local.replication.failover_state = "waiting-for-sync"
    assert local.call("FAILOVER") == ErrorReply(b"ERR FAILOVER already in progress.")
    refused = ErrorReply(b"ERR REPLICAOF not allowed while failing over.")
    assert local.call("REPLICAOF", "h", 1) == refused
