from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tools.admin.client import AdminError
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


SCRIPT = str(next((Path(__file__).parents[2] / "scenarios").glob("*.txt")))
WRONG = {
    "--scenario nonesuch": "no such scenario",
    "--scenario shards --nodes 2": "3 primaries",
    "--scenario shards --nodes 3 --primaries 3": "a replica for each",
    "--primaries 10 --nodes 3": "10 of 3 nodes",
    "--node-timeout 99999999999": "--node-timeout",
    "--latency-ms inf": "--latency-ms",
    "--jitter-ms inf": "--jitter-ms",
    "--jitter-ms nan": "--jitter-ms",
    "--seeds 99999999999": "--seeds",
    f"--scenario {SCRIPT} --nodes 100": "--nodes",
    f"--scenario {SCRIPT} --seed 1": "--seed",
    f"--scenario {SCRIPT} --plot one.png": "--plot",
    "--json faults --seeds 1": "--json",
    "--nodes 5 figures": "--nodes",
    "--plot one.xyz": "not named .png",
    "--plot /nowhere/one.png": "no folder",
    "--plot /": "directory",
    "figures --plots /nowhere": "not exist",
    "figures --nodes 0": "--nodes",
    "figures --nodes 1": "--nodes",
    "figures --measure nosuch": "'nosuch' is none of",
    "figures --nodes 100 --measure shards": "'shards' is none of",
    "power-cuts --appendfsync bogus": "'bogus' is none of",
}


@pytest.mark.parametrize("words", WRONG)
def test_what_would_do_nothing_is_refused_before_the_run(words: str) -> None:
    result = CliRunner().invoke(app, words.split(), env={"COLUMNS": "200"})
    assert result.exit_code == 2, result.output
    assert WRONG[words] in re.sub(r"\x1b\[[\d;]*m", "", result.stderr)


def test_without_matplotlib_nothing_is_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.setattr("tools.sim.verbs.measured", None)
    monkeypatch.setattr("tools.sim.verbs.answers", None)
    for words in (["--plot", str(tmp_path / "one.png")], ["figures", "--plots", str(tmp_path)]):
        assert isinstance(CliRunner().invoke(app, words).exception, AdminError)


@pytest.mark.parametrize(("value", "text"), [(None, "never"), (1234.5, "1,234"), (2.0, "2"), (0.333, "0.33")])
def test_figures_are_for_people(value: float | None, text: str) -> None:
    assert shown(value) == text
