from __future__ import annotations

from cluster.core.effects import Address, Persist
from cluster.core.peers import Peer
from cluster.core.state import SAVE_DELAY_MS
from protocol.gossip.messages import COUNTER_MAX, EPOCH_STEP_MAX, VERSION_MAX, ViewRequest
from tests.cluster.core.alone import introduce, make_core, node_id


def test_members_are_in_order_of_id_whatever_the_order_of_arrival() -> None:
    one, other = make_core(), make_core()
    for number in (3, 1, 2):
        introduce(one, number)
    for number in (2, 3, 1):
        introduce(other, number)
    assert [peer.node_id for peer in one.members] == [node_id(1), node_id(2), node_id(3)]
    assert one.view_hash == other.view_hash
    one.remove(one.peers[node_id(2)])
    assert one.view_hash != other.view_hash
    other.remove(other.peers[node_id(2)])
    assert one.view_hash == other.view_hash


def test_handshakes_are_no_members_and_no_part_of_the_view() -> None:
    core = make_core()
    before = core.view_hash
    core.add(Peer(node_id(1), "10.0.0.9", 1, 2, handshake=True))
    assert not core.members
    assert core.member(node_id(1)) is None
    assert core.view_hash == before


def test_what_others_say_shares_a_write() -> None:
    core = make_core()
    core.tick(core.now_ms + 100)
    core.take_effects()
    for epoch in (5, 6, 7):
        core.sees_epoch(epoch)
    core._settle()
    assert not [effect for effect in core.take_effects() if isinstance(effect, Persist)]
    core.tick(core.now_ms + SAVE_DELAY_MS)
    (saved,) = [effect for effect in core.take_effects() if isinstance(effect, Persist)]
    assert "currentEpoch 7 " in saved.text


def test_an_epoch_that_nobody_can_have_counted_to_is_followed_in_small_steps() -> None:
    core = make_core()
    for _ in range(3):
        core.sees_epoch(VERSION_MAX - 1)
    assert core.current_epoch == COUNTER_MAX + 2 * EPOCH_STEP_MAX


def test_nothing_is_sent_to_a_member_whose_address_nobody_knows() -> None:
    core = make_core()
    core.take_effects()
    core.send(Address("", 17001), ViewRequest(core.me.node_id, 0, (0,), False))
    assert core.take_effects() == []
