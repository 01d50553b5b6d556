"""What the core asks of the node around it: to be carried out in order, and before the next input."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from protocol.gossip.messages import Message


class Address(NamedTuple):
    """A node's bus: host and bus port."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Send:
    """Send a message to a bus. A frame above 1400 bytes, or a `reliable` one, goes over a TCP link."""

    to: Address
    message: Message
    reliable: bool = False


@dataclass(frozen=True, slots=True)
class Persist:
    """Have this nodes.conf in place before any later effect is carried out: a killed process finds it.

    `durable`: fsynced as well, so that a power cut leaves it: what must never be said twice differently (a
    vote, an epoch, an incarnation) asks for it. The rest is fsynced before long, by a Persist of its own.
    `render` makes the text; like any effect, before the core's next input.
    """

    render: Callable[[], str]
    durable: bool

    @property
    def text(self) -> str:
        """What the file is to hold."""
        return self.render()


@dataclass(frozen=True, slots=True)
class RoleChanged:
    """This node now follows `primary_id` at host and client port, or is a primary (all None)."""

    primary_id: str | None
    host: str | None
    port: int | None


@dataclass(frozen=True, slots=True)
class SlotsChanged:
    """The slots whose owner changed as seen here. Keys in `dropped` are to be deleted: another node owns them
    now."""

    gained: tuple[int, ...]
    dropped: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ServingChanged:
    """Something that routing depends on has changed: role, slots, state, or what is paused. Parked requests
    are to be looked at again."""


@dataclass(frozen=True, slots=True)
class PauseWrites:
    """A manual failover: hold writes until this time (0: let them go), and tell the replica our offset."""

    until_ms: int


@dataclass(frozen=True, slots=True)
class InSyncChanged:
    """Who is in sync by agreement, or until when the lease lasts, has changed: held replies may go."""


@dataclass(frozen=True, slots=True)
class Trace:
    """A line for the log. `level` is debug, verbose, notice or warning."""

    level: str
    text: str


@dataclass(frozen=True, slots=True)
class Deliver:
    """A client of another node has published a message: ours who listen are to get it."""

    channel: bytes
    message: bytes
    sharded: bool


Effect: TypeAlias = (
    Send
    | Persist
    | RoleChanged
    | SlotsChanged
    | ServingChanged
    | PauseWrites
    | InSyncChanged
    | Trace
    | Deliver
)
