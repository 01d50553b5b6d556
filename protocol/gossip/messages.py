"""What nodes tell each other on the bus: plain values, free of frame details.

A *fact* is a small versioned statement about one subject; the greater version replaces the lesser, so that
facts may arrive in any order, twice, or by any way. A *rumor* is a fact on its way through the cluster. A
*message* is what one node sends to another.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, TypeAlias

COUNTER_MAX = 1 << 40
"""What a peer may say of an epoch or an incarnation and be believed. Counting up every millisecond gets there
in 34 years; a lie cannot bring us near VERSION_MAX, where we could not count on. What is said against a node
stays below it, so that its subject can raise its incarnation above that and be believed."""

EPOCH_STEP_MAX = 1 << 20
"""Beyond COUNTER_MAX a currentEpoch is followed by so much for each message. A lie may bring all there, and
elections must go on: whoever is behind hears of the epoch so often that it soon has caught up."""

VERSION_MAX = 1 << 62
"""Versions, epochs and incarnations stay below this: no counter that a peer names can run ours over 64
bits."""


@dataclass(frozen=True, slots=True)
class MemberFact:
    """A node is there, and where (JOIN, ADDR and ALIVE in one). Only the node itself raises its incarnation.

    `host` is "" while the node does not know its own address; `hostname` is what it wants to be announced as.
    """

    node_id: str
    incarnation: int
    host: str
    port: int
    bus_port: int
    hostname: str = ""
    no_failover: bool = False

    @property
    def version(self) -> int:
        return self.incarnation


@dataclass(frozen=True, slots=True)
class ClaimFact:
    """A node's role and the slots it claims at a config epoch, all of them (CLAIM). Told first by the node
    itself.

    `slots` is not in the repr: Python refuses to print numbers of that size.
    `primary_id` is "" for a primary; a replica claims no slots. `slots` is a slotset. `version` is the node's
    incarnation when it made the claim.
    """

    node_id: str
    version: int
    config_epoch: int
    primary_id: str
    slots: int = field(repr=False)


@dataclass(frozen=True, slots=True)
class DoubtFact:
    """A node does not answer somebody (SUSPECT): those whose votes count should look for themselves."""

    node_id: str
    incarnation: int

    @property
    def version(self) -> int:
        return self.incarnation


@dataclass(frozen=True, slots=True)
class FailFact:
    """A majority of the primaries that own slots holds a node for dead (FAIL).

    The certificate is the voters, and how many primaries owned slots when they were counted: bit i of
    `voters` stands for the i-th of the member ids in order, of which `roster` is a hash.
    """

    node_id: str
    incarnation: int
    roster_size: int
    roster: int
    voters: int

    @property
    def version(self) -> int:
        return self.incarnation


Fact: TypeAlias = MemberFact | ClaimFact | DoubtFact | FailFact
FactKey: TypeAlias = tuple[int, str]
"""What a fact is about: its kind's number, and the subject."""

FACT_KINDS: dict[type[Fact], int] = {MemberFact: 1, ClaimFact: 2, FailFact: 4, DoubtFact: 5}


def is_credible(fact: Fact, current_epoch: int) -> bool:
    """Whether the counters in a fact are such as a node may come to by counting, when the cluster is at this
    epoch."""
    match fact:
        case MemberFact():
            return fact.incarnation <= COUNTER_MAX
        case FailFact() | DoubtFact():
            return fact.incarnation < COUNTER_MAX
        case ClaimFact():
            return fact.version <= COUNTER_MAX and fact.config_epoch <= max(COUNTER_MAX, current_epoch)


def fact_key(fact: Fact) -> FactKey:
    return FACT_KINDS[type(fact)], fact.node_id


@dataclass(frozen=True, slots=True)
class Rumor:
    """A fact on its way, and whom its receiver is asked to tell it.

    With `roster`, the hash of a list of member ids in order: all but those with a bit in `told`, where bit i
    stands for the i-th. With `until`: the members behind the receiver on the ring of ids, up to and with this
    one. With neither: everyone.
    """

    fact: Fact
    roster: int = 0
    told: int = 0
    until: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The acknowledgement of a rumor: whether the receiver has the fact now, and those whom it has told it or
    will tell. `told` is 0 when it will tell nobody, and else counts only for a list of members."""

    has: bool
    told: int


@dataclass(frozen=True, slots=True)
class Ballot:
    """Votes against a node at an incarnation, in a round that is so old."""

    node_id: str
    incarnation: int
    round: int
    age_ms: int


@dataclass(frozen=True, slots=True)
class Cut:
    """Ballots with the same voters."""

    voters: int
    ballots: tuple[Ballot, ...]


@dataclass(frozen=True, slots=True)
class SyncRecord:
    """Which replicas hold all that their primary has acknowledged (cluster-write-acks), in its own words.

    The greater (`term`, `version`) counts: the primary's config epoch when it said so, and its own counter.
    Without `members` nothing is promised; itself alone there says that none of them does. `fence` is the
    teller's own: the last election about this primary in which it voted. It takes no word of a lower term
    after that.
    """

    primary_id: str
    term: int
    version: int
    fence: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Publication:
    """What a client has published, and where."""

    channel: bytes
    message: bytes


@dataclass(frozen=True, slots=True)
class Message:
    """The base of every bus message. `epoch` is the sender's currentEpoch; `kind` is its name in CLUSTER
    INFO."""

    kind: ClassVar[str] = ""
    sender: str
    epoch: int


@dataclass(frozen=True, slots=True)
class Meet(Message):
    """A stranger asks to be taken in. `target_host` is the address by which it reached the receiver."""

    kind: ClassVar[str] = "meet"
    member: MemberFact
    claim: ClaimFact
    target_host: str


@dataclass(frozen=True, slots=True)
class Welcome(Message):
    """The answer to Meet. `seen_host` is the address from which the Meet came."""

    kind: ClassVar[str] = "welcome"
    member: MemberFact
    claim: ClaimFact
    seen_host: str


@dataclass(frozen=True, slots=True)
class Probe(Message):
    """Are you there? `view` is the hash of the sender's whole view. `accused` is the incarnation at which the
    sender holds the receiver for PFAIL or FAIL, 0 if it does not."""

    kind: ClassVar[str] = "ping"
    number: int
    view: int
    offset: int
    accused: int


@dataclass(frozen=True, slots=True)
class Ack(Message):
    """The answer to a Probe. `stale` says that slots which the prober claims are, or may soon be,
    another's; `doubted` is as in InSyncReceipt."""

    kind: ClassVar[str] = "pong"
    number: int
    view: int
    offset: int
    accused: int
    stale: bool
    doubted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProbeRequest(Message):
    """Probe this member for me: I get no answer."""

    kind: ClassVar[str] = "ping-req"
    target_id: str


@dataclass(frozen=True, slots=True)
class Vouch(Message):
    """The answer to ProbeRequest: the member has answered me."""

    kind: ClassVar[str] = "vouch"
    target_id: str


@dataclass(frozen=True, slots=True)
class Rumors(Message):
    """`number` is the sender's own, for the answer."""

    kind: ClassVar[str] = "rumor"
    number: int
    rumors: tuple[Rumor, ...]


@dataclass(frozen=True, slots=True)
class Receipts(Message):
    """The answer to the Rumors of this number, in their order. `roster` is the hash of the list of members
    that `told` in it is about."""

    kind: ClassVar[str] = "receipt"
    number: int
    roster: int
    receipts: tuple[Receipt, ...]


@dataclass(frozen=True, slots=True)
class VoteRequest(Message):
    """A replica asks for a vote in `election_epoch`, to take `slots` over, which its primary owns at
    `config_epoch`. `force` is a manual failover: the primary need not be FAIL."""

    kind: ClassVar[str] = "auth-req"
    election_epoch: int
    config_epoch: int
    slots: int = field(repr=False)
    force: bool


@dataclass(frozen=True, slots=True)
class Vote(Message):
    """`records` are all that the voter knows of who is in sync: who wins inherits what the majority knows.
    `doubted` is as in InSyncReceipt."""

    kind: ClassVar[str] = "auth-ack"
    election_epoch: int
    records: tuple[SyncRecord, ...] = ()
    doubted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class InSync(Message):
    """A primary asks those whose votes count to keep its record, and to vote for nobody else."""

    kind: ClassVar[str] = "insync"
    record: SyncRecord


@dataclass(frozen=True, slots=True)
class InSyncReceipt(Message):
    """The answer. `taken`: it is on disk here. `fence` as in SyncRecord; `doubted` are the owners of slots
    whom the sender has voted to replace: their words may not be counted together with this one."""

    kind: ClassVar[str] = "insync-ack"
    term: int
    version: int
    taken: bool
    fence: int
    doubted: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Hollow(Message):
    """A primary was restarted, and cannot know that it still has all that it acknowledged: a replica that has
    it is to take over."""

    kind: ClassVar[str] = "hollow"


@dataclass(frozen=True, slots=True)
class HollowAnswer(Message):
    """`has`: this replica holds the data, and will try."""

    kind: ClassVar[str] = "hollow-ack"
    has: bool


@dataclass(frozen=True, slots=True)
class VoteRefused(Message):
    """The sender's vote in this epoch is another's: the candidate cannot have it in any but a newer one."""

    kind: ClassVar[str] = "auth-nack"
    election_epoch: int


@dataclass(frozen=True, slots=True)
class Update(Message):
    """Told to a node whose claim is stale: who owns its slots now."""

    kind: ClassVar[str] = "update"
    claim: ClaimFact


@dataclass(frozen=True, slots=True)
class ViewRequest(Message):
    """Tell me what you know where it is not what I know. `hashes` are those of the parts of the sender's
    view, a power of two. `spread` asks for the answer to be marked as that of another cluster (see View)."""

    kind: ClassVar[str] = "view-req"
    hashes: tuple[int, ...]
    spread: bool


@dataclass(frozen=True, slots=True)
class View(Message):
    """What the sender knows of some parts of the view.

    With `count`, the answer to a ViewRequest with so many hashes: all that the sender knows of `parts`, which
    the asker is to answer with what it knows better; `more` says that other parts differ as well. With
    `count` 0 that last answer. `spread` asks the receiver to pass on what is new to it: two clusters have
    met.
    """

    kind: ClassVar[str] = "view"
    facts: tuple[Fact, ...]
    count: int
    parts: tuple[int, ...]
    more: bool
    spread: bool


@dataclass(frozen=True, slots=True)
class PauseRequest(Message):
    """A replica that shall take over by hand asks its primary to hold its writes."""

    kind: ClassVar[str] = "mfstart"


@dataclass(frozen=True, slots=True)
class Published(Message):
    """Clients of `origin` have published: deliver it to those of yours who listen, and tell the members
    behind you on the ring of ids, up to and with `until` (none where that is you).

    `first` is the number of the first publication; they count up in one `life` of the origin, from 1.
    `number` is the sender's own for this receiver, and counts its frames.
    """

    kind: ClassVar[str] = "publish"
    origin: str
    life: int
    first: int
    publications: tuple[Publication, ...]
    number: int
    until: str


@dataclass(frozen=True, slots=True)
class PublishReceipt(Message):
    """The Published of these numbers have come, both ends and all between."""

    kind: ClassVar[str] = "publish-ack"
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class ShardPublished(Message):
    """A client of the sender has published on a shard channel: deliver it to those of yours who listen."""

    kind: ClassVar[str] = "publishshard"
    channel: bytes
    message: bytes


@dataclass(frozen=True, slots=True)
class PausedOffset(Message):
    """The primary's answer: where its stream stands, now that writes are held."""

    kind: ClassVar[str] = "mfoffset"
    offset: int


@dataclass(frozen=True, slots=True)
class Ballots(Message):
    """The votes that the sender knows of. `roster` is the hash of the list of members that the voters' bits
    stand for, `place` the sender's own place in that list."""

    kind: ClassVar[str] = "ballots"
    roster: int
    place: int
    cuts: tuple[Cut, ...]
