"""The control arm: how Redis 7.0's own cluster bus does, in the same world.

A model of it from its documentation and from what a real cluster was seen to send: a full mesh of TCP links;
ten times a second a node looks at all others; each second it pings the one of five random ones that it has
heard from the longest ago, and at any time those that it has not heard from for half of node-timeout. A
message is a header of 2256 bytes and gossip sections of 104 bytes: about a tenth of the nodes, three at
least, and all that are PFAIL. What a section says of when a node was last heard from spares a ping. A primary
that says PFAIL is a report; a majority of them, one's own opinion among them, is FAIL, which is broadcast.

Source: https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable

from tools.sim.fabric import Fabric, Weather
from tools.sim.flock import Traffic
from tools.sim.measure import IDLE_MS, Case, Outcome

HEADER_BYTES = 2256
SECTION_BYTES = 104
FAIL_BYTES = HEADER_BYTES + 40
_CRON_US = 100_000
_TRIES = 3

_Section = tuple[int, int, bool]
"""A node, the second in which it was last heard from, and whether it is PFAIL or FAIL to the sender."""


class Heart:
    """One node of the model. `heard_us` is when it last heard from each; `asked_us` whom it waits for."""

    __slots__ = ("asked_us", "beats", "fail", "heard_us", "is_alive", "number", "pfail", "reports", "rng")

    def __init__(self, number: int, count: int, now_us: int, rng: random.Random) -> None:
        self.number = number
        self.rng = rng
        self.heard_us = [now_us] * count
        self.asked_us: dict[int, int] = {}
        self.pfail: set[int] = set()
        self.fail: set[int] = set()
        self.reports: dict[int, dict[int, int]] = {}
        self.beats = 0
        self.is_alive = True


class Heartbeats:
    """A formed cluster of such nodes."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.count = case.nodes
        self.primaries = case.primary_count
        self.rng = random.Random(f"heartbeats {case.seed}")
        weather = Weather(int(case.latency_ms * 1000), int(case.jitter_ms * 1000), case.loss)
        self.fabric = Fabric(self.rng, weather)
        self.traffic = Traffic()
        self.now_us = 0
        self.events = 0
        self._timeout_us = case.node_timeout_ms * 1000
        self._wanted = min(max(3, self.count // 10), self.count - 2)
        self._heap: list[tuple[int, int, Callable[..., None], tuple[object, ...]]] = []
        self._pushed = 0
        self.hearts = []
        for number in range(self.count):
            heart = Heart(number, self.count, -self.rng.randrange(self._timeout_us // 2), self.rng)
            # Links were last used at all kinds of times.
            heart.heard_us = [-self.rng.randrange(self._timeout_us // 2) for _ in range(self.count)]
            self.hearts.append(heart)
            self._push(self.rng.randrange(_CRON_US), self._cron, (heart,))

    def run_until(self, condition: Callable[[], bool], limit_ms: int) -> bool:
        """Runs until it holds; whether it did within the limit."""
        end_us = self.now_us + limit_ms * 1000
        while not condition():
            if self._heap[0][0] > end_us:
                self.now_us = end_us
                return condition()
            self.now_us, _, action, arguments = heapq.heappop(self._heap)
            self.events += 1
            action(*arguments)
        return True

    def _push(self, when_us: int, action: Callable[..., None], arguments: tuple[object, ...]) -> None:
        self._pushed += 1
        heapq.heappush(self._heap, (when_us, self._pushed, action, arguments))

    def _cron(self, heart: Heart) -> None:
        if not heart.is_alive:
            return
        self._push(self.now_us + _CRON_US, self._cron, (heart,))
        heart.beats += 1
        if heart.beats % 10 == 0:
            some = [heart.rng.randrange(self.count) for _ in range(5)]
            idle = [other for other in some if other != heart.number and other not in heart.asked_us]
            if idle:
                self._ping(heart, min(idle, key=heart.heard_us.__getitem__))
        late_us = self.now_us - self._timeout_us // 2
        for other in [other for other, heard_us in enumerate(heart.heard_us) if heard_us < late_us]:
            if other != heart.number and other not in heart.asked_us:
                self._ping(heart, other)
        for other, asked_us in heart.asked_us.items():
            if self.now_us - asked_us > self._timeout_us and other not in heart.pfail | heart.fail:
                heart.pfail.add(other)
                self._count(heart, other)

    def _ping(self, heart: Heart, other: int) -> None:
        heart.asked_us[other] = self.now_us
        self._send(heart, other, "ping")

    def _send(self, heart: Heart, other: int, kind: str) -> None:
        sections = self._sections(heart, other)
        self._transmit(heart, other, kind, HEADER_BYTES + SECTION_BYTES * len(sections), sections)

    def _transmit(self, heart: Heart, other: int, kind: str, size: int, content: object) -> None:
        self.traffic.messages[kind] += 1
        self.traffic.bytes[kind] += size
        when_us = self.fabric.stream_us(str(heart.number), str(other), self.now_us)
        if when_us is not None:
            # The link is there already: no handshake.
            when_us -= 2 * self.fabric.weather.latency_us
            self._push(when_us, self._arrive, (self.hearts[other], heart.number, kind, content))

    def _sections(self, heart: Heart, other: int) -> list[_Section]:
        chosen: dict[int, _Section] = {}
        bad = heart.pfail | heart.fail
        for _ in range(_TRIES * self._wanted):
            if len(chosen) >= self._wanted:
                break
            number = heart.rng.randrange(self.count)
            if number not in (heart.number, other) and number not in heart.pfail:
                chosen[number] = (number, heart.heard_us[number] // 1_000_000, number in bad)
        for number in heart.pfail:
            chosen[number] = (number, heart.heard_us[number] // 1_000_000, True)
        return list(chosen.values())

    def _arrive(self, heart: Heart, source: int, kind: str, content: list[_Section] | int) -> None:
        if not heart.is_alive:
            return
        if isinstance(content, int):
            self._hold_for_fail(heart, content)
            return
        if kind == "ping":
            self._send(heart, source, "pong")
        else:
            heart.asked_us.pop(source, None)
            heart.heard_us[source] = self.now_us
            heart.pfail.discard(source)
        self._take(heart, source, content)

    def _take(self, heart: Heart, source: int, sections: list[_Section]) -> None:
        votes = source < self.primaries
        for number, second, is_bad in sections:
            if number == heart.number:
                continue
            if is_bad and votes:
                heart.reports.setdefault(number, {})[source] = self.now_us
                self._count(heart, number)
            elif not is_bad:
                if votes and number in heart.reports:
                    heart.reports[number].pop(source, None)
                heard_us = second * 1_000_000
                if (
                    heard_us > heart.heard_us[number]
                    and number not in heart.asked_us
                    and number not in heart.pfail
                    and not heart.reports.get(number)
                ):
                    heart.heard_us[number] = heard_us

    def _count(self, heart: Heart, number: int) -> None:
        if number not in heart.pfail or number in heart.fail:
            return
        valid_us = self.now_us - 2 * self._timeout_us
        reports = heart.reports.get(number, {})
        votes = sum(told_us >= valid_us for told_us in reports.values()) + (heart.number < self.primaries)
        if votes > self.primaries // 2:
            self._hold_for_fail(heart, number)
            for other in range(self.count):
                if other != heart.number:
                    self._transmit(heart, other, "fail", FAIL_BYTES, number)

    def _hold_for_fail(self, heart: Heart, number: int) -> None:
        if number != heart.number:
            heart.pfail.discard(number)
            heart.fail.add(number)


def idle(case: Case) -> Outcome:
    """What a Redis node sends when nothing happens."""
    model = Heartbeats(case)
    # Who was heard from when has to become what it always is: that takes some node-timeouts.
    model.run_until(lambda: False, max(5000, 2 * case.node_timeout_ms))
    model.traffic.clear()
    duration_ms = case.duration_ms or max(IDLE_MS, case.node_timeout_ms)
    model.run_until(lambda: False, duration_ms)
    share = case.nodes * duration_ms / 1000
    figures: dict[str, float | None] = {
        "bytes_per_node_s": model.traffic.bytes.total() / share,
        "messages_per_node_s": model.traffic.messages.total() / share,
    }
    return _outcome(model, figures)


def crash(case: Case) -> Outcome:
    """A Redis primary dies: when every live node holds it for FAIL."""
    model = Heartbeats(case)
    model.run_until(lambda: False, max(2500, case.node_timeout_ms))
    victim = model.rng.randrange(model.primaries)
    model.hearts[victim].is_alive = False
    model.traffic.clear()
    waiting = {heart for heart in model.hearts if heart.is_alive}
    begin_us = model.now_us
    times_ms: list[float] = []

    def all_know() -> bool:
        there = [heart for heart in waiting if victim in heart.fail]
        waiting.difference_update(there)
        times_ms.extend([(model.now_us - begin_us) / 1000] * len(there))
        return not waiting

    model.run_until(all_know, case.patience_ms)
    figures: dict[str, float | None] = {
        "first_ms": min(times_ms, default=None),
        "last_ms": None if waiting else max(times_ms),
    }
    return _outcome(model, figures, times_ms)


def _outcome(
    model: Heartbeats, figures: dict[str, float | None], times_ms: list[float] | None = None
) -> Outcome:
    figures["events"] = model.events
    traffic = model.traffic
    return Outcome(model.case, figures, times_ms or [], dict(traffic.bytes), dict(traffic.messages))
