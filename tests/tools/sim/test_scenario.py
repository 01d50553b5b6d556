from __future__ import annotations

from pathlib import Path

import pytest

from cluster.core.election import Election
from tools.sim import scenario
from tools.sim.faults import try_seed
from tools.sim.flock import Flock
from tools.sim.invariants import InvariantBroken
from tools.sim.scenario import play
from tools.sim.words import ScriptError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "one.txt"


def test_what_is_as_expected_is_no_trouble(path: Path) -> None:
    path.write_text("load 3 3\nserve 0\n----\nn1\n\nsettle\n----\nall agree\n")
    played = play(path)
    assert played.trouble == []
    assert played.printed == ["> load 3 3", "> serve 0", "n1", "> settle", "all agree"]


def test_each_block_that_is_not_as_expected_is_told_and_the_rest_is_run(path: Path) -> None:
    path.write_text("cluster seed=7\nload 3 3\nserve 0\n----\nn2\n\nserve 0\n----\nn3\n\nserve 0\n")
    first, second = play(path).trouble
    assert first.startswith(f"{path}:3: seed 7: not as expected")
    assert first.endswith("-n2\n+n1")
    assert second.startswith(f"{path}:7: seed 7: not as expected")


def test_a_run_that_ends_badly_is_told_with_its_place_and_what_was_printed(path: Path) -> None:
    path.write_text("cluster seed=9\nload 4 2\n\nkill n1\nrun 3000\nnew n5\nsettle 0\n")
    played = play(path)
    (trouble,) = played.trouble
    assert trouble.startswith(f"{path}:7: seed 9: NotSettled: no agreement within 0 ms on ")
    assert any("Cluster state changed: fail" in line for line in played.printed)


def test_a_core_that_dies_is_told_with_its_traceback(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Election, "deadline_ms", lambda _: 1 // 0)
    path.write_text("\nload 3 3\n")
    (trouble,) = play(path).trouble
    assert trouble.startswith(f"{path}:2: seed 1: Traceback")
    assert trouble.endswith("ZeroDivisionError: integer division or modulo by zero")


def test_who_owns_what_is_looked_at_where_a_script_ends_in_settle(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Flock) -> None:
        raise InvariantBroken("two serve")

    monkeypatch.setattr(scenario, "check_converged", broken)
    path.write_text("load 3 3\nsettle\nrun 5\n")
    assert play(path).trouble == []
    path.write_text("load 3 3\nsettle\n----\nall agree\n")
    assert play(path).trouble == [f"{path}:2: seed 1: InvariantBroken: two serve"]


def test_dashes_below_no_command_are_not_as_expected(path: Path) -> None:
    path.write_text("load 3 3\n\n----\nn1\n")
    (trouble,) = play(path).trouble
    assert trouble.startswith(f"{path}:1: seed 1: not as expected")


def test_nobody_is_left_and_all_agree(path: Path) -> None:
    path.write_text("settle\n")
    assert play(path).trouble == []


def test_what_the_search_for_faults_has_found_comes_up_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Election, "_has_voted", lambda *_: False)
    monkeypatch.setattr(Election, "_why_not", lambda *_: "")
    broken = next(found for found in map(try_seed, range(100)) if found is not None)
    path.write_text("\n".join(broken.script))
    (trouble,) = play(path).trouble
    assert trouble.endswith(f"seed {broken.seed}: {broken.reason}")


def test_a_wrong_line_is_told_with_its_place(path: Path) -> None:
    path.write_text("load 3 3\n\n# Nobody.\nkill n9\n")
    with pytest.raises(ScriptError, match=f"^{path}:4: kill: no such node: n9$"):
        play(path)
    path.write_bytes(b"load 3 3\nkill \xff\n")
    with pytest.raises(ScriptError, match=f"^{path}:2: not UTF-8$"):
        play(path)
