"""What is published on one node reaches the others once and in order, or those of its shard."""

from __future__ import annotations

import random
from collections import Counter

from cluster.core import publishing
from cluster.core.core import Core
from cluster.core.effects import Address, Deliver, Effect, Send
from cluster.core.orders import Publish, Replicate
from cluster.core.snapshot import saved_text
from protocol.gossip import messages as bus
from protocol.gossip.codec import FRAME_BYTES_MAX
from tests.cluster.core.alone import introduce, make_core, node_id, sent, tell
from tests.cluster.core.cluster import Cluster, Node


class Ears:
    """What the clients of each node hear, in a formed cluster. `lost` is the share of links' frames that are
    lost, which a harness without real links shows as links that break all the time."""

    def __init__(self, primaries: int, replicas: int = 0, *, seed: int = 1, lost: float = 0.0) -> None:
        self.cluster = Cluster(seed, node_timeout_ms=15_000)
        self.heard: dict[str, list[bytes]] = {}
        self.frames: Counter[str] = Counter()
        self._rng = random.Random(seed)
        self._lost = lost
        self._carry_out = self.cluster._carry_out
        self.cluster._carry_out = self._hear  # type: ignore[method-assign]
        self.cluster.load(primaries, replicas)
        # All clocks are past the places at which they begin.
        self.cluster.run(1000)

    def _hear(self, node: Node, effect: Effect) -> None:
        if isinstance(effect, Deliver):
            self.heard.setdefault(node.name, []).append(effect.message)
            return
        if isinstance(effect, Send) and isinstance(effect.message, bus.Published | bus.PublishReceipt):
            self.frames[effect.message.kind] += 1
            if self._rng.random() < self._lost:
                return
        self._carry_out(node, effect)

    def publish(self, name: str, *texts: bytes) -> None:
        """In one turn of the node's loop."""
        core = self.cluster.core(name)
        for text in texts:
            core.order(self.cluster.now_ms, Publish(b"news", text, sharded=False))
        self.cluster._after(self.cluster.nodes[name])

    def lists(self, but: str) -> list[list[bytes]]:
        """What those who run have heard, but for the one who said it."""
        return [self.heard.get(node.name, []) for node in self.cluster.running() if node.name != but]


def published(core: Core, message: bytes = b"hi", *, sharded: bool) -> list[Address]:
    """Where a message is sent."""
    core.order(core.now_ms, Publish(b"news", message, sharded))
    kinds = bus.Published | bus.ShardPublished
    sends = [each for each in core.take_effects() if isinstance(each, Send)]
    found = [each for each in sends if isinstance(each.message, kinds)]
    assert all(each.reliable for each in found)
    return [each.to for each in found]


def handed(
    number: int, texts: list[bytes], *, first: int = 1, life: int = 1, origin: int = 1, until: str = ""
) -> bus.Published:
    """What member 1 hands us."""
    items = tuple(bus.Publication(b"news", text) for text in texts)
    return bus.Published(node_id(1), 1, node_id(origin), life, first, items, number, until)


def texts(effects: list[Effect]) -> list[bytes]:
    return [effect.message for effect in effects if isinstance(effect, Deliver)]


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
    assert texts(tell(core, 1, handed(1, [b"b"]))) == [b"b"]
    assert not tell(core, 9, bus.ShardPublished(node_id(9), 1, b"a", b"b"))
    # Nor what a member passes on for one whom we do not know, or for a life that nobody can have had.
    assert not texts(tell(core, 1, handed(2, [b"b"], origin=9)))
    assert not texts(tell(core, 1, handed(3, [b"b"], life=bus.COUNTER_MAX + 1)))


def test_what_no_frame_can_carry_stays_here() -> None:
    core = make_core()
    introduce(core, 1)
    assert published(core, bytes(FRAME_BYTES_MAX), sharded=False) == []
    assert len(published(core, bytes(publishing.MESSAGE_BYTES_MAX - 100), sharded=False)) == 1


def test_every_node_is_told_once_with_about_one_frame_a_node() -> None:
    for count in (2, 6, 40):
        ears = Ears(count)
        for number in range(5):
            ears.publish("n2", b"%d" % number)
            ears.cluster.run(300)
        assert ears.lists("n2") == [[b"0", b"1", b"2", b"3", b"4"]] * (count - 1)
        assert ears.frames["publish"] == 5 * (count - 1)
        assert ears.frames["publish-ack"] == 5 * (count - 1)
        assert "n2" not in ears.heard


def test_all_of_one_turn_travels_together() -> None:
    ears = Ears(10)
    said = [b"%d" % number for number in range(100)]
    ears.publish("n1", *said)
    ears.cluster.run(300)
    assert ears.lists("n1") == [said] * 9
    assert ears.frames["publish"] == 9


def test_publishers_of_a_large_cluster_share_their_links() -> None:
    ears = Ears(50)
    for name in ears.cluster.nodes:
        ears.publish(name, b"x")
    ears.cluster.run(300)
    links = {
        (source, target) for _, source, target, message in ears.cluster.sent if message.kind == "publish"
    }
    assert max(Counter(source for source, _ in links).values()) <= 20


def test_links_that_break_all_the_time_cost_time_but_no_message_and_no_order() -> None:
    for seed in range(5):
        ears = Ears(12, seed=seed, lost=0.05)
        said = [b"%d" % number for number in range(60)]
        for text in said:
            ears.publish("n3", text)
            ears.cluster.run(50)
        ears.cluster.run(8_000)
        for heard in ears.lists("n3"):
            assert heard == [text for text in said if text in set(heard)]
            # What is sent twice and lost twice is lost: pub/sub allows it.
            assert len(heard) >= 57


def test_whoever_is_behind_a_dead_head_hears_it_all_the_same() -> None:
    ears = Ears(12)
    ears.publish("n1", b"0")
    ears.cluster.run(300)
    order = sorted(ears.cluster.nodes, key=ears.cluster.id)
    # The one behind the publisher has the first stretch.
    head = order[(order.index("n1") + 1) % 12]
    ears.cluster.kill(head)
    ears.publish("n1", b"1")
    ears.cluster.run(100)
    ears.publish("n1", b"2")
    ears.cluster.run(3000)
    assert ears.lists("n1") == [[b"0", b"1", b"2"]] * 10
    # From then on nobody waits for it.
    ears.publish("n1", b"3")
    ears.cluster.run(20)
    assert ears.lists("n1") == [[b"0", b"1", b"2", b"3"]] * 10


def test_a_restarted_publisher_is_heard() -> None:
    ears = Ears(3)
    ears.publish("n1", b"0", b"1")
    ears.cluster.run(300)
    ears.cluster.kill("n1")
    core = ears.cluster.core("n1")
    core.incarnation_kept = core.me.incarnation
    ears.cluster.nodes["n1"].disk = saved_text(core)
    ears.cluster.restart("n1")
    ears.cluster.run(300)
    ears.publish("n1", b"2")
    ears.cluster.run(300)
    assert ears.lists("n1") == [[b"0", b"1", b"2"]] * 2


def test_a_former_life_of_a_publisher_is_not_heard() -> None:
    core = make_core()
    introduce(core, 1)
    assert texts(tell(core, 1, handed(1, [b"a"], first=1, life=1))) == [b"a"]
    assert texts(tell(core, 1, handed(2, [b"b"], first=1, life=2))) == [b"b"]
    assert texts(tell(core, 1, handed(3, [b"c"], first=2, life=1))) == []
    assert texts(tell(core, 1, handed(4, [b"d"], first=2, life=2))) == [b"d"]


def test_what_comes_out_of_order_is_held_and_what_comes_again_is_dropped() -> None:
    core = make_core()
    introduce(core, 1)
    assert texts(tell(core, 1, handed(1, [b"1"]))) == [b"1"]
    assert texts(tell(core, 1, handed(2, [b"3", b"4"], first=3))) == []
    assert texts(tell(core, 1, handed(2, [b"3", b"4"], first=3))) == []
    assert texts(tell(core, 1, handed(3, [b"1", b"2"], first=1))) == [b"2", b"3", b"4"]
    assert core.watch.duplicates == 3


def test_the_first_may_come_second() -> None:
    core = make_core()
    introduce(core, 1)
    assert texts(tell(core, 1, handed(2, [b"2"], first=2))) == []
    assert texts(tell(core, 1, handed(1, [b"1"], first=1))) == [b"1", b"2"]


def test_a_gap_ends() -> None:
    core = make_core()
    introduce(core, 1)
    tell(core, 1, handed(1, [b"1"]))
    tell(core, 1, handed(2, [b"3"], first=3))
    tell(core, 1, handed(3, [b"5"], first=5))
    for delay_ms, heard in ((publishing.GAP_MS - 1, []), (1, [b"3"]), (publishing.GAP_MS, [b"5"])):
        core.tick(core.now_ms + delay_ms)
        assert texts(core.take_effects()) == heard
    assert texts(tell(core, 1, handed(4, [b"4"], first=4))) == []


def test_what_is_held_is_bounded() -> None:
    core = make_core()
    introduce(core, 1)
    tell(core, 1, handed(1, [b""]))
    half = bytes(publishing.HELD_BYTES_MAX // 2)
    assert texts(tell(core, 1, handed(2, [half], first=3))) == []
    assert texts(tell(core, 1, handed(3, [half], first=5))) == [half]


def test_empty_messages_are_not_held_without_end_either() -> None:
    core = make_core()
    introduce(core, 1)
    tell(core, 1, handed(1, [b""]))
    batch = [b""] * 4096
    effects: list[Effect] = []
    for turn in range(20):
        effects += tell(core, 1, handed(2 + turn, batch, first=3 + turn * len(batch)))
    assert (
        20 * len(batch) - len(texts(effects)) <= publishing.HELD_BYTES_MAX // publishing.HELD_OVERHEAD_BYTES
    )


def test_what_waits_for_receipts_is_bounded() -> None:
    core = make_core()
    introduce(core, 1)
    text = bytes(publishing.MESSAGE_BYTES_MAX - 100)
    for _ in range(6):
        published(core, text, sharded=False)
    # Four of them are kept; all are sent again at once, for nothing was heard.
    core.tick(core.now_ms + 1001)
    assert len(sent(core.take_effects(), bus.Published)) == publishing.UNSENT_BYTES_MAX // len(text)


def test_a_receipt_names_an_unbroken_run() -> None:
    core = make_core()
    introduce(core, 1)
    runs = []
    for number in (5, 6, 9, 10):
        tell(core, 1, handed(number, [b"x"], first=number))
        core.tick(core.now_ms + publishing.RECEIPT_MS)
        runs += [send.message for send in sent(core.take_effects(), bus.PublishReceipt)]
    assert [(run.first, run.last) for run in runs if isinstance(run, bus.PublishReceipt)] == [
        (5, 5), (5, 6), (9, 9), (9, 10),
    ]  # fmt: skip


def test_a_frame_that_comes_again_is_passed_on_once_though_others_came_since() -> None:
    core = make_core()
    for number in range(1, 5):
        introduce(core, number)
    around = core.roster
    until = around[around.index(core.me.node_id) - 1]
    for number, is_first in ((1, True), (1, False), (2, True), (1, False)):
        effects = tell(core, 1, handed(number, [b"x"], first=number, until=until))
        assert bool(sent(effects, bus.Published)) is is_first
        assert texts(effects) == ([b"x"] if is_first else [])


def test_what_is_held_already_is_not_counted_as_more() -> None:
    core = make_core()
    introduce(core, 1)
    tell(core, 1, handed(1, [b"1"]))
    for number in (2, 3, 4):
        tell(core, 1, handed(number, [b"3"], first=3))
    assert core.watch.duplicates == 2
    half = bytes(publishing.HELD_BYTES_MAX // 2)
    for number in (5, 6, 7):
        assert texts(tell(core, 1, handed(number, [half], first=4))) == []
