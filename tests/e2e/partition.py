"""Three primaries, of which the first has a replica and can be cut off from all others."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import TracebackType

from tests.support.ports import free_port
from tests.support.strait import HOST, Strait
from tools.admin.check import Health, check
from tools.admin.client import AdminError, Client, ServerError
from tools.admin.form import form, link_is_up, view, wait_until_content
from tools.admin.plan import Seat
from tools.admin.topology import Cluster
from tools.admin.waiting import wait_until
from tools.up.processes import BUS_OFFSET, NODE_COMMAND, Place, start, stop, wait_until_serving

NODE_TIMEOUT_MS = 1000
RANGES = [(0, 5460), (5461, 10922), (10923, 16383)]
FIRST, SECOND, THIRD, HEIR = range(4)


class Divisible:
    """The cluster, in a folder. All of the bus, and the first node's clients' port as others know it, is led
    through a Strait; tests ask each node at its own port. A context manager."""

    def __init__(self, folder: Path) -> None:
        self.strait = Strait()
        ports = free_port(8)
        self.places = [Place(folder / str(port), port) for port in range(ports, ports + 4)]
        self.clients = [Client((HOST, place.port), timeout_s=10) for place in self.places]
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Divisible:
        first = self.places[FIRST]
        for place in self.places:
            self.strait.carry_bus(place.port + 4 + BUS_OFFSET, place.port + BUS_OFFSET)
        self.strait.carry_clients(first.port + 4, first.port, first.port + BUS_OFFSET)
        self.strait.__enter__()
        try:
            self._start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def _start(self) -> None:
        for place in self.places:
            options = {
                "bind": HOST, "save": "", "cluster-node-timeout": str(NODE_TIMEOUT_MS),
                "cluster-announce-bus-port": str(place.port + 4 + BUS_OFFSET),
            }  # fmt: skip
            if place is self.places[FIRST]:
                options["cluster-announce-port"] = str(place.port + 4)
            self._processes.append(start(place, options, NODE_COMMAND))
        for place, client, process in zip(self.places, self.clients, self._processes, strict=True):
            wait_until_serving(client, place, partial(_has_ended, process))
        seats = [Seat(client.address, slots) for client, slots in zip(self.clients, RANGES, strict=False)]
        seats.append(Seat(self.clients[HEIR].address, primary=self.clients[FIRST].address))
        form(seats, {client.address: client for client in self.clients})

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in self.clients:
            client.close()
        stop(self.places)
        for process in self._processes:
            process.wait()
        self.strait.__exit__()

    def cut(self) -> None:
        """From now on the first node and the others do not reach each other."""
        self.strait.cut_off = self.places[FIRST].port + BUS_OFFSET

    def heal(self) -> None:
        """What stood still goes on, too."""
        self.strait.cut_off = 0

    def until(self, what: str, holds: Callable[[], bool]) -> None:
        """Waits until a condition holds; a node that cannot say yet (LOADING) is asked again. Raises
        AdminError."""

        def missing() -> str:
            try:
                return "" if holds() else "not yet"
            except ServerError as error:
                return str(error)

        wait_until(what, missing, 60.0)

    def follows(self, number: int) -> str | None:
        """The id of the primary that a node follows, by its own word."""
        return view(self.clients[number])[0].primary_id

    def id(self, number: int) -> str:
        """A node's id."""
        return self.clients[number].text("CLUSTER", "MYID")

    def wait_until_whole(self) -> None:
        """Waits until all nodes see all others well and say ok."""
        self.until("the old primary's copy", lambda: link_is_up(self.clients[FIRST]))
        wait_until_content({client.address: client for client in self.clients})

    def health(self) -> Health:
        """`starling check`."""
        cluster = Cluster(self.clients[SECOND].address)
        found = check(cluster)
        cluster.close()
        return found


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    return process.poll() is not None


def refusal(client: Client, key: str) -> str:
    """The first word of what a node says to a write; "" when it takes it."""
    try:
        client.call("SET", key, "x")
    except ServerError as error:
        return error.code
    return ""


class Writer(threading.Thread):
    """Writes to the nodes on the majority's side, each in turn, what they take; a context manager."""

    def __init__(self, nodes: Divisible) -> None:
        super().__init__()
        self.acknowledged: dict[str, str] = {}
        self.taken = dict.fromkeys((SECOND, THIRD, HEIR), 0)
        self._clients = {number: Client(nodes.clients[number].address) for number in self.taken}
        self._ending = threading.Event()

    def __enter__(self) -> Writer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self.join()

    def run(self) -> None:
        count = 0
        while not self._ending.is_set():
            count += 1
            for number, client in self._clients.items():
                key, value = f"majority:{count}", f"{number}:{count}"
                try:
                    client.call("SET", key, value)
                except AdminError:
                    continue
                self.acknowledged[key] = value
                self.taken[number] += 1
            time.sleep(0.001)
        for client in self._clients.values():
            client.close()
