from __future__ import annotations

import pytest

from tools.sim.figures import BIG_ROWS, ROWS, SEEDS, Answer, Row, answers, rows_at, seeds_of, sizes
from tools.sim.measure import MEASURES, Case, Outcome


def test_every_question_can_be_asked() -> None:
    for row in (*ROWS, *BIG_ROWS):
        assert row.measure in MEASURES
        assert row.goals
    assert rows_at(100) == ROWS
    assert {row.measure for row in rows_at(2000)} > {"shards"}
    assert sizes() == [100, 1000, 2000, 10_000]


def test_each_measure_is_run_once_and_answers_all_questions_about_it() -> None:
    found = list(answers(Case(nodes=8), 1, ["rumor"]))
    assert [item[0] for item in found if isinstance(item, tuple)] == ["rumor"]
    titles = [item.row.figure for item in found if isinstance(item, Answer)]
    assert titles == ["last_ms", "messages_per_node"]


def test_the_table_says_how_many_seeds() -> None:
    assert [seeds_of(ROWS[0], Case(nodes=nodes), 0) for nodes in SEEDS] == [200, 50, 3]
    assert seeds_of(ROWS[0], Case(nodes=100), 7) == 7
    assert seeds_of(ROWS[0], Case(nodes=8), 0) == 10


@pytest.mark.parametrize(
    ("worst", "nodes", "reached"), [(9.0, 100, True), (11.0, 100, False), (None, 100, False), (9.0, 50, None)]
)
def test_a_goal_is_reached_or_missed(worst: float | None, nodes: int, reached: bool | None) -> None:
    row = Row("a", "rumor", "last_ms", {100: 10})
    assert Answer(row, nodes, worst, worst, [Outcome(Case(), {})]).is_reached is reached
