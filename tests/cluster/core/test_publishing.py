"""What is published on one node reaches the others, or those of its shard."""

from __future__ import annotations

from cluster.core.core import Core
from cluster.core.effects import Address, Deliver, Send
from cluster.core.orders import Publish, Replicate
from protocol.gossip import messages as bus
from protocol.gossip.codec import FRAME_BYTES_MAX
from tests.cluster.core.alone import introduce, make_core, node_id, tell


def published(core: Core, message: bytes = b"hi", *, sharded: bool) -> list[Address]:
    """Where a message is sent."""
    core.order(core.now_ms, Publish(b"news", message, sharded))
    kinds = bus.Published | bus.ShardPublished
    sends = [each for each in core.take_effects() if isinstance(each, Send)]
    found = [each for each in sends if isinstance(each.message, kinds)]
    assert all(each.reliable for each in found)
    return [each.to for each in found]


def test_a_message_goes_to_all_and_a_shards_to_its_own() -> None:
    core = make_core()
    primary, replica = introduce(core, 1), introduce(core, 2, of=1)
    assert sorted(published(core, sharded=False), key=str) == sorted([primary, replica], key=str)
    assert published(core, sharded=True) == []
    core.order(core.now_ms, Replicate(node_id(1), 0))
    core.take_effects()
    assert sorted(published(core, sharded=True), key=str) == sorted([primary, replica], key=str)


def test_what_members_publish_is_delivered_and_strangers_are_not_heard() -> None:
    core = make_core()
    introduce(core, 1)
    assert Deliver(b"a", b"b", True) in tell(core, 1, bus.ShardPublished(node_id(1), 1, b"a", b"b"))
    assert Deliver(b"a", b"b", False) in tell(core, 1, bus.Published(node_id(1), 1, b"a", b"b"))
    assert not tell(core, 9, bus.Published(node_id(9), 1, b"a", b"b"))


def test_what_no_frame_can_carry_stays_here() -> None:
    core = make_core()
    introduce(core, 1)
    assert published(core, bytes(FRAME_BYTES_MAX), sharded=False) == []
