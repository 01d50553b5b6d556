from __future__ import annotations

import copy
import random

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cluster.core.core import Core, Settings
from cluster.core.effects import Address, Persist, RoleChanged, Send
from cluster.core.orders import AddSlots, BumpEpoch, SaveConfig, SetSlotMigrating
from cluster.core.peers import Peer
from cluster.core.roster import Base
from protocol.gossip import messages as bus
from protocol.gossip.codec import encode
from tests.cluster.core.alone import introduce, make_core, node_id, sent, tell
from tests.cluster.core.cluster import Cluster
from tests.protocol.gossip.strategies import messages

STRANGER = Address("10.9.9.9", 17999)


@settings(max_examples=200)
@given(messages)
def test_a_stranger_who_does_not_ask_to_be_taken_in_changes_nothing(message: bus.Message) -> None:
    core = make_core()
    introduce(core, 1, slots=range(100), epoch=3)
    assume(message.sender not in core.peers)
    before = (core.view_hash, core.nodes_text(), core.current_epoch, core.last_vote_epoch)
    core.receive(core.now_ms, STRANGER, message)
    if not isinstance(message, bus.Meet):
        assert (core.view_hash, core.nodes_text(), core.current_epoch, core.last_vote_epoch) == before
        assert not [effect for effect in core.take_effects() if isinstance(effect, Send)]


@settings(max_examples=200, deadline=None)
@given(st.lists(messages, max_size=4), st.booleans())
def test_whatever_a_member_says_the_core_lives_on(said: list[bus.Message], about_us: bool) -> None:
    core = make_core()
    core.order(core.now_ms, AddSlots(tuple(range(50))))
    introduce(core, 1, slots=range(100, 200), epoch=3)
    introduce(core, 2, of=1)
    for number, message in enumerate(said):
        fields = {name: getattr(message, name) for name in message.__dataclass_fields__ if name != "kind"}
        fields["sender"] = node_id(1 + number % 2)
        if about_us and isinstance(message, bus.Update):
            fields["claim"] = bus.ClaimFact(core.me.node_id, 1 << 40, 5, "", 0)
        tell(core, 1, type(message)(**fields))
    for _ in range(20):
        deadline_ms = core.deadline_ms()
        assert deadline_ms is not None
        core.tick(deadline_ms)
    assert core.me.node_id in core.peers
    assert core.serving.count(1) in (0, core.me.owned.bit_count())


def test_the_disk_has_it_before_anyone_hears_of_it() -> None:
    core = make_core()
    introduce(core, 1)
    core.order(core.now_ms, AddSlots((1,)))
    effects = core.take_effects()
    kinds = [type(effect) for effect in effects]
    assert Persist in kinds
    assert kinds.index(Persist) < kinds.index(Send)
    saved = next(effect for effect in effects if isinstance(effect, Persist))
    assert make_core(saved=saved.text).me.incarnation > core.me.incarnation


def test_each_input_has_its_own_persist() -> None:
    core = make_core()
    core.take_effects()
    core.order(core.now_ms, BumpEpoch())
    core.order(core.now_ms, BumpEpoch())
    core.order(core.now_ms, SaveConfig())
    texts = [effect.text for effect in core.take_effects() if isinstance(effect, Persist)]
    assert len(texts) == 2
    assert "currentEpoch 1 " in texts[-1]


def test_one_seed_has_one_history() -> None:
    def history(seed: int) -> list[str]:
        cluster = Cluster(seed, loss=0.05)
        cluster.form(3, 1)
        cluster.kill("n1")
        cluster.run(4000)
        return [
            f"{at} {source} {target} {encode(message).hex()}" for at, source, target, message in cluster.sent
        ]

    assert history(5) == history(5)
    assert history(5) != history(6)


def test_messages_are_counted_by_kind() -> None:
    core = make_core()
    introduce(core, 1)
    before = core.messages_sent.get("pong", 0)
    effects = tell(core, 1, bus.Probe(node_id(1), 0, 1, 0, 0, 0))
    assert sent(effects, bus.Ack)
    assert core.messages_sent["pong"] == before + 1
    assert core.messages_received["ping"] == 1


def test_a_restarted_node_has_a_higher_incarnation() -> None:
    core = make_core()
    introduce(core, 1)
    core.order(core.now_ms, SaveConfig())
    saved = next(effect.text for effect in core.take_effects() if isinstance(effect, Persist))
    again = make_core(saved=saved)
    assert again.me.node_id == core.me.node_id
    assert again.me.incarnation > core.me.incarnation
    assert node_id(1) in again.peers


def test_new_settings_are_told() -> None:
    core = make_core()
    introduce(core, 1)
    core.settings.announce_hostname = "one.example.org"
    core.settings_changed(core.now_ms)
    told = sent(core.take_effects(), bus.Rumors)
    facts = [
        rumor.fact for send in told if isinstance(send.message, bus.Rumors) for rumor in send.message.rumors
    ]
    assert any(isinstance(fact, bus.MemberFact) and fact.hostname == "one.example.org" for fact in facts)
    assert "one.example.org" in core.node_line(core.me.node_id)


def test_only_what_must_outlive_a_power_cut_is_fsynced_at_once() -> None:
    core = make_core()
    introduce(core, 1)
    core.order(core.now_ms, AddSlots((1,)))
    core.take_effects()
    core.order(core.now_ms, SetSlotMigrating(1, node_id(1)))
    assert [effect.durable for effect in core.take_effects() if isinstance(effect, Persist)] == [False]
    core.order(core.now_ms, BumpEpoch())
    assert [effect.durable for effect in core.take_effects() if isinstance(effect, Persist)] == [True]


def test_what_was_written_is_fsynced_before_long() -> None:
    core = make_core()
    introduce(core, 1)
    core.order(core.now_ms, AddSlots((1,)))
    core.order(core.now_ms, SetSlotMigrating(1, node_id(1)))
    core.take_effects()
    end_ms, saved = core.now_ms + 1000, []
    while (due_ms := core.deadline_ms()) is not None and due_ms <= end_ms:
        core.tick(due_ms)
        saved += [effect for effect in core.take_effects() if isinstance(effect, Persist)]
    assert saved
    assert all(effect.durable for effect in saved)


def test_a_node_can_start_in_the_middle_of_a_formed_cluster() -> None:
    primary = Peer(node_id(1), "10.0.0.1", 7001, 17001, incarnation=1, claim_version=1, reachable=True)
    primary.claims = primary.owned = (1 << 16384) - 1
    replica = Peer(node_id(2), "10.0.0.1", 7002, 17002, incarnation=1, claim_version=1, reachable=True)
    replica.is_replica, replica.primary_id = True, primary.node_id
    base = Base((primary, replica), current_epoch=3)
    cores = [
        Core.formed(Settings(), random.Random(number), 1_000_000, copy.copy(peer), base)
        for number, peer in enumerate((primary, replica))
    ]
    assert [core.is_ok for core in cores] == [True, True]
    assert [all(core.serving) for core in cores] == [True, False]
    assert cores[0].view_hash == cores[1].view_hash == base.view.whole
    assert [core.current_epoch for core in cores] == [3, 3]
    assert [peer.node_id for peer in cores[1].members] == [primary.node_id]
    assert RoleChanged(primary.node_id, primary.host, primary.port) in cores[1].take_effects()


def test_a_fail_that_only_nodes_conf_knows_is_found_anew() -> None:
    """It has no certificate there, with which others could be convinced."""
    core = make_core()
    introduce(core, 1, slots=range(10), epoch=2)
    peer = core.peers[node_id(1)]
    peer.failed, peer.failed_incarnation = True, peer.incarnation
    core.judged(peer)
    core.order(core.now_ms, SaveConfig())
    saved = next(effect.text for effect in core.take_effects() if isinstance(effect, Persist))
    assert "fail" in saved
    again = make_core(saved=saved)
    assert not again.peers[node_id(1)].failed
    assert not again.troubled
