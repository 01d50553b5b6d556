from __future__ import annotations

import pytest

from tools.admin.client import AdminError
from tools.cli import main

VERBS = ["up", "down", "node", "create", "check", "info", "fix", "reshard", "rebalance"]
VERBS += ["add-node", "del-node", "failover", "call", "bench"]


def test_help_names_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    for verb in VERBS:
        assert f" {verb} " in text


@pytest.mark.parametrize(
    "words", [["frobnicate"], ["check"], ["reshard", "h:1", "--slots", "x", "--to", "y"]]
)
def test_a_wrong_command_line_is_exit_code_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert "Usage" in capsys.readouterr().err


def test_a_failure_is_one_line_and_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "nonsense"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert (
        captured.err
        == "starling: 'nonsense' is not an address: HOST:PORT is expected, such as 127.0.0.1:7000\n"
    )


@pytest.mark.parametrize(
    ("error", "code"), [(AdminError("no"), 1), (OSError(28, "No space left"), 1), (KeyboardInterrupt(), 130)]
)
def test_exceptions_become_exit_codes(
    error: BaseException, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise error

    monkeypatch.setattr("tools.admin.verbs._cluster", fail)
    assert main(["check", "127.0.0.1:1"]) == code
