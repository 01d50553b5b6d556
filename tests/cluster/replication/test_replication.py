"""Histories, offsets and who may continue what."""

from __future__ import annotations

import random

from cluster.replication.primary import ONLINE, Replica
from cluster.replication.replication import NO_ID, Replication
from cluster.spec.options import Options
from protocol.psync import Continue, FullResync
from protocol.resp.writer import encode_command

SET = encode_command([b"SET", b"k", b"v"])
SELECT_0 = encode_command([b"SELECT", b"0"])


def primary(*, seed: int = 1) -> Replication:
    return Replication(Options(), random.Random(seed))


def attached(replication: Replication, *, state: str = ONLINE, now_ms: int = 1000) -> Replica:
    replica = Replica(7, "10.0.0.2", port=6380, takes_new_id=True)
    replication.attach(replica, now_ms)
    replica.state = state
    return replica


def test_nothing_is_kept_until_a_replica_comes() -> None:
    replication = primary()
    replication.feed(SET)
    assert not replication.feeds_anyone()
    assert (replication.offset, replication.take_outgoing()) == (0, b"")


def test_the_first_replica_starts_a_history_with_a_new_id() -> None:
    replication = primary()
    before = replication.id
    attached(replication)
    assert len(replication.id) == 40
    assert replication.id != before
    assert replication.feeds_anyone()


def test_the_stream_names_its_database_before_the_first_write_and_when_it_changes() -> None:
    replication = primary()
    attached(replication)
    replication.feed(SET)
    replication.feed(SET)
    replication.feed(SET, 3)
    expected = SELECT_0 + SET + SET + encode_command([b"SELECT", b"3"]) + SET
    assert replication.take_outgoing() == expected
    assert replication.offset == len(expected)
    replication.copy_begins()
    replication.feed(SET, 3)
    assert replication.take_outgoing() == encode_command([b"SELECT", b"3"]) + SET


def test_it_tells_the_database_of_its_stream() -> None:
    replication = primary()
    attached(replication)
    assert replication.database == 0
    replication.feed(SET, 3)
    assert replication.database == 3
    replication.copy_begins()
    assert replication.database == 0


def test_it_says_once_that_something_is_to_be_sent() -> None:
    replication, calls = primary(), []
    replication.on_outgoing = lambda: calls.append(replication.offset)
    attached(replication)
    replication.feed(SET)
    replication.feed(SET)
    assert len(calls) == 1
    replication.take_outgoing()
    replication.feed(SET)
    assert len(calls) == 2


def test_a_replica_within_the_backlog_continues() -> None:
    replication = primary()
    replica = attached(replication)
    replication.feed(SET)
    replication.take_outgoing()
    answer, line = replication.answer(replica, replication.id.upper(), 1)
    assert answer == Continue(replication.id)
    assert line.startswith("Partial resynchronization request from 10.0.0.2:6380 accepted.")
    answer, _ = replication.answer(replica, replication.id, replication.offset + 1)
    assert answer == Continue(replication.id)
    replica.takes_new_id = False
    answer, _ = replication.answer(replica, replication.id, 1)
    assert answer == Continue()
    assert replication.partial_syncs == 3


def test_others_get_a_full_copy() -> None:
    replication = primary()
    replica = attached(replication)
    replication.feed(SET)
    replication.take_outgoing()
    full = FullResync(replication.id, replication.offset)
    for asked_id, offset in (
        ("?", -1),
        ("f" * 40, 1),
        (replication.id, 0),
        (replication.id, 1000),
        (NO_ID, 1),
    ):
        assert replication.answer(replica, asked_id, offset)[0] == full
    assert replication.partial_refusals == 4


def test_siblings_of_a_promoted_replica_continue_up_to_where_it_was() -> None:
    replication = primary()
    replication.follow("10.0.0.9", 6379, 1000)
    replication.adopt("a" * 40, 500)
    replication.feed_verbatim(SET)
    replication.take_outgoing()
    replication.promote(2000)
    end = 500 + len(SET)
    assert (replication.id2, replication.offset2) == ("a" * 40, end + 1)
    assert replication.id not in ("a" * 40, NO_ID)
    sibling = attached(replication)
    assert replication.answer(sibling, "a" * 40, 501)[0] == Continue(replication.id)
    assert replication.answer(sibling, "a" * 40, end + 1)[0] == Continue(replication.id)
    # One that has more of the old history than the promoted one ever saw holds writes that are lost.
    assert isinstance(replication.answer(sibling, "a" * 40, end + 2)[0], FullResync)


def test_a_demoted_primary_asks_for_its_own_history() -> None:
    replication = primary()
    attached(replication)
    replication.feed(SET)
    own = replication.id, replication.offset
    replication.follow("10.0.0.9", 6379, 5000)
    assert (replication.id, replication.offset) == own
    assert not replication.feeds_anyone()
    replication.feed(SET)
    assert replication.offset == own[1]


def test_writes_without_an_offset_are_in_no_history_that_can_be_continued() -> None:
    replication = primary()
    before = replication.id
    replication.follow("10.0.0.9", 6379, 5000)
    assert replication.id != before


def test_a_replica_hands_on_what_it_gets_under_the_same_offsets() -> None:
    replication = primary()
    replication.follow("10.0.0.9", 6379, 1000)
    replication.adopt("a" * 40, 500)
    below = attached(replication)
    replication.feed_verbatim(SET)
    assert replication.take_outgoing() == SET
    assert replication.offset == 500 + len(SET)
    assert replication.answer(below, "a" * 40, 501)[0] == Continue("a" * 40)


def test_a_history_that_gets_another_name_keeps_the_old_one_as_second() -> None:
    replication = primary()
    replication.follow("10.0.0.9", 6379, 1000)
    replication.adopt("a" * 40, 500)
    assert not replication.rename("")
    assert not replication.rename("a" * 40)
    assert replication.rename("b" * 40)
    assert (replication.id, replication.id2, replication.offset2) == ("b" * 40, "a" * 40, 501)


def test_pings_go_to_replicas_in_their_period() -> None:
    replication = primary()
    attached(replication)
    replication.tick(20_000)
    replication.tick(20_100)
    assert replication.take_outgoing() == SELECT_0 + encode_command([b"PING"])
    replication.tick(30_000)
    assert replication.take_outgoing() == encode_command([b"PING"])
    # A replica that is to take over waits to be where we are.
    replication.holds_still = True
    replication.tick(40_000)
    assert replication.take_outgoing() == b""
    replication.holds_still = False
    replication.tick(40_100)
    assert replication.take_outgoing() == encode_command([b"PING"])


def test_the_backlog_is_given_up_when_nobody_has_wanted_it_for_long() -> None:
    replication = primary()
    replica = attached(replication)
    replication.feed(SET)
    replication.detach(replica, 10_000)
    named = replication.id
    ttl_ms = replication._options.repl_backlog_ttl * 1000
    replication.tick(10_000 + ttl_ms)
    assert replication.info_fields(0)["repl_backlog_active"] == 1
    replication.tick(10_001 + ttl_ms)
    assert replication.info_fields(0)["repl_backlog_active"] == 0
    assert replication.id != named


def test_info_of_a_primary() -> None:
    replication = primary()
    replica = attached(replication)
    replication.feed(SET)
    replication.attachments.acknowledge(replica, 12, 4000)
    fields = replication.info_fields(6500)
    assert fields["role"] == "master"
    assert fields["slave0"] == "ip=10.0.0.2,port=6380,state=online,offset=12,lag=2"
    assert fields["master_repl_offset"] == replication.offset
    assert fields["repl_backlog_first_byte_offset"] == 1
    assert fields["repl_backlog_histlen"] == replication.offset


def test_info_of_a_replica_whose_link_is_down() -> None:
    replication = primary()
    replication.follow("10.0.0.9", 6379, 1000)
    fields = replication.info_fields(4500)
    assert list(fields)[:4] == ["role", "master_host", "master_port", "master_link_status"]
    assert (fields["role"], fields["master_link_status"]) == ("slave", "down")
    assert fields["master_link_down_since_seconds"] == -1
    assert fields["master_last_io_seconds_ago"] == -1
    replication.link.was_up = True
    replication.follow("10.0.0.10", 6379, 1000)
    assert replication.info_fields(4500)["master_link_down_since_seconds"] == 3


def test_a_former_primary_is_told_where_the_histories_part_and_what_it_discards() -> None:
    old, new = Replication(Options(), random.Random(1)), Replication(Options(), random.Random(2))
    old.attach(Replica(1, "h"), 0)
    old.feed(encode_command([b"SET", b"k", b"1"]))
    new.adopt(old.id, old.offset)
    parted_at = old.offset
    old.feed(encode_command([b"SET", b"k", b"2"]))
    old.feed(encode_command([b"PING"]))
    old.take_outgoing()
    new.follow("h", 1, 0)
    new.promote(0)
    for node_id, told in (("", -1), ("a" * 40, parted_at)):
        answer, _ = new.answer(Replica(2, "h", node_id=node_id), old.id, old.offset + 1)
        assert isinstance(answer, FullResync)
        assert answer.parted_at == told
    assert old.discarded(parted_at) == f"{old.offset - parted_at} bytes, 1 commands"
    assert "not in the backlog" in old.discarded(-1)


def test_data_from_a_file_are_behind_until_the_stream_has_brought_the_rest() -> None:
    replication, found = primary(), []
    replication.go_on("a" * 40, 500)
    replication.follow("10.0.0.1", 7000, 0)
    for reaches, data in ((-1, b""), (503, b"ab"), (503, b"c"), (600, b"")):
        replication.continued(reaches)
        replication.feed_verbatim(data)
        found.append(replication.is_behind)
    # It has all then: a break of the link later on is none of that kind.
    assert found == [True, True, False, False]


def test_a_node_of_our_kind_is_told_how_far_the_stream_goes() -> None:
    replication = primary()
    attached(replication)
    replication.feed(SET)
    replication.take_outgoing()
    known, end = Replica(2, "10.0.0.3", takes_new_id=True, node_id="f" * 40), replication.offset
    assert replication.answer(known, replication.id, end - 4)[0] == Continue(replication.id, end)
