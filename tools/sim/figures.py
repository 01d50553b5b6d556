"""The table of what the gossip engine is to reach, and what it does reach."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tools.sim.measure import Case, Outcome, with_seed
from tools.sim.runs import measured, percentile

SEEDS = {100: 200, 1000: 50, 10_000: 3}
"""How many seeds are run at each size, when nobody says otherwise."""


@dataclass(frozen=True, slots=True)
class Row:
    """A question: which figure of which measure, under which conditions, and what is hoped for by the number
    of nodes."""

    title: str
    measure: str
    figure: str
    goals: Mapping[int, float]
    loss: float = 0.0
    node_timeout_ms: int = 1000
    seeds: Mapping[int, int] = field(default_factory=lambda: SEEDS)

    def case(self, case: Case) -> Case:
        """The case with this question's conditions."""
        return replace(case, loss=self.loss, node_timeout_ms=self.node_timeout_ms)


ROWS = (
    Row("idle, bytes a second a node", "idle", "bytes_per_node_s",
        {100: 1000, 1000: 1000, 10_000: 1000}, node_timeout_ms=15_000),
    Row("a rumor at 1% loss, ms to the last node", "rumor", "last_ms",
        {100: 30, 1000: 40, 10_000: 60}, 0.01),
    Row("a rumor at 1% loss, messages a node", "rumor", "messages_per_node",
        {100: 1.3, 1000: 1.2, 10_000: 1.2}, 0.01),
    Row("a rumor at 5% loss, a tenth dead, ms to the last live node", "rumor-with-dead", "last_ms",
        {100: 300, 1000: 400, 10_000: 600}, 0.05),
    Row("crash to FAIL at 5% loss, ms to the last live node", "crash", "last_ms",
        {100: 2500, 1000: 2500, 10_000: 3000}, 0.05),
    Row("heal of halves, ms to equal views", "heal", "last_ms", {100: 3000, 1000: 3000, 10_000: 4000}),
)  # fmt: skip
BIG_ROWS = (
    Row("499 of 1000 primaries, ms to all FAIL", "shards", "fail_last_ms", {2000: 6000}, seeds={2000: 20}),
    Row(
        "499 of 1000 primaries, ms to all served",
        "shards",
        "served_last_ms",
        {2000: 10_000},
        seeds={2000: 20},
    ),
    Row(
        "pauses for ten minutes at 5% loss, false FAILs",
        "pauses",
        "false_fails",
        {1000: 0},
        0.05,
        seeds={1000: 1},
    ),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the seeds gave for a question."""

    row: Row
    nodes: int
    median: float | None
    worst: float | None
    outcomes: Sequence[Outcome]

    @property
    def is_reached(self) -> bool | None:
        """Whether the 99th percentile is within the goal; None without a goal for this size."""
        goal = self.row.goals.get(self.nodes)
        if goal is None:
            return None
        return self.worst is not None and self.worst <= goal


def sizes() -> list[int]:
    """Those that the table asks about."""
    return sorted({nodes for row in (*ROWS, *BIG_ROWS) for nodes in row.goals})


def rows_at(nodes: int) -> tuple[Row, ...]:
    """The questions that are asked at this size."""
    return ROWS + tuple(row for row in BIG_ROWS if nodes in row.goals)


def answers(
    case: Case, seeds: int, names: Sequence[str] = (), workers: int | None = None
) -> Iterator[tuple[str, Outcome] | Answer]:
    """Each outcome with its measure's name, as it comes, and behind a measure's last one its answers.

    `seeds` 0: as many as the table has for this size. `names`: of these measures only. `workers` as for
    runs.measured().
    """
    rows = [row for row in rows_at(case.nodes) if not names or row.measure in names]
    done: set[tuple[str, Case]] = set()
    for row in rows:
        same = [other for other in rows if (other.measure, other.case(case)) == (row.measure, row.case(case))]
        if (row.measure, row.case(case)) in done:
            continue
        done.add((row.measure, row.case(case)))
        count = seeds_of(row, case, seeds)
        outcomes = []
        cases = [with_seed(row.case(case), case.seed + at) for at in range(count)]
        for outcome in measured(row.measure, cases, workers=workers):
            outcomes.append(outcome)
            yield row.measure, outcome
        for other in same:
            yield _answer(other, case.nodes, outcomes)


def seeds_of(row: Row, case: Case, seeds: int) -> int:
    """How many seeds to run."""
    return seeds or row.seeds.get(case.nodes, 10)


def _answer(row: Row, nodes: int, outcomes: list[Outcome]) -> Answer:
    values = [outcome.figures[row.figure] for outcome in outcomes]
    known = [value for value in values if value is not None]
    whole = len(known) == len(values)
    median = percentile(known, 0.5) if len(known) * 2 > len(values) else None
    return Answer(row, nodes, median, percentile(known, 0.99) if whole else None, outcomes)
