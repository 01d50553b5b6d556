"""The members that a node knows, itself among them."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from operator import attrgetter

from cluster.core.viewhash import digest
from protocol.gossip.messages import ClaimFact, FailFact, MemberFact


@dataclass(eq=False, slots=True)
class Peer:
    """What this node knows of one member (itself included).

    `incarnation` is the member's own counter, raised only by itself, to refute a suspicion or to announce a
    change. `suspected` is our own opinion (PFAIL); `failed` is the majority's (FAIL), since
    `failed_since_ms`, held against the member at `failed_incarnation`: once it is heard of at a higher one it
    is known to live. `claims` is the slotset that the member says it owns, at `claim_version`; `owned` is
    what it owns when all claims are weighed against each other. A peer with `handshake` is no member yet and
    has a made-up id. `ping_sent_ms` is when the first probe that is still unanswered was sent. `voted_ms` and
    `voted_epoch` say when and in which epoch we last voted for someone to take over from it, `assented_ms`
    when we last answered its probe without calling its claim stale. `wants_replicas` says that it had, or
    should have, replicas: one of another primary may move to it. Times are in milliseconds of the World's
    clock; 0 is never.
    """

    node_id: str
    host: str
    port: int
    bus_port: int
    hostname: str = ""
    incarnation: int = 0
    is_replica: bool = False
    primary_id: str | None = None
    config_epoch: int = 0
    claim_version: int = 0
    claims: int = field(default=0, repr=False)
    owned: int = field(default=0, repr=False)
    replication_offset: int = 0
    suspected: bool = False
    failed: bool = False
    failed_since_ms: int = 0
    failed_incarnation: int = 0
    failed_roster_size: int = 0
    failed_roster: int = 0
    failed_voters: int = field(default=0, repr=False)
    handshake: bool = False
    handshake_since_ms: int = 0
    no_address: bool = False
    no_failover: bool = False
    ping_sent_ms: int = 0
    pong_received_ms: int = 0
    reachable: bool = False
    voted_ms: int = 0
    voted_epoch: int = 0
    assented_ms: int = 0
    wants_replicas: bool = False
    record_hash: int = 0

    def __copy__(self) -> Peer:
        """Many times as quick as copying by way of a pickle: a simulation makes millions."""
        return Peer(*_values(self))

    def member_fact(self) -> MemberFact:
        """The member's presence, as it is to be told to others."""
        return MemberFact(
            self.node_id,
            self.incarnation,
            self.host,
            self.port,
            self.bus_port,
            self.hostname,
            self.no_failover,
        )

    def claim_fact(self) -> ClaimFact:
        """The member's role and claim, as they are to be told to others."""
        return ClaimFact(
            self.node_id, self.claim_version, self.config_epoch, self.primary_id or "", self.claims
        )

    def fail_fact(self) -> FailFact:
        """The verdict against the member, with its certificate."""
        return FailFact(
            self.node_id,
            self.failed_incarnation,
            self.failed_roster_size,
            self.failed_roster,
            self.failed_voters,
        )

    def fail_holds(self) -> bool:
        """Whether the member is FAIL and has not been heard of since."""
        return self.failed and self.failed_incarnation >= self.incarnation

    @property
    def troubled(self) -> bool:
        """Whether the member is suspected or failed."""
        return self.suspected or self.failed

    def stale(self) -> bool:
        """Whether the member claims slots that are another's."""
        return self.claims & ~self.owned != 0

    def digest(self) -> int:
        """64 bits that differ when two nodes know different versions of this member's facts."""
        text = f"{self.node_id} {self.incarnation} {self.claim_version} {int(self.fail_holds())}"
        if not self.claim_version:
            # As nodes.conf had it, without a version: what it says tells it apart.
            text += f" {self.config_epoch} {self.primary_id or ''} {self.claims:x}"
        return digest(text)


_values = attrgetter(*(one.name for one in fields(Peer)))
