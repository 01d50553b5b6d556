from __future__ import annotations

from tools.sim.measure import Case
from tools.sim.publish import MESSAGES, publish, publish_with_dead


def test_everyone_hears_all_once_and_in_order_for_a_frame_each() -> None:
    figures = publish(Case(nodes=20)).figures
    assert (figures["missing"], figures["doubled"], figures["disordered"]) == (0, 0, 0)
    assert figures["frames_per_node"] == 1.0
    assert figures["receipts_per_node"] is not None
    assert figures["receipts_per_node"] < 1.0


def test_loss_costs_time_and_frames_but_no_message() -> None:
    outcome = publish(Case(nodes=20, loss=0.05))
    figures = outcome.figures
    assert (figures["missing"], figures["doubled"], figures["disordered"]) == (0, 0, 0)
    assert len(outcome.times_ms) == MESSAGES * 19
    assert outcome == publish(Case(nodes=20, loss=0.05))


def test_dead_heads_cost_a_moment() -> None:
    figures = publish_with_dead(Case(nodes=20)).figures
    assert (figures["missing"], figures["doubled"], figures["disordered"]) == (0, 0, 0)
