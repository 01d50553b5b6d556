from __future__ import annotations

import subprocess
import sys

import pytest

from tools.cli import main


def test_a_nodes_arguments_pass_untouched(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []

    def node(argv: list[str]) -> int:
        seen.append(argv)
        return 7

    monkeypatch.setattr("cluster.node.process.main", node)
    assert main(["node", "--help", "-", "--port", "7000"]) == 7
    assert seen == [["--help", "-", "--port", "7000"]]


def test_a_node_starts_without_what_only_the_verbs_need() -> None:
    code = (
        "import sys, tools.cli, cluster.node.process;"
        "print(*sorted({'typer', 'rich', 'redis'} & {name.split('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
