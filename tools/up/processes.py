"""Node processes on this machine: each with a folder of its own, a log and a pidfile in it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import tools
from tools.admin.client import AdminError, Client, ServerError, UnreachableError
from tools.admin.waiting import wait_until

NODE_COMMAND: tuple[str, ...] = (sys.executable, "-m", "tools.cli", "node")
BUS_OFFSET = 10000
STOP_TIMEOUT_S = 20.0
_PROC = Path("/proc")


@dataclass(frozen=True)
class Place:
    """Where one node lives: a folder, and a port on this machine."""

    folder: Path
    port: int

    @property
    def log(self) -> Path:
        """What the process prints."""
        return self.folder / "node.log"

    @property
    def pidfile(self) -> Path:
        """Written by whoever starts the process."""
        return self.folder / "node.pid"

    def pid(self) -> int | None:
        """The process that runs here; None when there is none. A pid that went to another program does not
        count.
        """
        try:
            pid = int(self.pidfile.read_text())
        except (OSError, ValueError):
            return None
        return pid if _is_ours(pid, self.folder) else None


def _is_ours(pid: int, folder: Path) -> bool:
    if _PROC.is_dir():
        try:
            return str(folder).encode() in (_PROC / str(pid) / "cwd").readlink().as_posix().encode()
        except OSError:
            return False
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def require_free(port: int) -> None:
    """Raises AdminError naming the port when the client or the bus port is out of range or taken."""
    if not 0 < port <= 65535 - BUS_OFFSET:
        raise AdminError(f"port {port} leaves no room for the bus port {port + BUS_OFFSET}")
    for number, kind in ((port, "client port"), (port + BUS_OFFSET, f"bus port of {port}")):
        for transport in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            with socket.socket(socket.AF_INET, transport) as probe:
                if transport == socket.SOCK_STREAM:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", number))
                except OSError as error:
                    raise AdminError(f"port {number} ({kind}) cannot be used: {error.strerror}") from error


def start(
    place: Place, options: Mapping[str, str], command: Sequence[str] = NODE_COMMAND
) -> subprocess.Popen[bytes]:
    """Starts a node in its folder and writes the pidfile. It outlives us and does not hear our Ctrl-C."""
    place.folder.mkdir(parents=True, exist_ok=True)
    words = [*command, "--port", str(place.port), "--dir", str(place.folder), "--cluster-enabled", "yes"]
    for name, value in options.items():
        words += [f"--{name}", *value.split(" ")]
    root = str(Path(tools.__file__).parents[1])
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    with place.log.open("ab") as log:
        process = subprocess.Popen(
            words,
            cwd=place.folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=os.environ | {"PYTHONPATH": path},
            start_new_session=True,
        )
    place.pidfile.write_text(f"{process.pid}\n")
    return process


def wait_until_serving(
    client: Client, place: Place, has_ended: Callable[[], bool], *, timeout_s: float = 30.0
) -> None:
    """Waits until a node answers PING. Raises AdminError with its last log line when it ended instead."""

    def missing() -> str:
        if has_ended():
            raise AdminError(f"the node at port {place.port} did not start: {last_lines(place.log)}")
        try:
            client.call("PING")
        except (ServerError, UnreachableError) as error:
            return str(error)
        return ""

    wait_until(f"the node at port {place.port} to answer", missing, timeout_s)


def last_lines(log: Path) -> str:
    """The last two lines that say something; a complaint about a directive takes two."""
    try:
        lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    except OSError:
        lines = []
    return " ".join(lines[-2:]) or f"nothing in {log}"


def stop(places: Sequence[Place], timeout_s: float = STOP_TIMEOUT_S) -> list[Place]:
    """Ends the nodes with SIGTERM, all at once, and waits; returns those that ran. Raises AdminError for one
    that stays.
    """
    running = [(place, pid) for place in places if (pid := place.pid()) is not None]
    for _, pid in running:
        os.kill(pid, signal.SIGTERM)
    deadline_s = time.monotonic() + timeout_s
    for place, pid in running:
        while place.pid() == pid:
            if time.monotonic() > deadline_s:
                raise AdminError(f"the node at port {place.port} (pid {pid}) does not stop; see {place.log}")
            _reap(pid)
            time.sleep(0.02)
        place.pidfile.unlink(missing_ok=True)
    return [place for place, _ in running]


def _reap(pid: int) -> None:
    """A child of ours stays a zombie until it is waited for."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return
