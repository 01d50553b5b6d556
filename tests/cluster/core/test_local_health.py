from __future__ import annotations

from collections.abc import Callable

import pytest

from cluster.core.core import Core
from cluster.core.effects import Address, Effect
from cluster.core.local_health import SCORE_MAX, LocalHealth
from cluster.core.peers import Peer
from protocol.gossip import messages as bus
from tests.cluster.core.alone import introduce, make_core, node_id, sent


def test_signs_of_slowness_add_up_to_a_limit_and_quiet_periods_take_them_away() -> None:
    health = LocalHealth()
    health.end_period()
    assert health.slowed_ms(50) == 50
    health.worse()
    health.end_period()
    assert health.slowed_ms(50) == 100
    for _ in range(2 * SCORE_MAX):
        health.worse()
    health.end_period()
    for left in range(SCORE_MAX, -1, -1):
        assert health.slowed_ms(50) == 50 * (1 + left)
        health.end_period()
    assert health.slowed_ms(50) == 50


def flock_of_five(node_timeout_ms: int = 5000) -> tuple[Core, Peer]:
    """A core that has measured how long answers take, and a member that it may wait for."""
    core = make_core(node_timeout_ms=node_timeout_ms)
    for number in range(1, 6):
        introduce(core, number)
    doubted(core, None, 10_000)
    return core, core.members[0]


def answer(core: Core, effects: list[Effect], silent: Peer | None) -> None:
    """All but one member answer their probes."""
    for send in sent(effects, bus.Probe):
        other = node_id(send.to.port - 17100)
        if (silent is None or other != silent.node_id) and isinstance(send.message, bus.Probe):
            core.receive(
                core.now_ms, send.to, bus.Ack(other, 0, send.message.number, core.view_hash, 0, 0, False)
            )


def doubted(core: Core, silent: Peer | None, duration_ms: int) -> int | None:
    """After how long this node tells others of a doubt. All but one member answer at once."""
    begin_ms = core.now_ms
    while core.now_ms - begin_ms < duration_ms:
        effects = core.take_effects()
        for send in sent(effects, bus.Rumors):
            assert isinstance(send.message, bus.Rumors)
            if any(isinstance(told.fact, bus.DoubtFact) for told in send.message.rumors):
                return core.now_ms - begin_ms
        answer(core, effects, silent)
        core.tick(core.deadline_ms() or 0)
    return None


def doubt_after_ms(core: Core, silent: Peer) -> int:
    core._prober.probe(silent, helped=True)
    took_ms = doubted(core, silent, 5000)
    assert took_ms is not None
    return took_ms


def be_late(core: Core) -> None:
    core.tick((core.deadline_ms() or 0) + 600)
    answer(core, core.take_effects(), None)


def be_accused(core: Core) -> None:
    accusation = bus.Probe(node_id(2), 0, 1, core.view_hash, 0, core.me.incarnation)
    core.receive(core.now_ms, Address("10.0.0.1", 17102), accusation)


@pytest.mark.parametrize("sign", [be_late, be_accused])
def test_who_was_late_or_is_accused_is_slow_to_doubt_others_for_a_while(sign: Callable[[Core], None]) -> None:
    healthy_ms = doubt_after_ms(*flock_of_five())
    for quiet_ms, is_slow in ((1, True), (20_000, False)):
        core, silent = flock_of_five()
        for _ in range(4):
            sign(core)
        doubted(core, None, quiet_ms)
        assert (doubt_after_ms(core, silent) > 3 * healthy_ms) is is_slow


def test_node_timeout_is_the_same_for_a_slow_node() -> None:
    """By it a primary that is cut off stops to serve."""
    core, silent = flock_of_five(1000)
    for _ in range(SCORE_MAX):
        be_accused(core)
    core._prober.probe(silent, helped=True)
    begin_ms = core.now_ms
    while not silent.suspected:
        core.tick(core.deadline_ms() or 0)
    assert core.now_ms - begin_ms == 1000
