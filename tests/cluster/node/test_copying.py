from __future__ import annotations

from itertools import count

import pytest

from cluster.node.loading import SLICE_NS
from protocol.rdb.encode import encode_file
from protocol.rdb.records import DatabaseRecord, KeyRecord
from protocol.resp.writer import encode_command
from tests.cluster.node.single import Single
from tools.sim.world import SimDisk, SimWorld

HISTORY = b"a" * 40
OTHER = b"b" * 40


def rdb(**values: str) -> bytes:
    keys = [KeyRecord(0, key.encode(), value.encode()) for key, value in values.items()]
    return b"".join(encode_file([DatabaseRecord(0, len(keys), 0, keys)], {}))


NEW = rdb(new="copy")


class Primary:
    """Says by hand what a primary says, one connection after the other."""

    def __init__(self, single: Single) -> None:
        self.asked: list[bytes] = []
        self._single = single
        world = SimWorld(single.simulation, single.network, "10.0.0.66", SimDisk(), 0)
        world.listen("*", 6379, lambda: self)
        single.connect().send(b"REPLICAOF 10.0.0.66 6379\r\n", 20)

    def connected(self, link: object) -> None:
        self.link = link

    def received(self, data: bytes) -> None:
        if data.startswith(b"*1\r\n$4\r\nPING"):
            self.send(b"+PONG\r\n", 0)
        elif b"listening-port" in data:
            self.send(b"+OK\r\n+OK\r\n", 0)
        elif b"PSYNC" in data:
            self.asked.append(data.split(b"\r\n")[4])

    def closed(self, reason: str) -> None:
        pass

    def send(self, data: bytes, wait_ms: int = 30) -> None:
        self.link.write(data)  # type: ignore[attr-defined]
        if wait_ms:
            self._single.simulation.run_for(wait_ms)

    def hang_up(self) -> None:
        self.link.abort()  # type: ignore[attr-defined]
        self._single.simulation.run_for(30)


def following(load: str = "disabled", **settings: str) -> tuple[Single, Primary]:
    """A node with a key of its own, in the middle of its handshake."""
    single = Single(repl_diskless_load=load, **settings)
    single.connect().send(b"SET old 1\r\n")
    return single, Primary(single)


def keys(single: Single) -> set[bytes]:
    return set(single.node.server.databases[0].keys())


@pytest.mark.parametrize("load", ["disabled", "on-empty-db", "swapdb"])
@pytest.mark.parametrize("by_length", [True, False])
def test_a_whole_copy_takes_the_place_of_what_was_there(load: str, by_length: bool) -> None:
    single, primary = following(load)
    primary.send(b"+FULLRESYNC %b 100\r\n" % HISTORY)
    primary.send(b"$%d\r\n" % len(NEW) if by_length else b"$EOF:%b\r\n" % OTHER)
    for start in range(0, len(NEW) - 1, 10):
        primary.send(NEW[start : min(start + 10, len(NEW) - 1)], 2)
    assert keys(single) == {b"old"}
    primary.send(NEW[-1:] + (b"" if by_length else OTHER) + encode_command([b"SET", b"later", b"x"]))
    assert keys(single) == {b"new", b"later"}
    assert single.node.replication.id == HISTORY.decode()
    assert single.node.replication.offset == 100 + len(encode_command([b"SET", b"later", b"x"]))
    assert single.node.replication.link_up
    assert ("dump.rdb" in single.disk.contents) == (load != "swapdb")
    assert not [name for name in single.disk.contents if name.startswith("temp-")]


@pytest.mark.parametrize("load", ["disabled", "on-empty-db", "swapdb"])
def test_a_link_that_breaks_in_the_middle_leaves_all_as_it_was(load: str) -> None:
    single, primary = following(load)
    own = single.node.replication.id
    primary.send(b"+FULLRESYNC %b 100\r\n$%d\r\n" % (HISTORY, len(NEW)) + NEW[:-5])
    primary.hang_up()
    assert keys(single) == {b"old"}
    assert single.node.replication.id == own
    assert not single.node.server.loading
    assert not single.disk.contents
    single.simulation.run_for(1100)
    assert len(primary.asked) == 2


@pytest.mark.parametrize("load", ["disabled", "on-empty-db", "swapdb"])
def test_without_rdbchecksum_the_checksum_of_a_copy_may_be_wrong(load: str) -> None:
    single, primary = following(load, rdbchecksum="no")
    copy = NEW[:-1] + bytes([NEW[-1] ^ 1])
    primary.send(b"+FULLRESYNC %b 100\r\n$%d\r\n" % (HISTORY, len(copy)) + copy)
    assert keys(single) == {b"new"}


@pytest.mark.parametrize("load", ["disabled", "on-empty-db", "swapdb"])
@pytest.mark.parametrize("bad", [NEW[:-1] + b"\0", b"garbage", NEW[:20] + b"\x00" + NEW[21:]])
def test_a_copy_that_is_none_leaves_all_as_it_was(load: str, bad: bytes) -> None:
    single, primary = following(load)
    primary.send(b"+FULLRESYNC %b 100\r\n$%d\r\n" % (HISTORY, len(bad)) + bad)
    assert keys(single) == {b"old"}
    assert single.logged("Failed trying to load the MASTER synchronization DB")
    assert not single.disk.contents
    assert not single.node.replication.is_void


def test_a_copy_with_a_right_checksum_that_does_not_load_leaves_nothing_to_go_on_from() -> None:
    single, primary = following()
    bad = bytearray(rdb(key="value"))
    bad[9:9] = b"\xf7"
    bad[-8:] = bytes(8)
    primary.send(b"+FULLRESYNC %b 100\r\n$%d\r\n" % (HISTORY, len(bad)) + bad)
    assert keys(single) == set()
    replication = single.node.replication
    assert replication.is_void
    assert replication.offset == 0
    assert single.node.replication_status().syncing
    voided = replication.id.encode()
    single.simulation.run_for(1100)
    assert primary.asked[-1] == voided != HISTORY
    primary.send(b"+FULLRESYNC %b 100\r\n$%d\r\n" % (HISTORY, len(NEW)) + NEW)
    assert keys(single) == {b"new"}
    assert not replication.is_void


def test_an_empty_node_may_load_from_the_socket() -> None:
    single = Single(repl_diskless_load="on-empty-db")
    primary = Primary(single)
    primary.send(b"+FULLRESYNC %b 100\r\n$%d\r\n" % (HISTORY, len(NEW)) + NEW[:-3])
    assert single.node.server.loading
    assert single.connect().send(b"GET new\r\n").startswith(b"-LOADING")
    assert single.logged("to parser")
    primary.send(NEW[-3:])
    assert keys(single) == {b"new"}
    assert not single.disk.contents


def test_what_we_have_is_served_while_a_later_state_of_it_arrives_beside_it() -> None:
    single, primary = following("swapdb")
    primary.send(b"+FULLRESYNC %b 100\r\n$%d\r\n" % (HISTORY, len(NEW)) + NEW)
    primary.hang_up()
    single.simulation.run_for(1100)
    later = rdb(new="2", more="3")
    primary.send(b"+FULLRESYNC %b 900\r\n$%d\r\n" % (HISTORY, len(later)) + later[:-5])
    raw = single.connect()
    assert raw.send(b"GET new\r\n") == b"$4\r\ncopy\r\n"
    assert b"async_loading:1" in raw.send(b"INFO persistence\r\n")
    assert raw.send(b"REPLICAOF NO ONE\r\n").startswith(b"-LOADING")
    primary.send(later[-5:])
    assert raw.send(b"GET new\r\n") == b"$1\r\n2\r\n"


@pytest.mark.parametrize("cut", [0.3, 0.9, -1])
def test_the_end_may_come_between_two_slices_of_loading(cut: float) -> None:
    values = {f"key:{number}": "value" for number in range(500)}
    copy = rdb(**values)
    single = Single(repl_diskless_load="swapdb")
    single.world.kill()
    single.stopwatch_ns = count(step=SLICE_NS + 1).__next__  # each step takes a slice
    single.start()
    primary = Primary(single)
    primary.send(b"+FULLRESYNC %b 100\r\n$%d\r\n" % (HISTORY, len(copy)))
    at = int(cut * len(copy)) if cut > 0 else len(copy) - 1
    primary.send(copy[:at], 0)
    primary.send(copy[at:])
    assert len(keys(single)) == len(values)
    assert single.node.replication.link_up
    assert not single.logged("Failed trying to load")


def test_the_file_goes_where_nothing_is_to_be_kept() -> None:
    single, primary = following(rdb_del_sync_files="yes")
    primary.send(b"+FULLRESYNC %b 100\r\n$%d\r\n" % (HISTORY, len(NEW)) + NEW)
    assert keys(single) == {b"new"}
    assert not single.disk.contents


def test_a_node_that_restarts_on_its_copy_asks_to_go_on() -> None:
    single, primary = following(save="1000 1")
    primary.send(b"+FULLRESYNC %b 100\r\n$%d\r\n" % (HISTORY, len(NEW)) + NEW)
    single.connect().send(b"SAVE\r\n")
    single.world.kill()
    single.start(replicaof="10.0.0.66 6379")
    single.simulation.run_for(50)
    assert primary.asked[-1] == HISTORY
    primary.send(b"+CONTINUE\r\n" + encode_command([b"SET", b"later", b"x"]))
    assert keys(single) == {b"new", b"later"}
