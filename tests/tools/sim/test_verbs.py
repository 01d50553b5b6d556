from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tools.sim.faults import Broken
from tools.sim.history import Appends
from tools.sim.history_run import Outcome
from tools.sim.verbs import app, shown


def run(*words: str) -> str:
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_scenario_is_a_table() -> None:
    text = run("--nodes", "6", "--scenario", "rumor")
    assert "messages_per_node" in text
    assert "ping" in text


def test_a_scenario_is_json() -> None:
    (found,) = json.loads(run("--nodes", "6", "--scenario", "rumor", "--seed", "7", "--json"))
    assert found["seed"] == 7
    assert len(found["times_ms"]) == 5
    assert found["bytes_by_kind"]["rumor"] > 0


def test_a_script_is_run_and_compared_with_what_it_expects(tmp_path: Path) -> None:
    path = tmp_path / "one.txt"
    path.write_text("load 3 3\nserve 0\n----\nn1\n")
    assert "> serve 0" in run("--scenario", str(path))
    path.write_text("load 3 3\nserve 0\n----\nn2\n")
    result = CliRunner().invoke(app, ["--scenario", str(path)])
    assert result.exit_code == 1
    assert result.stderr == (
        f"{path}:2: seed 1: not as expected\n--- expected\n+++ got\n@@ -1 +1 @@\n-n2\n+n1\n"
    )
    result = CliRunner().invoke(app, ["--scenario", str(path), "--json"])
    assert (result.exit_code, json.loads(result.stdout)["as_expected"]) == (1, False)


def test_a_script_that_is_wrong_is_a_wrong_input_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "one.txt"
    path.write_text("load 3 3\n\n# Nobody.\nkill n9\n")
    result = CliRunner().invoke(app, ["--scenario", str(path)])
    assert (result.exit_code, result.stderr) == (2, f"{path}:4: kill: no such node: n9\n")


def test_seeds_without_a_finding_are_a_success() -> None:
    assert "2 seeds, 0 of them broke" in run("faults", "--seeds", "2", "--workers", "1")


def test_a_finding_is_shown_with_its_seed_and_script(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Broken(7, "two winners", ("load 5 3", "kill n1"), ("n2 said so",))
    monkeypatch.setattr("tools.sim.verbs.try_seed", lambda _seed: found)
    result = CliRunner().invoke(app, ["faults", "--seeds", "1", "--workers", "1"])
    assert result.exit_code == 1
    for part in ("seed 7", "two winners", "kill n1", "n2 said so"):
        assert part in result.output


def test_histories_say_what_was_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    text = run("history", "--seeds", "1", "--seed", "3", "--workers", "1")
    assert "acknowledged appends; 0 lost; 0 seeds not as promised" in text
    lost = Outcome(7, 10, appends=Appends(3, ("list:0 0.1",), (), ()), trouble=["1 kill -9 10.0.0.1"])
    monkeypatch.setattr("tools.sim.verbs.try_history", lambda _seed, acks: lost)
    result = CliRunner().invoke(app, ["history", "--seeds", "1", "--workers", "1"])
    assert result.exit_code == 1
    for part in ("seed 7", "lost: list:0 0.1", "kill -9 10.0.0.1", "1 lost; 1 seeds not as promised"):
        assert part in result.output


def test_power_cuts_say_what_was_lost() -> None:
    text = run("power-cuts", "--seeds", "1", "--workers", "1", "--appendfsync", "always")
    assert re.fullmatch(
        r"always: 1 seeds, [1-9]\d* writes acknowledged, 0 lost; 0 seeds broke the promise\n", text
    )
    (found,) = json.loads(
        run("power-cuts", "--seeds", "1", "--workers", "1", "--appendfsync", "everysec", "--json")
    )
    assert (found["policy"], found["broken"]) == ("everysec", "")


def test_the_table_has_the_goal_beside_the_figure_and_a_plot_for_each_measure(tmp_path: Path) -> None:
    words = ("figures", "--nodes", "8", "--measure", "rumor", "--seeds", "1", "--workers", "1")
    found = json.loads(run(*words, "--nodes", "100", "--plots", str(tmp_path), "--json"))
    assert [(one["nodes"], one["goal"]) for one in found] == [(8, None), (8, None), (100, 30), (100, 1.3)]
    assert (tmp_path / "gossip-rumor-100.png").read_bytes().startswith(b"\x89PNG")
    assert "a rumor at 1% loss" in run(*words)


def test_an_unknown_scenario_is_refused() -> None:
    assert CliRunner().invoke(app, ["--scenario", "nonesuch"]).exit_code == 2


@pytest.mark.parametrize(("value", "text"), [(None, "never"), (1234.5, "1,234"), (2.0, "2"), (0.333, "0.33")])
def test_figures_are_for_people(value: float | None, text: str) -> None:
    assert shown(value) == text
