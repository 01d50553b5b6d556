from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from rich.console import Console

from tools.admin.client import Client
from tools.bench import verbs
from tools.bench.measure import Figure, Subject
from tools.bench.promised import Promise
from tools.bench.snapshots import Course
from tools.cli import main


def figure(subject: Subject, command: str, pipeline: int, requests: int) -> Figure:
    ours = subject.name == "starling"
    return Figure(subject.name, subject.cluster_mode, command, pipeline, 50.0 if ours else 100.0, 1, 2, 4.0)


@pytest.fixture(autouse=True)
def no_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def running(name: str, command: Sequence[str], cluster_mode: bool) -> Iterator[Subject]:
        yield Subject(name, 1, cluster_mode, Client(("127.0.0.1", 1)))

    monkeypatch.setattr(verbs, "_running", running)
    monkeypatch.setattr(verbs, "measure", figure)
    monkeypatch.setattr(verbs, "_courses", lambda name, *_: [Course(name, "BGSAVE", 2.0, 1.0, 5.0, 8.0)])
    monkeypatch.setattr(verbs, "_promises", lambda name, _: [Promise(name, "WAIT 1", 12345.0, 1.5, 2.5)])
    monkeypatch.setattr("shutil.which", lambda name: f"/bin/{name}")


def test_a_row_for_each_pair() -> None:
    subject = Subject("starling", 1, True, Client(("127.0.0.1", 1)))
    pair = [
        figure(subject, "SET", 16, 1),
        figure(Subject("redis-server", 1, True, subject.client), "SET", 16, 1),
    ]
    text = io.StringIO()
    Console(file=text, width=120).print(verbs.table(pair))
    (row,) = [line for line in text.getvalue().splitlines() if "SET" in line]
    assert [cell.strip() for cell in row.strip("│").split("│")] == [
        "SET -P 16 cluster", "50", "100", "0.50", "4.00", "4.00", "1.00"
    ]  # fmt: skip


def test_the_table_has_all_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench"]) == 0
    text = capsys.readouterr().out
    assert "BGSAVE" in text
    assert "12,345" in text
    for test in ("SET -P 1 single", "SET -P 16 single", "GET -P 1 cluster", "GET -P 16 cluster"):
        assert test in text


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found["figures"]) == 16
    assert [one["how"] for one in found["promises"]] == ["WAIT 1"] * 2
    assert [one["server"] for one in found["snapshots"]] == ["starling", "redis-server"]
    assert {one["server"] for one in found["figures"]} == {"starling", "redis-server"}


def test_snapshots_can_be_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--keys", "0"]) == 0
    assert "BGSAVE" not in capsys.readouterr().out


def test_without_redis_server(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert main(["bench"]) == 1
    assert "redis-server is not installed" in capsys.readouterr().err
