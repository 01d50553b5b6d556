"""A real process of a node, for tests of what whoever drives redis-server would notice."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.support.ports import free_port

ROOT = Path(__file__).parents[2]
PROGRAM = "import sys; from cluster.node.process import main; sys.exit(main(sys.argv[1:]))"


class Process:
    """A running node; its log is collected as it comes."""

    def __init__(self, folder: Path, arguments: list[str], stdin: str = "") -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *arguments],
            cwd=folder,
            env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "TZ": "UTC"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self.process.stdin is not None
        self.process.stdin.write(stdin)
        self.process.stdin.close()
        self.lines: list[str] = []
        self._grown = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._grown:
                self.lines.append(line.rstrip("\n"))
                self._grown.notify_all()
        with self._grown:
            self._grown.notify_all()

    def wait_for(self, text: str) -> str:
        """The first log line with this text."""

        def found() -> list[str]:
            return [line for line in self.lines if text in line]

        with self._grown:
            assert self._grown.wait_for(lambda: bool(found()) or self.process.poll() is not None, timeout=20)
        assert found(), self.lines
        return found()[0]

    def end(self) -> tuple[int, str]:
        """Waits for its end: the exit code and all that it said."""
        code = self.process.wait(timeout=20)
        self._reader.join()
        return code, "\n".join(self.lines)


Start = Callable[..., Process]


def ready(start: Start, *arguments: str, folder: Path | None = None) -> tuple[Process, redis.Redis]:
    """A node that is ready, and a client."""
    port = free_port()
    more = {} if folder is None else {"folder": folder}
    process = start("--port", str(port), "--bind", "127.0.0.1", *arguments, **more)
    process.wait_for("Ready to accept connections")
    return process, client_of(port)


def client_of(port: int) -> redis.Redis:
    """A client that takes a closed connection for what it is."""
    return redis.Redis(port=port, decode_responses=True, retry=Retry(NoBackoff(), 0))
