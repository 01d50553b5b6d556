"""SLOWLOG and LATENCY: which requests took long, and when."""

from __future__ import annotations

from itertools import islice
from typing import cast

from cluster.commands.arguments import integer
from cluster.commands.context import Context
from cluster.commands.durations import buckets
from cluster.commands.helptext import help_of
from cluster.spec.command import command, container
from cluster.spec.errors import CommandError
from protocol.resp.types import OK, Reply, Verbatim

SLOW_FLAGS = "ADMIN LOADING STALE"
LATE_FLAGS = "ADMIN NOSCRIPT LOADING STALE"
ALL_NODES = "request_policy:all_nodes"
LATE_TIPS = ("nondeterministic_output", ALL_NODES, "response_policy:special")

container("SLOWLOG", "A container for commands about slow requests", group="server", since="2.2.12")


@command("SLOWLOG HELP", group="server", since="6.2.0", flags="LOADING STALE")
def slowlog_help(_ctx: Context) -> Reply:
    """Lists the subcommands."""
    return help_of("SLOWLOG")


@command(
    "SLOWLOG GET",
    "[count:integer]",
    group="server",
    since="2.2.12",
    flags=SLOW_FLAGS,
    tips=(ALL_NODES, "nondeterministic_output"),
    complexity="O(N) where N is the number of entries returned.",
    history=(("4.0.0", "Client address and name are in the reply."),),
)
def slowlog_get(ctx: Context, *count_text: bytes) -> Reply:
    """Lists slow requests, the newest first."""
    refusal = "ERR count should be greater than or equal to -1"
    count = integer(count_text[0], refusal) if count_text else 10
    if count < -1 or len(count_text) > 1:
        raise CommandError(refusal)
    entries = ctx.server.statistics.slow
    return [
        [each.id, each.unix_s, each.usec, list(each.argv), each.address.encode(), each.name]
        for each in islice(entries, None if count == -1 else count)
    ]


@command(
    "SLOWLOG LEN",
    group="server",
    since="2.2.12",
    flags=SLOW_FLAGS,
    tips=(ALL_NODES, "response_policy:agg_sum", "nondeterministic_output"),
)
def slowlog_len(ctx: Context) -> Reply:
    """Counts the entries."""
    return len(ctx.server.statistics.slow)


@command(
    "SLOWLOG RESET",
    group="server",
    since="2.2.12",
    flags=SLOW_FLAGS,
    tips=(ALL_NODES, "response_policy:all_succeeded"),
    complexity="O(N) where N is the number of entries.",
)
def slowlog_reset(ctx: Context) -> Reply:
    """Forgets the entries."""
    ctx.server.statistics.slow.clear()
    return OK


container("LATENCY", "A container for commands about latency spikes", group="server", since="2.8.13")


@command("LATENCY HELP", group="server", since="2.8.13", flags="LOADING STALE")
def latency_help(_ctx: Context) -> Reply:
    """Lists the subcommands."""
    return help_of("LATENCY")


@command("LATENCY LATEST", group="server", since="2.8.13", flags=LATE_FLAGS, tips=LATE_TIPS)
def latency_latest(ctx: Context) -> Reply:
    """Tells the last and the worst spike of each event."""
    statistics = ctx.server.statistics
    return [
        [event.encode(), samples[-1][0], samples[-1][1], statistics.latency_max_ms[event]]
        for event, samples in statistics.latency.items()
    ]


@command("LATENCY HISTORY", "event", group="server", since="2.8.13", flags=LATE_FLAGS, tips=LATE_TIPS)
def latency_history(ctx: Context, event: bytes) -> Reply:
    """Lists the spikes of an event: when, and how many milliseconds."""
    samples = ctx.server.statistics.latency.get(event.decode(errors="replace"), ())
    return [[unix_s, ms] for unix_s, ms in samples]


@command(
    "LATENCY RESET",
    "[event+]",
    group="server",
    since="2.8.13",
    flags=LATE_FLAGS,
    tips=(ALL_NODES, "response_policy:all_succeeded"),
)
def latency_reset(ctx: Context, *events: bytes) -> Reply:
    """Forgets the spikes of some events, or of all; how many events that were."""
    latency, worst = ctx.server.statistics.latency, ctx.server.statistics.latency_max_ms
    names = {event.decode(errors="replace") for event in events} if events else set(latency)
    gone = names & set(latency)
    for name in gone:
        del latency[name], worst[name]
    return len(gone)


@command(
    "LATENCY HISTOGRAM",
    "[command+]",
    group="server",
    since="7.0.0",
    flags=LATE_FLAGS,
    tips=LATE_TIPS,
    complexity="O(N) where N is the number of commands that are told of.",
)
def latency_histogram(ctx: Context, *names: bytes) -> Reply:
    """Tells how many calls of each command took at most 1, 2, 4... microseconds."""
    statistics = ctx.server.statistics
    wanted = _histogram_names(ctx, names) if names else list(statistics.commands)
    return {
        name.encode(): {
            b"calls": sum(durations.values()),
            b"histogram_usec": cast("dict[bytes, Reply]", buckets(durations)),
        }
        for name in wanted
        if (durations := statistics.of(name).durations)
    }


def _histogram_names(ctx: Context, names: tuple[bytes, ...]) -> list[str]:
    """The commands of those names and their subcommands; what is no command is passed over."""
    specs = ctx.server.runner.specs()
    known = [spec for name in names if (spec := specs.get(name.lower())) is not None]
    return [each.name for spec in known for each in (spec, *spec.subcommands.values())]


@command("LATENCY DOCTOR", group="server", since="2.8.13", flags=LATE_FLAGS, tips=LATE_TIPS)
def latency_doctor(ctx: Context) -> Reply:
    """Says in words what the spikes look like."""
    threshold_ms = ctx.server.options.latency_monitor_threshold
    if not threshold_ms:
        return Verbatim(
            b"Latency monitoring is off. CONFIG SET latency-monitor-threshold <milliseconds> starts it.\n"
        )
    latency = ctx.server.statistics.latency
    lines = [
        f"{event}: {len(samples)} spikes above {threshold_ms} ms, "
        f"{sum(ms for _, ms in samples) // len(samples)} ms on average, "
        f"{ctx.server.statistics.latency_max_ms[event]} ms at worst."
        for event, samples in latency.items()
    ]
    return Verbatim("\n".join(lines or ["No spikes."]).encode() + b"\n")
