"""The search for what breaks an invariant: random faults by the seed, and the shortest script that shows it.

A seed is turned into a script (tools/sim/script.py): a cluster of 5 to 12 nodes, some ten faults of every
kind, and then all is made whole again. The script runs under the invariants. When one breaks, commands are
dropped as long as the rest still breaks one: what is left can be read, kept under tests/scenarios, and run
again by `starling sim --scenario FILE`.
"""

from __future__ import annotations

import random
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field

from tools.sim.clock import Standstill
from tools.sim.invariants import InvariantBroken, Invariants, check_converged
from tools.sim.script import NotSettled, Script

FAULTS = 10
SETTLE_MS = 30_000
"""How soon after healing views must be equal, at a node-timeout of a second."""
_CALM = "weather latency=1 jitter=1 loss=0.01 duplication=0 reordering=0"


@dataclass(frozen=True, slots=True)
class Broken:
    """What a seed has shown: which invariant, by which script, and the nodes' log."""

    seed: int
    reason: str
    script: tuple[str, ...]
    log: tuple[str, ...] = field(repr=False)


class Plan:
    """Makes a seed's script."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(f"faults {seed}")
        rng = self._rng
        count = rng.randint(5, 12)
        self._names = [f"n{number}" for number in range(1, count + 1)]
        self._down: dict[str, str] = {}
        self._stopped: set[str] = set()
        self._wiped: set[str] = set()
        self._hosts = 0
        loss = rng.choice((0, 0.01, 0.05, 0.2))
        self.head = [
            f"cluster seed={seed} timeout=1000 latency={rng.choice((0.2, 1, 10))} "
            f"jitter={rng.choice((0, 1, 20))} loss={loss}",
            f"load {count} {rng.randint(3, max(3, count // 2 + 1))}",
        ]
        self.faults = [command for _ in range(FAULTS) for command in (self._fault(), self._wait())]
        self.tail = self._mend()

    def script(self) -> list[str]:
        return [*self.head, *self.faults, *self.tail]

    def _wait(self) -> str:
        return f"run {self._rng.choice((5, 50, 300, 1000, 1500, 3000))}"

    def _fault(self) -> str:
        kinds: tuple[Callable[[], str], ...] = (
            self._end, self._end, self._back, self._back, self._stop, self._resume, self._split, self._cut,
            self._flap, self._heal, self._weather, self._drift, self._slow, self._failover, self._offset,
        )  # fmt: skip
        return self._rng.choice(kinds)()

    def _up(self) -> str:
        running = [name for name in self._names if name not in self._down and name not in self._stopped]
        return self._rng.choice(running or self._names)

    def _end(self) -> str:
        name = self._up()
        how = self._rng.choice(("kill", "kill", "power-cut", "wipe"))
        self._down[name] = how
        self._stopped.discard(name)
        return f"{how} {name}"

    def _back(self) -> str:
        if not self._down:
            return self._end()
        return self._start(self._rng.choice(sorted(self._down)))

    def _start(self, name: str) -> str:
        how = self._down.pop(name)
        if how == "wipe":
            self._wiped.add(name)
            others = [other for other in self._names if other != name and other not in self._down]
            return f"rejoin {name} {self._rng.choice(others or self._names)}"
        if self._rng.random() < 0.2:
            self._hosts += 1
            return f"move {name} 10.9.0.{self._hosts}"
        return f"restart {name}"

    def _stop(self) -> str:
        name = self._up()
        self._stopped.add(name)
        return f"stop {name}"

    def _resume(self) -> str:
        if not self._stopped:
            return self._stop()
        name = self._rng.choice(sorted(self._stopped))
        self._stopped.discard(name)
        return f"resume {name}"

    def _pair(self) -> str:
        return " ".join(self._rng.sample(self._names, 2))

    def _split(self) -> str:
        names = self._rng.sample(self._names, len(self._names))
        at = self._rng.randint(1, len(names) - 1)
        return f"split {' '.join(names[:at])} | {' '.join(names[at:])}"

    def _cut(self) -> str:
        return f"cut {self._pair()}"

    def _flap(self) -> str:
        return f"flap {self._pair()} {self._rng.choice((50, 300, 1200))}"

    def _heal(self) -> str:
        return "heal"

    def _weather(self) -> str:
        rng = self._rng
        return (
            f"weather latency={rng.choice((0.2, 1, 40))} jitter={rng.choice((0, 5, 100))} "
            f"loss={rng.choice((0, 0.05, 0.3))} duplication={rng.choice((0, 0.1))} "
            f"reordering={rng.choice((0, 0.2))}"
        )

    def _drift(self) -> str:
        return f"drift {self._up()} {self._rng.choice((0.8, 0.98, 1.02, 1.25))}"

    def _slow(self) -> str:
        return f"slow {self._up()} {self._rng.choice((20, 200, 700))}"

    def _failover(self) -> str:
        return f"order {self._up()} failover {self._rng.choice(('', 'force'))}".rstrip()

    def _offset(self) -> str:
        return f"offset {self._up()} {self._rng.randint(1, 1000)}"

    def _mend(self) -> list[str]:
        commands = ["heal", _CALM]
        commands += [f"resume {name}" for name in sorted(self._stopped)]
        commands += [f"slow {name} 0" for name in self._names if f"slow {name}" in " ".join(self.faults)]
        commands += [f"drift {name} 1" for name in self._names if f"drift {name}" in " ".join(self.faults)]
        commands += [self._start(name) for name in sorted(self._down)]
        # A newcomer's handshake ends after node-timeout: one that was cut off meanwhile has to be met again.
        old = [name for name in self._names if name not in self._wiped]
        commands += [f"order {name} meet {(old or self._names)[0]}" for name in sorted(self._wiped)]
        return [*commands, f"settle {SETTLE_MS}"]


def broken_by(commands: list[str]) -> tuple[str, list[str]] | None:
    """Runs a script under the invariants: what it broke and the log until then, or None."""
    script = Script(prepare=Invariants)
    printed: list[str] = []
    try:
        for command in commands:
            try:
                script.run([command])
            finally:
                printed += script.printed
        check_converged(script.flock)
    except Exception as error:
        return reason_of(error), printed
    return None


def reason_of(error: Exception) -> str:
    """What a run has shown. Whatever a core raises is a finding as well: a node would have died of it."""
    if isinstance(error, InvariantBroken | NotSettled | Standstill):
        return f"{type(error).__name__}: {error}"
    return "".join(traceback.format_exception(error, limit=-3)).rstrip()


def try_seed(seed: int, *, shortest: bool = True) -> Broken | None:
    """Runs one seed's plan; when it breaks something, the shortest script found that still does."""
    plan = Plan(seed)
    found = broken_by(plan.script())
    if found is None:
        return None
    faults = plan.faults
    if shortest:
        faults = _shortest(plan, faults)
        found = broken_by([*plan.head, *faults, *plan.tail]) or found
    reason, log = found
    return Broken(seed, reason, (*plan.head, *faults, *plan.tail), tuple(log))


def _shortest(plan: Plan, faults: list[str]) -> list[str]:
    """Drops halves, quarters, ... of the faults for as long as what is left still breaks something."""
    size = len(faults) // 2
    while size:
        at = 0
        while at < len(faults):
            fewer = faults[:at] + faults[at + size :]
            if broken_by([*plan.head, *fewer, *plan.tail]) is not None:
                faults = fewer
            else:
                at += size
        size //= 2
    return faults
