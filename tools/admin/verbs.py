"""The admin verbs of `starling`, for any Redis Cluster: arguments in, text out; the work is in this folder's
rooms.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.table import Table

from tools.admin import membership, move, plan
from tools.admin.check import check as check_cluster
from tools.admin.client import (
    AdminError,
    Client,
    ServerError,
    UnreachableError,
    environment_password,
    parse_address,
    show,
)
from tools.admin.fix import fix as fix_cluster
from tools.admin.form import form, require_empty
from tools.admin.progress import progress
from tools.admin.slots import show_ranges
from tools.admin.topology import Cluster, Member
from tools.output import out, say

app = typer.Typer()

Where = Annotated[
    str, typer.Argument(metavar="HOST:PORT", help="Any node of the cluster.", show_default=False)
]
Password = Annotated[
    str | None,
    typer.Option("--password", "-a", help="The nodes' password; else REDISCLI_AUTH.", show_default=False),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def _cluster(where: str, password: str | None) -> Cluster:
    return Cluster(parse_address(where), password if password is not None else environment_password())


def _confirm(question: str, yes: bool) -> None:
    """Raises AdminError when the answer is no or nobody can be asked."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise AdminError("nobody to ask: this is not a terminal; give --yes to go on")
    if not typer.confirm(question):
        raise AdminError("nothing was changed")


def _sound(cluster: Cluster) -> None:
    """Raises AdminError when slots cannot be moved safely."""
    health = check_cluster(cluster)
    if not health.is_sound:
        for line in health.lines():
            say(line)
        raise AdminError("the cluster is not sound; `starling fix` may help. Nothing was changed")


@app.command()
def check(where: Where, password: Password = None) -> None:
    """Says whether all nodes agree, all slots are covered and none is open; exit code 1 if not."""
    cluster = _cluster(where, password)
    _list_members(cluster)
    health = check_cluster(cluster)
    for line in health.lines():
        say(line)
    if not health.is_sound:
        raise typer.Exit(1)


def _list_members(cluster: Cluster) -> None:
    for member in sorted(cluster.members, key=lambda one: (not one.is_primary, one.address)):
        if member.is_primary:
            slots = f"{len(member.slots)} slots {show_ranges(member.slots)}"
            say(f"primary {member.id} {show(member.address)} {slots}")
        else:
            say(f"replica {member.id} {show(member.address)} of {member.primary_id}")


@app.command()
def info(where: Where, password: Password = None) -> None:
    """Shows keys, slots and replicas of each primary."""
    cluster = _cluster(where, password)
    table = Table("primary", "id", "keys", "slots", "replicas")
    total = 0
    for member in sorted(cluster.primaries, key=lambda one: one.address):
        keys = int(cluster.client(member).call("DBSIZE"))
        total += keys
        followers = len(cluster.replicas_of(member))
        table.add_row(show(member.address), member.id[:8], str(keys), str(len(member.slots)), str(followers))
    out.print(table)
    say(f"{total} keys in {len(cluster.primaries)} primaries")


@app.command()
def create(
    nodes: Annotated[list[str], typer.Argument(metavar="HOST:PORT...", show_default=False)],
    replicas: Annotated[int, typer.Option(min=0, help="Replicas of each primary.")] = 0,
    yes: Yes = False,
    password: Password = None,
) -> None:
    """Makes a cluster of empty nodes; a replica goes to another host than its primary where it can."""
    seats = plan.seat([parse_address(node) for node in nodes], replicas)
    secret = password if password is not None else environment_password()
    clients = {one.address: Client(one.address, secret) for one in seats}
    for client in clients.values():
        require_empty(client)
    for one in seats:
        role = f"replica of {show(one.primary)}" if one.primary else f"primary of slots {one.slots}"
        say(f"{show(one.address)} {role}")
        if one.primary and one.primary[0] == one.address[0]:
            say(f"[WARNING] {show(one.address)} is on the same host as its primary")
    _confirm("Form this cluster?", yes)
    form(seats, clients)
    say(f"[OK] {len(seats)} nodes, cluster_state:ok")


@app.command()
def reshard(
    where: Where,
    to: Annotated[str, typer.Option("--to", help="The primary that gets the slots: id or HOST:PORT.")],
    slots: Annotated[int, typer.Option("--slots", min=1, max=16384, help="How many.")],
    source: Annotated[str, typer.Option("--from", help="Primaries that give, by comma; or all.")] = "all",
    yes: Yes = False,
    password: Password = None,
    pipeline: Annotated[int, typer.Option(min=1, help="Keys in one MIGRATE.")] = move.BATCH_KEYS,
) -> None:
    """Moves slots with their keys while clients go on."""
    cluster = _cluster(where, password)
    _sound(cluster)
    target = _primary(cluster, to)
    givers = _givers(cluster, source, target)
    moves = plan.take({member.id: member.slots for member in givers}, target.id, slots)
    _move(cluster, moves, yes, pipeline)


def _primary(cluster: Cluster, name: str) -> Member:
    member = cluster.find(name)
    if not member.is_primary:
        raise AdminError(f"{member.title} is a replica; slots belong to primaries")
    return member


def _givers(cluster: Cluster, names: str, target: Member) -> list[Member]:
    if names == "all":
        return [member for member in cluster.primaries if member.slots and member.id != target.id]
    givers = {member.id: member for member in (_primary(cluster, name) for name in names.split(","))}
    if target.id in givers:
        raise AdminError(f"{target.title} cannot give slots to itself")
    return list(givers.values())


def _move(cluster: Cluster, moves: list[plan.Move], yes: bool, batch: int) -> None:
    by_id = {member.id: member for member in cluster.members}
    ways = sorted({(one.source_id, one.target_id) for one in moves})
    for source_id, target_id in ways:
        going = [one.slot for one in moves if (one.source_id, one.target_id) == (source_id, target_id)]
        giver, taker = by_id[source_id], by_id[target_id]
        say(f"{len(going)} slots from {giver.title} to {taker.title}: {show_ranges(going)}")
    _confirm(f"Move {len(moves)} slots?", yes)
    keys = move.count_keys(cluster, moves)
    with progress(out, keys=keys, slots=len(moves)) as shown:
        move.move_slots(cluster, moves, shown, batch)
    say(f"[OK] {len(moves)} slots moved")


@app.command()
def rebalance(
    where: Where,
    weight: Annotated[
        list[str] | None, typer.Option(help="ID-or-HOST:PORT=WEIGHT; 1 when not given.")
    ] = None,
    use_empty: Annotated[bool, typer.Option(help="Give slots to primaries without any, too.")] = False,
    threshold: Annotated[float, typer.Option(min=0, help="Do nothing below so many percent off.")] = 2.0,
    yes: Yes = False,
    password: Password = None,
) -> None:
    """Moves slots until each primary owns its part."""
    cluster = _cluster(where, password)
    _sound(cluster)
    taking = [member for member in cluster.primaries if member.slots or use_empty]
    owned = {member.id: member.slots for member in taking}
    weights = dict.fromkeys(owned, 1.0) | _weights(cluster, weight or [])
    moves = plan.balance(owned, weights)
    if 100 * len(moves) <= threshold * sum(len(slots) for slots in owned.values()) / len(owned):
        say(f"[OK] Nothing to do: no primary is more than {threshold:g} percent off")
        return
    _move(cluster, moves, yes, move.BATCH_KEYS)


def _weights(cluster: Cluster, given: list[str]) -> dict[str, float]:
    found: dict[str, float] = {}
    for text in given:
        name, _, number = text.rpartition("=")
        try:
            found[_primary(cluster, name).id] = float(number)
        except ValueError as error:
            raise AdminError(f"'{text}' is not ID=WEIGHT") from error
    if min(found.values(), default=0) < 0:
        raise AdminError("a weight cannot be negative")
    return found


@app.command()
def fix(where: Where, password: Password = None) -> None:
    """Finishes or undoes interrupted moves, and finds owners for slots that have none."""
    cluster = _cluster(where, password)
    fix_cluster(cluster, progress(out, keys=0, slots=1), say)
    cluster.load()
    for line in check_cluster(cluster).lines():
        say(line)
    if not check_cluster(cluster).is_sound:
        raise typer.Exit(1)


@app.command("add-node")
def add_node(
    node: Annotated[str, typer.Argument(metavar="NEW-HOST:PORT", show_default=False)],
    where: Where,
    replica: Annotated[bool, typer.Option("--replica", help="As a replica.")] = False,
    primary_id: Annotated[
        str | None, typer.Option(help="Whose replica; else of the primary with fewest.")
    ] = None,
    password: Password = None,
) -> None:
    """Brings an empty node into a cluster, as a primary without slots or as a replica."""
    cluster = _cluster(where, password)
    primary = None
    if primary_id is not None:
        primary = _primary(cluster, primary_id)
    elif replica:
        primary = membership.poorest_primary(cluster)
    node_id = membership.add_node(cluster, parse_address(node), primary)
    role = f"replica of {primary.title}" if primary else "primary without slots"
    say(f"[OK] {node} {node_id} joined as a {role}")


@app.command("del-node")
def del_node(
    where: Where,
    node: Annotated[str, typer.Argument(metavar="NODE", help="Its id or HOST:PORT.", show_default=False)],
    password: Password = None,
) -> None:
    """Takes a node without slots out of the cluster and resets it."""
    cluster = _cluster(where, password)
    member = cluster.find(node)
    membership.del_node(cluster, member, say)
    say(f"[OK] {member.title} is out of the cluster")


@app.command()
def failover(
    where: Annotated[str, typer.Argument(metavar="HOST:PORT", help="The replica.", show_default=False)],
    force: Annotated[bool, typer.Option("--force", help="Without the primary's agreement.")] = False,
    takeover: Annotated[bool, typer.Option("--takeover", help="Without the cluster's agreement.")] = False,
    password: Password = None,
) -> None:
    """Makes a replica the primary of its shard and waits until it is."""
    if force and takeover:
        raise AdminError("--force and --takeover exclude each other")
    client = Client(parse_address(where), password if password is not None else environment_password())
    took_s = membership.failover(client, "FORCE" if force else "TAKEOVER" if takeover else "")
    say(f"[OK] {where} is a primary now, after {took_s:.1f} s")


@app.command(context_settings={"ignore_unknown_options": True})
def call(
    where: Where,
    words: Annotated[list[str], typer.Argument(metavar="COMMAND...", show_default=False)],
    only_primaries: Annotated[bool, typer.Option("--only-primaries", help="Not on replicas.")] = False,
    only_replicas: Annotated[bool, typer.Option("--only-replicas", help="Not on primaries.")] = False,
    password: Password = None,
) -> None:
    """Runs a command on every node."""
    cluster = _cluster(where, password)
    failed = False
    for member in sorted(cluster.members, key=lambda one: one.address):
        if (only_primaries and not member.is_primary) or (only_replicas and member.is_primary):
            continue
        try:
            text = "\n".join(_reply_lines(cluster.client(member).call(*words)))
        except (ServerError, UnreachableError) as error:
            failed, text = True, f"(error) {getattr(error, 'reply', error)}"
        say(f"{show(member.address)}: {text}")
    if failed:
        raise typer.Exit(1)


def _reply_lines(reply: object) -> list[str]:
    if isinstance(reply, list):
        return [line for item in reply for line in _reply_lines(item)]
    if isinstance(reply, bytes):
        return [reply.decode(errors="backslashreplace")]
    return ["(nil)" if reply is None else str(reply)]
