"""Frames that nobody should send: rubbish, cut, of another version, a stranger's, and old ones once more.

They change no view and stop no node. STARLING_BUS_FRAMES says how many are tried.
"""

from __future__ import annotations

import dataclasses
import os
import struct
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.core.effects import Address
from cluster.core.orders import AddSlots, DelSlots, Failover, Publish
from protocol.gossip.codec import MalformedFrame, decode, encode
from protocol.gossip.messages import Meet
from tests.cluster.core.cluster import Cluster, Node
from tests.protocol.gossip.strategies import messages

FRAMES = int(os.environ.get("STARLING_BUS_FRAMES", "600"))
BATCH = 20
STRANGER = Address("10.9.9.9", 17001)

Harm = Callable[["History"], tuple[str, Address, bytes]]
"""Makes a frame, and says to whom it goes and from where it comes."""


class History:
    """A cluster that has been through much, and every frame that was sent meanwhile."""

    def __init__(self) -> None:
        self.cluster = cluster = Cluster(seed=3, node_timeout_ms=1000, loss=0.02)
        cluster.form(3, 1)
        cluster.order("n4", Failover(""))
        cluster.run_until(lambda: cluster.agree() and not cluster.core("n4").me.is_replica, 10_000)
        cluster.kill("n2")
        cluster.run_until(lambda: not cluster.core("n5").me.is_replica, 20_000)
        cluster.restart("n2")
        cluster.run_until(lambda: cluster.core("n2").me.is_replica, 20_000)
        cluster.stop("n3")
        cluster.run(900)
        cluster.resume("n3")
        cluster.split({"n1", "n6"}, {"n2", "n3", "n4", "n5"})
        cluster.run(3000)
        cluster.heal()
        cluster.order("n3", DelSlots((16383,)))
        cluster.order("n3", AddSlots((16383,)))
        for number in range(3):
            cluster.order("n1", Publish(b"news", b"%d" % number, sharded=False))
            cluster.order("n1", Publish(b"news", b"%d" % number, sharded=True))
        cluster.run(20_000)
        self.sent = [
            (target, cluster.nodes[source].address, encode(said)) for _, source, target, said in cluster.sent
        ]
        self.nodes = list(cluster.nodes.values())
        self.before = [self._holds(node) for node in self.nodes]
        self.hashes = self._hashes()

    def _holds(self, node: Node) -> tuple[object, ...]:
        """Roles, slots, epochs and state as a node sees them."""
        core = node.core
        lines = [line.split() for line in core.nodes_text().splitlines()]
        # Not when it last pinged and heard whom.
        return (sorted([*line[:4], *line[6:]] for line in lines), core.current_epoch, core.is_ok)

    def _hashes(self) -> list[int]:
        """Of whole views, with the versions of all that is in them."""
        return [node.core.view_hash for node in self.nodes]

    def receive(self, target: str, source: Address, frame: bytes) -> None:
        """A node receives a frame, and does what it has to do about it."""
        node = self.cluster.nodes[target]
        node.core.receive(self.cluster.now_ms, source, decode(frame))
        self.cluster._after(node)

    def check(self, *, versions: bool = True) -> None:
        """All see what they saw, and hold it in the same versions."""
        assert [self._holds(node) for node in self.nodes] == self.before
        if versions:
            assert self._hashes() == self.hashes
        assert self.cluster.agree()
        # The list of what was sent would grow for ever.
        self.cluster.sent.clear()


@pytest.fixture(scope="module")
def history() -> History:
    found = History()
    assert found.cluster.agree()
    assert all(node.core.is_ok for node in found.cluster.nodes.values())
    kinds = {decode(frame).kind for _, _, frame in found.sent}
    assert kinds >= {
        "meet", "welcome", "ping", "pong", "rumor", "receipt", "ballots", "auth-req", "auth-ack",
        "view", "view-req", "mfstart", "mfoffset", "publish", "publish-ack", "publishshard",
    }  # fmt: skip
    return found


def resealed(frame: bytes) -> bytes:
    """The frame with the checksum that fits it."""
    return frame[:6] + struct.pack(">I12x", zlib.crc32(frame[22:], frame[3])) + frame[22:]


def _cut(place: int, length: int) -> Harm:
    def make(history: History) -> tuple[str, Address, bytes]:
        target, source, frame = history.sent[place % len(history.sent)]
        return target, source, frame[: length % len(frame)]

    return make


def _flipped(place: int, at: int, bits: int) -> Harm:
    def make(history: History) -> tuple[str, Address, bytes]:
        target, source, frame = history.sent[place % len(history.sent)]
        at_ = at % len(frame)
        return target, source, frame[:at_] + bytes([frame[at_] ^ bits]) + frame[at_ + 1 :]

    return make


def _of_another_version(place: int, at: int, bits: int) -> Harm:
    """Magic, version or key id are others; the checksum fits."""

    def make(history: History) -> tuple[str, Address, bytes]:
        target, source, frame = history.sent[place % len(history.sent)]
        return target, source, resealed(frame[:at] + bytes([frame[at] ^ bits]) + frame[at + 1 :])

    return make


def _again(place: int) -> Harm:
    return lambda history: history.sent[place % len(history.sent)]


places = st.integers(0, 1 << 16)
bits = st.integers(1, 255)
malformed = st.one_of(
    st.binary(max_size=200).map(lambda data: lambda _: ("n1", STRANGER, data)),
    st.builds(_cut, places, places),
    st.builds(_flipped, places, places, bits),
    st.builds(_of_another_version, places, st.sampled_from([0, 1, 2, 4, 5]), bits),
)
again = st.builds(_again, places)
# A Meet is how strangers become members: whoever can reach the bus may join, as in Redis.
strangers = messages.filter(lambda message: not isinstance(message, Meet)).map(
    lambda message: lambda _: ("n1", STRANGER, encode(dataclasses.replace(message, sender="f" * 40)))
)
kinds = (malformed, malformed, malformed, again, again, again, strangers)
frames = st.sampled_from(kinds).flatmap(lambda kind: st.tuples(st.just(kind is malformed), kind))
batches = st.lists(frames, min_size=BATCH, max_size=BATCH)


@settings(max_examples=max(1, FRAMES // BATCH), deadline=None)
@given(batch=batches, pause_ms=st.integers(0, 60))
def test_bad_frames_change_no_view_and_stop_no_node(
    history: History, batch: list[tuple[bool, Harm]], pause_ms: int
) -> None:
    for is_malformed, harm in batch:
        target, source, frame = harm(history)
        if is_malformed:
            with pytest.raises(MalformedFrame):
                decode(frame)
        else:
            history.receive(target, source, frame)
    history.cluster.run(pause_ms)
    history.check()


def test_a_whole_history_once_more_changes_no_view(history: History) -> None:
    for place, (target, source, frame) in enumerate(history.sent):
        history.receive(target, source, frame)
        if place % 100 == 0:
            history.cluster.run(5)
    history.cluster.run(3000)
    history.check()


def test_a_history_told_to_the_wrong_nodes_makes_them_defend_themselves_and_no_more() -> None:
    """Whoever is told of an accusation, though it was another's, says that it lives: with a new version."""
    history = History()
    for place, (_, source, frame) in enumerate(history.sent):
        history.receive(f"n{place % 6 + 1}", source, frame)
        if place % 100 == 0:
            history.cluster.run(5)
    history.cluster.run(3000)
    history.check(versions=False)
