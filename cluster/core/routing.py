"""Where a request on a slot has to go.

Source: https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/ (redirection and
resharding)
"""

from __future__ import annotations

from cluster.core.peers import Peer
from cluster.core.state import State

DOWN = "CLUSTERDOWN The cluster is down"
DOWN_FOR_WRITES = "CLUSTERDOWN The cluster is down and only accepts read commands"
UNBOUND = "CLUSTERDOWN Hash slot not served"
TRY_AGAIN = "TRYAGAIN Multiple keys request during rehashing of slot"


def endpoint(state: State, peer: Peer) -> str:
    """The host by which clients are told to reach a node; "" tells them to stay with the host that they
    know."""
    preferred = state.settings.preferred_endpoint
    if preferred == "hostname":
        return peer.hostname or "?"
    return peer.host if preferred == "ip" else ""


def redirect(state: State, word: str, slot: int, peer: Peer) -> str:
    return f"{word} {slot} {endpoint(state, peer)}:{peer.port}"


def route(
    state: State,
    slot: int,
    *,
    writes: bool,
    readonly: bool,
    asking: bool,
    keys: int,
    missing: int,
    pubsub: bool,
    migrate: bool,
) -> str | None:
    """None to go on, else the error. The order of the questions is Redis's."""
    owner = state.owners[slot]
    if owner is None:
        return UNBOUND
    if not state.is_ok:
        down = _when_down(state, writes, pubsub)
        if down is not None:
            return down
    mine = owner is state.me
    target = state.peers.get(state.migrating.get(slot, "")) if mine else None
    importing = not mine and slot in state.importing
    if migrate and (target is not None or importing):
        return None
    if target is not None and missing:
        return TRY_AGAIN if missing < keys else redirect(state, "ASK", slot, target)
    if importing and asking:
        return TRY_AGAIN if keys > 1 and missing else None
    if mine or (readonly and not writes and state.me.primary_id == owner.node_id):
        return None
    return redirect(state, "MOVED", slot, owner)


def _when_down(state: State, writes: bool, pubsub: bool) -> str | None:
    settings = state.settings
    if pubsub:
        return None if settings.allow_pubsub_when_down else DOWN
    if not settings.allow_reads_when_down:
        return DOWN
    return DOWN_FOR_WRITES if writes else None
