"""The network between simulated cores: delay, loss, duplication, reordering, and cuts of every kind.

Datagrams may be lost, doubled and overtaken. What is reliable goes as over TCP: it costs a handshake, a lost
segment costs a retransmission's wait, what meets a cut waits until the cut is over, and what one node sends
to another arrives in order.
"""

from __future__ import annotations

import random
from collections.abc import Collection
from dataclasses import dataclass

RETRANSMIT_US = 200_000
_RETRANSMITS_MAX = 75
_OVERTAKEN_BY = 10


@dataclass(slots=True)
class Weather:
    """How every link is now. `loss`, `duplication` and `reordering` are shares of the datagrams."""

    latency_us: int = 1000
    jitter_us: int = 0
    loss: float = 0.0
    duplication: float = 0.0
    reordering: float = 0.0


class Fabric:
    """Says when, if ever, something that is sent now arrives. Ends of links are nodes' names."""

    def __init__(self, rng: random.Random, weather: Weather) -> None:
        self.weather = weather
        self._rng = rng
        self._side: dict[str, int] = {}
        self._one_way: set[tuple[str, str]] = set()
        self._flapping: dict[frozenset[str], int] = {}
        self._whole = True
        self._streams: dict[tuple[str, str], int] = {}

    # faults

    def split(self, *sides: Collection[str]) -> None:
        """Parts the sides from each other, and whoever is on none from all."""
        self._side = {name: number for number, side in enumerate(sides, 1) for name in side}
        self._whole = False

    def cut(self, source: str, target: str) -> None:
        """Nothing of the one's reaches the other; the way back works."""
        self._one_way.add((source, target))
        self._whole = False

    def flap(self, one: str, other: str, period_ms: int) -> None:
        """The link is there for a period and gone for the next, and so on."""
        self._flapping[frozenset((one, other))] = period_ms * 1000
        self._whole = False

    def heal(self) -> None:
        """Ends all cuts."""
        self._side = {}
        self._one_way.clear()
        self._flapping.clear()
        self._whole = True

    def is_cut(self, source: str, target: str, now_us: int) -> bool:
        """Whether nothing passes this way now."""
        if self._whole:
            return False
        if self._side and self._side.get(source, 0) != self._side.get(target, 0):
            return True
        if (source, target) in self._one_way:
            return True
        period_us = self._flapping.get(frozenset((source, target)))
        return period_us is not None and now_us // period_us % 2 == 1

    # transport

    def delay_us(self) -> int:
        """How long one datagram takes."""
        weather = self.weather
        delay_us = weather.latency_us
        if weather.jitter_us:
            delay_us += int(weather.jitter_us * self._rng.random())
        if weather.reordering and self._rng.random() < weather.reordering:
            delay_us += int(_OVERTAKEN_BY * weather.latency_us * self._rng.random())
        return delay_us

    def datagram_us(self, source: str, target: str, now_us: int) -> list[int]:
        """When the copies of a datagram arrive: none, one or two."""
        weather = self.weather
        if weather.loss and self._rng.random() < weather.loss:
            return []
        if not self._whole and self.is_cut(source, target, now_us):
            return []
        if weather.duplication and self._rng.random() < weather.duplication:
            return [now_us + self.delay_us(), now_us + self.delay_us()]
        return [now_us + self.delay_us()]

    def stream_us(self, source: str, target: str, now_us: int) -> int | None:
        """When something reliable arrives; None when the sender gives up before."""
        when_us = now_us + 2 * self.weather.latency_us
        for _ in range(_RETRANSMITS_MAX):
            cut = self.is_cut(source, target, when_us) or self.is_cut(target, source, when_us)
            if not cut and self._rng.random() >= self.weather.loss:
                arrives_us = max(when_us + self.delay_us(), self._streams.get((source, target), 0))
                self._streams[(source, target)] = arrives_us
                return arrives_us
            when_us += RETRANSMIT_US
        return None
