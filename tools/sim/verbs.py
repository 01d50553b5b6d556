"""`starling sim`: what a simulated cluster of production cores does."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from tools.output import complain, out, say
from tools.sim.faults import Broken, try_seed
from tools.sim.figures import Answer, answers, rows_at, sizes
from tools.sim.history_run import Outcome as HistoryOutcome
from tools.sim.history_run import try_history
from tools.sim.measure import Case, Outcome, with_seed
from tools.sim.plot import check as check_plots
from tools.sim.plot import save as save_plot
from tools.sim.power import POLICIES, try_power_cuts
from tools.sim.runs import MEASURES, each, measured, together, why_not
from tools.sim.scenario import play
from tools.sim.words import (
    DELAY_MS_MAX,
    NODE_TIMEOUT_MS_MAX,
    NODE_TIMEOUT_MS_MIN,
    NODES_MAX,
    PRIMARIES_MAX,
    SEED_MAX,
    ScriptError,
)

app = typer.Typer(help="Simulates clusters of production cores, from one seed, on virtual time.")

_Item = TypeVar("_Item")

_SEEDS_MAX = 1_000_000
_DURATION_MS_MAX = 86_400_000


def _png(path: Path | None) -> Path | None:
    """Refuses before a run what could not be written after it."""
    if path is not None and path.suffix.lower() != ".png":
        raise typer.BadParameter(f"{path} is not named .png")
    if path is not None and not path.parent.is_dir():
        raise typer.BadParameter(f"there is no folder {path.parent}")
    return path


Nodes = Annotated[int, typer.Option(help="How many nodes.", min=2, max=NODES_MAX)]
Primaries = Annotated[
    int, typer.Option(help="How many of them are primaries; 0: half of them.", min=0, max=PRIMARIES_MAX)
]
Fanout = Annotated[int, typer.Option(help="cluster-gossip-fanout.", min=1, max=100)]
Seed = Annotated[int, typer.Option(help="The first seed.", min=0, max=SEED_MAX)]
Seeds = Annotated[int, typer.Option(help="How many seeds, one after the other.", min=1, max=_SEEDS_MAX)]
Workers = Annotated[int, typer.Option(help="Processes; 0: one a processor.", min=0)]
Loss = Annotated[float, typer.Option(help="The share of datagrams that is lost.", min=0, max=1)]
Latency = Annotated[float, typer.Option(help="One way, in milliseconds.", min=0, max=DELAY_MS_MAX)]
Jitter = Annotated[float, typer.Option(help="Up to so many milliseconds more.", min=0, max=DELAY_MS_MAX)]
Timeout = Annotated[
    int,
    typer.Option(
        help="cluster-node-timeout, in milliseconds.", min=NODE_TIMEOUT_MS_MIN, max=NODE_TIMEOUT_MS_MAX
    ),
]
Duration = Annotated[
    int,
    typer.Option(help="How long to look, in milliseconds, where that is open.", min=0, max=_DURATION_MS_MAX),
]
Json = Annotated[bool, typer.Option("--json", help="JSON on stdout instead of tables.")]


def progress(items: Iterable[_Item], total: int, what: str) -> Iterator[_Item]:
    """Passes the items on, with a bar on stderr."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        for item in items:
            yield item
            bar.advance(task)


@app.callback(invoke_without_command=True)
def sim(
    context: typer.Context,
    nodes: Nodes = 100,
    primaries: Primaries = 0,
    fanout: Fanout = 3,
    seed: Seed = 1,
    seeds: Seeds = 1,
    loss: Loss = 0.0,
    latency_ms: Latency = 1.0,
    jitter_ms: Jitter = 0.0,
    node_timeout: Timeout = 1000,
    duration_ms: Duration = 0,
    scenario: Annotated[str, typer.Option(help=f"{', '.join(MEASURES)}, or a script's file.")] = "crash",
    as_json: Json = False,
    plot: Annotated[
        Path | None, typer.Option(help="Draws what came of it into this PNG.", dir_okay=False, callback=_png)
    ] = None,
) -> None:
    """Runs one scenario and prints what came of it; p50 and p99 over the seeds."""
    if context.invoked_subcommand is not None:
        _refuse_given(context, f"does nothing here; options of {context.invoked_subcommand} stand behind it")
        return
    if Path(scenario).is_file():
        _refuse_given(
            context, "does nothing for a script: its own words say what it simulates", "scenario", "as_json"
        )
        _run_script(Path(scenario), as_json)
        return
    case = Case(nodes, primaries, fanout, seed, loss, latency_ms, jitter_ms, node_timeout, duration_ms)
    if scenario not in MEASURES:
        raise typer.BadParameter(f"no such scenario: {scenario}", param_hint="--scenario")
    if reason := why_not(scenario, case):
        raise typer.BadParameter(reason, param_hint="--nodes")
    if plot is not None:
        check_plots()
    cases = [with_seed(case, seed + number) for number in range(seeds)]
    outcomes = list(progress(measured(scenario, cases), seeds, scenario))
    if plot is not None:
        save_plot(plot, {f"{scenario}, {nodes} nodes": outcomes})
    if as_json:
        typer.echo(json.dumps([_plain(outcome) for outcome in outcomes]))
    else:
        _show(scenario, case, outcomes)


def _refuse_given(context: typer.Context, reason: str, *but: str) -> None:
    """No option that was typed, but these, is passed over in silence."""
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if source is not None and source.name == "COMMANDLINE" and parameter.name not in but:
            raise typer.BadParameter(reason, param_hint=parameter.opts[0])


def _refuse_unknown(words: list[str] | None, known: Collection[str], option: str) -> None:
    for word in words or ():
        if word not in known:
            raise typer.BadParameter(f"'{word}' is none of {', '.join(sorted(known))}", param_hint=option)


@app.command()
def faults(
    seeds: Seeds = 2000,
    seed: Seed = 1,
    workers: Workers = 0,
    as_json: Json = False,
) -> None:
    """Searches for what breaks an invariant: clusters of 5 to 12 nodes under every fault, one a seed."""
    jobs = range(seed, seed + seeds)
    results = progress(each(try_seed, jobs, workers=workers or None), seeds, "faults")
    found = [broken for broken in results if broken is not None]
    if as_json:
        typer.echo(json.dumps({"seeds": seeds, "broken": [asdict(broken) for broken in found]}))
    else:
        for broken in found:
            _show_broken(broken)
        say(f"{seeds} seeds, {len(found)} of them broke an invariant")
    raise typer.Exit(1 if found else 0)


@app.command()
def history(
    seeds: Seeds = 100,
    seed: Seed = 1,
    acks: Annotated[int, typer.Option(help="cluster-write-acks of the nodes.", min=0)] = 1,
    workers: Workers = 0,
    as_json: Json = False,
) -> None:
    """Searches for acknowledged writes that are lost, and for reads that cannot be: whole nodes with clients
    under crashes, power cuts, partitions and pauses, one history a seed."""
    jobs = range(seed, seed + seeds)
    results = each(partial(try_history, acks=acks), jobs, workers=workers or None)
    found = sorted(progress(results, seeds, "history"), key=lambda outcome: outcome.seed)
    broken = [outcome for outcome in found if outcome.is_broken]
    lost = sum(len(outcome.appends.lost) for outcome in found)
    if as_json:
        plain = [asdict(outcome) for outcome in broken]
        typer.echo(json.dumps({"seeds": seeds, "acks": acks, "lost": lost, "broken": plain}))
    else:
        for outcome in broken:
            _show_outcome(outcome)
        operations = sum(outcome.operations for outcome in found)
        acknowledged = sum(outcome.appends.acknowledged for outcome in found)
        say(f"{seeds} seeds with cluster-write-acks {acks}: {operations} operations, {acknowledged} of them")
        say(f"acknowledged appends; {lost} lost; {len(broken)} seeds not as promised")
    raise typer.Exit(1 if broken else 0)


def _show_outcome(outcome: HistoryOutcome) -> None:
    out.rule(f"seed {outcome.seed}")
    say(outcome.reason)
    for line in outcome.trouble:
        say(line)
    for key, operations in outcome.wrong.items():
        say(f"---- {key}")
        for line in operations:
            say(line)


def _show_broken(broken: Broken) -> None:
    out.rule(f"seed {broken.seed}")
    say(broken.reason)
    say("")
    for line in (*broken.script, "----", *broken.log[-40:]):
        say(line)


@app.command()
def power_cuts(
    seeds: Seeds = 500,
    seed: Seed = 1,
    workers: Workers = 0,
    appendfsync: Annotated[list[str] | None, typer.Option(help="Only this policy (may be repeated).")] = None,
    as_json: Json = False,
) -> None:
    """Cuts the power under write load, several times a seed; what was acknowledged must be there."""
    _refuse_unknown(appendfsync, POLICIES, "--appendfsync")
    jobs = [(number, policy) for policy in appendfsync or POLICIES for number in range(seed, seed + seeds)]
    found = list(progress(each(try_power_cuts, jobs, workers=workers or None), len(jobs), "power cuts"))
    broken = sorted((each for each in found if each.broken), key=lambda each: (each.policy, each.seed))
    if as_json:
        typer.echo(json.dumps([asdict(outcome) for outcome in found]))
    else:
        for outcome in broken:
            say(f"{outcome.policy}, seed {outcome.seed}: {outcome.broken}")
        for policy in appendfsync or POLICIES:
            of_it = [outcome for outcome in found if outcome.policy == policy]
            acknowledged, lost = sum(each.acknowledged for each in of_it), sum(each.lost for each in of_it)
            failed = sum(bool(each.broken) for each in of_it)
            say(
                f"{policy}: {len(of_it)} seeds, {acknowledged} writes acknowledged, {lost} lost; "
                f"{failed} seeds broke the promise"
            )
    raise typer.Exit(1 if broken else 0)


def _run_script(path: Path, as_json: bool) -> None:
    """Prints what the commands of a script's file print, and on stderr where that is not as it should be."""
    try:
        played = play(path)
    except ScriptError as error:
        complain(str(error))
        raise typer.Exit(2) from error
    if as_json:
        plain = {"printed": played.printed, "as_expected": not played.trouble, "trouble": played.trouble}
        typer.echo(json.dumps(plain))
    else:
        for line in played.printed:
            say(line)
    for line in played.trouble:
        complain(line)
    if played.trouble:
        raise typer.Exit(1)


@app.command()
def figures(
    nodes: Annotated[
        list[int] | None, typer.Option(help="This size only (may be repeated).", min=2, max=NODES_MAX)
    ] = None,
    seeds: Annotated[
        int, typer.Option(help="How many seeds; 0: as many as the table asks for.", min=0, max=_SEEDS_MAX)
    ] = 0,
    seed: Seed = 1,
    fanout: Fanout = 3,
    measure: Annotated[list[str] | None, typer.Option(help="Only this measure (may be repeated).")] = None,
    workers: Workers = 0,
    plots: Annotated[
        Path | None,
        typer.Option(help="Draws each measure into a PNG in this folder.", exists=True, file_okay=False),
    ] = None,
    as_json: Json = False,
) -> None:
    """The table of what the gossip engine is to reach, and what it reaches: all sizes, each with its seeds,
    takes hours."""
    found: list[Answer] = []
    asked_sizes = nodes or sizes()
    _refuse_unknown(measure, {row.measure for size in asked_sizes for row in rows_at(size)}, "--measure")
    if plots is not None:
        check_plots()
    bar = Progress(
        TextColumn("{task.description}"), TimeElapsedColumn(), console=Console(stderr=True), transient=True
    )
    with bar:
        task = bar.add_task("measures")
        for size in asked_sizes:
            case = Case(nodes=size, fanout=fanout, seed=seed)
            done = 0
            for item in answers(case, seeds, measure or (), workers or None):
                if isinstance(item, Answer):
                    found.append(item)
                    done = 0
                else:
                    done += 1
                    bar.update(task, description=f"{size} nodes, {item[0]}: {done} runs done")
    if plots is not None:
        for answer in found:
            name = answer.row.measure
            save_plot(plots / f"gossip-{name}-{answer.nodes}.png", {name: answer.outcomes})
    if as_json:
        typer.echo(json.dumps([_answer_plain(answer) for answer in found]))
    else:
        _show_answers(found)


def _answer_plain(answer: Answer) -> dict[str, object]:
    return {
        "title": answer.row.title, "nodes": answer.nodes, "seeds": len(answer.outcomes), "p50": answer.median,
        "p99": answer.worst, "goal": answer.row.goals.get(answer.nodes), "reached": answer.is_reached,
    }  # fmt: skip


def _show_answers(found: list[Answer]) -> None:
    table = Table("nodes", "", "seeds", "p50", "p99", "goal", "")
    for answer in found:
        goal = answer.row.goals.get(answer.nodes)
        mark = {True: "reached", False: "missed", None: ""}[answer.is_reached]
        table.add_row(
            str(answer.nodes), answer.row.title, str(len(answer.outcomes)), shown(answer.median),
            shown(answer.worst), "" if goal is None else shown(goal), mark,
        )  # fmt: skip
    out.print(table)


def _plain(outcome: Outcome) -> dict[str, object]:
    return {
        "seed": outcome.case.seed,
        "nodes": outcome.case.nodes,
        **outcome.figures,
        "bytes_by_kind": outcome.bytes_by_kind,
        "messages_by_kind": outcome.messages_by_kind,
        "times_ms": outcome.times_ms,
    }


def _show(scenario: str, case: Case, outcomes: list[Outcome]) -> None:
    table = Table("", "p50", "p99", title=f"{scenario}: {case.nodes} nodes, {len(outcomes)} seeds")
    median, worst = together(outcomes, 0.5), together(outcomes)
    for name in worst:
        table.add_row(name, shown(median[name]), shown(worst[name]))
    out.print(table)
    kinds = Table("sent", "messages a node", "bytes a node", title=f"by kind, seed {outcomes[0].case.seed}")
    first = outcomes[0]
    for kind in sorted(first.bytes_by_kind, key=lambda kind: -first.bytes_by_kind[kind]):
        kinds.add_row(
            kind,
            shown(first.messages_by_kind[kind] / case.nodes),
            shown(first.bytes_by_kind[kind] / case.nodes),
        )
    out.print(kinds)


def shown(value: float | None) -> str:
    """A figure for people."""
    if value is None:
        return "never"
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:,.2f}"
