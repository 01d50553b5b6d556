"""A cluster as its nodes tell it: CLUSTER NODES read from each of them, with a client to each."""

from __future__ import annotations

from dataclasses import dataclass, field

from tools.admin.client import Address, AdminError, Client, ServerError, UnreachableError, show

_NOT_ASKED = {"fail", "noaddr", "handshake"}


@dataclass
class Member:
    """One line of CLUSTER NODES.

    `migrating` and `importing` (slot to the other node's id) are told by a node of itself only.
    """

    id: str
    address: Address
    bus_port: int
    flags: frozenset[str]
    primary_id: str | None
    epoch: int
    linked: bool
    slots: set[int] = field(default_factory=set)
    migrating: dict[int, str] = field(default_factory=dict)
    importing: dict[int, str] = field(default_factory=dict)

    @property
    def is_primary(self) -> bool:
        """Whether it is a primary, with or without slots."""
        return "master" in self.flags

    @property
    def title(self) -> str:
        """Address and the id's first characters."""
        return f"{show(self.address)} ({self.id[:8]}...)"


def parse_nodes(text: str, asked: Address) -> list[Member]:
    """Reads CLUSTER NODES as `asked` replied it; the node itself stands first. Raises AdminError."""
    try:
        members = [_parse_line(line.split(), asked) for line in text.splitlines() if line.strip()]
    except (ValueError, IndexError) as error:
        raise AdminError(f"{show(asked)} gives a CLUSTER NODES that cannot be read: {error}") from error
    members.sort(key=lambda member: "myself" not in member.flags)
    if not members or "myself" not in members[0].flags:
        raise AdminError(f"{show(asked)} does not name itself in CLUSTER NODES")
    return members


def _parse_line(words: list[str], asked: Address) -> Member:
    flags = frozenset(words[2].split(","))
    place, _, _ = words[1].partition(",")
    place, _, bus_port = place.partition("@")
    host, _, port = place.rpartition(":")
    member = Member(
        id=words[0],
        # The address by which a node was reached is known to work; the one it has of itself may be empty.
        address=asked if "myself" in flags else (host, int(port)),
        bus_port=int(bus_port or 0),
        flags=flags,
        primary_id=None if words[3] == "-" else words[3],
        epoch=int(words[6]),
        linked=words[7] == "connected",
    )
    for word in words[8:]:
        _add_slots(member, word)
    return member


def _add_slots(member: Member, word: str) -> None:
    if word.startswith("["):
        slot, arrow, other = word.strip("[]").partition("->-")
        if arrow:
            member.migrating[int(slot)] = other
            return
        slot, _, other = word.strip("[]").partition("-<-")
        member.importing[int(slot)] = other
        return
    first, _, last = word.partition("-")
    member.slots.update(range(int(first), int(last or first) + 1))


class Cluster:
    """All nodes that can be reached from one of them.

    `members` has each node as it tells of itself; `views` has what each says of all; `lost` the nodes that
    the first
    one knows but that did not answer, with the reason.
    """

    def __init__(self, entry: Address, password: str | None = None) -> None:
        self.entry = entry
        self.password = password
        self._clients: dict[Address, Client] = {}
        self.load()

    def load(self) -> None:
        """Asks every node again. Raises AdminError when the first one is no cluster node or cannot be
        reached.
        """
        self.lost: dict[str, str] = {}
        first = self._view(self.entry)
        self.views = {first[0].id: first}
        for member in first[1:]:
            self._ask(member)
        self.members = [view[0] for view in self.views.values()]

    def _ask(self, member: Member) -> None:
        if member.flags & _NOT_ASKED:
            self.lost[member.id] = f"{show(member.address)} is marked {','.join(sorted(member.flags))}"
            return
        try:
            self.views[member.id] = self._view(member.address)
        except UnreachableError as error:
            self.lost[member.id] = str(error)

    def _view(self, address: Address) -> list[Member]:
        try:
            return parse_nodes(self.client(address).text("CLUSTER", "NODES"), address)
        except ServerError as error:
            if "cluster support disabled" in error.reply:
                raise AdminError(f"{show(address)} is not configured as a cluster node") from error
            raise

    def client(self, of: Address | Member) -> Client:
        """The one connection to a node."""
        address = of.address if isinstance(of, Member) else of
        if address not in self._clients:
            self._clients[address] = Client(address, self.password)
        return self._clients[address]

    def close(self) -> None:
        """Drops all connections."""
        for client in self._clients.values():
            client.close()

    @property
    def primaries(self) -> list[Member]:
        """The primaries, with or without slots."""
        return [member for member in self.members if member.is_primary]

    def replicas_of(self, primary: Member) -> list[Member]:
        """The replicas that name this primary."""
        return [member for member in self.members if member.primary_id == primary.id]

    def find(self, name: str) -> Member:
        """The node with this id (or its beginning, if only one has it) or HOST:PORT. Raises AdminError."""
        exact = [member for member in self.members if name in (member.id, show(member.address))]
        found = exact or [member for member in self.members if len(name) >= 4 and member.id.startswith(name)]
        if len(found) == 1:
            return found[0]
        raise AdminError(f"'{name}' is {'more than one' if found else 'no'} node of this cluster")

    def owner(self, slot: int) -> Member | None:
        """The primary that says it owns a slot; of several, the one with the highest config epoch wins."""
        claiming = [member for member in self.primaries if slot in member.slots]
        return max(claiming, key=lambda member: member.epoch, default=None)
