"""A node of ours or a redis-server, started with the same words: what one does, the other has to do."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.support.oracle import SERVER, Connection
from tests.support.ports import free_port
from tools.admin.waiting import wait_until
from tools.up.processes import NODE_COMMAND

PATIENCE_S = 30.0


class Either:
    """One of the two in a folder of its own, with nothing saved unless it is asked for."""

    def __init__(self, kind: str, folder: Path, *words: str, config: str | None = None) -> None:
        """`kind` is "starling" or "redis-server"; `config` the text of a config file, where there is to be
        one."""
        assert SERVER is not None
        self.command = NODE_COMMAND if kind == "starling" else (SERVER,)
        self.folder = folder
        self.port = free_port()
        self._words = words
        folder.mkdir()
        self.config = folder / "redis.conf"
        if config is not None:
            self.config.write_text(config)
        self.start()

    def start(self, *more: str) -> None:
        """Starts it, for the first time or again, on what is in the folder."""
        given = [str(self.config)] if self.config.exists() else []
        given += ["--port", str(self.port), "--dir", str(self.folder), "--save", "", "--bind", "127.0.0.1"]
        # The shortest wait, and a primary that does not move on while a test compares offsets.
        given += ["--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "3600"]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*self.command, *given, *self._words, *more], stdout=log, stderr=log
            )
        self.client: Connection
        wait_until("the server to answer", self._silent, PATIENCE_S)

    def _silent(self) -> str:
        assert self.process.poll() is None, self.log
        try:
            self.client = Connection(self.port, timeout_s=PATIENCE_S)
        except OSError as error:
            return str(error)
        if self.do("PING").startswith(b"-LOADING"):
            self.client.close()
            return "still loading"
        return ""

    def do(self, *argv: bytes | str | int) -> bytes:
        """The bytes of the reply to a request."""
        return self.client.raw(*argv)

    def ok(self, *argv: bytes | str | int) -> None:
        """A request that must be granted."""
        assert self.do(*argv) == b"+OK\r\n", argv

    def info(self, section: str, name: str) -> str:
        """A field of INFO; "" where there is none."""
        for line in self.do("INFO", section).decode().split("\r\n"):
            if line.startswith(f"{name}:"):
                return line.partition(":")[2]
        return ""

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def wait_for_log(self, text: str) -> None:
        self.until(f"the log to say {text!r}", lambda: text in self.log)

    def until(self, what: str, holds: Callable[[], bool]) -> None:
        wait_until(what, lambda: "" if holds() else "not yet", PATIENCE_S)

    def shutdown(self) -> None:
        """Has it save its data and end."""
        self.client._socket.sendall(b"SHUTDOWN SAVE\r\n")
        assert self.process.wait(PATIENCE_S) == 0
        self.client.close()

    def kill(self) -> None:
        """However it is."""
        self.client.close()
        self.process.kill()
        self.process.wait()
