"""What tests of several rooms share: real processes of our own, and the real redis-server that parity tests
compare with, with a word at the end when there was none.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.oracle import SERVER, Oracle
from tests.support.process import Process, Start

settings.register_profile("starling", deadline=None, derandomize=True, database=None)
settings.load_profile("starling")

REQUIRED = os.environ.get("STARLING_REQUIRE_REDIS") == "1"
NO_SERVER = "no redis-server is installed here"


@pytest.fixture(scope="session")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Oracle]:
    """A redis-server for this run."""
    if SERVER is None:
        if REQUIRED:
            pytest.fail(f"STARLING_REQUIRE_REDIS=1, but {NO_SERVER}")
        pytest.skip(NO_SERVER)
    server = Oracle(tmp_path_factory.mktemp("oracle"))
    yield server
    server.stop()


def pytest_runtest_teardown(item: pytest.Item) -> None:
    server = getattr(item, "funcargs", {}).get("oracle")
    if isinstance(server, Oracle):
        server.restore_config()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a node in a process of its own; it is killed at the end."""
    started: list[Process] = []

    def run(*arguments: str, folder: Path = tmp_path, stdin: str = "") -> Process:
        started.append(Process(folder, list(arguments), stdin))
        return started[-1]

    yield run
    for each in started:
        each.process.kill()
        each.end()
        if each.process.stdout is not None:
            each.process.stdout.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = sum(NO_SERVER in str(report.longrepr) for report in terminalreporter.getreports("skipped"))
    if skipped:
        terminalreporter.write_line(f"parity: {skipped} tests skipped, because {NO_SERVER}")
