from __future__ import annotations

import pytest

from tools.sim.clock import START_US, Simulation, Standstill


def test_events_happen_in_the_order_of_their_times_then_of_their_planning() -> None:
    simulation = Simulation(1)
    seen: list[str] = []
    for name, delay in (("late", 20), ("one", 10), ("two", 10), ("past", -5)):
        simulation.at(START_US + delay, "n", name, lambda name=name: seen.append(name))  # type: ignore[misc]
    cancelled = simulation.at(START_US + 15, "n", "never", lambda: seen.append("never"))
    cancelled.cancel()
    while simulation.step():
        pass
    assert seen == ["past", "one", "two", "late"]
    assert simulation.now_us == START_US + 20
    assert simulation.events == 4


def test_the_hash_covers_time_node_and_event() -> None:
    def history(when: int, node: str, what: str) -> str:
        simulation = Simulation(1)
        simulation.at(START_US + when, node, what, lambda: None)
        simulation.step()
        return simulation.trace_hash()

    assert history(1, "a", "x") == history(1, "a", "x")
    assert len({history(1, "a", "x"), history(2, "a", "x"), history(1, "b", "x"), history(1, "a", "y")}) == 4


def test_running_until_something_is_so_has_an_end() -> None:
    simulation = Simulation(1)
    assert not simulation.run_until(lambda: False, 100)
    assert simulation.now_us == START_US + 100_000
    simulation.at(simulation.now_us + 5000, "n", "x", lambda: None)
    assert simulation.run_until(lambda: simulation.events == 1, 100)
    assert simulation.now_us == START_US + 105_000


def test_a_trace_can_be_kept() -> None:
    simulation = Simulation(1)
    simulation.trace = []
    simulation.note("n", "something")
    assert simulation.trace == [f"{START_US} n something"]


def test_time_that_stands_still_is_found() -> None:
    simulation = Simulation(1)

    def again() -> None:
        simulation.at(simulation.now_us, "n", "spins", again)

    again()
    with pytest.raises(Standstill, match=r"n at .*: spins"):
        simulation.run_for(1)
