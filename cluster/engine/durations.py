"""What becomes of a command that has taken long, or whose time is wanted whatever it is: SLOWLOG, LATENCY."""

from __future__ import annotations

from cluster.commands.context import Server
from cluster.commands.durations import shortened
from cluster.commands.redaction import redacted
from cluster.engine.entries import Entry
from cluster.session.session import Session


def note_duration(server: Server, session: Session, entry: Entry, argv: list[bytes], usec: int) -> None:
    """Tells whoever is to know that a command took this many microseconds."""
    options, statistics, unix_s = server.options, server.statistics, server.clock.now_ms // 1000
    if options.latency_tracking:
        durations, counted_as = entry.stats.durations, shortened(usec)
        durations[counted_as] = durations.get(counted_as, 0) + 1
    if 0 <= options.slowlog_log_slower_than <= usec and "skip_slowlog" not in entry.flags:
        statistics.slow_request(
            redacted(argv), usec, unix_s, session.address, session.name, options.slowlog_max_len
        )
    if 0 < options.latency_monitor_threshold * 1000 <= usec:
        event = "fast-command" if "fast" in entry.flags else "command"
        statistics.late(event, unix_s, usec // 1000)
