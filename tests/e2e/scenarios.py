"""What users do to a cluster that is in use; short in the tests, long in `tests.e2e.marathon`."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from types import TracebackType

from tests.e2e.cluster import NODE_TIMEOUT_MS, RunningCluster, redis_cli
from tests.e2e.load import Load, Tally
from tools.admin.client import AdminError, Client, ServerError, UnreachableError
from tools.admin.form import view
from tools.admin.topology import Member

STEP_DOWN_S_MAX = 5.0
REPLICATION_LAG_S = 1.0
"""Replication is asynchronous, as Redis's: what was acknowledged within this time before a kill may be lost.
"""


def reshard_there_and_back(cluster: RunningCluster, slots: int) -> tuple[Tally, dict[str, float]]:
    """`starling reshard` moves slots and `redis-cli --cluster reshard` moves them back, under load."""
    source, target = cluster.primaries()[:2]
    with Load(cluster.redis) as load:
        load.wait_for_writes(100)
        starling(
            "reshard", cluster.address, "--from", source.id, "--to", target.id, "--slots", str(slots), "--yes"
        )
        load.wait_for_writes(100)
        asked = ["--cluster-from", target.id, "--cluster-to", source.id, "--cluster-slots", str(slots)]
        redis_cli("--cluster", "reshard", cluster.address, *asked, "--cluster-yes")
        load.wait_for_writes(100)
    return load.tally, load.lost()


def starling(*words: str) -> str:
    """Runs a `starling` verb and returns what it printed; its failure is ours."""
    command = [sys.executable, "-m", "tools.cli", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, f"starling {' '.join(words)}: {done.stdout}{done.stderr}"
    return done.stdout


@dataclass
class Kill:
    """One `kill -9` of a primary."""

    port: int
    heir_port: int
    takeover_s: float
    """From the kill until the replica accepted a write to one of the slots."""
    whole_s: float
    """From the kill until every node that runs said cluster_state:ok."""


@dataclass
class Kills:
    """What a row of kills did."""

    kills: list[Kill] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)
    lost_s: list[float] = field(default_factory=list)
    """For each acknowledged write that is gone: how long before the next kill it was acknowledged."""


def kill_primaries(cluster: RunningCluster, rounds: int, seed: int = 0) -> Kills:
    """Kills a random primary under load, waits for its heir, starts it again as a replica; `rounds` times
    over.
    """
    choice, found, killed_s = random.Random(seed), Kills(), []
    with Load(cluster.redis) as load:
        for _ in range(rounds):
            load.wait_for_writes(100)
            killed_s.append(time.monotonic())
            found.kills.append(_kill_one(cluster, choice.choice(cluster.primaries())))
    found.tally = load.tally
    found.lost_s = [
        min((k - at_s for k in killed_s if k >= at_s), default=-1.0) for at_s in load.lost().values()
    ]
    return found


def _kill_one(cluster: RunningCluster, primary: Member) -> Kill:
    heir = cluster.replica_of(primary)
    port, heir_port = primary.address[1], heir.address[1]
    key = key_of_slot(cluster.client(heir_port), primary.slots)
    started_s = time.monotonic()
    cluster.kill(port)
    cluster.until("the replica to serve", lambda: _accepts(cluster.client(heir_port), key))
    takeover_s = time.monotonic() - started_s
    cluster.until("cluster_state:ok", lambda: _all_say_ok(cluster))
    whole_s = time.monotonic() - started_s
    cluster.restart(port)
    cluster.until(
        "the killed node to be a replica", lambda: view(cluster.client(port))[0].primary_id == heir.id
    )
    cluster.wait_until_ok()
    return Kill(port, heir_port, takeover_s, whole_s)


def _all_say_ok(cluster: RunningCluster) -> bool:
    return all(
        "cluster_state:ok" in cluster.client(place.port).text("CLUSTER", "INFO")
        for place in cluster.local.places
        if place.pid() is not None
    )


def key_of_slot(client: Client, slots: set[int]) -> str:
    """A key that falls into one of these slots."""
    names = (f"probe:{number}" for number in range(100_000))
    return next(name for name in names if client.call("CLUSTER", "KEYSLOT", name) in slots)


def _accepts(client: Client, key: str) -> bool:
    try:
        return bool(client.call("SET", key, "taken over") == b"OK")
    except (ServerError, UnreachableError):
        return False


class Watch:
    """Polls every node for its own claim; no two may claim one slot in one config epoch. A context manager.

    Two primaries may both think that they own a slot for a moment, the old one not yet knowing; never in the
    same epoch,
    and once a claim with a higher epoch is known to a node, it must not go back to the older one.
    """

    def __init__(self, cluster: RunningCluster) -> None:
        self._ports = [place.port for place in cluster.local.places]
        self._seen: dict[tuple[int, str], tuple[int, set[int]]] = {}
        self._claims: dict[tuple[int, int], str] = {}
        self._highest: dict[tuple[int, int], int] = {}
        self.violations: list[str] = []
        self.rounds = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        clients = [Client(("127.0.0.1", port), timeout_s=0.1) for port in self._ports]
        while not self._stopping.wait(0.02):
            for client in clients:
                try:
                    self._look(client.address[1], view(client))
                except AdminError:
                    continue
            self.rounds += 1
        for client in clients:
            client.close()

    def _look(self, port: int, members: list[Member]) -> None:
        news = [member for member in members if member.is_primary and self._is_news(port, member)]
        for member in news:
            for slot in member.slots:
                if member is members[0]:
                    self._claim(slot, member)
                highest = self._highest.get((port, slot), 0)
                if member.epoch < highest:
                    self.violations.append(
                        f"{port} went back on slot {slot}: epoch {member.epoch} after {highest}"
                    )
                self._highest[(port, slot)] = member.epoch

    def _is_news(self, port: int, member: Member) -> bool:
        now = (member.epoch, member.slots)
        before = self._seen.get((port, member.id))
        self._seen[(port, member.id)] = now
        return now != before

    def _claim(self, slot: int, member: Member) -> None:
        claimed_by = self._claims.setdefault((slot, member.epoch), member.id)
        if claimed_by != member.id:
            self.violations.append(
                f"slot {slot} has two owners in epoch {member.epoch}: {claimed_by}, {member.id}"
            )


@dataclass
class Pause:
    """What came of stopping a primary for longer than the node timeout."""

    takeover_s: float
    step_down_s: float
    violations: list[str]
    rounds: int


def pause_primary(cluster: RunningCluster, pause_s: float) -> Pause:
    """SIGSTOP of a primary, SIGCONT after `pause_s`; times of its heir's takeover and of its own stepping
    down.
    """
    primary = cluster.primaries()[0]
    heir = cluster.replica_of(primary)
    port, heir_port = primary.address[1], heir.address[1]
    key = key_of_slot(cluster.client(heir_port), primary.slots)
    with Watch(cluster) as watch:
        started_s = time.monotonic()
        cluster.signal(port, signal.SIGSTOP)
        cluster.until("the replica to serve", lambda: _accepts(cluster.client(heir_port), key))
        takeover_s = time.monotonic() - started_s
        time.sleep(max(0.0, started_s + pause_s - time.monotonic()))
        resumed_s = time.monotonic()
        cluster.signal(port, signal.SIGCONT)
        cluster.until(
            "the old primary to step down", lambda: view(cluster.client(port))[0].primary_id == heir.id
        )
        step_down_s = time.monotonic() - resumed_s
        cluster.wait_until_ok()
    return Pause(takeover_s, step_down_s, watch.violations, watch.rounds)


def takeover_s_max() -> float:
    """The node timeout, twice it for an election that has to be held again, and a moment."""
    return 3 * NODE_TIMEOUT_MS / 1000 + 2
