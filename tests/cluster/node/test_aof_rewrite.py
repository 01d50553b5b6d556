from __future__ import annotations

import pytest

from protocol.aof_manifest import parse_manifest
from protocol.resp.writer import encode_command
from tests.cluster.node.single import Single
from tools.sim.cluster import PORT, SimCluster
from tools.sim.world import SimWorld

MANIFEST = "appendonlydir/appendonly.aof.manifest"


def filled(**settings: str) -> Single:
    single = Single(**({"appendonly": "yes"} | settings))
    single.connect().send(b"SET a 1\r\nRPUSH l 1 2 3\r\n")
    return single


def restarted(single: Single) -> bytes:
    single.world.kill()
    single.start()
    return single.connect().send(b"MGET a b\r\nLLEN l\r\n")


@pytest.mark.parametrize("preamble", ["yes", "no"])
def test_a_rewrite_leaves_one_base_and_one_increment(preamble: str) -> None:
    single = filled(aof_use_rdb_preamble=preamble)
    raw = single.connect()
    assert raw.send(b"BGREWRITEAOF\r\nSET b 2\r\n", wait_ms=200) == (
        b"+Background append only file rewriting started\r\n+OK\r\n"
    )
    manifest = parse_manifest(single.disk.contents[MANIFEST])
    suffix = "rdb" if preamble == "yes" else "aof"
    assert [each.name for each in manifest.files] == [
        f"appendonly.aof.2.base.{suffix}",
        "appendonly.aof.2.incr.aof",
    ]
    assert manifest.history == []
    folder = {name for name in single.disk.contents if name.startswith("appendonlydir/")}
    assert folder == {MANIFEST, *(f"appendonlydir/{each.name}" for each in manifest.files)}
    assert b"$1\r\nb\r\n" in single.disk.contents["appendonlydir/appendonly.aof.2.incr.aof"]
    assert restarted(single) == b"*2\r\n$1\r\n1\r\n$1\r\n2\r\n:3\r\n"
    assert single.node.info_fields("persistence")["aof_base_size"]


def test_a_crash_in_the_middle_loses_nothing() -> None:
    single = filled()
    single.connect().send(b"BGREWRITEAOF\r\nSET b 2\r\n", wait_ms=1)
    assert restarted(single) == b"*2\r\n$1\r\n1\r\n$1\r\n2\r\n:3\r\n"


def test_one_child_at_a_time() -> None:
    raw = filled().connect()
    assert raw.send(b"BGREWRITEAOF\r\nBGREWRITEAOF\r\nBGSAVE\r\n").split(b"\r\n")[1:3] == [
        b"-ERR Background append only file rewriting already in progress",
        b"-ERR Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE SCHEDULE in order "
        b"to schedule a BGSAVE whenever possible.",
    ]
    assert raw.send(b"BGSAVE\r\nBGREWRITEAOF\r\n", wait_ms=500).endswith(
        b"+Background append only file rewriting scheduled\r\n"
    )
    assert raw.send(b"INFO persistence\r\n").count(b"aof_rewrites:2\r\n") == 1


def test_growth_starts_a_rewrite() -> None:
    single = filled(auto_aof_rewrite_min_size="2kb", auto_aof_rewrite_percentage="100")
    raw = single.connect()
    for _ in range(200):
        raw.send(b"SET a 1\r\n", wait_ms=5)
    single.simulation.run_for(500)
    assert single.logged("Starting automatic rewriting of AOF on ")
    assert single.node.aof.size_bytes < 2048


def test_a_rewrite_that_fails_is_told_and_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    single = filled()
    raw = single.connect()

    def fail(*_: object) -> None:
        raise OSError(12, "Cannot allocate memory")

    with monkeypatch.context() as patch:
        patch.setattr(SimWorld, "fork_save", fail)
        for _ in range(3):
            assert raw.send(b"BGREWRITEAOF\r\n").startswith(b"-ERR Can't execute an AOF background rewriting")
    fields = single.node.info_fields("persistence")
    assert fields["aof_last_bgrewrite_status"] == "err"
    assert fields["aof_rewrites_consecutive_failures"] == 3
    assert single.logged("will retry in 1 minutes")
    raw.send(b"SET b 2\r\n")
    assert restarted(single) == b"*2\r\n$1\r\n1\r\n$1\r\n2\r\n:3\r\n"


def test_a_base_can_be_written_with_the_file_switched_off() -> None:
    single = filled(appendonly="no")
    single.connect().send(b"BGREWRITEAOF\r\n", wait_ms=200)
    assert parse_manifest(single.disk.contents[MANIFEST]).increments == []
    single.world.kill()
    single.start(appendonly="yes")
    assert single.connect().send(b"LLEN l\r\n") == b":3\r\n"


def test_the_end_waits_for_the_first_base() -> None:
    single = filled(appendonly="no")
    single.node.options.set("appendonly", ["yes"])
    single.node.option_changed("appendonly")
    assert single.node.shutdown(save=False, now=True, force=False) == "Writing initial AOF, can't exit."
    assert single.node.shutdown(save=False, now=True, force=True) is None


def test_other_data_makes_other_files() -> None:
    single = filled()
    single.node.server.databases[0].clear()
    single.node.data_replaced()
    single.simulation.run_for(200)
    single.connect().send(b"SET b 2\r\n")
    assert restarted(single) == b"*2\r\n$-1\r\n$1\r\n2\r\n:0\r\n"


def test_a_replicas_file_has_the_copy_and_the_stream() -> None:
    cluster = SimCluster(3, 2, cluster_enabled="no", appendonly="yes")
    one, two = cluster.hosts
    two.call("SET", "own", "1")
    one.call("SET", "copied", "1")
    assert two.call("REPLICAOF", one.host, str(PORT)) == b"OK"
    cluster.until(lambda: two.node.replication.link_up and not two.node.aof_rewriter.is_running, 20_000)
    client = cluster.client(one.host)
    for words in (("MULTI",), ("SET", "a", "1"), ("SET", "b", "2"), ("EXEC",)):
        client.call(*words)
    assert one.call("WAIT", "1", "5000") == 1
    cluster.simulation.run_for(500)
    two.crash()
    one.crash()
    two.start()
    assert [two.call("GET", key) for key in ("own", "copied", "a", "b")] == [None, b"1", b"1", b"2"]
    name = two.node.aof.folder.manifest.increments[-1].name
    written = two.disk.contents[f"appendonlydir/{name}"]
    assert written.count(encode_command([b"MULTI"])) == written.count(encode_command([b"EXEC"])) == 1
