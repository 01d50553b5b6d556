"""What the comparisons share: the driver as a fixture, and its figures at the end of a long run."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import pytest

from tests.parity import drive as driver
from tests.support.oracle import Oracle

TOLD = "parity"


@pytest.fixture
def drive(oracle: Oracle, record_property: Callable[[str, object], None]) -> driver.Drive:
    """Drives a family against the real server, and has the run's last lines say how far."""

    def run(family: driver.Driven) -> None:
        began = time.monotonic()
        tally = driver.drive(oracle, family)
        names = len(family.covers.split())
        record_property(
            TOLD,
            f"{tally.sent} requests of {names} commands, {time.monotonic() - began:.0f} s, no difference",
        )

    return run


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if "STARLING_PARITY_COMMANDS" not in os.environ:
        return
    terminalreporter.write_line(f"parity: first seed {driver.FIRST_SEED}")
    for report in terminalreporter.getreports("passed"):
        for name, text in report.user_properties:
            if name == TOLD and report.when == "call":
                terminalreporter.write_line(f"parity: {report.nodeid.partition('::')[2]}: {text}")
