"""A cluster of plain objects that understand what the admin verbs send, with a log of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tools.admin.client import Address, Client, ServerError, UnreachableError, Word, show
from tools.admin.slots import ranges
from tools.admin.topology import Cluster

HOST = "127.0.0.1"


@dataclass
class Node:
    """One node: what it owns, has, and knows."""

    port: int
    slots: set[int] = field(default_factory=set)
    keys: dict[int, dict[bytes, bytes]] = field(default_factory=dict)
    migrating: dict[int, str] = field(default_factory=dict)
    importing: dict[int, str] = field(default_factory=dict)
    primary_id: str | None = None
    epoch: int = 0
    known: set[int] = field(default_factory=set)
    is_down: bool = False

    @property
    def id(self) -> str:
        return f"{self.port:040d}"


class Flock:
    """The nodes by port. `fail_once` makes the next request that starts so fail with the given error."""

    def __init__(self, *ports: int) -> None:
        self.nodes = {port: Node(port, known=set(ports)) for port in ports}
        self.log: list[tuple[int, str]] = []
        self.fail_once: dict[tuple[int, str], str] = {}

    def client(self, address: Address) -> Client:
        return FlockClient(self, address)

    def cluster(self, port: int) -> Cluster:
        return FlockCluster(self, (HOST, port))

    def sent(self, words: str) -> list[int]:
        """The ports that were sent requests that start so, in order."""
        return [port for port, line in self.log if line.startswith(words)]

    def keys(self, port: int) -> set[bytes]:
        return {key for of_slot in self.nodes[port].keys.values() for key in of_slot}


class FlockCluster(Cluster):
    """Reads the flock as the real one reads nodes."""

    def __init__(self, flock: Flock, entry: Address) -> None:
        self.flock = flock
        super().__init__(entry)

    def client(self, of: Any) -> Client:
        return self.flock.client(of if isinstance(of, tuple) else of.address)


class FlockClient(Client):
    """Answers from the objects."""

    def __init__(self, flock: Flock, address: Address) -> None:
        super().__init__(address)
        self._flock = flock

    def pipeline(self, requests: Sequence[Sequence[Word]], *, timeout_s: float | None = None) -> list[Any]:
        return [self._one([_text(word) for word in words]) for words in requests]

    def _one(self, words: list[str]) -> Any:
        port, line = self.address[1], " ".join(words)
        self._flock.log.append((port, line))
        node = self._flock.nodes.get(port)
        if node is None or node.is_down:
            raise UnreachableError(f"cannot talk to {show(self.address)}: Connection refused")
        for (at, start), text in list(self._flock.fail_once.items()):
            if at == port and line.startswith(start):
                del self._flock.fail_once[(at, start)]
                return ServerError(self.address, text)
        name = "_".join(words[:2] if words[0] in ("CLUSTER", "INFO") else words[:1]).lower().replace("-", "_")
        answer: Callable[[Node, list[str]], Any] = getattr(self, f"_{name}")
        return answer(node, words[2:] if words[0] in ("CLUSTER", "INFO") else words[1:])

    def _error(self, text: str) -> ServerError:
        return ServerError(self.address, text)

    def _cluster_nodes(self, node: Node, words: list[str]) -> bytes:
        lines = [self._line(node, self._flock.nodes[port]) for port in sorted(node.known)]
        return "\n".join(lines).encode()

    def _line(self, asked: Node, told: Node) -> str:
        flags = ["myself"] if asked is told else []
        flags.append("slave" if told.primary_id else "master")
        spans = [f"{first}-{last}" if first != last else str(first) for first, last in ranges(told.slots)]
        if asked is told:
            spans += [f"[{slot}->-{other}]" for slot, other in told.migrating.items()]
            spans += [f"[{slot}-<-{other}]" for slot, other in told.importing.items()]
        place = f"{HOST}:{told.port}@{told.port + 10000}"
        head = f"{told.id} {place} {','.join(flags)} {told.primary_id or '-'} 0 0 {told.epoch} connected"
        return " ".join([head, *spans])

    def _cluster_info(self, node: Node, words: list[str]) -> bytes:
        fields = {
            "cluster_state": "ok",
            "cluster_slots_assigned": len(node.slots),
            "cluster_known_nodes": len(node.known),
        }
        return "".join(f"{name}:{value}\r\n" for name, value in fields.items()).encode()

    def _cluster_myid(self, node: Node, words: list[str]) -> bytes:
        return node.id.encode()

    def _cluster_countkeysinslot(self, node: Node, words: list[str]) -> int:
        return len(node.keys.get(int(words[0]), {}))

    def _cluster_getkeysinslot(self, node: Node, words: list[str]) -> list[bytes]:
        return sorted(node.keys.get(int(words[0]), {}))[: int(words[1])]

    def _cluster_setslot(self, node: Node, words: list[str]) -> Any:
        slot, what, other = int(words[0]), words[1], words[-1]
        if what == "IMPORTING":
            node.importing[slot] = other
        elif what == "MIGRATING":
            node.migrating[slot] = other
        elif what == "STABLE":
            node.importing.pop(slot, None)
            node.migrating.pop(slot, None)
        else:
            return self._set_owner(node, slot, other)
        return b"OK"

    def _set_owner(self, node: Node, slot: int, owner_id: str) -> Any:
        if slot in node.slots and owner_id != node.id and node.keys.get(slot):
            return self._error(
                f"ERR Can't assign hashslot {slot} to a different node while I still hold keys for it"
            )
        if owner_id == node.id:
            node.slots.add(slot)
            node.importing.pop(slot, None)
        else:
            node.slots.discard(slot)
            node.migrating.pop(slot, None)
        return b"OK"

    def _cluster_bumpepoch(self, node: Node, words: list[str]) -> bytes:
        node.epoch = max(other.epoch for other in self._flock.nodes.values()) + 1
        return b"BUMPED"

    def _cluster_addslotsrange(self, node: Node, words: list[str]) -> bytes:
        node.slots |= set(range(int(words[0]), int(words[1]) + 1))
        return b"OK"

    def _cluster_set_config_epoch(self, node: Node, words: list[str]) -> bytes:
        node.epoch = int(words[0])
        return b"OK"

    def _cluster_meet(self, node: Node, words: list[str]) -> bytes:
        known = node.known | self._flock.nodes[int(words[1])].known
        for port in known:
            self._flock.nodes[port].known = set(known)
        return b"OK"

    def _cluster_replicate(self, node: Node, words: list[str]) -> bytes:
        node.primary_id = words[0]
        return b"OK"

    def _cluster_forget(self, node: Node, words: list[str]) -> Any:
        if int(words[0]) not in node.known:
            return self._error(f"ERR Unknown node {words[0]}")
        if node.primary_id == words[0]:
            return self._error("ERR Can't forget my master!")
        node.known.discard(int(words[0]))
        return b"OK"

    def _cluster_reset(self, node: Node, words: list[str]) -> bytes:
        node.known = {node.port}
        return b"OK"

    def _cluster_failover(self, node: Node, words: list[str]) -> Any:
        if node.primary_id is None:
            return self._error("ERR You should send CLUSTER FAILOVER to a replica")
        old = self._flock.nodes[int(node.primary_id)]
        node.slots, old.slots = old.slots, set()
        node.primary_id, old.primary_id = None, node.id
        return b"OK"

    def _info_replication(self, node: Node, words: list[str]) -> bytes:
        return b"master_link_status:up\r\n"

    def _dbsize(self, node: Node, words: list[str]) -> int:
        return sum(len(of_slot) for of_slot in node.keys.values())

    def _migrate(self, node: Node, words: list[str]) -> Any:
        target = self._flock.nodes[int(words[1])]
        keys = [key.encode() for key in words[words.index("KEYS") + 1 :]]
        for slot, of_slot in node.keys.items():
            for key in [key for key in keys if key in of_slot]:
                if key in target.keys.setdefault(slot, {}) and "REPLACE" not in words:
                    return self._error(
                        "ERR Target instance replied with error: BUSYKEY Target key name already exists."
                    )
                target.keys[slot][key] = of_slot.pop(key)
        return b"OK"

    def _asking(self, node: Node, words: list[str]) -> bytes:
        return b"OK"

    def _del(self, node: Node, words: list[str]) -> int:
        return sum(of_slot.pop(words[0].encode(), None) is not None for of_slot in node.keys.values())


def _text(word: Word) -> str:
    return word.decode() if isinstance(word, bytes) else str(word)


def three() -> Flock:
    """Three primaries with a third of the slots each, and a few keys in slots 0 to 2."""
    flock = Flock(1, 2, 3)
    for port, (first, last) in zip((1, 2, 3), ((0, 5460), (5461, 10922), (10923, 16383)), strict=True):
        flock.nodes[port].slots = set(range(first, last + 1))
        flock.nodes[port].epoch = port
    flock.nodes[1].keys = {
        slot: {b"%d:%d" % (slot, number): b"v" for number in range(5)} for slot in range(3)
    }
    return flock


class Counted:
    """A progress that only counts."""

    def __init__(self) -> None:
        self.keys = self.slots = 0

    def __enter__(self) -> Counted:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def add(self, *, keys: int = 0, slots: int = 0) -> None:
        self.keys += keys
        self.slots += slots
