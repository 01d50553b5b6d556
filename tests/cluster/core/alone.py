"""One core without a cluster around it: what it is told, and what it says."""

from __future__ import annotations

import random
from typing import Any

from cluster.core.core import Core, Settings
from cluster.core.effects import Address, Effect, Send
from protocol.gossip import slotset
from protocol.gossip.messages import ClaimFact, MemberFact, Message, Rumor, Rumors

ME = Address("10.0.0.1", 17001)


def make_core(now_ms: int = 1_000_000, saved: str | None = None, *, seed: int = 7, **settings: Any) -> Core:
    chosen = Settings(node_timeout_ms=1000)
    for name, value in settings.items():
        setattr(chosen, name, value)
    return Core(chosen, random.Random(seed), now_ms, host=ME.host, port=7001, bus_port=17001, saved=saved)


def node_id(number: int) -> str:
    return f"{number:040x}"


def introduce(core: Core, number: int, *, slots: range | None = None, epoch: int = 0, of: int = 0) -> Address:
    """Makes the core know a member as if nodes.conf had named it: a primary, or a replica of member `of`."""
    address = Address("10.0.0.1", 17100 + number)
    source = core.members[0] if core.members else core.me
    fact = MemberFact(node_id(number), 1, address.host, 7100 + number, address.port)
    core._merge(fact, source)
    primary = node_id(of) if of else ""
    claim = ClaimFact(node_id(number), 1, epoch, primary, slotset.from_slots(slots or ()))
    core._merge(claim, source)
    core._settle()
    core._gossip.clear()
    core.take_effects()
    return address


def tell(core: Core, number: int, message: Message) -> list[Effect]:
    """A member sends a message; what the core does about it."""
    core.receive(core.now_ms, Address("10.0.0.1", 17100 + number), message)
    return core.take_effects()


def rumor(number: int, *facts: object) -> Rumors:
    return Rumors(node_id(number), 0, 1, tuple(Rumor(fact) for fact in facts))  # type: ignore[arg-type]


def sent(effects: list[Effect], kind: type[Message]) -> list[Send]:
    return [effect for effect in effects if isinstance(effect, Send) and isinstance(effect.message, kind)]
