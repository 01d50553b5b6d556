"""Tests that run at the same time keep to ports of their own."""

from __future__ import annotations

import subprocess
import sys

from tests.support.ports import FIRST, SHARE, free_port

ASKS = "from tests.support.ports import free_port; print(free_port(), flush=True); input()"


def test_no_two_processes_get_ports_of_one_share() -> None:
    others = [
        subprocess.Popen([sys.executable, "-c", ASKS], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    try:
        ports = [free_port(), *(int(other.stdout.readline()) for other in others if other.stdout)]
    finally:
        for other in others:
            other.communicate(b"\n")
    assert len({(port - FIRST) // SHARE for port in ports}) == len(ports)
