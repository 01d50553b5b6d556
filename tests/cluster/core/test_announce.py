from __future__ import annotations

from collections.abc import Callable
from functools import partial

from cluster.core.effects import Persist, Send
from tests.cluster.core.alone import introduce, make_core


def test_each_announcement_has_a_new_incarnation_that_is_on_disk_first() -> None:
    core = make_core()
    introduce(core, 1)
    seen = [core.me.incarnation]
    announcements: list[Callable[[], None]] = [
        core._announcer.member,
        core._announcer.claim,
        partial(core._announcer.member, above=50),
    ]
    for announce in announcements:
        announce()
        core._settle()
        seen.append(core.me.incarnation)
        effects = core.take_effects()
        kinds = [type(effect) for effect in effects]
        assert kinds.index(Persist) < kinds.index(Send)
        saved = next(effect for effect in effects if isinstance(effect, Persist))
        assert make_core(saved=saved.text).me.incarnation > seen[-1]
    assert seen == sorted(set(seen))
    assert seen[-1] == 51


def test_a_claim_shows_us_alive_as_well() -> None:
    core = make_core()
    introduce(core, 1)
    core._announcer.claim()
    kinds = {type(spreading.fact).__name__ for spreading in core._gossip._spreading.values()}
    assert kinds == {"ClaimFact", "MemberFact"}
    assert core.me.claim_version == core.me.incarnation
