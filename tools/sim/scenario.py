"""A script's file, run under the invariants: what it prints, and where it is not as it should be."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tools.sim.faults import reason_of
from tools.sim.invariants import Invariants, check_converged
from tools.sim.script import Line, Script, blocks
from tools.sim.words import ScriptError


@dataclass(slots=True)
class Played:
    """What a file's commands printed, and each trouble with its place and seed: a block that is not what the
    file expects, or what the run ended with."""

    path: Path
    printed: list[str] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)


def play(path: Path) -> Played:
    """Raises ScriptError, with the file and the line."""
    played, script = Played(path), blocks(_text(path))
    run = _Run(played)
    try:
        run.through(script)
    except ScriptError as error:
        raise ScriptError(f"{path}:{run.line.number}: {error}") from error
    except Exception as error:
        run.complain(reason_of(error))
    return played


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        number = error.object.count(b"\n", 0, error.start) + 1
        raise ScriptError(f"{path}:{number}: not UTF-8") from error


class _Run:
    def __init__(self, played: Played) -> None:
        self.line = Line("", 1)
        """The command that is carried out."""
        self._played = played
        self._script = Script(prepare=Invariants)

    def through(self, script: Iterable[tuple[list[Line], list[str]]]) -> None:
        for commands, expected in script:
            self._block(commands)
            if expected and self._script.printed != expected:
                diff = difflib.unified_diff(expected, self._script.printed, "expected", "got", lineterm="")
                self.complain("\n".join(["not as expected", *diff]))
        if self.line.startswith("settle"):
            # As the search for faults ends a script: what it found comes up again.
            check_converged(self._script.flock)

    def _block(self, commands: list[Line]) -> None:
        self._played.printed += [f"> {command}" for command in commands]
        try:
            self._script.run(self._followed(commands))
        finally:
            self._played.printed += self._script.printed

    def _followed(self, commands: list[Line]) -> Iterator[Line]:
        for self.line in commands:
            yield self.line

    def complain(self, what: str) -> None:
        seed = self._script.flock.seed
        self._played.trouble.append(f"{self._played.path}:{self.line.number}: seed {seed}: {what}")
