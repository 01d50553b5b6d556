from __future__ import annotations

import pytest

from protocol.resp.writer import encode_command
from tests.cluster.node.single import Single
from tools.sim.world import SimAppendFile

INCREMENT = "appendonlydir/appendonly.aof.1.incr.aof"
SET = encode_command([b"SET", b"a", b"1"])


def appending(**settings: str) -> Single:
    return Single(appendonly="yes", **settings)


def fields(single: Single) -> dict[str, str | int]:
    return single.node.info_fields("persistence")


def test_a_write_is_in_the_file_before_its_reply_leaves() -> None:
    single = appending()
    raw = single.connect()
    single.disk.contents[INCREMENT] = b""
    assert raw.send(SET, wait_ms=5) == b"+OK\r\n"
    assert single.disk.contents[INCREMENT].endswith(SET)
    single.world.kill()
    single.start()
    assert single.connect().send(b"GET a\r\n") == b"$1\r\n1\r\n"


def test_always_syncs_before_the_reply_once_for_all_of_one_read(monkeypatch: pytest.MonkeyPatch) -> None:
    single = appending(appendfsync="always")
    raw = single.connect()
    syncs: list[bytes] = []
    sync = SimAppendFile.sync

    def counted(file: SimAppendFile) -> None:
        syncs.append(raw.data)
        sync(file)

    monkeypatch.setattr(SimAppendFile, "sync", counted)
    assert raw.send(SET * 10) == b"+OK\r\n" * 10
    assert syncs == [b""]
    assert INCREMENT not in single.disk.unsynced


def test_everysec_syncs_within_a_second_and_no_never() -> None:
    for policy, synced in (("everysec", True), ("no", False)):
        single = appending(appendfsync=policy)
        single.connect().send(SET)
        assert INCREMENT in single.disk.unsynced
        single.simulation.run_for(1300)
        assert (INCREMENT not in single.disk.unsynced) is synced


def broken(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(SimAppendFile, name, fail)


def test_writes_are_refused_until_the_file_can_be_written_again(monkeypatch: pytest.MonkeyPatch) -> None:
    single = appending()
    raw = single.connect()
    with monkeypatch.context() as patch:
        broken(patch, "write")
        assert raw.send(SET) == b"+OK\r\n"
        assert raw.send(SET).startswith(b"-MISCONF Errors writing to the AOF file: No space left on device")
        assert raw.send(b"GET a\r\n") == b"$1\r\n1\r\n"
        assert fields(single)["aof_last_write_status"] == "err"
    single.simulation.run_for(1500)
    assert fields(single)["aof_last_write_status"] == "ok"
    assert single.logged("AOF write error looks solved")
    assert raw.send(SET) == b"+OK\r\n"
    assert single.disk.contents[INCREMENT].count(SET) == 2


@pytest.mark.parametrize("operation", ["write", "sync"])
def test_always_ends_the_process_rather_than_promise(operation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    single = appending(appendfsync="always")
    raw = single.connect()
    broken(monkeypatch, operation)
    assert raw.send(SET) == b""
    assert single.world.exit_code == 1
    assert single.logged("Exiting...")


def test_an_fsync_that_fails_in_the_background_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    single = appending()
    raw = single.connect()
    with monkeypatch.context() as patch:
        patch.setattr(SimAppendFile, "sync_soon", lambda _, done: done("Input/output error"))
        raw.send(SET)
        single.simulation.run_for(1500)
        assert raw.send(SET).startswith(b"-MISCONF Errors writing to the AOF file: Input/output error")
    single.simulation.run_for(1500)
    assert raw.send(SET) == b"+OK\r\n"


def test_a_busy_disk_is_waited_for_two_seconds_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    single = appending()
    raw = single.connect()
    monkeypatch.setattr(SimAppendFile, "sync_soon", lambda *_: None)
    raw.send(SET)
    single.simulation.run_for(1500)
    size = len(single.disk.contents[INCREMENT])
    assert raw.send(SET) == b"+OK\r\n"
    assert len(single.disk.contents[INCREMENT]) == size
    single.simulation.run_for(2200)
    assert len(single.disk.contents[INCREMENT]) == size + len(SET)
    assert fields(single)["aof_delayed_fsync"] == 1


def test_switched_on_and_off_while_running() -> None:
    single = Single()
    raw = single.connect()
    raw.send(SET)
    assert raw.send(b"CONFIG SET appendonly yes\r\n") == b"+OK\r\n"
    raw.send(b"SET b 2\r\n")
    assert single.node.aof.state == "on"
    single.world.kill()
    single.start(appendonly="yes")
    raw = single.connect()
    assert raw.send(b"MGET a b\r\n") == b"*2\r\n$1\r\n1\r\n$1\r\n2\r\n"
    raw.send(b"CONFIG SET appendonly no\r\n")
    before = dict(single.disk.contents)
    raw.send(b"SET c 3\r\n")
    assert single.disk.contents == before
    assert fields(single)["aof_enabled"] == 0
    assert "aof_current_size" not in fields(single)


def test_waitaof_waits_for_the_disk() -> None:
    single = appending()
    raw = single.connect()
    single.simulation.run_for(3000)
    raw.send(b"SET a 1\r\n")
    raw.send(b"SET a 2\r\n", wait_ms=0)
    assert raw.send(b"WAITAOF 1 0 10\r\n") == b"+OK\r\n*2\r\n:0\r\n:0\r\n"
    assert raw.send(b"WAITAOF 1 0 0\r\n", wait_ms=2500) == b"*2\r\n:1\r\n:0\r\n"


def test_waitaof_has_nothing_to_wait_for_after_always_and_all_of_it_after_no() -> None:
    always, no = appending(appendfsync="always"), appending(appendfsync="no")
    assert always.connect().send(b"SET a 1\r\nWAITAOF 1 0 0\r\n").endswith(b"*2\r\n:1\r\n:0\r\n")
    assert no.connect().send(b"SET a 1\r\nWAITAOF 1 0 3000\r\n", 4000).endswith(b"*2\r\n:0\r\n:0\r\n")


def test_waitaof_counts_nothing_as_on_disk_before_the_first_base_is() -> None:
    single = Single()
    raw = single.connect()
    assert raw.send(b"SET a 1\r\nCONFIG SET appendonly yes\r\nWAITAOF 1 0 1\r\n", wait_ms=0) == b""
    assert raw.take(0) == b""
    assert b":1\r\n:0" in raw.send(b"WAITAOF 1 0 0\r\n", wait_ms=2500)
    assert raw.send(b"CONFIG SET appendonly no\r\nWAITAOF 1 0 0\r\n") == (
        b"+OK\r\n-ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.\r\n"
    )


def test_switched_on_when_it_is_on_changes_nothing() -> None:
    single = appending()
    name = single.node.aof.folder.manifest.increments[-1].name
    assert single.connect().send(b"CONFIG SET appendonly yes\r\n", wait_ms=500) == b"+OK\r\n"
    assert single.node.aof.folder.manifest.increments[-1].name == name
