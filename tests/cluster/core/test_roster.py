from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.core.peers import Peer
from cluster.core.roster import Base, Ordered, Owners, PeerTable, place_of, with_id, without_id
from protocol.gossip.slotset import from_slots

IDS = [f"{number:040x}" for number in range(6)]


def base() -> Base:
    made = [Peer(node_id, "10.0.0.1", 7000, 17000) for node_id in IDS]
    made[1].claims = made[1].owned = from_slots((0, 1, 2))
    made[4].claims = made[4].owned = from_slots((7,))
    return Base(made, 5)


def test_two_nodes_share_a_base_and_do_not_see_each_others_changes() -> None:
    shared = base()
    one, other = PeerTable(shared), PeerTable(shared)
    one[IDS[0]].suspected = True
    assert one[IDS[0]].suspected
    assert one[IDS[0]] is one[IDS[0]]
    assert not other[IDS[0]].suspected
    assert not shared.peers[IDS[0]].suspected


@given(st.lists(st.tuples(st.sampled_from("gsd"), st.sampled_from([*IDS, "f" * 40]))))
def test_a_table_over_a_base_is_a_mapping_like_any_other(steps: list[tuple[str, str]]) -> None:
    shared = base()
    table, model = PeerTable(shared), dict(shared.peers)
    for what, node_id in steps:
        if what == "g":
            assert (table.get(node_id) is None) == (node_id not in model)
        elif what == "s":
            table[node_id] = model[node_id] = Peer(node_id, "10.0.0.2", 1, 2)
        elif node_id in model:
            del table[node_id], model[node_id]
        else:
            with pytest.raises(KeyError):
                del table[node_id]
        assert len(table) == len(model)
        assert set(table) == set(model)
        assert [node_id in table for node_id in IDS] == [node_id in model for node_id in IDS]
    assert {peer.node_id: peer.host for peer in table.values()} == {
        peer.node_id: peer.host for peer in model.values()
    }


def test_a_base_knows_who_owns_what() -> None:
    shared = base()
    assert shared.primary_ids == (IDS[1], IDS[4])
    assert shared.owner_ids[:4] == [IDS[1], IDS[1], IDS[1], ""]
    assert shared.view.whole != 0


@pytest.mark.parametrize("without", ["", *IDS])
def test_ordered_peers_are_a_sequence_without_one(without: str) -> None:
    shared = base()
    ordered = Ordered(PeerTable(shared), shared.ids, without)
    expected = [node_id for node_id in IDS if node_id != without]
    assert [peer.node_id for peer in ordered] == expected
    assert [ordered[place].node_id for place in range(len(ordered))] == expected
    assert ordered[-1].node_id == expected[-1]
    assert [peer.node_id for peer in ordered[1:3]] == expected[1:3]
    with pytest.raises(IndexError):
        ordered[len(expected)]


def test_owners_are_the_bases_until_one_changes() -> None:
    shared = base()
    peers = PeerTable(shared)
    owners, untouched = Owners(peers, shared), Owners(PeerTable(shared), shared)
    owners.give(from_slots((1, 2)), IDS[4])
    owners.give(from_slots((7,)), "")
    assert [peer.node_id if peer else "" for peer in owners[:4]] == [IDS[1], IDS[4], IDS[4], ""]
    assert owners[7] is None
    assert owners[1] is peers[IDS[4]]
    assert owners.among(from_slots((0, 1, 7, 9))) == {IDS[1], IDS[4]}
    assert untouched.among(from_slots((0, 1, 7, 9))) == {IDS[1], IDS[4]}
    assert untouched[7] is not None


@given(st.sets(st.sampled_from(IDS)), st.sampled_from(IDS))
def test_ids_stay_in_order(ids: set[str], node_id: str) -> None:
    ordered = tuple(sorted(ids))
    assert with_id(ordered, node_id) == tuple(sorted(ids | {node_id}))
    assert without_id(ordered, node_id) == tuple(sorted(ids - {node_id}))
    assert (place_of(ordered, node_id) is None) == (node_id not in ids)
