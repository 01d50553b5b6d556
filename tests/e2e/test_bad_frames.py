"""What real nodes do with frames on their bus that nobody should send: the same as the core alone
(tests/cluster/core/test_bad_frames.py), behind sockets.
"""

from __future__ import annotations

import os
import random
import socket
from contextlib import suppress
from pathlib import Path

import pytest

from tests.e2e.partition import FIRST, HEIR, Divisible
from tests.support.strait import HOST
from tools.admin.form import cluster_info, view

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e")]

FRAMES = int(os.environ.get("STARLING_BUS_FRAMES", "600"))
AT_A_TIME = 50
"""So many datagrams find room in a socket at once; then each node is asked something."""


def harmed(frame: bytes, choice: random.Random) -> bytes:
    """The frame cut short, with other bytes or of another version; rubbish in its place; or as it is."""
    place = choice.randrange(len(frame))
    match choice.randrange(5):
        case 0:
            return frame[:place]
        case 1:
            return frame[:place] + choice.randbytes(1) + frame[place + 1 :]
        case 2:
            return frame[:2] + bytes([frame[2] + 1]) + frame[3:]
        case 3:
            return choice.randbytes(len(frame))
        case _:
            return frame


def seen(nodes: Divisible) -> list[object]:
    """Who is there, who follows whom and who owns what at which epoch, as each node has it."""
    return [
        sorted((each.id, each.primary_id, each.epoch, sorted(each.slots)) for each in view(client))
        for client in nodes.clients
    ]


def malformed(nodes: Divisible) -> int:
    return sum(int(cluster_info(client)["cluster_stats_frames_malformed"]) for client in nodes.clients)


@pytest.mark.timeout(60 + FRAMES // 100)
def test_bad_frames_change_no_view_and_stop_no_node(tmp_path: Path) -> None:
    with Divisible(tmp_path) as nodes:
        nodes.clients[HEIR].call("CLUSTER", "FAILOVER")
        nodes.until("the replica to take over", lambda: nodes.follows(FIRST) == nodes.id(HEIR))
        nodes.clients[HEIR].call("PUBLISH", "news", "hello")
        nodes.until("enough to send once more", lambda: len(nodes.strait.datagrams) > 100)
        nodes.wait_until_whole()
        before = seen(nodes)
        choice = random.Random(1)
        datagrams, links = list(nodes.strait.datagrams), list(nodes.strait.links)
        assert len(links) > 4
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for count in range(FRAMES):
                target, frame = choice.choice(datagrams)
                sender.sendto(harmed(frame, choice), (HOST, target))
                if count % AT_A_TIME == 0:
                    _connect(*choice.choice(links), choice)
                    assert [client.call("PING") for client in nodes.clients] == [b"PONG"] * 4
        assert malformed(nodes) >= FRAMES // 2
        nodes.wait_until_whole()
        assert seen(nodes) == before
        assert all(place.pid() is not None for place in nodes.places)
        assert nodes.health().is_sound


def _connect(target: int, said: bytearray, choice: random.Random) -> None:
    """Opens a link and says what another has said, whole or harmed."""
    with suppress(ConnectionError), socket.create_connection((HOST, target)) as link:
        link.sendall(bytes(said[:10]) + harmed(bytes(said[10:]) or b"x", choice))
