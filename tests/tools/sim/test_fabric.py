from __future__ import annotations

import random

from tools.sim.fabric import RETRANSMIT_US, Fabric, Weather


def fabric(**weather: float) -> Fabric:
    return Fabric(random.Random(1), Weather(**weather))  # type: ignore[arg-type]


def arrivals(one: Fabric, count: int = 1000) -> list[list[int]]:
    return [one.datagram_us("n1", "n2", 0) for _ in range(count)]


def test_a_quiet_network_takes_its_latency() -> None:
    assert arrivals(fabric(latency_us=700), 5) == [[700]] * 5


def test_datagrams_are_lost_doubled_and_overtaken_as_often_as_asked() -> None:
    found = arrivals(fabric(loss=0.2, duplication=0.1, reordering=0.3, jitter_us=10))
    assert 150 < sum(not times for times in found) < 250
    assert 50 < sum(len(times) == 2 for times in found) < 110
    assert 150 < sum(times[0] > 1100 for times in found if times) < 300
    assert all(1000 <= time < 11_010 for times in found for time in times)


def test_a_split_parts_sides_and_those_on_none() -> None:
    one = fabric()
    one.split(["n1", "n2"], ["n3"])
    assert not one.is_cut("n1", "n2", 0)
    assert one.is_cut("n1", "n3", 0)
    assert one.is_cut("n1", "n4", 0)
    assert one.datagram_us("n3", "n1", 0) == []
    one.heal()
    assert not one.is_cut("n1", "n3", 0)


def test_a_one_way_cut_leaves_the_way_back() -> None:
    one = fabric()
    one.cut("n1", "n2")
    assert one.is_cut("n1", "n2", 0)
    assert not one.is_cut("n2", "n1", 0)


def test_a_flapping_link_comes_and_goes() -> None:
    one = fabric()
    one.flap("n1", "n2", 100)
    assert [one.is_cut("n2", "n1", ms * 1000) for ms in (0, 99, 100, 199, 200)] == [
        False, False, True, True, False,
    ]  # fmt: skip


def test_a_stream_keeps_order() -> None:
    one = fabric(loss=0.3)
    arrivals_us = [one.stream_us("n1", "n2", now_us) for now_us in range(0, 1_000_000, 10_000)]
    known_us = [arrives_us for arrives_us in arrivals_us if arrives_us is not None]
    assert known_us == sorted(known_us)
    assert known_us[0] < 1_000_000


def test_a_stream_waits_for_the_end_of_a_cut_and_not_for_ever() -> None:
    one = fabric()
    one.flap("n1", "n2", 1000)
    arrives_us = one.stream_us("n1", "n2", 1_000_000)
    assert arrives_us is not None
    assert 2_000_000 <= arrives_us < 2_000_000 + RETRANSMIT_US + 10_000
    one.split(["n1"], ["n2"])
    assert one.stream_us("n1", "n2", 0) is None
