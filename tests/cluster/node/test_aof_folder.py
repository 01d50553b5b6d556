from __future__ import annotations

import pytest

from cluster.node.ports import StartError
from protocol.resp.writer import encode_command
from tests.cluster.node.single import Single

MANIFEST = "appendonlydir/appendonly.aof.manifest"
OLD = encode_command([b"SELECT", b"0"]) + encode_command([b"SET", b"a", b"1"])


def started(contents: dict[str, bytes], **settings: str) -> Single:
    single = Single()
    single.world.kill()
    single.disk.contents.update(contents)
    single.start(appendonly="yes", **settings)
    return single


def test_the_single_file_of_earlier_versions_is_adopted() -> None:
    single = started({"appendonly.aof": OLD})
    assert "appendonly.aof" not in single.disk.contents
    assert single.disk.contents["appendonlydir/appendonly.aof"] == OLD
    assert single.logged("Successfully migrated an old-style AOF configuration")
    assert single.connect().send(b"GET a\r\n") == b"$1\r\n1\r\n"


def test_adopting_it_goes_on_after_a_crash() -> None:
    manifest = b"file appendonly.aof seq 1 type b\n"
    single = started({"appendonly.aof": OLD, MANIFEST: manifest})
    assert single.connect().send(b"GET a\r\n") == b"$1\r\n1\r\n"


def test_a_single_file_beside_a_folder_in_use_is_left_alone() -> None:
    single = started({})
    single.connect().send(b"SET b 2\r\n")
    single.world.kill()
    single.disk.contents["appendonly.aof"] = OLD
    single.start()
    assert single.disk.contents["appendonly.aof"] == OLD
    assert single.connect().send(b"MGET a b\r\n") == b"*2\r\n$-1\r\n$1\r\n2\r\n"


def test_an_rdb_file_with_commands_behind_it_is_adopted() -> None:
    before = Single()
    before.connect().send(b"SET b 2\r\nSAVE\r\n")
    single = started({"appendonly.aof": before.disk.contents["dump.rdb"] + OLD})
    assert single.connect().send(b"MGET a b\r\n") == b"*2\r\n$1\r\n1\r\n$1\r\n2\r\n"
    assert single.logged("Reading the remaining AOF tail...")


def test_a_manifest_that_makes_no_sense_stops_the_start() -> None:
    with pytest.raises(StartError, match="Found an empty AOF manifest"):
        started({MANIFEST: b""})
    with pytest.raises(StartError, match="Unknown AOF file type"):
        started({MANIFEST: b"file a seq 1 type z\n"})


def test_a_manifest_that_names_missing_files_stops_the_start() -> None:
    text = b"file appendonly.aof.1.base.rdb seq 1 type b\nfile appendonly.aof.1.incr.aof seq 1 type i\n"
    with pytest.raises(StartError, match=r"appendonly\.aof\.1\.base\.rdb for reading: No such file"):
        started({MANIFEST: text})


def test_history_that_is_left_over_is_removed() -> None:
    single = started({})
    single.world.kill()
    single.disk.contents[MANIFEST] += b"file old.aof seq 1 type h\n"
    single.disk.contents["appendonlydir/old.aof"] = b"nonsense"
    single.start()
    assert "appendonlydir/old.aof" not in single.disk.contents
    assert b"old.aof" not in single.disk.contents[MANIFEST]
