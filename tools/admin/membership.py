"""Nodes come, go and change roles in a running cluster."""

from __future__ import annotations

import time
from collections.abc import Callable

from tools.admin.client import Address, AdminError, Client, ServerError, UnreachableError, show
from tools.admin.form import require_empty, resolve, view
from tools.admin.topology import Cluster, Member
from tools.admin.waiting import wait_until

_WAIT_S = 30.0


def add_node(cluster: Cluster, address: Address, primary: Member | None) -> str:
    """Brings an empty node in, as a primary without slots or as a replica; returns its id once all know it.

    Raises AdminError.
    """
    client = cluster.client(address)
    require_empty(client)
    host, port = resolve(address)
    bus_port = view(client)[0].bus_port or port + 10000
    # One MEET would do, but not for a node that came, went and comes again: who was told to forget it
    # believes nobody about it for a minute, save itself.
    for member in cluster.members:
        cluster.client(member).call("CLUSTER", "MEET", host, port, bus_port)
    node_id = client.text("CLUSTER", "MYID")
    everyone = [*(cluster.client(member) for member in cluster.members), client]
    ids = {member.id for member in cluster.members} | {node_id}
    wait_until(
        "all nodes to know the new one", lambda: _any(everyone, lambda one: not _knows(one, ids)), _WAIT_S
    )
    if primary is not None:
        client.call("CLUSTER", "REPLICATE", primary.id)
        follows = (node_id, primary.id)
        wait_until(
            "all nodes to see the replica",
            lambda: _any(everyone, lambda one: not _follows(one, *follows)),
            _WAIT_S,
        )
    return node_id


def _any(clients: list[Client], lags: Callable[[Client], bool]) -> str:
    """The first node of which it is true."""
    return next((show(client.address) for client in clients if lags(client)), "")


def _knows(client: Client, ids: set[str]) -> bool:
    return ids <= {member.id for member in view(client) if "handshake" not in member.flags}


def _follows(client: Client, replica_id: str, primary_id: str) -> bool:
    return any(member.id == replica_id and member.primary_id == primary_id for member in view(client))


def poorest_primary(cluster: Cluster) -> Member:
    """The primary with slots that has the fewest replicas. Raises AdminError when there is none."""
    owning = [member for member in cluster.primaries if member.slots]
    if not owning:
        raise AdminError("no primary owns slots; a replica would have nothing to copy")
    return min(owning, key=lambda member: len(cluster.replicas_of(member)))


def del_node(cluster: Cluster, member: Member, report: Callable[[str], None]) -> None:
    """Takes a node without slots out of the cluster and resets it. Raises AdminError when it owns slots.

    Its replicas go to other primaries first: a node cannot forget the primary that it follows. The reset
    comes last: a
    node that still knew the others would gossip itself back in before their ban on it takes hold.
    """
    if member.slots:
        raise AdminError(
            f"{member.title} owns {len(member.slots)} slots; move them away first (starling reshard)"
        )
    others = [other for other in cluster.members if other.id != member.id]
    if not others:
        raise AdminError(f"{member.title} is the only node")
    for replica in cluster.replicas_of(member):
        primary = poorest_primary(cluster)
        report(f"{replica.title} now replicates {primary.title}")
        cluster.client(replica).call("CLUSTER", "REPLICATE", primary.id)
        replica.primary_id = primary.id
    for other in others:
        _forget(cluster.client(other), member.id)
    try:
        cluster.client(member).call("CLUSTER", "RESET", "SOFT")
    except UnreachableError as error:
        report(f"{member.title} was forgotten but not reset: {error}")


def _forget(client: Client, node_id: str) -> None:
    try:
        client.call("CLUSTER", "FORGET", node_id)
    except ServerError as error:
        if not error.reply.startswith("ERR Unknown node"):
            raise


def failover(client: Client, option: str, *, timeout_s: float = 10.0) -> float:
    """Makes a replica the primary of its shard; returns the seconds that it took. Raises AdminError.

    `option` is "", FORCE or TAKEOVER, as CLUSTER FAILOVER has them.
    """
    started_s = time.monotonic()
    client.call("CLUSTER", "FAILOVER", *([option] if option else []))
    wait_until("the replica to become a primary", lambda: _any([client], _is_replica), timeout_s)
    return time.monotonic() - started_s


def _is_replica(client: Client) -> bool:
    return not view(client)[0].is_primary
