"""How a long move of slots is shown: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

_LINE_EVERY_S = 2.0


class MoveProgress(Protocol):
    """Told of each batch of keys and each slot that has arrived. A context manager for the whole move."""

    def __enter__(self) -> MoveProgress: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def add(self, *, keys: int = 0, slots: int = 0) -> None:
        """Counts what has arrived."""


class BarProgress:
    """A rich bar over the slots, with keys/s and the time left."""

    def __init__(self, console: Console, *, keys: int, slots: int) -> None:
        self._keys_all = keys
        self._keys = 0
        self._started_s = time.monotonic()
        self._progress = Progress(
            TextColumn("moving"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("slots, {task.fields[keys]} keys, {task.fields[rate]:.0f} keys/s, left"),
            TimeRemainingColumn(),
            console=console,
        )
        self._task = self._progress.add_task("", total=slots, keys=f"0/{keys}", rate=0.0)

    def __enter__(self) -> BarProgress:
        self._started_s = time.monotonic()
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def add(self, *, keys: int = 0, slots: int = 0) -> None:
        self._keys += keys
        rate = self._keys / max(time.monotonic() - self._started_s, 0.001)
        self._progress.update(self._task, advance=slots, keys=f"{self._keys}/{self._keys_all}", rate=rate)


class LineProgress:
    """A plain line each two seconds, and one at the end."""

    def __init__(self, console: Console, *, keys: int, slots: int) -> None:
        self._console = console
        self._all = (keys, slots)
        self._keys = self._slots = 0
        self._started_s = self._shown_s = time.monotonic()

    def __enter__(self) -> LineProgress:
        self._started_s = self._shown_s = time.monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._show()

    def add(self, *, keys: int = 0, slots: int = 0) -> None:
        self._keys += keys
        self._slots += slots
        if time.monotonic() - self._shown_s >= _LINE_EVERY_S:
            self._show()

    def _show(self) -> None:
        self._shown_s = time.monotonic()
        elapsed_s = max(self._shown_s - self._started_s, 0.001)
        slots_left = self._all[1] - self._slots
        left_s = elapsed_s / self._slots * slots_left if self._slots else 0.0
        self._console.print(
            f"moved {self._slots}/{self._all[1]} slots, {self._keys}/{self._all[0]} keys, "
            f"{self._keys / elapsed_s:.0f} keys/s, {left_s:.0f} s left"
        )


def progress(console: Console, *, keys: int, slots: int) -> BarProgress | LineProgress:
    """The bar on a terminal, lines elsewhere."""
    if console.is_terminal:
        return BarProgress(console, keys=keys, slots=slots)
    return LineProgress(console, keys=keys, slots=slots)
