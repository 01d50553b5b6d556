"""CLUSTER: what this node knows of the members, as text and as the maps that clients route by."""

from __future__ import annotations

from cluster.commands.cluster import core_of, text
from cluster.commands.context import Context
from cluster.core.core import Core
from cluster.core.peers import Peer
from cluster.spec.command import command
from cluster.spec.errors import CommandError
from protocol.resp.types import Reply, Verbatim

PER_NODE = "O(N) where N is the total number of Cluster nodes"
CHANGING = ("nondeterministic_output",)


def _known(core: Core, node_id: bytes) -> Peer:
    peer = core.peers.get(text(node_id))
    if peer is None:
        raise CommandError(f"ERR Unknown node {text(node_id)}")
    return peer


@command("CLUSTER MYID", group="cluster", since="3.0.0", flags="STALE")
def cluster_myid(ctx: Context) -> Reply:
    """Tells this node's id."""
    return core_of(ctx).me.node_id.encode()


@command("CLUSTER NODES", group="cluster", since="3.0.0", flags="STALE", complexity=PER_NODE, tips=CHANGING)
def cluster_nodes(ctx: Context) -> Reply:
    """Lists the members, a line each."""
    return Verbatim(core_of(ctx).nodes_text().encode())


@command(
    "CLUSTER REPLICAS",
    "node-id",
    group="cluster",
    since="5.0.0",
    flags="ADMIN STALE",
    tips=CHANGING,
)
def cluster_replicas(ctx: Context, node_id: bytes) -> Reply:
    """Lists a primary's replicas."""
    core = core_of(ctx)
    primary = _known(core, node_id)
    if primary.is_replica:
        raise CommandError("ERR The specified node is not a master")
    return [core.node_line(each.node_id).encode() for each in core.replicas_of(primary.node_id)]


@command(
    "CLUSTER SLAVES",
    "node-id",
    group="cluster",
    since="3.0.0",
    flags="ADMIN STALE",
    tips=CHANGING,
    doc_flags=("deprecated",),
    deprecated_since="5.0.0",
    replaced_by="`CLUSTER REPLICAS`",
)
def cluster_slaves(ctx: Context, node_id: bytes) -> Reply:
    """Lists a primary's replicas."""
    return cluster_replicas(ctx, node_id)


@command(
    "CLUSTER COUNT-FAILURE-REPORTS",
    "node-id",
    group="cluster",
    since="3.0.0",
    flags="ADMIN STALE",
    complexity="O(N) where N is the number of failure reports",
    tips=CHANGING,
)
def cluster_count_failure_reports(ctx: Context, node_id: bytes) -> Reply:
    """Counts the primaries that hold a node for failed, and have said so lately."""
    core = core_of(ctx)
    return core.failure_reports(_known(core, node_id).node_id)


@command("CLUSTER INFO", group="cluster", since="3.0.0", flags="STALE", tips=CHANGING)
def cluster_info(ctx: Context) -> Reply:
    """Tells how the cluster is, as this node sees it."""
    core = core_of(ctx)
    owner = core.peers.get(core.me.primary_id or "", core.me)
    fields: dict[str, str | int] = {
        "cluster_state": "ok" if core.is_ok else "fail",
        "cluster_slots_assigned": core.slots_assigned(),
        "cluster_slots_ok": core.slots_ok(),
        "cluster_slots_pfail": core.slots_pfail(),
        "cluster_slots_fail": core.slots_fail(),
        "cluster_known_nodes": len(core.peers),
        "cluster_size": core.size(),
        "cluster_current_epoch": core.current_epoch,
        "cluster_my_epoch": owner.config_epoch,
    }
    for way, counts in (("sent", core.messages_sent), ("received", core.messages_received)):
        for kind, count in counts.items():
            fields[f"cluster_stats_messages_{kind}_{way}"] = count
        fields[f"cluster_stats_messages_{way}"] = sum(counts.values())
    fields["total_cluster_links_buffer_limit_exceeded"] = 0
    # What follows Redis does not have.
    fields["cluster_stats_duplicates_received"] = core.watch.duplicates
    fields["cluster_stats_view_mismatch_ms"] = core.watch.mismatch_ms(core.now_ms)
    fields |= ctx.server.host.info_fields("cluster")
    return Verbatim("".join(f"{name}:{value}\r\n" for name, value in fields.items()).encode())


@command("CLUSTER LINKS", group="cluster", since="7.0.0", flags="STALE", complexity=PER_NODE, tips=CHANGING)
def cluster_links(ctx: Context) -> Reply:
    """Lists the TCP links to and from other members; what fits into a datagram needs none."""
    core = core_of(ctx)
    ids = {(peer.host, peer.bus_port): peer.node_id.encode() for peer in core.peers.values()}
    return [
        {
            b"direction": b"to" if link.is_ours else b"from",
            b"node": ids[link.host, link.bus_port],
            b"create-time": link.opened_ms,
            b"events": b"rw" if link.unsent_bytes else b"r",
            b"send-buffer-allocated": link.unsent_bytes,
            b"send-buffer-used": link.unsent_bytes,
        }
        for link in ctx.server.host.bus_links()
        if (link.host, link.bus_port) in ids
    ]


# the maps


@command(
    "CLUSTER SLOTS",
    group="cluster",
    since="3.0.0",
    flags="STALE",
    complexity=PER_NODE,
    tips=CHANGING,
    doc_flags=("deprecated",),
    deprecated_since="7.0.0",
    replaced_by="`CLUSTER SHARDS`",
    history=(("4.0.0", "Node ids."), ("7.0.0", "More ways to reach a node, in a fourth field.")),
)
def cluster_slots(ctx: Context) -> Reply:
    """Lists ranges of slots, each with its primary and that one's replicas."""
    core = core_of(ctx)
    rows: list[tuple[int, list[Reply]]] = []
    for primary, replicas in _shards(core):
        alive = [primary, *(each for each in replicas if not each.failed)]
        nodes: list[Reply] = [_slots_node(core, each) for each in alive]
        rows += [(start, [start, end, *nodes]) for start, end in core.slot_ranges(primary.node_id)]
    rows.sort(key=lambda row: row[0])
    return [row for _, row in rows]


def _shards(core: Core) -> list[tuple[Peer, list[Peer]]]:
    """Every primary with its replicas."""
    replicas: dict[str, list[Peer]] = {}
    for peer in core.peers.values():
        if peer.is_replica and peer.primary_id is not None:
            replicas.setdefault(peer.primary_id, []).append(peer)
    return [
        (peer, replicas.get(peer.node_id, []))
        for peer in core.peers.values()
        if not peer.is_replica and not peer.handshake
    ]


def _slots_node(core: Core, peer: Peer) -> Reply:
    preferred = core.settings.preferred_endpoint
    more: dict[bytes, Reply] = {}
    if preferred != "ip":
        more[b"ip"] = peer.host.encode()
    if preferred != "hostname" and peer.hostname:
        more[b"hostname"] = peer.hostname.encode()
    return [_endpoint(core, peer), peer.port, peer.node_id.encode(), more]


def _endpoint(core: Core, peer: Peer) -> Reply:
    if core.settings.preferred_endpoint == "unknown-endpoint":
        return None
    return core.endpoint(peer).encode()


@command("CLUSTER SHARDS", group="cluster", since="7.0.0", flags="STALE", complexity=PER_NODE, tips=CHANGING)
def cluster_shards(ctx: Context) -> Reply:
    """Lists the shards: slots and nodes, with their roles and their health."""
    core = core_of(ctx)
    return [
        {
            b"slots": [bound for bounds in core.slot_ranges(primary.node_id) for bound in bounds],
            b"nodes": [_shard_node(ctx, core, each) for each in (primary, *replicas)],
        }
        for primary, replicas in _shards(core)
    ]


def _shard_node(ctx: Context, core: Core, peer: Peer) -> Reply:
    replication = ctx.server.replication
    is_me = peer is core.me
    health = b"online"
    if peer.failed:
        health = b"fail"
    elif is_me and replication.syncing:
        health = b"loading"
    node: dict[bytes, Reply] = {
        b"id": peer.node_id.encode(),
        b"port": peer.port,
        b"ip": peer.host.encode(),
        b"endpoint": _endpoint(core, peer),
    }
    if peer.hostname:
        node[b"hostname"] = peer.hostname.encode()
    node[b"role"] = b"replica" if peer.is_replica else b"master"
    node[b"replication-offset"] = replication.offset if is_me else peer.replication_offset
    node[b"health"] = health
    return node
