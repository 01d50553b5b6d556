"""What a snapshot and a full copy cost: how long they take, for how long nobody is served, and how much more
memory.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tools.admin.client import Client
from tools.bench.measure import Subject

VALUE_BYTES = 100
LOOK_S = 0.05
TIMEOUT_S = 600.0


@dataclass(frozen=True)
class Course:
    """What one of them came to. `cpu_s` is CPU time, of children too, which tells more than `seconds` where
    the machine has other work. `extra_mb` is memory beyond what the server held before (BGSAVE), or beyond
    what both hold behind it (a full sync)."""

    server: str
    what: str
    seconds: float
    cpu_s: float
    pause_ms: float
    extra_mb: float


class Pinger:
    """Pings a server until it is asked for the longest wait."""

    def __init__(self, port: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tools.bench.ping", str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def longest_ms(self) -> float:
        text, _ = self._process.communicate(timeout=TIMEOUT_S)
        return float(text)


def info(client: Client, section: str) -> dict[str, str]:
    """A section of INFO."""
    lines = client.text("INFO", section).splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


def memory_mb(pid: int) -> float:
    """What a process and its children hold; pages that they share count once."""
    family = [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]
    kib = 0
    for member in family:
        try:
            text = Path(f"/proc/{member}/smaps_rollup").read_text()
        except OSError:
            continue  # a child that has just ended
        kib += sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
    return kib / 1024


def cpu_s(client: Client) -> float:
    """CPU time of a server and of its children that have ended."""
    fields = info(client, "cpu")
    return sum(float(fields[f"used_cpu_{what}"]) for what in _CPU)


_CPU = ("user", "sys", "user_children", "sys_children")


class Watch:
    """Waits for an end, and notes the most memory meanwhile."""

    def __init__(self, *pids: int) -> None:
        self._pids = pids
        self.before_mb = self.most_mb = self.now_mb()

    def now_mb(self) -> float:
        return sum(map(memory_mb, self._pids))

    def until(self, is_over: Callable[[], bool]) -> float:
        """How many seconds it took. Raises TimeoutError."""
        began_s = time.monotonic()
        while not is_over():
            if time.monotonic() - began_s > TIMEOUT_S:
                raise TimeoutError
            self.most_mb = max(self.most_mb, self.now_mb())
            time.sleep(LOOK_S)
        return time.monotonic() - began_s


@contextmanager
def pinged(*ports: int) -> Iterator[list[float]]:
    """The longest wait of each, to be read behind the block."""
    pingers = [Pinger(port) for port in ports]
    found: list[float] = []
    time.sleep(0.2)  # their interpreters start, and are not to be measured
    try:
        yield found
    finally:
        found += [pinger.longest_ms() for pinger in pingers]


def fill(subject: Subject, keys: int) -> None:
    """So many keys of 100 bytes."""
    subject.client.call("DEBUG", "POPULATE", keys, "key", VALUE_BYTES, timeout_s=TIMEOUT_S)


def background_save(subject: Subject) -> Course:
    """BGSAVE of what is there."""
    client, watch, before_s = subject.client, Watch(subject.pid), cpu_s(subject.client)
    with pinged(subject.port) as waits:
        client.call("BGSAVE", timeout_s=TIMEOUT_S)
        seconds = watch.until(lambda: info(client, "persistence")["rdb_bgsave_in_progress"] == "0")
    spent_s = cpu_s(client) - before_s
    return Course(subject.name, "BGSAVE", seconds, spent_s, waits[0], watch.most_mb - watch.before_mb)


def full_sync(subject: Subject, replica: Subject) -> list[Course]:
    """A full copy to an empty node: the whole as the primary's clients see it, with the primary's CPU time;
    the loading as the replica's do, with the CPU time that the replica took for all of it."""
    subject.client.call("CONFIG", "SET", "repl-diskless-sync-delay", 0)
    client, watch = replica.client, Watch(subject.pid, replica.pid)
    before_s, replica_before_s = cpu_s(subject.client), cpu_s(client)
    loading_since: list[float] = []

    def is_over() -> bool:
        if not loading_since and info(client, "persistence")["loading"] == "1":
            loading_since.append(time.monotonic())
        return info(client, "replication")["master_link_status"] == "up"

    with pinged(subject.port, replica.port) as waits:
        client.call("REPLICAOF", "127.0.0.1", subject.port)
        seconds = watch.until(is_over)
        loading_s = time.monotonic() - loading_since[0] if loading_since else 0.0
    spent_s, replica_spent_s = cpu_s(subject.client) - before_s, cpu_s(client) - replica_before_s
    extra_mb = watch.most_mb - watch.now_mb()
    return [
        Course(subject.name, "full sync", seconds, spent_s, waits[0], extra_mb),
        Course(subject.name, "of it loading", loading_s, replica_spent_s, waits[1], extra_mb),
    ]
