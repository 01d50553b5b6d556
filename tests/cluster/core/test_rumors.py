from __future__ import annotations

from cluster.core.delegation import Arc, Names
from cluster.core.rumors import Spreading
from protocol.gossip.messages import MemberFact


def spreading(*has: str) -> Spreading:
    return Spreading(MemberFact("a" * 40, 1, "10.0.0.1", 1, 2), 1000, set(has))


def test_only_what_is_new_of_a_duty_is_taken_on() -> None:
    one = spreading("a")
    assert one.take_on(Names(("a", "b", "c"))) == Names(("b", "c"))
    assert one.take_on(Names(("c", "b", "a"))) is None
    assert one.take_on(Names(("c", "d"))) == Names(("d",))
    assert one.names == {"b", "c", "d"}


def test_a_stretch_inside_another_is_taken_on_once() -> None:
    one = spreading()
    assert one.take_on(Arc("b", "f")) == Arc("b", "f")
    assert one.take_on(Arc("c", "e")) is None
    assert one.take_on(Arc("c", "g")) == Arc("c", "g")


def test_who_has_it_is_left_out() -> None:
    one = spreading("b")
    assert one.open_names(Names(("a", "b", "c"))) == Names(("a", "c"))
