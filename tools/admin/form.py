"""Makes a cluster of empty nodes; `starling create` and `starling up` both do it here."""

from __future__ import annotations

import socket
from collections.abc import Sequence

from tools.admin.client import Address, AdminError, Client, ServerError, show
from tools.admin.plan import Seat
from tools.admin.topology import Member, parse_nodes
from tools.admin.waiting import wait_until


def require_empty(client: Client) -> None:
    """Raises AdminError when a node is no cluster node, is in a cluster, or has keys."""
    place = show(client.address)
    try:
        info = cluster_info(client)
    except ServerError as error:
        if "cluster support disabled" in error.reply:
            raise AdminError(f"{place} is not configured as a cluster node") from error
        raise
    if info["cluster_known_nodes"] != "1" or info["cluster_slots_assigned"] != "0":
        raise AdminError(f"{place} is not empty: it already knows other nodes or owns slots")
    if client.call("DBSIZE"):
        raise AdminError(f"{place} is not empty: it has keys")


def cluster_info(client: Client) -> dict[str, str]:
    """CLUSTER INFO's fields."""
    lines = client.text("CLUSTER", "INFO").splitlines()
    return {name: value for name, colon, value in (line.partition(":") for line in lines) if colon}


def view(client: Client) -> list[Member]:
    """CLUSTER NODES of one node."""
    return parse_nodes(client.text("CLUSTER", "NODES"), client.address)


def form(seats: Sequence[Seat], clients: dict[Address, Client], *, timeout_s: float = 60.0) -> None:
    """Gives out slots, makes all nodes meet, attaches the replicas, and waits until every node is content.

    Each node gets a config epoch of its own before the meeting, so that no two claims can ever be of equal
    rank.
    Raises AdminError, also when it takes longer than `timeout_s`.
    """
    for epoch, one in enumerate(seats, 1):
        _prepare(clients[one.address], one, epoch)
    _meet([clients[one.address] for one in seats])
    ids = {address: clients[address].text("CLUSTER", "MYID") for address in clients}
    wait_until("all nodes to know each other", lambda: _all_met(clients, set(ids.values())), timeout_s)
    for one in seats:
        if one.primary is not None:
            clients[one.address].call("CLUSTER", "REPLICATE", ids[one.primary])
    followed = {ids[one.address]: ids[one.primary] for one in seats if one.primary is not None}
    wait_until("all nodes to report cluster_state:ok", lambda: _all_content(clients, followed), timeout_s)


def _prepare(client: Client, one: Seat, epoch: int) -> None:
    if one.slots is not None:
        client.call("CLUSTER", "ADDSLOTSRANGE", *one.slots)
    client.call("CLUSTER", "SET-CONFIG-EPOCH", epoch)


def _meet(clients: Sequence[Client]) -> None:
    """The first node meets all others; who knows whom from there on is the nodes' own affair."""
    for other in clients[1:]:
        host, port = resolve(other.address)
        clients[0].call("CLUSTER", "MEET", host, port, view(other)[0].bus_port or port + 10000)


def resolve(address: Address) -> Address:
    """The same with a numeric host, which is all that CLUSTER MEET takes. Raises AdminError."""
    try:
        found = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise AdminError(f"'{address[0]}' cannot be resolved: {error.strerror}") from error
    return str(found[0][4][0]), address[1]


def _all_met(clients: dict[Address, Client], ids: set[str]) -> str:
    for client in clients.values():
        known = {member.id for member in view(client) if "handshake" not in member.flags}
        if known != ids:
            return f"{show(client.address)} knows {len(known)} of {len(ids)}"
    return ""


def _all_content(clients: dict[Address, Client], followed: dict[str, str]) -> str:
    for client in clients.values():
        place = show(client.address)
        members = view(client)
        seen = {member.id: member.primary_id for member in members if member.primary_id}
        if seen != followed:
            return f"{place} sees {len(seen)} of {len(followed)} replicas"
        unwell = [member for member in members if member.flags & {"fail", "fail?", "noaddr"}]
        if unwell:
            return f"{place} sees {show(unwell[0].address)} as {','.join(sorted(unwell[0].flags))}"
        if cluster_info(client).get("cluster_state") != "ok":
            return f"{place} says that the cluster is not ok"
        if members[0].primary_id and not link_is_up(client):
            return f"{place} has not yet copied its primary's data"
    return ""


def link_is_up(client: Client) -> bool:
    """Whether a replica is in step with its primary."""
    return "master_link_status:up" in client.text("INFO", "replication")


def wait_until_content(clients: dict[Address, Client], *, timeout_s: float = 60.0) -> None:
    """Waits until every node says cluster_state:ok, sees all others well, and its replicas are in step."""
    ids = {client.text("CLUSTER", "MYID") for client in clients.values()}

    def missing() -> str:
        first = view(next(iter(clients.values())))
        seen = {member.id: member.primary_id for member in first if member.primary_id}
        return _all_met(clients, ids) or _all_content(clients, seen)

    wait_until("all nodes to report cluster_state:ok", missing, timeout_s)
