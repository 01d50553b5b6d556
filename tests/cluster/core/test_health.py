from __future__ import annotations

from typing import Any

from cluster.core.core import Core
from cluster.core.effects import Address, Persist
from cluster.core.health import RESTART_DELAY_MS
from cluster.core.orders import AddSlots, SaveConfig, SetConfigEpoch, SetSlotMigrating
from protocol.gossip import messages as bus
from tests.cluster.core.alone import introduce, make_core, node_id, sent, tell
from tests.cluster.core.cluster import Cluster


def three(**settings: Any) -> Core:
    """A primary in a cluster of three that covers all slots."""
    core = make_core(**settings)
    core.order(core.now_ms, SetConfigEpoch(1))
    core.order(core.now_ms, AddSlots(tuple(range(6000))))
    introduce(core, 1, slots=range(6000, 12000), epoch=2)
    introduce(core, 2, slots=range(12000, 16384), epoch=3)
    return core


def update(core: Core) -> None:
    core.settings_changed(core.now_ms)


def judge(core: Core, number: int, **verdict: bool) -> None:
    peer = core.peers[node_id(number)]
    for name, value in verdict.items():
        setattr(peer, name, value)
    core.judged(peer)


def test_it_is_ok_when_all_slots_are_covered_and_a_majority_is_there() -> None:
    core = three()
    assert core.is_ok
    assert core.serving == b"\1" * 6000 + bytes(10384)


def test_a_new_cluster_does_not_wait() -> None:
    cluster = Cluster()
    cluster.form(3, 1)
    assert cluster.now_ms - 1_000_000 < 1000


def test_a_slot_without_an_owner_or_with_one_that_is_fail_is_uncovered() -> None:
    core = three()
    judge(core, 1, failed=True)
    update(core)
    assert not any(core.serving)
    core.settings.require_full_coverage = False
    update(core)
    assert core.is_ok
    assert core.serving.count(1) == 6000


def test_without_a_majority_it_is_down_whatever_the_coverage_and_comes_back_after_a_while() -> None:
    core = three(require_full_coverage=False)
    for number in (1, 2):
        judge(core, number, suspected=True)
    update(core)
    assert not any(core.serving)
    judge(core, 1, suspected=False)
    update(core)
    assert not any(core.serving)
    core.now_ms += 1000
    update(core)
    assert any(core.serving)


def test_an_open_slot_is_not_served_without_a_question() -> None:
    core = three()
    core.order(core.now_ms, SetSlotMigrating(7, node_id(1)))
    assert [slot for slot in range(10) if not core.serving[slot]] == [7]


def answer(core: Core, number: int, probe: int, *, stale: bool = False) -> None:
    tell(core, number, bus.Ack(node_id(number), 3, probe, core.view_hash, 0, 0, stale))


def test_who_wakes_up_late_serves_nobody_before_a_majority_has_answered() -> None:
    core = three()
    before = core._prober.next_number
    assert core.deadline_ms() is not None
    core.tick((core.deadline_ms() or 0) + 5000)
    assert not core.is_ok
    probes = sent(core.take_effects(), bus.Probe)
    assert {send.to.port for send in probes} == {17101, 17102}
    answer(core, 1, before - 1)
    core.tick(core.now_ms + 1000)
    assert not core.is_ok
    answer(core, 2, core._prober.next_number - 1, stale=True)
    core.tick(core.now_ms + 1000)
    assert not core.is_ok
    answer(core, 1, core._prober.next_number - 1)
    core.tick(core.now_ms + 1000)
    assert core.is_ok


def test_a_message_that_comes_before_the_tick_finds_it_asleep_as_well() -> None:
    core = three()
    core.receive(
        core.lease_ends_ms + 1, Address("10.0.0.1", 17101), bus.Probe(node_id(1), 3, 1, core.view_hash, 0, 0)
    )
    assert not core.is_ok


def test_a_restarted_owner_waits_for_the_others_and_then_a_little() -> None:
    core = three()
    core.order(core.now_ms, SaveConfig())
    saved = [effect.text for effect in core.take_effects() if isinstance(effect, Persist)][-1]
    again = make_core(core.now_ms + 100, saved)
    assert again.slots_assigned() == 16384
    answered_ms = again.now_ms + 300
    while not again.is_ok:
        deadline_ms = again.deadline_ms()
        assert deadline_ms is not None
        again.tick(deadline_ms)
        for send in sent(again.take_effects(), bus.Probe):
            assert isinstance(send.message, bus.Probe)
            if again.now_ms >= answered_ms:
                answer(again, send.to.port - 17100, send.message.number)
    assert again.now_ms - 1_000_100 == RESTART_DELAY_MS


def test_a_restarted_owner_that_nobody_answers_serves_nobody() -> None:
    core = three(require_full_coverage=False)
    core.order(core.now_ms, SaveConfig())
    saved = [effect.text for effect in core.take_effects() if isinstance(effect, Persist)][-1]
    again = make_core(core.now_ms + 100, saved, require_full_coverage=False)
    while again.now_ms < 1_010_000:
        again.tick(again.deadline_ms() or 0)
        assert not again.is_ok


def test_a_woken_primary_never_serves_beside_its_successor() -> None:
    for seed in range(8):
        cluster = Cluster(seed)
        cluster.form(3, 1)
        cluster.run(1000)
        cluster.stop("n1")
        cluster.run(5000)
        assert cluster.servers(0) == ["n4"]
        cluster.resume("n1")
        end_ms = cluster.now_ms + 3000
        while cluster.now_ms < end_ms:
            assert cluster.servers(0) == ["n4"]
            cluster._step()
        assert cluster.core("n1").me.primary_id == cluster.id("n4")


def test_whoever_voted_for_a_successor_keeps_the_old_primary_from_its_lease() -> None:
    core = three()
    introduce(core, 3, of=1)
    judge(core, 1, failed=True)
    request = bus.VoteRequest(node_id(3), 9, 9, 2, core.peers[node_id(1)].owned, False)
    assert sent(tell(core, 3, request), bus.Vote)
    (ack,) = sent(tell(core, 1, bus.Probe(node_id(1), 3, 1, 0, 0, 0)), bus.Ack)
    assert isinstance(ack.message, bus.Ack)
    assert ack.message.stale
