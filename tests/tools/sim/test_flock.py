from __future__ import annotations

import pytest

from cluster.core.effects import Send
from protocol.gossip.codec import encode
from tools.sim.fabric import Weather
from tools.sim.flock import SOCKET_BYTES, Flock, SimNode


def loaded(seed: int = 1, count: int = 9, loss: float = 0.0) -> Flock:
    flock = Flock(seed, weather=Weather(500, 500, loss))
    flock.load(count, 3)
    return flock


def test_a_loaded_cluster_is_whole_and_of_one_view() -> None:
    flock = loaded()
    flock.run(3000)
    assert all(node.core.is_ok for node in flock.nodes.values())
    assert flock.agree()
    assert len(flock.views) == 1
    assert flock.views.total() == 9


def test_a_cluster_can_be_formed_by_meeting() -> None:
    flock = Flock(1)
    flock.form(3, 1)
    assert flock.agree()
    assert [node.core.me.is_replica for node in flock.nodes.values()] == [False] * 3 + [True] * 3


def test_one_seed_is_one_history() -> None:
    def history(seed: int) -> tuple[int, list[str], dict[str, int]]:
        flock = loaded(seed, loss=0.1)
        flock.trace = []
        flock.run(1500)
        flock.kill("n1")
        flock.run(4000)
        return flock.events, flock.trace, dict(flock.traffic.bytes)

    assert history(3) == history(3)
    assert history(3) != history(4)


def test_traffic_is_what_the_frames_weigh() -> None:
    flock = loaded()
    weighed = 0

    def weigh(_node: SimNode, effect: Send) -> None:
        nonlocal weighed
        weighed += len(encode(effect.message))

    flock.sends = weigh
    flock.traffic.clear()
    flock.run(2000)
    assert weighed == flock.traffic.bytes.total() > 0


def test_a_dead_primary_is_replaced_and_comes_back_as_a_replica() -> None:
    flock = loaded()
    flock.run(1500)
    heirs = [name for name, node in flock.nodes.items() if node.core.me.primary_id == flock.id("n1")]
    flock.kill("n1")
    assert flock.run_until(lambda: any(not flock.core(name).me.is_replica for name in heirs), 8000)
    flock.restart("n1", host="10.0.9.9")
    assert flock.run_until(lambda: flock.core("n1").me.is_replica and flock.agree(), 8000)
    assert flock.core("n2").peers[flock.id("n1")].host == "10.0.9.9"


def test_a_power_cut_leaves_what_was_fsynced_and_a_lost_disk_nothing() -> None:
    flock = loaded()
    flock.run(1500)
    flock.nodes["n1"].disk, flock.nodes["n1"].durable = "newer", "older"
    flock.power_cut("n1")
    assert flock.nodes["n1"].disk == "older"
    before = flock.id("n2")
    flock.wipe("n2")
    flock.restart("n2")
    assert flock.id("n2") != before
    assert len(flock.core("n2").peers) == 1


def test_what_comes_for_a_stopped_process_waits_in_its_socket_while_there_is_room() -> None:
    flock = loaded()
    flock.run(1500)
    flock.stop("n1")
    flock.run(600)
    node = flock.nodes["n1"]
    assert node.held
    assert node.held_bytes <= SOCKET_BYTES
    flock.resume("n1")
    assert not node.held
    assert flock.run_until(flock.agree, 5000) is not None


@pytest.mark.parametrize("rate", [0.9, 1.1])
def test_a_clock_can_go_wrong(rate: float) -> None:
    flock = loaded()
    node = flock.nodes["n1"]
    flock.run(1000)
    begin_ms = node.now_ms(flock.now_us)
    node.drift(rate, flock.now_us)
    assert node.now_ms(flock.now_us) == begin_ms
    flock.run(10_000)
    assert node.now_ms(flock.now_us) - begin_ms == pytest.approx(10_000 * rate, abs=2)
    due_us = node.when_us(begin_ms + 20_000, flock.now_us)
    assert node.now_ms(due_us) == begin_ms + 20_000


def test_a_slow_disk_holds_up_what_is_sent_after_it() -> None:
    flock = loaded()
    flock.run(1500)
    node = flock.nodes["n1"]
    node.fsync_us = 300_000
    node.core.me.incarnation = node.core.incarnation_kept + 1
    told = flock.core("n2").peers[flock.id("n1")].incarnation
    flock.rename("n1", "slow.one")
    assert node.busy_until_us == flock.now_us + 300_000
    flock.run(290)
    assert flock.core("n2").peers[flock.id("n1")].incarnation == told
    assert flock.run_until(lambda: flock.core("n2").peers[flock.id("n1")].hostname == "slow.one", 2000)
