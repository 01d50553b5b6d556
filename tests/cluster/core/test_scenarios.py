"""Runs tests/scenarios/*.txt. With STARLING_REWRITE=1 in the environment it writes down what is printed
instead."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tools.sim.invariants import Invariants
from tools.sim.script import Script, blocks, rewritten

SCENARIOS = sorted((Path(__file__).parents[2] / "scenarios").glob("*.txt"))


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_scenario(path: Path) -> None:
    text = path.read_text()
    if os.environ.get("STARLING_REWRITE"):
        path.write_text(rewritten(text))
        return
    script = Script(prepare=Invariants)
    for commands, expected in blocks(text):
        assert script.run(commands) == expected, "\n".join(commands)


def test_there_are_scenarios() -> None:
    assert len(SCENARIOS) > 10
