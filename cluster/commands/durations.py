"""How long commands took: counted by whole microseconds, told as percentiles and as a histogram.

Beyond a millisecond only the first 8 binary digits are kept, so that a command's table stays small.

Redis counts nanoseconds in an HDR histogram with two significant digits, and names a value by the highest
one that such a histogram cannot tell from it: 1 us is 1.003.

Source: http://hdrhistogram.org and what redis-server 7.0 shows.
"""

from __future__ import annotations

from collections.abc import Mapping

from cluster.spec.options import Options

EXACT_USEC = 1024
"""Durations below are counted as they are."""
KEPT_BITS = 8
LOWEST_NS = 1
BUCKET_NS = 1024
"""The first bucket of LATENCY HISTOGRAM; each of the others is twice the one before."""


def ordinary_usec(options: Options) -> int:
    """A command that takes less is only counted; 0 when none is only counted."""
    if not options.latency_tracking:
        return 0
    limits = [EXACT_USEC]
    if options.slowlog_log_slower_than >= 0:
        limits.append(options.slowlog_log_slower_than)
    if options.latency_monitor_threshold > 0:
        limits.append(options.latency_monitor_threshold * 1000)
    return min(limits)


def shortened(usec: int) -> int:
    """The duration under which this one is counted."""
    if usec < EXACT_USEC:
        return usec
    shift = usec.bit_length() - KEPT_BITS
    return usec >> shift << shift


def percentile_usec(durations: Mapping[int, int], percent: float) -> float:
    """What so many percent of the calls took at most; for 0 percent, what all took at least. There must be a
    call."""
    if not percent:
        return _lowest_ns(min(durations) * 1000) / 1000
    wanted = max(1, int(percent / 100 * sum(durations.values()) + 0.5))
    seen = usec = 0
    for usec in sorted(durations):
        seen += durations[usec]
        if seen >= wanted:
            break
    return _highest_ns(usec * 1000) / 1000


def buckets(durations: Mapping[int, int]) -> dict[int, int]:
    """How many calls took at most so many microseconds, where that grows from bucket to bucket."""
    found: dict[int, int] = {}
    bucket_ns, seen = BUCKET_NS, 0
    for usec in sorted(durations):
        while usec * 1000 > _highest_ns(bucket_ns):
            bucket_ns *= 2
        seen += durations[usec]
        found[_highest_ns(bucket_ns) // 1000] = seen
    return found


def _shift(value_ns: int) -> int:
    return max(0, value_ns.bit_length() - KEPT_BITS)


def _lowest_ns(value_ns: int) -> int:
    value_ns = max(value_ns, LOWEST_NS)
    shift = _shift(value_ns)
    return value_ns >> shift << shift


def _highest_ns(value_ns: int) -> int:
    value_ns = max(value_ns, LOWEST_NS)
    shift = _shift(value_ns)
    return ((value_ns >> shift) + 1 << shift) - 1
