"""Plots of outcomes as PNG. Needs matplotlib, the optional part `sim` of the package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.admin.client import AdminError
from tools.sim.measure import Outcome


def check() -> None:
    """Raises AdminError where matplotlib is missing: better before a run than after it."""
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise AdminError("plots need matplotlib: pip install 'starling-kv[sim]'") from error


def save(path: Path, outcomes: Mapping[str, Sequence[Outcome]]) -> None:
    """Draws, for each named group of outcomes: coverage over time, bytes by kind, and when the last node had
    got there."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(15, 5), layout="constrained")
    FigureCanvasAgg(figure)
    coverage, traffic, last = figure.subplots(1, 3)
    for name, group in outcomes.items():
        longest = max(group, key=lambda outcome: max(outcome.times_ms, default=0.0))
        times_ms = sorted(longest.times_ms)
        shares = [100 * place / len(times_ms) for place in range(1, len(times_ms) + 1)]
        coverage.step([0.0, *times_ms], [0.0, *shares], where="post", label=f"{name}, slowest seed")
        ends_ms = [max(outcome.times_ms) for outcome in group if outcome.times_ms]
        last.hist(ends_ms, bins=20, alpha=0.6, label=name)
        kinds = sorted(group[0].bytes_by_kind)
        sent = [
            sum(outcome.bytes_by_kind.get(kind, 0) / outcome.case.nodes for outcome in group) / len(group)
            for kind in kinds
        ]
        traffic.barh([f"{name}: {kind}" for kind in kinds], sent)
    coverage.set(title="Coverage over time", xlabel="ms", ylabel="% of the nodes")
    traffic.set(title="Traffic by kind", xlabel="bytes a node")
    last.set(title="When the last node had got there", xlabel="ms", ylabel="seeds")
    for axes in (coverage, last):
        if axes.get_legend_handles_labels()[0]:
            axes.legend()
    figure.savefig(path, dpi=110)
