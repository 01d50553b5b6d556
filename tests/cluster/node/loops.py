"""The real World under test: a fixture, and a loop that runs until something is so."""

from __future__ import annotations

from collections.abc import Callable

from cluster.node.os_world import OsWorld
from cluster.node.world import Link


def run_until(world: OsWorld, condition: Callable[[], bool], timeout_ms: int = 5000) -> None:
    """Runs the loop until the condition holds; fails when it does not in time."""
    deadline_ms = world.now_ms() + timeout_ms

    def look() -> None:
        if condition() or world.now_ms() > deadline_ms:
            world.loop.stop()
        else:
            world.loop.call_later(0.002, look)

    world.loop.call_soon(look)
    world.loop.run_forever()
    assert condition()


class Recorder:
    """An endpoint that keeps what it is told."""

    def __init__(self, echo: bool = False) -> None:
        self.link: Link | None = None
        self.data = bytearray()
        self.ends: list[str] = []
        self._echo = echo

    def connected(self, link: Link) -> None:
        self.link = link

    def received(self, data: bytes) -> None:
        self.data += data
        if self._echo and self.link is not None:
            self.link.write(data)

    def closed(self, reason: str) -> None:
        self.ends.append(reason)
