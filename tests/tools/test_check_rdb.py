from __future__ import annotations

from pathlib import Path

import pytest

from cluster.store.dump import snapshot
from tests.support.served import NOW_MS, Served
from tools.check_rdb import check_rdb


@pytest.fixture
def file(tmp_path: Path) -> Path:
    served = Served()
    served.call("SET", "a", "1", "PX", 1000)
    served.call("SET", "b", "1", "PX", 10_000_000)
    served.call("RPUSH", "l", *range(1000))
    path = tmp_path / "dump.rdb"
    path.write_bytes(b"".join(snapshot(served.server.databases, {b"redis-ver": b"7.0.15"})))
    return path


def test_a_sound_file_is_told_about(file: Path) -> None:
    lines: list[str] = []
    found = check_rdb(file, NOW_MS + 5000, lines.append)
    assert (found.error, found.keys, found.expires, found.expired) == (None, 3, 2, 1)
    assert lines[0] == f"[offset 0] Checking RDB file {file}"
    assert "AUX FIELD redis-ver = '7.0.15'" in lines
    assert f"[offset {file.stat().st_size}] \\o/ RDB looks OK! \\o/" in lines
    assert lines[-3:] == ["[info] 3 keys read", "[info] 2 expires", "[info] 1 already expired"]


def test_each_cut_is_found(file: Path) -> None:
    whole = file.read_bytes()
    for size in range(0, len(whole), 7):
        file.write_bytes(whole[:size])
        lines: list[str] = []
        error = check_rdb(file, NOW_MS, lines.append).error
        assert error is not None
        assert "--- RDB ERROR DETECTED ---" in lines
        assert f"[offset {error.offset}] {error.reason}" in lines


def test_what_follows_is_an_error_unless_it_may(file: Path) -> None:
    size = file.stat().st_size
    file.write_bytes(file.read_bytes() + b"more")
    assert check_rdb(file, NOW_MS, lambda _: None).error is not None
    found = check_rdb(file, NOW_MS, lambda _: None, may_go_on=True)
    assert (found.error, found.end) == (None, size)


def test_a_checksum_is_not_said_to_be_right_where_there_is_none(file: Path) -> None:
    whole = file.read_bytes()
    unchecked = f"[offset {len(whole)}] RDB file was saved with checksum disabled: no check performed."
    for data, expected in ((whole, f"[offset {len(whole)}] Checksum OK"), (whole[:-8] + bytes(8), unchecked)):
        file.write_bytes(data)
        lines: list[str] = []
        check_rdb(file, NOW_MS, lines.append)
        assert lines[-5] == expected
