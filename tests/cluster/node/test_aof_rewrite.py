from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from protocol.aof_manifest import parse_manifest
from protocol.resp.writer import encode_command
from tests.cluster.node.single import Single
from tools.sim.cluster import PORT, SimCluster
from tools.sim.world import SimAppendFile, SimWorld

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
    assert fields["aof_rewrites_consecutive_failures"] == 0
    assert fields["aof_rewrites"] == 3
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


def no_room(*_: object, **__: object) -> None:
    raise OSError(28, "No space left on device")


class Child:
    """One at work until the test has it end."""

    pid = 2

    def __init__(self, world: SimWorld, name: str, data: bytes, done: Callable[[str], None]) -> None:
        self._files = world.files
        self._name = name
        self._data = data
        self._done = done

    def end(self, failure: str = "") -> None:
        if not failure:
            self._files.write_atomically(self._name, self._data)
        self._done(failure)

    def kill(self) -> None:
        """Whoever kills it does not wait for its end."""


Produce = Callable[[], Iterable[bytes]]


def slow(monkeypatch: pytest.MonkeyPatch) -> list[Child]:
    """The children, from now on."""
    children: list[Child] = []

    def fork_save(
        world: SimWorld,
        name: str,
        produce: Callable[[], Iterable[bytes]],
        done: Callable[[str], None],
        _: object,
    ) -> Child:
        children.append(Child(world, name, b"".join(produce()), done))
        return children[-1]

    monkeypatch.setattr(SimWorld, "fork_save", fork_save)
    return children


@pytest.mark.parametrize("end", ["success", "failure", "switched off", "no manifest"])
def test_what_found_no_room_is_in_the_new_base_or_written_after_all(
    end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    single = filled()
    raw = single.connect()
    children = slow(monkeypatch)
    old = single.node.aof.folder.manifest.increments[-1].name
    with monkeypatch.context() as full:
        full.setattr(SimAppendFile, "write", no_room)
        assert raw.send(b"RPUSH l 4\r\nSELECT 1\r\nSET c 1\r\nSELECT 0\r\n").startswith(b":4\r\n")
        assert raw.send(b"BGREWRITEAOF\r\n") == b"+Background append only file rewriting started\r\n"
    single.simulation.run_for(3000)  # with room again, but not behind what is missing
    single.node.engine.propagate(1, [b"SET", b"c", b"2"])
    assert raw.send(b"SET a refused\r\n").startswith(b"-MISCONF Errors writing to the AOF file")
    assert b"$1\r\n4\r\n" not in single.disk.contents[f"appendonlydir/{old}"]
    if end == "switched off":
        single.node.aof_rewriter.switch_off()
    else:
        with monkeypatch.context() as full:
            if end == "no manifest":
                full.setattr(single.node.aof.folder, "persist", no_room)
            children[0].end("failed" if end == "failure" else "")
        single.simulation.run_for(2000)
        assert single.logged("AOF write error looks solved")
        assert (single.node.aof.folder.manifest.increments[-1].name == old) == (end != "success")
        assert raw.send(b"RPUSH l 5\r\n") == b":5\r\n"
    assert restarted(single).endswith(b":4\r\n" if end == "switched off" else b":5\r\n")
    assert single.connect().send(b"SELECT 1\r\nGET c\r\n") == b"+OK\r\n$1\r\n2\r\n"


def test_nothing_comes_twice_when_the_first_base_takes_two_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    single = filled(appendonly="no")
    raw = single.connect()
    children = slow(monkeypatch)
    raw.send(b"CONFIG SET appendonly yes\r\n")
    with monkeypatch.context() as full:
        full.setattr(SimAppendFile, "write", no_room)
        assert raw.send(b"RPUSH l 4\r\n") == b":4\r\n"
        children[0].end("failed")
        single.simulation.run_for(200)
    children[1].end()
    raw.send(b"SET b 2\r\n")
    single.world.kill()
    single.start(appendonly="yes")
    assert single.connect().send(b"MGET a b\r\nLLEN l\r\n") == b"*2\r\n$1\r\n1\r\n$1\r\n2\r\n:4\r\n"
