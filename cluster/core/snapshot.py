"""nodes.conf and CLUSTER NODES: the view as Redis's text, and back.

    id ip:port@bus-port[,hostname] flags primary ping-sent pong-received config-epoch link-state slots...
    vars currentEpoch N lastVoteEpoch M incarnation I [inSync R] [inSyncKept K]

The line of variables comes last, so a file cut short anywhere is known by its absence. `incarnation` (none
above it was given) and what is said of who is in sync (cluster.core.sync_records) are our own words; Redis
passes over variables that it does not know.

Source: https://redis.io/docs/latest/commands/cluster-nodes/
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cluster.core import sync_records
from cluster.core.peers import Peer
from cluster.core.state import State
from protocol.gossip import slotset
from protocol.gossip.messages import VERSION_MAX, SyncRecord

_ID_LENGTH = 40
_HEX = frozenset("0123456789abcdef")
_FLAGS = frozenset(
    ("myself", "master", "slave", "fail?", "fail", "handshake", "noaddr", "nofailover", "noflags")
)


class CorruptSnapshot(Exception):
    """nodes.conf does not parse; str() says in which line, and why."""


def flags_text(state: State, peer: Peer) -> str:
    """A node's flags as CLUSTER NODES has them."""
    flags = ["myself"] if peer is state.me else []
    if not peer.handshake:
        flags.append("slave" if peer.is_replica else "master")
    if peer.failed:
        flags.append("fail")
    elif peer.suspected:
        flags.append("fail?")
    if peer.handshake:
        flags.append("handshake")
    if peer.no_address:
        flags.append("noaddr")
    if peer.no_failover:
        flags.append("nofailover")
    return ",".join(flags)


def link_state(state: State, peer: Peer) -> str:
    return "connected" if peer is state.me or peer.reachable else "disconnected"


def shown_epoch(state: State, peer: Peer) -> int:
    """A replica is shown with its primary's config epoch."""
    primary = state.peers.get(peer.primary_id or "")
    return peer.config_epoch if primary is None else primary.config_epoch


def node_line(state: State, peer: Peer) -> str:
    """One line of CLUSTER NODES."""
    # A replica may be known before its primary is, and after that one was forgotten: as in Redis it has none.
    primary_id = peer.primary_id if (peer.primary_id or "") in state.peers else None
    host = f"{peer.host}:{peer.port}@{peer.bus_port}"
    if peer.hostname:
        host += f",{peer.hostname}"
    words = [
        peer.node_id,
        host,
        flags_text(state, peer),
        primary_id or "-",
        str(peer.ping_sent_ms),
        str(peer.pong_received_ms),
        str(shown_epoch(state, peer)),
        link_state(state, peer),
    ]
    words += [
        str(first) if first == last else f"{first}-{last}" for first, last in slotset.to_ranges(peer.owned)
    ]
    if peer is state.me:
        moves = [(slot, f"[{slot}->-{to}]") for slot, to in state.migrating.items()]
        moves += [(slot, f"[{slot}-<-{source}]") for slot, source in state.importing.items()]
        words += [text for _, text in sorted(moves)]
    return " ".join(words)


def nodes_text(state: State) -> str:
    return "".join(node_line(state, peer) + "\n" for peer in state.peers.values())


def saved_text(state: State) -> str:
    """What nodes.conf has to hold."""
    members = (peer for peer in state.peers.values() if not peer.handshake)
    lines = [node_line(state, peer) for peer in members]
    lines.append(
        f"vars currentEpoch {state.current_epoch} lastVoteEpoch {state.last_vote_epoch} "
        f"incarnation {state.incarnation_kept}"
    )
    if state.sync_records:
        lines[-1] += f" inSync {sync_records.to_text(state.sync_records.values())}"
    if state.sync_kept:
        lines[-1] += f" inSyncKept {','.join(state.sync_kept)}"
    return "\n".join(lines) + "\n"


@dataclass(slots=True)
class Snapshot:
    """What nodes.conf held. `peers` have their slots in `claims`."""

    me: Peer
    peers: list[Peer] = field(default_factory=list)
    migrating: dict[int, str] = field(default_factory=dict)
    importing: dict[int, str] = field(default_factory=dict)
    current_epoch: int = 0
    last_vote_epoch: int = 0
    incarnation: int = 0
    sync_records: dict[str, SyncRecord] = field(default_factory=dict)
    sync_kept: tuple[str, ...] = ()


def parse(text: str) -> Snapshot:
    """The snapshot in this text. Raises CorruptSnapshot."""
    return _Parser(text).parse()


class _Parser:
    def __init__(self, text: str) -> None:
        self._lines = text.split("\n")
        self._number = 0
        self._me: Peer | None = None
        self._peers: dict[str, Peer] = {}
        self._moves: list[tuple[int, str, str]] = []
        self._claimed = 0
        self._sync_records: dict[str, SyncRecord] = {}
        self._sync_kept: tuple[str, ...] = ()

    def _fail(self, reason: str) -> CorruptSnapshot:
        return CorruptSnapshot(f"line {self._number}: {reason}")

    def parse(self) -> Snapshot:
        if self._lines[-1] != "" or len(self._lines) < 2:
            self._number = len(self._lines)
            raise self._fail("the file ends in the middle of a line")
        body, last = self._lines[:-2], self._lines[-2]
        for self._number, line in enumerate(body, 1):
            if line:
                self._node(line)
        self._number = len(body) + 1
        variables = self._vars(last)
        if self._me is None:
            raise self._fail("no line is about this node itself")
        return self._snapshot(self._me, variables)

    def _snapshot(self, me: Peer, variables: dict[str, int]) -> Snapshot:
        if me.is_replica and me.primary_id is None:
            raise self._fail("whom this node itself follows has to be known")
        for peer in self._peers.values():
            if peer.primary_id is not None and peer.primary_id not in self._peers:
                raise self._fail(f"unknown primary {peer.primary_id}")
        moves = {mark: {slot: to for slot, kind, to in self._moves if kind == mark} for mark in "><"}
        for node_id in (*moves[">"].values(), *moves["<"].values()):
            if node_id not in self._peers:
                raise self._fail(f"a slot moves to or from an unknown node {node_id}")
        return Snapshot(
            me,
            list(self._peers.values()),
            moves[">"],
            moves["<"],
            max(variables["currentEpoch"], *(peer.config_epoch for peer in self._peers.values())),
            variables["lastVoteEpoch"],
            variables.get("incarnation", 0),
            self._sync_records,
            self._sync_kept,
        )

    def _number_in(self, word: str, maximum: int) -> int:
        if not (word.isascii() and word.isdigit()) or len(word) > 20 or int(word) > maximum:
            raise self._fail(f"bad number {word[:40]!r}")
        return int(word)

    def _id(self, word: str) -> str:
        if len(word) != _ID_LENGTH or not _HEX.issuperset(word):
            raise self._fail(f"bad node id {word[:60]!r}")
        return word

    def _vars(self, line: str) -> dict[str, int]:
        words = line.split(" ")
        if words[0] != "vars" or len(words) % 2 == 0:
            raise self._fail("the last line has to be the one of vars: the file is cut short")
        pairs = dict(zip(words[1::2], words[2::2], strict=True))
        try:
            self._sync_records = sync_records.from_text(pairs.get("inSync", ""))
            self._sync_kept = sync_records.ids_from_text(pairs.get("inSyncKept", ""))
        except ValueError as error:
            raise self._fail(f"bad inSync: {error}") from error
        known = ("currentEpoch", "lastVoteEpoch", "incarnation")
        variables = {
            name: self._number_in(value, VERSION_MAX - 1) for name, value in pairs.items() if name in known
        }
        for name in known[:2]:
            if name not in variables:
                raise self._fail(f"no {name}")
        return variables

    def _node(self, line: str) -> None:
        words = line.split(" ")
        if len(words) < 8:
            raise self._fail("a node has at least eight words")
        peer = self._address(self._id(words[0]), words[1])
        if peer.node_id in self._peers:
            raise self._fail("the node is there twice")
        flags = words[2].split(",")
        if not _FLAGS.issuperset(flags):
            raise self._fail(f"unknown flags {words[2][:60]!r}")
        if words[3] != "-":
            peer.primary_id = self._id(words[3])
        peer.is_replica = "slave" in flags
        if peer.primary_id is not None and not peer.is_replica:
            raise self._fail("only a slave has a primary")
        for word in words[4:6]:
            self._number_in(word, VERSION_MAX - 1)
        peer.config_epoch = self._number_in(words[6], VERSION_MAX - 1)
        peer.failed = "fail" in flags
        peer.suspected = "fail?" in flags
        peer.no_failover = "nofailover" in flags
        peer.no_address = "noaddr" in flags
        self._slots(peer, words[8:], is_me="myself" in flags)
        self._peers[peer.node_id] = peer
        if "myself" in flags:
            if self._me is not None:
                raise self._fail("a second line says myself")
            self._me = peer

    def _address(self, node_id: str, word: str) -> Peer:
        address, _, hostname = word.partition(",")
        hostname = hostname.partition(",")[0]
        host_port, at, bus_port = address.partition("@")
        host, colon, port = host_port.rpartition(":")
        if not (at and colon):
            raise self._fail(f"bad address {word[:80]!r}")
        return Peer(node_id, host, self._number_in(port, 65535), self._number_in(bus_port, 65535), hostname)

    def _slots(self, peer: Peer, words: list[str], *, is_me: bool) -> None:
        for word in words:
            if word.startswith("["):
                self._move(word, is_me)
                continue
            first_word, dash, last_word = word.partition("-")
            first = self._number_in(first_word, slotset.SLOTS - 1)
            last = self._number_in(last_word, slotset.SLOTS - 1) if dash else first
            if last < first:
                raise self._fail(f"bad range of slots {word[:40]!r}")
            claimed = slotset.from_ranges([(first, last)])
            if claimed & self._claimed:
                raise self._fail(f"slots {word[:40]} are there twice")
            self._claimed |= claimed
            peer.claims |= claimed
        if peer.is_replica and peer.claims:
            raise self._fail("a slave has slots")

    def _move(self, word: str, is_me: bool) -> None:
        slot, dash, rest = word[1:-1].partition("-")
        if word[-1] != "]" or not dash or rest[:2] not in (">-", "<-") or not is_me:
            raise self._fail(f"bad slot {word[:60]!r}")
        self._moves.append((self._number_in(slot, slotset.SLOTS - 1), rest[0], self._id(rest[2:])))
