from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tools.admin.client import Client
from tools.bench import snapshots
from tools.bench.measure import Subject


class Scripted(Client):
    """A server whose INFO says what comes next in its script."""

    def __init__(self, *texts: str) -> None:
        super().__init__(("127.0.0.1", 1))
        self.asked: list[tuple[Any, ...]] = []
        self._texts = list(texts)

    def call(self, *words: Any, timeout_s: float | None = None) -> Any:
        self.asked.append(words)
        if words == ("INFO", "cpu"):
            return b"\r\n".join(
                b"used_cpu_%b:%d" % (what.encode(), len(self.asked)) for what in snapshots._CPU
            )
        return self._texts.pop(0).encode() if words[0] == "INFO" else b"OK"


@pytest.fixture(autouse=True)
def no_pings(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def pinged(*ports: int) -> Iterator[list[float]]:
        yield [7.0 + port for port in ports]

    monkeypatch.setattr(snapshots, "pinged", pinged)
    monkeypatch.setattr(snapshots, "LOOK_S", 0.0)


def subject(*texts: str, port: int = 1) -> tuple[Subject, Scripted]:
    client = Scripted(*texts)
    return Subject("starling", port, False, client, os.getpid()), client


def test_a_background_save_is_watched_to_its_end() -> None:
    saving, client = subject("rdb_bgsave_in_progress:1\r\n", "rdb_bgsave_in_progress:0\r\n")
    course = snapshots.background_save(saving)
    assert (course.what, course.pause_ms) == ("BGSAVE", 8.0)
    assert ("BGSAVE",) in client.asked
    assert course.cpu_s == 4 * (len(client.asked) - 1)
    assert course.extra_mb >= 0


def test_a_full_sync_tells_of_both_sides() -> None:
    up = "master_link_status:up\r\n"
    replica, client = subject("loading:0\r\n", "master_link_status:down\r\n", "loading:1\r\n", up, port=2)
    whole, loading = snapshots.full_sync(subject()[0], replica)
    assert ("REPLICAOF", "127.0.0.1", 1) in client.asked
    assert (whole.pause_ms, loading.pause_ms) == (8.0, 9.0)
    assert 0 <= loading.seconds <= whole.seconds


def test_what_processes_hold_is_counted() -> None:
    assert snapshots.memory_mb(os.getpid()) > 1
