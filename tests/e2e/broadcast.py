"""Messages published on several nodes at once, and what a client of every node hears of them."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from redis import Redis

from tests.e2e.cluster import RunningCluster
from tools.admin.form import cluster_info

CHANNEL = "broadcast"
PUBLISHERS = 3
BATCH = 20
"""So many PUBLISH a client sends at a time."""


@dataclass
class Heard:
    """`faults` has the nodes whose client did not hear each publisher's messages once each and in order."""

    messages: int
    faults: list[str] = field(default_factory=list)
    took_s: float = 0.0
    frames_a_node: float = 0.0
    """Frames sent between nodes, by all nodes together, for each message and each node that is to be told."""


class Ear(threading.Thread):
    """A client that listens on one node, until it has heard so many messages or nothing for a while."""

    def __init__(self, port: int, count: int) -> None:
        super().__init__()
        self.port = port
        self.heard: dict[str, list[int]] = {}
        self._count = count
        # Kept, as redis-py would close the connection with it, and subscribe anew on another.
        self._client = Redis(port=port, socket_timeout=30)
        self._pubsub = self._client.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
        self._pubsub.subscribe(CHANNEL)
        assert self._pubsub.get_message(timeout=10) is None

    def run(self) -> None:
        for _ in range(self._count):
            message = None
            deadline_s = time.monotonic() + 20
            while message is None and time.monotonic() < deadline_s:
                message = self._pubsub.get_message(timeout=1)
            if message is None:
                return
            publisher, number = message["data"].decode().split(":")
            self.heard.setdefault(publisher, []).append(int(number))

    def more(self) -> int:
        """How many more come within a moment, which would be too many."""
        found = 0
        while self._pubsub.get_message(timeout=0.2) is not None:
            found += 1
        self._pubsub.close()
        self._client.close()
        return found


def broadcast(cluster: RunningCluster, messages: int) -> Heard:
    """Publishes so many in all, from a few nodes at once, with a listener on every node."""
    ports = [place.port for place in cluster.local.places]
    share = messages // PUBLISHERS
    found = Heard(share * PUBLISHERS)
    ears = [Ear(port, found.messages) for port in ports]
    frames = -_frames(cluster)
    started_s = time.monotonic()
    publishers = [threading.Thread(target=_publish, args=(port, share)) for port in ports[-PUBLISHERS:]]
    for thread in [*ears, *publishers]:
        thread.start()
    for thread in [*publishers, *ears]:
        thread.join()
    found.took_s = time.monotonic() - started_s
    frames += _frames(cluster)
    found.frames_a_node = frames / (found.messages * (len(ports) - 1))
    expected = {str(port): list(range(share)) for port in ports[-PUBLISHERS:]}
    for ear in ears:
        more = ear.more()
        if ear.heard != expected or more:
            counts = {publisher: len(numbers) for publisher, numbers in ear.heard.items()}
            found.faults.append(f"port {ear.port} heard {counts} and {more} more")
    return found


def _publish(port: int, count: int) -> None:
    with Redis(port=port) as client:
        for first in range(0, count, BATCH):
            with client.pipeline(transaction=False) as pipe:
                for number in range(first, min(first + BATCH, count)):
                    pipe.publish(CHANNEL, f"{port}:{number}")
                pipe.execute()


def _frames(cluster: RunningCluster) -> int:
    return sum(
        int(cluster_info(cluster.client(place.port)).get("cluster_stats_messages_publish_sent", "0"))
        for place in cluster.local.places
    )
