from __future__ import annotations

import pytest

from cluster.node.ports import StartError
from protocol.aof import AofReader
from tests.cluster.node.single import Single

INCREMENT = "appendonlydir/appendonly.aof.1.incr.aof"
BASE = "appendonlydir/appendonly.aof.1.base.rdb"


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    """A small folder: strings, a transaction, a list."""
    single = Single(appendonly="yes")
    raw = single.connect()
    raw.send(b"SET a 1\r\nMULTI\r\nSET b 2\r\nSET c 3\r\nEXEC\r\nRPUSH l 1 2 3\r\nSET d 4\r\n")
    return dict(single.disk.contents)


@pytest.fixture(scope="module")
def ends(files: dict[str, bytes]) -> list[int]:
    """Where a command or a transaction ends."""
    reader = AofReader()
    reader.feed(files[INCREMENT])
    found, depth = [0], 0
    while (record := reader.next()) is not None:
        assert isinstance(record, list)
        depth += (record[0].upper() == b"MULTI") - (record[0].upper() == b"EXEC")
        if not depth:
            found.append(reader.position)
    return found


class Restarts:
    """Starts one node again and again on other contents."""

    def __init__(self) -> None:
        self.single = Single(cluster_enabled="no", databases="1")

    def start(self, contents: dict[str, bytes], **settings: str) -> Single:
        self.single.world.kill()
        self.single.disk.contents = dict(contents)
        self.single.start(appendonly="yes", **settings)
        return self.single

    def dropped(self) -> None:
        self.single.world.kill()


def keys(single: Single) -> set[bytes]:
    return {key for slot in single.node.server.databases[0].slots for key in slot}


def test_each_prefix_is_loaded_up_to_its_last_whole_command(files: dict[str, bytes], ends: list[int]) -> None:
    restarts, whole = Restarts(), files[INCREMENT]
    for size in range(len(whole)):
        single = restarts.start(files | {INCREMENT: whole[:size]}, aof_load_truncated="yes")
        good = max(end for end in ends if end <= size)
        assert single.disk.contents[INCREMENT] == whole[:good], size
        assert single.logged("short read while loading the AOF file") is (good < size)
        assert keys(single) == {b"a", b"b", b"c", b"l", b"d"} & {
            name for name, at in zip((b"a", b"b", b"c", b"l", b"d"), _until(ends), strict=True) if at <= size
        }


def _until(ends: list[int]) -> list[int]:
    """Where the keys a, b, c, l and d are there: ends are those of SELECT, SET, the transaction, ..."""
    _, _, first, both, pushed, last = ends
    return [first, both, both, pushed, last]


def test_each_prefix_is_refused_with_its_offset_if_so_wanted(
    files: dict[str, bytes], ends: list[int]
) -> None:
    restarts, whole = Restarts(), files[INCREMENT]
    for size in set(range(len(whole))) - set(ends):
        good = max(end for end in ends if end <= size)
        with pytest.raises(StartError, match=f"Unexpected end of file .* at offset {good}. You can"):
            restarts.start(files | {INCREMENT: whole[:size]}, aof_load_truncated="no")
        restarts.dropped()
        assert restarts.single.disk.contents[INCREMENT] == whole[:size]


def test_each_flipped_byte_is_loaded_or_refused_with_an_offset(files: dict[str, bytes]) -> None:
    restarts, whole = Restarts(), files[INCREMENT]
    refused = 0
    for at in range(len(whole)):
        flipped = bytearray(whole)
        flipped[at] ^= 1 << at % 8
        try:
            restarts.start(files | {INCREMENT: bytes(flipped)}, aof_load_truncated="yes")
        except StartError as error:
            assert " at offset " in str(error)
            assert restarts.single.disk.contents[INCREMENT] == flipped
            refused += 1
        restarts.dropped()
    assert refused > len(whole) // 2


def test_a_base_must_be_whole(files: dict[str, bytes]) -> None:
    restarts = Restarts()
    single = restarts.start(files)
    single.connect().send(b"BGREWRITEAOF\r\n", wait_ms=200)
    contents = dict(single.disk.contents)
    name = BASE.replace(".1.", ".2.")
    whole = contents[name]
    for at in range(len(whole)):
        flipped = bytearray(whole)
        flipped[at] ^= 1 << at % 8
        for bad in (whole[:at], bytes(flipped)):
            if not bad:
                continue
            with pytest.raises(StartError, match="at offset"):
                restarts.start(contents | {name: bad})
            restarts.dropped()


def test_only_the_last_file_may_be_cut_short(files: dict[str, bytes]) -> None:
    manifest = files["appendonlydir/appendonly.aof.manifest"]
    manifest += b"file appendonly.aof.2.incr.aof seq 2 type i\n"
    contents = files | {
        "appendonlydir/appendonly.aof.manifest": manifest,
        "appendonlydir/appendonly.aof.2.incr.aof": files[INCREMENT],
        INCREMENT: files[INCREMENT][:-3],
    }
    restarts = Restarts()
    with pytest.raises(StartError, match=r"the truncated file is not the last file: .*1\.incr\.aof"):
        restarts.start(contents)
    restarts.dropped()
    assert restarts.single.disk.contents == contents


def test_commands_that_are_none_are_refused(files: dict[str, bytes]) -> None:
    restarts, size = Restarts(), len(files[INCREMENT])
    for data, words in (
        (b"*1\r\n$4\r\nNOPE\r\n", "Unknown command 'NOPE'"),
        (b"*1\r\n$3\r\nSET\r\n", "Wrong number"),
    ):
        with pytest.raises(StartError, match=f"{words}.* at offset {size}"):
            restarts.start(files | {INCREMENT: files[INCREMENT] + data})
        restarts.dropped()
