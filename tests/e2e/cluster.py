"""A real cluster of real processes for end-to-end tests: of Starling's nodes, or of redis-server's to prove
the tests.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from redis.cluster import RedisCluster

from tests.support.ports import free_port
from tools.admin.check import Health, check
from tools.admin.client import Client
from tools.admin.form import cluster_info, link_is_up, view
from tools.admin.topology import Cluster, Member
from tools.admin.waiting import wait_until
from tools.up.local import HOST, Layout, LocalCluster
from tools.up.processes import NODE_COMMAND, Place

REDIS_CLI = shutil.which("redis-cli")
NODE_TIMEOUT_MS = 1000
SERVER_VARIABLE = "STARLING_E2E_SERVER"
"""A program to run in place of `starling node`: with redis-server these tests test themselves."""


def server_command() -> Sequence[str]:
    """What starts a node."""
    other = os.environ.get(SERVER_VARIABLE)
    return [other] if other else NODE_COMMAND


class RunningCluster:
    """Primaries and replicas with a short node timeout, in a folder of their own."""

    def __init__(
        self,
        folder: Path,
        primaries: int = 3,
        replicas: int = 1,
        *,
        command: Sequence[str] | None = None,
        **options: str,
    ) -> None:
        chosen = {"cluster-node-timeout": str(NODE_TIMEOUT_MS), "save": ""} | options
        port = free_port(primaries * (replicas + 1))
        self.local = LocalCluster(
            folder, Layout(port, primaries, replicas, chosen), command or server_command()
        )
        self.local.up()

    @property
    def port(self) -> int:
        """The first node's."""
        return self.local.layout.port

    @property
    def address(self) -> str:
        """The first node's, as it is typed."""
        return f"{HOST}:{self.port}"

    def stop(self) -> None:
        """Ends all processes, paused ones too."""
        for place in self.local.places:
            if place.pid() is not None:
                self.signal(place.port, signal.SIGCONT)
        self.local.down()

    def client(self, port: int) -> Client:
        """Our own plain client to one node."""
        return self.local.clients[(HOST, port)]

    def redis(self) -> RedisCluster:
        """redis-py's cluster client as a user makes it."""
        return RedisCluster(host=HOST, port=self.port)

    def place(self, port: int) -> Place:
        """The node at a port."""
        return next(place for place in self.local.places if place.port == port)

    def signal(self, port: int, number: signal.Signals) -> None:
        """Sends a signal to one node's process."""
        pid = self.place(port).pid()
        assert pid is not None, f"no process at port {port}"
        os.kill(pid, number)

    def kill(self, port: int) -> None:
        """kill -9, and waits until the process is gone."""
        self.signal(port, signal.SIGKILL)
        self.local.processes[port].wait()
        self.client(port).close()

    def restart(self, port: int) -> None:
        """Starts a killed node again with what it has on disk."""
        self.local.start(self.place(port))
        self.local.wait_until_serving(self.place(port))

    def primaries(self) -> list[Member]:
        """The primaries that own slots, as the cluster sees it now."""
        cluster = Cluster(self._any_address())
        found = [member for member in cluster.primaries if member.slots]
        cluster.close()
        return found

    def replica_of(self, primary: Member) -> Member:
        """A replica that follows this primary."""
        cluster = Cluster(primary.address)
        found = cluster.replicas_of(next(one for one in cluster.members if one.id == primary.id))
        cluster.close()
        return found[0]

    def health(self) -> Health:
        """Our own check of the whole cluster."""
        cluster = Cluster(self._any_address())
        found = check(cluster)
        cluster.close()
        return found

    def _any_address(self) -> tuple[str, int]:
        return next((HOST, place.port) for place in self.local.places if place.pid() is not None)

    def wait_until_ok(self, timeout_s: float = 30.0) -> None:
        """Waits until every running node says ok, replicas are in step, and the check is clean."""
        wait_until("the cluster to be well", self._unwell, timeout_s)

    def _unwell(self) -> str:
        for place in self.local.places:
            if place.pid() is None:
                continue
            client = self.client(place.port)
            if cluster_info(client)["cluster_state"] != "ok":
                return f"cluster_state at port {place.port}"
            members = view(client)
            failed = [member for member in members if member.flags & {"fail", "fail?"}]
            if failed:
                return f"port {place.port} sees {failed[0].title} as failed"
            if not members[0].is_primary and not link_is_up(client):
                return f"the replica at port {place.port} is not in step"
        health = self.health()
        return "" if health.is_sound else "; ".join(health.lines())

    def until(self, what: str, holds: Callable[[], bool], timeout_s: float = 30.0) -> None:
        """Waits until a condition holds."""
        wait_until(what, lambda: "" if holds() else "not yet", timeout_s)


def redis_cli(*words: str, timeout_s: float = 100.0) -> str:
    """Runs redis-cli and returns what it printed; its failure is ours."""
    assert REDIS_CLI is not None
    done = subprocess.run([REDIS_CLI, *words], capture_output=True, text=True, timeout=timeout_s, check=False)
    assert done.returncode == 0, f"redis-cli {' '.join(words)}: {done.stdout}{done.stderr}"
    return done.stdout
