"""A whole cluster on this machine, in one folder: made the first time, started again with its data
afterwards.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.admin.client import Address, AdminError, Client
from tools.admin.form import form, wait_until_content
from tools.admin.plan import seat
from tools.up.processes import NODE_COMMAND, Place, require_free, start, stop, wait_until_serving

HOST = "127.0.0.1"
DEFAULTS = {"bind": HOST, "cluster-node-timeout": "5000"}
_LAYOUT = "cluster.json"


@dataclass(frozen=True)
class Layout:
    """What a folder's cluster was made with; kept beside it, so that a second `up` starts the same."""

    port: int
    primaries: int
    replicas: int
    options: Mapping[str, str]

    @property
    def ports(self) -> list[int]:
        """Neighbouring ports, primaries first."""
        return list(range(self.port, self.port + self.primaries * (self.replicas + 1)))

    def places(self, folder: Path) -> list[Place]:
        """A folder for each node, named by its port."""
        return [Place(folder / str(port), port) for port in self.ports]


def read_layout(folder: Path) -> Layout | None:
    """The layout of the cluster in a folder; None when there is none. Raises AdminError when it cannot be
    read.
    """
    path = folder / _LAYOUT
    try:
        return Layout(**json.loads(path.read_text()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise AdminError(f"{path} cannot be read: {error}") from error


class LocalCluster:
    """The nodes of one folder. `command` starts a node; its arguments are redis-server's."""

    def __init__(self, folder: Path, layout: Layout, command: Sequence[str] = NODE_COMMAND) -> None:
        self.folder = folder.resolve()
        self.layout = layout
        self.places = layout.places(self.folder)
        self._command = command
        password = layout.options.get("requirepass")
        self.clients = {(HOST, place.port): Client((HOST, place.port), password) for place in self.places}
        self.processes: dict[int, subprocess.Popen[bytes]] = {}

    def up(self, *, timeout_s: float = 60.0) -> None:
        """Starts every node that does not run and waits until the cluster is whole.

        Raises AdminError, and has stopped what it started, when a port is taken or a node does not come up.
        """
        missing = [place for place in self.places if place.pid() is None]
        if not missing:
            raise AdminError(f"the cluster in {self.folder} is running already (port {self.layout.port})")
        for place in missing:
            require_free(place.port)
        is_new = read_layout(self.folder) is None
        try:
            for place in missing:
                self.start(place)
            for place in missing:
                self.wait_until_serving(place)
            self._gather(is_new, timeout_s)
        except BaseException:
            self._stop(missing)
            if is_new:
                self._clear_traces()
            raise

    def start(self, place: Place) -> None:
        """Starts one node, with its data if it has any."""
        self.processes[place.port] = start(place, {**DEFAULTS, **self.layout.options}, self._command)

    def wait_until_serving(self, place: Place) -> None:
        """Waits for one node that has been started. Raises AdminError."""
        process = self.processes[place.port]
        wait_until_serving(self.client(place), place, lambda: process.poll() is not None)

    def client(self, place: Place) -> Client:
        """The connection to one node."""
        return self.clients[(HOST, place.port)]

    def _gather(self, is_new: bool, timeout_s: float) -> None:
        if not is_new:
            wait_until_content(self.clients, timeout_s=timeout_s)
            return
        addresses: list[Address] = [(HOST, port) for port in self.layout.ports]
        form(seat(addresses, self.layout.replicas), self.clients, timeout_s=timeout_s)
        fields = {name: getattr(self.layout, name) for name in ("port", "primaries", "replicas", "options")}
        (self.folder / _LAYOUT).write_text(json.dumps(fields, indent=2) + "\n")

    def _clear_traces(self) -> None:
        """A cluster that was never whole has no data; half a membership would only stop the next start."""
        for place in self.places:
            for name in ("nodes.conf", "dump.rdb"):
                (place.folder / name).unlink(missing_ok=True)

    def down(self) -> int:
        """Stops every node that runs and says how many did. Raises AdminError."""
        return self._stop(self.places)

    def _stop(self, places: Sequence[Place]) -> int:
        for place in places:
            self.client(place).close()
        stopped = stop(places)
        for place in places:
            if place.port in self.processes:
                self.processes[place.port].wait()
        return len(stopped)
