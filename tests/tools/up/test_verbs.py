from __future__ import annotations

import json
from pathlib import Path

import pytest

from tools.admin.client import AdminError
from tools.cli import main
from tools.up.local import Layout, LocalCluster


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Layout]:
    """The layouts of the clusters that would have been started."""
    found: list[Layout] = []

    def up(self: LocalCluster) -> None:
        found.append(self.layout)
        raise AdminError("enough")

    monkeypatch.setattr(LocalCluster, "up", up)
    return found


def keep(folder: Path, **fields: object) -> None:
    kept = {"port": 7100, "primaries": 3, "replicas": 0, "options": {"save": ""}} | fields
    (folder / "cluster.json").write_text(json.dumps(kept))


def test_what_is_not_said_is_the_default(tmp_path: Path, asked: list[Layout]) -> None:
    main(["up", "--detach", "--dir", str(tmp_path)])
    assert asked == [Layout(7000, 3, 1, {})]


def test_what_is_said(tmp_path: Path, asked: list[Layout]) -> None:
    words = ["--primaries", "4", "--replicas", "0", "--port", "7100", "--option", "cluster-node-timeout=1000"]
    main(["up", "--detach", "--dir", str(tmp_path), *words])
    assert asked == [Layout(7100, 4, 0, {"cluster-node-timeout": "1000"})]


def test_a_folder_keeps_its_layout(tmp_path: Path, asked: list[Layout]) -> None:
    keep(tmp_path)
    main(["up", "--detach", "--dir", str(tmp_path), "--option", "appendonly=yes"])
    assert asked == [Layout(7100, 3, 0, {"save": "", "appendonly": "yes"})]


@pytest.mark.parametrize("words", [["--port", "7000"], ["--primaries", "4"], ["--replicas", "1"]])
def test_a_folder_is_not_two_clusters(
    tmp_path: Path, asked: list[Layout], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    keep(tmp_path)
    assert main(["up", "--detach", "--dir", str(tmp_path), *words]) == 1
    assert "give another --dir" in capsys.readouterr().err
    assert asked == []


@pytest.mark.parametrize("option", ["x", "=1"])
def test_an_option_has_a_name_and_a_value(
    tmp_path: Path, asked: list[Layout], option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["up", "--dir", str(tmp_path), "--option", option]) == 1
    assert "is not NAME=VALUE" in capsys.readouterr().err


def test_nothing_to_stop(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["down", "--dir", str(tmp_path)]) == 1
    assert "there is no cluster" in capsys.readouterr().err
    keep(tmp_path)
    assert main(["down", "--dir", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "0 nodes stopped\n"
