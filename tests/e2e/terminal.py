"""redis-cli on a terminal of its own, typed into as a person does: what it hints at in grey."""

from __future__ import annotations

import fcntl
import os
import re
import select
import struct
import subprocess
import termios
import time
from pathlib import Path
from types import TracebackType

from tests.e2e.cluster import REDIS_CLI

WAIT_S = 20.0
COLUMNS = 500
"""So wide that no line is cut."""
_CLEAR_LINE = b"\x15"
_END = b"\x04"
_GREY = rb"\x1b\[0;90;49m(.*?)\x1b\[0m"


class Terminal:
    """An interactive redis-cli."""

    def __init__(self, port: int, home: Path) -> None:
        """`home` keeps its history and whatever else it may find away from the user's."""
        assert REDIS_CLI is not None
        self._prompt = f"127.0.0.1:{port}> ".encode()
        self._fd, inside = os.openpty()
        fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
        self._process = subprocess.Popen(
            [REDIS_CLI, "-p", str(port)],
            stdin=inside,
            stdout=inside,
            stderr=inside,
            env={"HOME": str(home), "TERM": "xterm", "PATH": "/usr/bin:/bin"},
        )
        os.close(inside)
        self._shown = b""

    def __enter__(self) -> Terminal:
        self._wait_for(re.compile(re.escape(self._prompt)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.write(self._fd, _END)
        try:
            self._process.wait(WAIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._fd)

    def hint(self, words: str) -> str:
        """What stands in grey behind these words; the line is empty again afterwards."""
        self._shown = b""
        os.write(self._fd, words.encode())
        # A line is drawn anew after each key: the prompt, the words, the hint, and the cursor's place.
        line = re.escape(self._prompt + words.encode())
        found = self._wait_for(re.compile(rb"\x1b\[0K" + line + rb"(?:" + _GREY + rb")?\r\x1b\[\d+C"))
        self._shown = b""
        os.write(self._fd, _CLEAR_LINE)
        self._wait_for(re.compile(rb"\x1b\[0K" + re.escape(self._prompt) + rb"\r\x1b\[\d+C"))
        return (found[1] or b"").decode()

    def _wait_for(self, pattern: re.Pattern[bytes]) -> re.Match[bytes]:
        give_up = time.monotonic() + WAIT_S
        while (found := pattern.search(self._shown)) is None:
            readable, _, _ = select.select([self._fd], [], [], max(0.0, give_up - time.monotonic()))
            assert readable, f"waited in vain for {pattern.pattern!r} in {self._shown!r}"
            self._shown += os.read(self._fd, 1 << 16)
        return found
