"""Many seeds on all processors, and what comes of them together."""

from __future__ import annotations

import gc
import math
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import TypeVar

from tools.sim import control, publish
from tools.sim.measure import MEASURES as OURS
from tools.sim.measure import Case, Outcome

_Job = TypeVar("_Job")
_Result = TypeVar("_Result")
_BIG = 3000
"""From so many nodes on one simulation at a time: it takes most of a machine's memory."""


MEASURES: dict[str, Callable[[Case], Outcome]] = {
    **OURS,
    "publish": publish.publish,
    "publish-with-dead": publish.publish_with_dead,
    "redis-idle": control.idle,
    "redis-crash": control.crash,
}


def why_not(measure: str, case: Case) -> str:
    """Why there would be nothing to measure; empty where there is."""
    nodes, primaries = case.nodes, case.primary_count
    if primaries > nodes:
        return f"{primaries} of {nodes} nodes cannot be primaries"
    if measure == "shards" and not 3 <= primaries <= nodes // 2:
        return "shards needs at least 3 primaries that can lose one, and a replica for each"
    return ""


def each(
    work: Callable[[_Job], _Result], jobs: Sequence[_Job], *, workers: int | None = None
) -> Iterator[_Result]:
    """The results of all jobs, as they are ready."""
    count = min(workers or os.cpu_count() or 1, len(jobs))
    if count <= 1:
        yield from map(work, jobs)
        return
    # Fresh processes: a simulation of many nodes leaves much behind, and the parent's screen is not theirs.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(count, mp_context=context) as pool:
        waiting = [pool.submit(work, job) for job in jobs]
        for done in as_completed(waiting):
            yield done.result()


def _measured(job: tuple[str, Case]) -> Outcome:
    name, case = job
    # A simulation makes no cycles, and to look for them among millions of objects costs more than all else.
    gc.disable()
    try:
        return MEASURES[name](case)
    finally:
        gc.enable()


def measured(name: str, cases: Sequence[Case], *, workers: int | None = None) -> Iterator[Outcome]:
    """One measure at many cases, in so many processes; None: one a processor, but one alone for what needs
    most of a machine's memory."""
    if workers is None and any(case.nodes >= _BIG for case in cases):
        workers = 1
    yield from each(_measured, [(name, case) for case in cases], workers=workers)


def percentile(values: Sequence[float], share: float) -> float:
    """The least value that this share of them does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def together(outcomes: Sequence[Outcome], share: float = 0.99) -> dict[str, float | None]:
    """Each figure's percentile over the seeds; None where it did not come to pass at one of them."""
    found: dict[str, float | None] = {}
    for name in outcomes[0].figures:
        values = [outcome.figures[name] for outcome in outcomes]
        known = [value for value in values if value is not None]
        found[name] = percentile(known, share) if len(known) == len(values) else None
    return found
