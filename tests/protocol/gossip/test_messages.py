from __future__ import annotations

from protocol.gossip import codec
from protocol.gossip import messages as bus


def test_a_fact_is_known_by_its_kind_and_its_subject() -> None:
    assert bus.fact_key(bus.DoubtFact("a" * 40, 1)) == (5, "a" * 40)
    assert bus.fact_key(bus.MemberFact("a" * 40, 1, "", 1, 2)) == (1, "a" * 40)


def test_each_kind_of_message_has_its_own_name() -> None:
    names = [kind.kind for kind, _ in codec._LAYOUTS.values()]
    assert len(set(names)) == len(names)
    assert "" not in names
