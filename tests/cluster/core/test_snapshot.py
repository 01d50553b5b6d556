from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.core.core import Core
from cluster.core.orders import AddSlots, Forget, Meet, Replicate, SetSlotImporting, SetSlotMigrating
from cluster.core.snapshot import CorruptSnapshot, nodes_text, parse, saved_text
from tests.cluster.core.alone import introduce, make_core, node_id

OWNER = "b56f67ce4c5945352a796592162b162cbaf1eff8"
MYSELF = "e1811ddc16dd5b0f1ceeb7753ec071e4fd2adfe5"
# As Redis 7.0.15 writes it.
REDIS = (
    f"{OWNER} 127.0.0.1:27102@37102 master - 0 1795229216129 4 connected 1-2 9\n"
    f"{MYSELF} 127.0.0.1:27101@37101 myself,slave {OWNER} 0 0 4 connected\n"
    "vars currentEpoch 4 lastVoteEpoch 3\n"
)


def busy() -> Core:
    core = make_core()
    core.order(core.now_ms, AddSlots((1, 2, 3, 7, 16383)))
    introduce(core, 1, slots=range(100, 200), epoch=4)
    introduce(core, 2, of=1)
    introduce(core, 3)
    core.peers[node_id(2)].failed = True
    core.peers[node_id(3)].suspected = True
    core.peers[node_id(3)].hostname = "three.example.org"
    core.order(core.now_ms, SetSlotMigrating(3, node_id(1)))
    core.order(core.now_ms, SetSlotImporting(150, node_id(1)))
    core.last_vote_epoch = 2
    return core


def test_a_file_of_redis_is_read() -> None:
    snapshot = parse(REDIS)
    assert snapshot.me.node_id == MYSELF
    assert snapshot.me.primary_id == OWNER
    assert (snapshot.current_epoch, snapshot.last_vote_epoch) == (4, 3)
    assert snapshot.peers[0].claims == 0b1000000110


def test_what_is_saved_is_read_back() -> None:
    core = busy()
    again = make_core(saved=saved_text(core))
    kept = ("host", "port", "bus_port", "is_replica", "primary_id", "owned", "hostname")
    assert again.peers[node_id(1)].config_epoch == 4
    for number in (1, 2, 3):
        for name in kept:
            before, after = core.peers[node_id(number)], again.peers[node_id(number)]
            assert getattr(before, name) == getattr(after, name), name
    assert again.me.owned == core.me.owned
    assert (again.migrating, again.importing) == (core.migrating, core.importing)
    assert (again.current_epoch, again.last_vote_epoch) == (4, 2)
    assert again.me.incarnation > core.me.incarnation


def test_flags_are_redis_s() -> None:
    core = busy()
    core.order(core.now_ms, Meet("10.0.0.9", 7009, 17009))
    flags = {line.split()[0]: line.split()[2] for line in nodes_text(core).splitlines()}
    assert flags.pop(core.me.node_id) == "myself,master"
    assert flags.pop(node_id(1)) == "master"
    assert flags.pop(node_id(2)) == "slave,fail"
    assert flags.pop(node_id(3)) == "master,fail?"
    assert list(flags.values()) == ["handshake"]
    assert "handshake" not in saved_text(core)


def test_a_replica_is_shown_with_its_primarys_epoch() -> None:
    core = busy()
    core.peers[node_id(2)].config_epoch = 77
    assert core.node_line(node_id(2)).split()[6] == "4"
    core.me.claims = core.me.owned = 0
    core.order(core.now_ms, Replicate(node_id(1), 0))
    assert core.node_line(core.me.node_id).split()[3:7] == [node_id(1), "0", "0", "4"]


def test_a_replica_whose_primary_is_no_member_has_none_there_and_the_file_is_read() -> None:
    """It was told of before its primary was, or that one has been forgotten since."""
    core = make_core()
    introduce(core, 1, of=9)
    introduce(core, 2)
    introduce(core, 3, of=2)
    core.order(core.now_ms, Forget(node_id(2)))
    again = make_core(saved=saved_text(core))
    for number in (1, 3):
        assert again.peers[node_id(number)].is_replica
        assert again.node_line(node_id(number)).split()[2:4] == ["slave", "-"]
    introduce(again, 9)
    introduce(again, 1, of=9)
    assert again.node_line(node_id(1)).split()[2:4] == ["slave", node_id(9)]


def test_a_file_cut_anywhere_is_refused() -> None:
    text = saved_text(busy())
    for end in range(len(text)):
        with pytest.raises(CorruptSnapshot, match=r"^line \d+: "):
            parse(text[:end])


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ("vars currentEpoch", "vars currentEpohc", "no currentEpoch"),
        ("lastVoteEpoch 3", "lastVoteEpoch -3", "bad number '-3'"),
        ("myself,slave", "myself,slaev", "unknown flags"),
        ("myself,slave", "myself,master", "only a slave"),
        ("myself,", "", "no line is about this node"),
        ("1-2 9", "1-2 2", "there twice"),
        ("1-2 9", "2-1 9", "bad range"),
        ("1-2 9", "1-2 16384", "bad number"),
        ("1-2 9", "[1->-x]", "bad slot"),
        (":27102@37102", ":27102", "bad address"),
        (":27102@37102", ":99999@37102", "bad number"),
        ("b56f67ce", "X56f67ce", "bad node id"),
        (f"myself,slave {OWNER}", "myself,slave -", "has to be known"),
        (" 0 0 4 connected", "", "at least eight words"),
        ("slave b56f67ce4c", "slave b56f67ce4d", "unknown primary"),
        ("master - ", "myself,master - ", "a second line says myself"),
    ],
)
def test_what_is_wrong_is_said(before: str, after: str, reason: str) -> None:
    assert before in REDIS
    with pytest.raises(CorruptSnapshot, match=reason):
        parse(REDIS.replace(before, after, 1))


@settings(max_examples=300)
@given(st.data())
def test_a_damaged_file_is_read_or_refused(data: st.DataObject) -> None:
    text = list(REDIS)
    for _ in range(data.draw(st.integers(1, 5))):
        text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.sampled_from("0a -\n[]>,:@é²"))
    try:
        snapshot = parse("".join(text))
    except CorruptSnapshot:
        return
    assert snapshot.me in snapshot.peers


def test_node_text_is_refused_whatever_it_is() -> None:
    for text in ("", "\n", "vars currentEpoch 1 lastVoteEpoch 0\n", "\0\0\0", "vars\n"):
        with pytest.raises(CorruptSnapshot):
            make_core(saved=text)
