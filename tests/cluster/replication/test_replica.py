"""The replica's machine against what primaries send."""

from __future__ import annotations

import random
from typing import TypeVar

from cluster.replication.replica import (
    AckDue,
    Apply,
    CopyBegins,
    CopyEnds,
    CopyPart,
    DropReplicas,
    Effect,
    Hangup,
    PrimaryLink,
    Say,
    Write,
)
from cluster.replication.replication import Replication
from cluster.spec.options import Options
from protocol.resp.writer import encode_command

HISTORY = "a" * 40
OTHER = "b" * 40
SET = encode_command([b"SET", b"k", b"v"])
GETACK = encode_command([b"REPLCONF", b"GETACK", b"*"])

_E = TypeVar("_E", bound=Effect)


class Link:
    """A machine that has been connected at 1000, with all its effects so far."""

    def __init__(self, **options: object) -> None:
        self.options = Options()
        for name, value in options.items():
            self.options.set(name.replace("_", "-"), [str(value)])
        self.replication = Replication(self.options, random.Random(5))
        self.replication.follow("10.0.0.1", 6379, 900)
        self.machine = PrimaryLink(self.replication, self.options, 950)
        self.effects: list[Effect] = []
        self.machine.connected(1000)
        self.take()

    def take(self) -> list[Effect]:
        new = self.machine.take_effects()
        self.effects += new
        return new

    def receive(self, data: bytes, now_ms: int = 1000) -> list[Effect]:
        self.machine.received(now_ms, data)
        return self.take()

    def written(self) -> list[bytes]:
        return [each.data for each in self.effects if isinstance(each, Write)]

    def said(self) -> list[str]:
        return [each.text for each in self.effects if isinstance(each, Say)]

    def online(self, offset: int = 100) -> Link:
        """Past a full copy, at this offset."""
        self.receive(b"+PONG\r\n+OK\r\n+OK\r\n")
        self.receive(b"+FULLRESYNC %b %d\r\n$3\r\nRDB" % (HISTORY.encode(), offset))
        self.machine.loaded(1000)
        self.take()
        return self


def only(effects: list[Effect], kind: type[_E]) -> list[_E]:
    return [each for each in effects if isinstance(each, kind)]


def test_the_handshake_is_spoken_line_by_line() -> None:
    link = Link(port=7001)
    assert link.written() == [encode_command([b"PING"])]
    link.receive(b"+PO")
    assert len(link.written()) == 1
    link.receive(b"NG\r\n")
    assert link.written()[1:] == [
        encode_command([b"REPLCONF", b"listening-port", b"7001"]),
        encode_command(b"REPLCONF capa eof capa psync2 capa field-ends".split()),
    ]
    own = link.replication.id.encode()
    link.receive(b"+OK\r\n+OK\r\n")
    assert link.written()[3:] == [encode_command([b"PSYNC", own, b"1"])]
    assert link.replication.link_state == "handshake"


def test_it_says_who_it_is_when_told_to() -> None:
    link = Link(
        masterauth="secret", masteruser="repl", replica_announce_ip="1.2.3.4", replica_announce_port=99
    )
    link.receive(b"-NOAUTH Authentication required.\r\n")
    assert link.written()[1:] == [
        encode_command([b"AUTH", b"repl", b"secret"]),
        encode_command([b"REPLCONF", b"listening-port", b"99"]),
        encode_command([b"REPLCONF", b"ip-address", b"1.2.3.4"]),
        encode_command(b"REPLCONF capa eof capa psync2 capa field-ends".split()),
    ]


def test_a_refused_password_ends_the_link_and_other_refusals_do_not() -> None:
    link = Link(masterauth="secret")
    link.receive(b"+PONG\r\n-WRONGPASS no\r\n")
    assert link.effects[-1] == Hangup()
    assert "Unable to AUTH to MASTER: -WRONGPASS no" in link.said()
    other = Link()
    other.receive(b"+PONG\r\n-ERR what\r\n+OK\r\n")
    assert other.written()[-1].startswith(b"*3\r\n$5\r\nPSYNC")


def test_a_full_copy_of_known_length() -> None:
    link = Link()
    link.receive(b"+PONG\r\n+OK\r\n+OK\r\n")
    effects = link.receive(b"+FULLRESYNC %b 100\r\n" % HISTORY.encode())
    assert only(effects, Say)[0].text == f"Full resync from master: {HISTORY}:100"
    assert link.receive(b"\n\n") == []
    effects = link.receive(b"$6\r\nabc")
    assert [CopyBegins(6, False), CopyPart(b"abc")] == [each for each in effects if not isinstance(each, Say)]
    assert link.replication.info_fields(1000)["master_sync_left_bytes"] == 3
    effects = link.receive(b"def" + SET)
    assert [CopyPart(b"def"), CopyEnds()] == [each for each in effects if not isinstance(each, Say)]
    assert link.replication.link_state == "sync"
    link.machine.loaded(2000)
    effects = link.take()
    assert DropReplicas() in effects
    assert only(effects, Write) == [Write(encode_command([b"REPLCONF", b"ACK", b"100"]))]
    assert only(effects, Apply) == [Apply([[b"SET", b"k", b"v"]])]
    assert (link.replication.id, link.replication.offset) == (HISTORY, 100 + len(SET))
    assert link.replication.link_up


def test_a_full_copy_that_ends_with_a_marker() -> None:
    link, marker = Link(), b"x" * 40
    link.receive(b"+PONG\r\n+OK\r\n+OK\r\n+FULLRESYNC %b 0\r\n$EOF:%b\r\n" % (HISTORY.encode(), marker))
    link.receive(b"abc" + marker[:20])
    link.receive(marker[20:])
    assert b"".join(each.data for each in only(link.effects, CopyPart)) == b"abc"
    assert link.effects[-1] == CopyEnds()


def test_a_short_break_is_continued() -> None:
    link = Link().online()
    link.receive(SET)
    link.machine.closed(3000, "reset")
    assert "Caching the disconnected master state." in only(link.take(), Say)[-1].text
    assert link.replication.link.down_since_ms == 3000
    link.machine = PrimaryLink(link.replication, link.options, 4000)
    link.machine.connected(4000)
    link.receive(b"+PONG\r\n+OK\r\n+OK\r\n", 4000)
    asked = encode_command([b"PSYNC", HISTORY.encode(), b"%d" % (101 + len(SET))])
    assert link.written()[-1] == asked
    effects = link.receive(b"+CONTINUE\r\n" + SET, 4000)
    assert only(effects, Apply) == [Apply([[b"SET", b"k", b"v"]])]
    assert only(effects, DropReplicas) == []
    assert "Successful partial resynchronization with master." in link.said()
    assert link.replication.offset == 100 + 2 * len(SET)


def test_a_new_name_for_the_history_is_told_to_our_own_replicas() -> None:
    link = Link().online()
    link.machine = PrimaryLink(link.replication, link.options, 4000)
    link.machine.connected(4000)
    effects = link.receive(b"+PONG\r\n+OK\r\n+OK\r\n+CONTINUE %b\r\n" % OTHER.encode(), 4000)
    assert only(effects, DropReplicas) == [DropReplicas()]
    assert (link.replication.id, link.replication.id2) == (OTHER, HISTORY)


def test_every_byte_of_the_stream_counts_and_goes_on_to_our_replicas() -> None:
    link = Link().online()
    stream = encode_command([b"PING"]) + SET + encode_command([b"SELECT", b"0"]) + SET
    effects = link.receive(stream)
    assert only(effects, Apply) == [Apply([[b"SET", b"k", b"v"], [b"SELECT", b"0"], [b"SET", b"k", b"v"]])]
    assert link.replication.offset == 100 + len(stream)
    assert link.replication.take_outgoing() == stream


def test_half_a_command_does_not_count() -> None:
    link = Link().online()
    link.receive(SET + SET[:-3])
    assert link.replication.offset == 100 + len(SET)
    link.machine.closed(2000, "")
    assert link.replication.offset == 100 + len(SET)


def test_a_transaction_is_applied_and_counted_at_its_exec() -> None:
    link = Link().online()
    effects = link.receive(encode_command([b"MULTI"]) + SET)
    assert only(effects, Apply) == []
    assert link.replication.offset == 100
    effects = link.receive(SET + encode_command([b"EXEC"]))
    assert only(effects, Apply) == [Apply([[b"MULTI"], *[[b"SET", b"k", b"v"]] * 2, [b"EXEC"]])]
    assert link.replication.offset == 100 + 2 * len(SET) + len(
        encode_command([b"MULTI"]) + encode_command([b"EXEC"])
    )


def test_getack_is_answered_with_what_has_been_applied_before_it() -> None:
    link = Link().online()
    set_again = [[b"SET", b"k", b"v"], [b"SET", b"k", b"v"]]
    assert link.receive(SET + GETACK + SET) == [Apply(set_again), AckDue()]
    link.machine.acknowledge(2000)
    offset = 100 + 2 * len(SET) + len(GETACK)
    assert link.take() == [Write(encode_command([b"REPLCONF", b"ACK", b"%d" % offset]))]


def test_it_tells_what_it_has_on_disk_where_it_keeps_a_file() -> None:
    link = Link().online()
    link.replication.synced_offset = 90
    link.machine.acknowledge(2000)
    assert link.take() == [Write(encode_command([b"REPLCONF", b"ACK", b"100", b"FACK", b"90"]))]


def test_it_acknowledges_once_a_second() -> None:
    link = Link().online()
    link.machine.tick(1900)
    assert link.take() == []
    link.machine.tick(2000)
    assert link.take() == [Write(encode_command([b"REPLCONF", b"ACK", b"100"]))]


def test_a_silent_primary_is_given_up() -> None:
    for link, words in (
        (Link(), "Timeout connecting to the MASTER..."),
        (Link().online(), "MASTER timeout: no data nor PING received..."),
    ):
        link.machine.tick(1000 + link.options.repl_timeout * 1000)
        assert Hangup() not in link.take()
        link.machine.tick(1001 + link.options.repl_timeout * 1000)
        assert link.take()[-1] == Hangup()
        assert words in link.said()


def test_garbage_ends_the_link_at_every_stage() -> None:
    for prefix, garbage in (
        (b"", b"nonsense\r\n"),
        (b"", b"x" * 70_000),
        (b"+PONG\r\n+OK\r\n+OK\r\n", b"+WHAT\r\n"),
        (b"+PONG\r\n+OK\r\n+OK\r\n", b"-NOMASTERLINK later\r\n"),
        (b"+PONG\r\n+OK\r\n+OK\r\n+FULLRESYNC %b 0\r\n" % HISTORY.encode(), b"hello\r\n"),
        (b"+PONG\r\n+OK\r\n+OK\r\n+FULLRESYNC %b 0\r\n" % HISTORY.encode(), b"-ERR broke\r\n"),
    ):
        link = Link()
        link.receive(prefix)
        assert link.receive(garbage)[-1] == Hangup()
        assert link.receive(b"more") == []


def test_garbage_in_the_stream_keeps_what_came_before_it() -> None:
    link = Link().online()
    effects = link.receive(SET + b"*1\r\n?bad\r\n")
    assert only(effects, Apply) == [Apply([[b"SET", b"k", b"v"]])]
    assert effects[-1] == Hangup()
    assert link.replication.offset == 100 + len(SET)


def test_a_copy_that_does_not_load_changes_no_history() -> None:
    link = Link()
    own = link.replication.id
    link.receive(b"+PONG\r\n+OK\r\n+OK\r\n+FULLRESYNC %b 9\r\n$1\r\nx" % HISTORY.encode())
    link.machine.copy_failed("at 0: wrong signature")
    assert link.take()[-1] == Hangup()
    assert (link.replication.id, link.replication.offset) == (own, 0)
