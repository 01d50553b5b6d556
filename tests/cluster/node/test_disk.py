from __future__ import annotations

import pytest

from cluster.node.ports import StartError
from protocol.resp.writer import encode_command
from tests.cluster.node.single import PORT, Single
from tools.sim.cluster import SimCluster


def filled(**settings: str) -> Single:
    single = Single(**settings)
    single.connect().send(encode_command([b"MSET", b"a", b"1", b"b", b"2"]))
    return single


def test_what_is_saved_is_loaded() -> None:
    single = filled()
    assert single.node.save() is None
    assert single.node.server.dirty == 0
    single.world.kill()
    single.start()
    assert single.connect().send(b"MGET a b\r\n") == b"*2\r\n$1\r\n1\r\n$1\r\n2\r\n"
    assert single.node.info_fields("persistence")["rdb_last_load_keys_loaded"] == 2
    assert single.logged("Done loading RDB, keys loaded: 2")


def test_a_background_save_has_the_data_of_its_moment() -> None:
    single = filled()
    raw = single.connect()
    assert raw.send(b"BGSAVE\r\nSET a later\r\n", wait_ms=1) == b""
    assert raw.take() == b"+Background saving started\r\n+OK\r\n"
    assert single.node.server.dirty == 1
    single.world.kill()
    single.start()
    assert single.connect().send(b"GET a\r\n") == b"$1\r\n1\r\n"


def test_one_save_at_a_time() -> None:
    raw = filled().connect()
    reply = raw.send(b"BGSAVE\r\nBGSAVE\r\nSAVE\r\n")
    assert reply == b"+Background saving started\r\n" + b"-ERR Background save already in progress\r\n" * 2


def test_save_points() -> None:
    single = filled(save="2 3")
    single.simulation.run_for(5000)
    assert not single.logged("Saving...")
    single.connect().send(b"SET c 3\r\n")
    single.simulation.run_for(5000)
    assert single.logged("3 changes in 2 seconds. Saving...")
    assert single.logged("Background saving terminated with success")
    assert single.node.server.dirty == 0


class FullDisk(dict[str, bytes]):
    def __setitem__(self, name: str, data: bytes) -> None:
        raise OSError(28, "No space left on device")


def test_a_full_disk_is_told_and_nothing_is_lost() -> None:
    single = filled()
    single.disk.contents = FullDisk()
    assert single.connect().send(b"SAVE\r\n").startswith(b"-ERR")
    fields = single.node.info_fields("persistence")
    assert fields["rdb_last_bgsave_status"] == "ok"
    assert fields["rdb_changes_since_last_save"] == 2
    assert single.node.shutdown(save=True, now=True, force=False) is not None
    assert single.connect().send(b"GET a\r\n") == b"$1\r\n1\r\n"


def test_a_corrupt_file_stops_the_start_and_stays_as_it_is() -> None:
    single = filled()
    single.node.save()
    single.world.kill()
    whole = single.disk.contents["dump.rdb"]
    for at in (0, len(whole) // 2, len(whole) - 9):
        single.disk.contents["dump.rdb"] = whole[:at]
        with pytest.raises(StartError, match=r"Fatal error loading the DB: dump\.rdb: .*"):
            single.start()
        single.world.kill()
        assert single.disk.contents["dump.rdb"] == whole[:at]


def test_a_save_may_be_scheduled_behind_a_rewrite_and_a_rewrite_behind_a_save() -> None:
    single = filled()
    raw = single.connect()
    reply = raw.send(b"BGREWRITEAOF\r\nBGSAVE\r\nBGSAVE SCHEDULE\r\nBGSAVE LATER\r\nBGREWRITEAOF\r\n")
    assert reply.split(b"\r\n")[:-1] == [
        b"+Background append only file rewriting started",
        b"-ERR Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE SCHEDULE in order "
        b"to schedule a BGSAVE whenever possible.",
        b"+Background saving scheduled",
        b"-ERR syntax error",
        b"-ERR Background append only file rewriting already in progress",
    ]
    single.simulation.run_for(1000)
    assert single.node.disk.saves == 1
    reply = raw.send(b"BGSAVE\r\nBGREWRITEAOF\r\nBGSAVE SCHEDULE\r\n")
    assert reply == (
        b"+Background saving started\r\n+Background append only file rewriting scheduled\r\n"
        b"-ERR Background save already in progress\r\n"
    )
    single.simulation.run_for(1000)
    assert single.node.info_fields("persistence")["aof_rewrites"] == 2


def test_in_a_transaction_nothing_is_forked_before_its_end() -> None:
    single = filled()
    reply = single.connect().send(b"MULTI\r\nBGSAVE\r\nBGREWRITEAOF\r\nSET a 9\r\nEXEC\r\n")
    assert reply.endswith(
        b"*3\r\n+Background saving scheduled\r\n+Background append only file rewriting scheduled\r\n+OK\r\n"
    )
    single.simulation.run_for(1000)
    assert single.node.disk.saves == 1
    assert single.node.info_fields("persistence")["aof_rewrites"] == 1


@pytest.mark.parametrize("command", [b"BGSAVE\r\n", b"BGREWRITEAOF\r\n"])
@pytest.mark.parametrize("preamble", ["yes", "no"])
def test_how_far_a_child_is_can_be_seen(command: bytes, preamble: str) -> None:
    single = filled(appendonly="yes", aof_use_rdb_preamble=preamble)
    raw = single.connect()
    raw.send(command, wait_ms=1)
    fields = single.node.info_fields("persistence")
    assert (fields["current_save_keys_processed"], fields["current_save_keys_total"]) == (2, 2)
    assert fields["current_fork_perc"] == "100.00"
    raw.take(500)
    assert "current_save_keys_total" not in single.node.info_fields("persistence")
    assert b"\r\ncurrent_save_keys_total:0\r\n" in raw.send(b"INFO persistence\r\n")


def test_a_replica_saves_behind_the_flush_what_came_with_it() -> None:
    """The place in the stream that the file names is that behind all that one read has brought."""
    cluster = SimCluster(3, 2, cluster_enabled="no")
    one, two = cluster.hosts
    assert two.call("CONFIG", "SET", "save", "3600 1000") == b"OK"
    assert two.call("REPLICAOF", one.host, str(PORT)) == b"OK"
    cluster.until(lambda: two.node.replication.link_up, 20_000)
    client = cluster.client(one.host)
    for words in (("SET", "old", "1"), ("MULTI",), ("FLUSHALL",), ("SET", "new", "1"), ("EXEC",)):
        client.call(*words)
    assert one.call("WAIT", "1", "5000") == 1
    offset = two.node.replication.offset
    two.crash()
    two.start()
    assert two.node.disk.aux[b"repl-offset"] == b"%d" % offset
    assert [two.call("GET", key) for key in ("old", "new")] == [None, b"1"]


def test_a_flush_in_a_file_that_is_loaded_saves_nothing() -> None:
    single = filled(appendonly="yes", save="3600 1000", enable_debug_command="yes")
    raw = single.connect()
    raw.send(b"FLUSHALL\r\nSET a 1\r\nSAVE\r\n")
    saved = single.disk.contents["dump.rdb"]
    assert raw.send(b"DEBUG LOADAOF\r\n") == b"+OK\r\n"
    single.world.kill()
    single.start()
    assert single.connect().send(b"GET a\r\n") == b"$1\r\n1\r\n"
    assert single.disk.contents["dump.rdb"] == saved
