"""Primaries killed under load: which acknowledged writes are gone afterwards."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from redis.cluster import RedisCluster
from redis.exceptions import RedisError

from tests.e2e.cluster import RunningCluster
from tests.e2e.load import Busy
from tests.e2e.scenarios import key_of_slot
from tools.admin.client import AdminError, ServerError, UnreachableError
from tools.admin.form import view
from tools.admin.topology import Member

WRITERS = 4
KEYS = 30


class Additions(Busy):
    """Writers that add unique members to sets on all slots, and remember which were acknowledged. A context
    manager. To add one twice changes nothing, so clients may try again as they like.
    """

    def __init__(self, connect: Callable[[], RedisCluster]) -> None:
        self._connect = connect
        super().__init__(*(partial(self._write, number) for number in range(WRITERS)))
        self.acknowledged: list[set[str]] = [set() for _ in range(WRITERS)]
        self.refused = 0

    @property
    def count(self) -> int:
        """How many have been acknowledged."""
        return sum(map(len, self.acknowledged))

    def wait_for(self, count: int, timeout_s: float = 60.0) -> None:
        """Waits until so many more have been acknowledged."""
        due, deadline_s = self.count + count, time.monotonic() + timeout_s
        while self.count < due:
            assert time.monotonic() < deadline_s, f"no {count} writes in {timeout_s} s"
            time.sleep(0.005)

    def _write(self, number: int) -> None:
        client = self._connect()
        mine, choice = self.acknowledged[number], random.Random(number)
        tried = 0
        while not self._stopping.is_set():
            tried += 1
            member = f"{choice.randrange(KEYS)}:{number}.{tried}"
            try:
                client.sadd(f"additions:{member.partition(':')[0]}", member)
            except (RedisError, OSError):
                self.refused += 1
                time.sleep(0.01)
            else:
                mine.add(member)
        client.close()

    def lost(self) -> set[str]:
        """After the load: what was acknowledged and is not there."""
        client = self._connect()
        found: set[str] = set()
        for number in range(KEYS):
            members = client.smembers(f"additions:{number}")
            found |= {each.decode() if isinstance(each, bytes) else each for each in members}
        client.close()
        return set().union(*self.acknowledged) - found


@dataclass
class Failovers:
    """What a row of kills came to: from each kill until the replica answered, and what is gone."""

    takeovers_s: list[float] = field(default_factory=list)
    acknowledged: int = 0
    refused: int = 0
    lost: set[str] = field(default_factory=set)


def kill_primaries(
    cluster: RunningCluster, rounds: int, seed: int = 0, told: Callable[[str], None] = lambda _: None
) -> Failovers:
    """Kills a random primary under load, starts it again when its replica has taken over, and waits for the
    cluster to be whole; `rounds` times over.
    """
    choice, found = random.Random(seed), Failovers()
    with Additions(cluster.redis) as additions:
        for number in range(1, rounds + 1):
            cluster.until("every shard to take writes", lambda: _takes_writes(cluster), 60)
            additions.wait_for(200)
            took_s = _kill_one(cluster, choice.choice(cluster.primaries()))
            found.takeovers_s.append(took_s)
            told(f"kill {number}: the replica answered after {took_s:.2f} s, {additions.count} acknowledged")
    found.acknowledged, found.refused = additions.count, additions.refused
    found.lost = additions.lost()
    return found


def _kill_one(cluster: RunningCluster, primary: Member) -> float:
    heir = cluster.replica_of(primary)
    port, heir_port = primary.address[1], heir.address[1]
    key = key_of_slot(cluster.client(heir_port), primary.slots)
    started_s = time.monotonic()
    cluster.kill(port)
    cluster.until("the replica to answer", lambda: _answers(cluster, heir_port, key), 60)
    took_s = time.monotonic() - started_s
    cluster.restart(port)
    cluster.until(
        "the killed node to be a replica", lambda: view(cluster.client(port))[0].primary_id == heir.id, 60
    )
    cluster.until("the cluster to be whole", lambda: _is_whole(cluster), 60)
    return took_s


def _is_whole(cluster: RunningCluster) -> bool:
    try:
        cluster.wait_until_ok(5)
    except AdminError:
        return False  # a node that still loads answers with an error
    return True


def _takes_writes(cluster: RunningCluster) -> bool:
    """A primary whose replica is not in sync again must not die now: nobody could take its place."""
    for primary in cluster.primaries():
        client = cluster.client(primary.address[1])
        try:
            client.call("SET", key_of_slot(client, primary.slots), "taken")
        except (ServerError, UnreachableError):
            return False
    return True


def _answers(cluster: RunningCluster, port: int, key: str) -> bool:
    try:
        cluster.client(port).call("GET", key)
    except (ServerError, UnreachableError):
        return False
    return True
