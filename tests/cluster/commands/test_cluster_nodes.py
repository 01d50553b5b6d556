"""The maps that clients route by, for a primary with a replica beside it."""

from __future__ import annotations

import pytest

from cluster.commands.context import BusLink
from cluster.core.core import Core
from cluster.core.peers import Peer
from protocol.resp.types import ErrorReply, Reply, Verbatim
from tests.support.local import Local

REPLICA_ID = "e" * 40


class Pair(Local):
    """A primary that owns every slot, and knows of a replica."""

    def __init__(self, *, protocol: int = 2) -> None:
        super().__init__(cluster=True, protocol=protocol)
        assert self.server.core is not None
        self.core: Core = self.server.core
        self.replica = Peer(
            REPLICA_ID,
            "10.0.0.2",
            7002,
            17002,
            replication_offset=55,
        )
        self.core.peers[REPLICA_ID] = self.replica
        self.core.follows(self.replica, self.core.me.node_id)
        self.me = self.core.me.node_id.encode()


def test_slots_gives_each_range_with_its_nodes() -> None:
    pair = Pair()
    nodes: list[Reply] = [[b"127.0.0.1", 7000, pair.me, {}], [b"10.0.0.2", 7002, REPLICA_ID.encode(), {}]]
    assert pair.call("CLUSTER", "SLOTS") == [[0, 16383, *nodes]]
    pair.call("CLUSTER", "DELSLOTS", "100")
    assert pair.call("CLUSTER", "SLOTS") == [[0, 99, *nodes], [101, 16383, *nodes]]


def test_slots_leaves_out_a_failed_replica() -> None:
    pair = Pair()
    pair.replica.failed = True
    assert pair.call("CLUSTER", "SLOTS") == [[0, 16383, [b"127.0.0.1", 7000, pair.me, {}]]]


@pytest.mark.parametrize(
    ("kind", "hostname", "expected"),
    [
        ("ip", "", [b"127.0.0.1", {}]),
        ("ip", "h.example", [b"127.0.0.1", {b"hostname": b"h.example"}]),
        ("hostname", "h.example", [b"h.example", {b"ip": b"127.0.0.1"}]),
        ("hostname", "", [b"?", {b"ip": b"127.0.0.1"}]),
        ("unknown-endpoint", "h.example", [None, {b"ip": b"127.0.0.1", b"hostname": b"h.example"}]),
    ],
)
def test_slots_tells_the_preferred_endpoint_first(kind: str, hostname: str, expected: list[Reply]) -> None:
    pair = Pair()
    pair.core.settings.preferred_endpoint = kind
    pair.core.me.hostname = hostname
    rows = pair.call("CLUSTER", "SLOTS")
    assert isinstance(rows, list)
    assert isinstance(rows[0], list)
    me = rows[0][2]
    assert isinstance(me, list)
    assert [me[0], me[3]] == expected


def test_shards_tells_roles_offsets_and_health() -> None:
    pair = Pair()
    pair.core.me.hostname = "h.example"
    own: dict[bytes, Reply] = {
        b"id": pair.me,
        b"port": 7000,
        b"ip": b"127.0.0.1",
        b"endpoint": b"127.0.0.1",
        b"hostname": b"h.example",
        b"role": b"master",
        b"replication-offset": 0,
        b"health": b"online",
    }
    other: dict[bytes, Reply] = {
        b"id": REPLICA_ID.encode(),
        b"port": 7002,
        b"ip": b"10.0.0.2",
        b"endpoint": b"10.0.0.2",
        b"role": b"replica",
        b"replication-offset": 55,
        b"health": b"fail",
    }
    pair.replica.failed = True
    shards = pair.call("CLUSTER", "SHARDS")
    assert shards == [{b"slots": [0, 16383], b"nodes": [own, other]}]
    assert isinstance(shards, list)
    assert isinstance(shards[0], dict)
    nodes = shards[0][b"nodes"]
    assert isinstance(nodes, list)
    assert [list(node) for node in nodes if isinstance(node, dict)] == [list(own), list(other)]


def test_replicas_are_listed_by_their_primary() -> None:
    pair = Pair()
    for name in ("REPLICAS", "SLAVES"):
        lines = pair.call("CLUSTER", name, pair.me)
        assert isinstance(lines, list)
        assert [bytes(line)[:40] for line in lines if isinstance(line, bytes)] == [REPLICA_ID.encode()]
    refusal = ErrorReply(b"ERR The specified node is not a master")
    assert pair.call("CLUSTER", "REPLICAS", REPLICA_ID) == refusal


def test_info_has_redis_fields_in_redis_order() -> None:
    pair = Pair()
    pair.core.messages_sent["ping"] = 3
    pair.core.messages_sent["pong"] = 4
    pair.core.watch.duplicates = 7
    text = pair.call("CLUSTER", "INFO")
    assert isinstance(text, Verbatim)
    pairs = [line.split(b":") for line in text.text.split(b"\r\n")[:-1]]
    names = [name.decode() for name, _ in pairs]
    assert names[:9] == [
        "cluster_state",
        "cluster_slots_assigned",
        "cluster_slots_ok",
        "cluster_slots_pfail",
        "cluster_slots_fail",
        "cluster_known_nodes",
        "cluster_size",
        "cluster_current_epoch",
        "cluster_my_epoch",
    ]
    values = {pair[0]: pair[1] for pair in pairs}
    assert values[b"cluster_state"] == b"ok"
    assert values[b"cluster_stats_duplicates_received"] == b"7"
    assert values[b"cluster_stats_view_mismatch_ms"] == b"0"
    assert values[b"cluster_slots_assigned"] == b"16384"
    assert values[b"cluster_known_nodes"] == b"2"
    assert values[b"cluster_stats_messages_ping_sent"] == b"3"
    assert values[b"cluster_stats_messages_sent"] == b"7"


def test_links_are_named_by_the_node_at_their_end() -> None:
    pair = Pair()
    links = [BusLink(True, "10.0.0.2", 17002, 5000, 7), BusLink(False, "10.0.0.99", 1, 6000, 0)]
    setattr(pair.host, "bus_links", lambda: links)  # noqa: B010
    assert pair.call("CLUSTER", "LINKS") == [
        {
            b"direction": b"to",
            b"node": REPLICA_ID.encode(),
            b"create-time": 5000,
            b"events": b"rw",
            b"send-buffer-allocated": 7,
            b"send-buffer-used": 7,
        }
    ]


def test_failure_reports_are_counted() -> None:
    pair = Pair()
    assert pair.call("CLUSTER", "COUNT-FAILURE-REPORTS", REPLICA_ID) == 0
