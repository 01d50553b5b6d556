from __future__ import annotations

from pathlib import Path

import pytest

from cluster.store.dump import snapshot
from protocol.resp.writer import encode_command
from tests.support.served import NOW_MS, Served
from tools.check_aof import Checker, CheckFailed

GET = encode_command([b"GET", b"a"])
MULTI = encode_command([b"MULTI"])
EXEC = encode_command([b"EXEC"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    served = Served()
    served.call("SET", "a", "1")
    base = b"".join(snapshot(served.server.databases, {}))
    (tmp_path / "a.1.base.rdb").write_bytes(base)
    (tmp_path / "a.1.incr.aof").write_bytes(GET + MULTI + GET + EXEC)
    (tmp_path / "a.2.incr.aof").write_bytes(b"#TS:100\r\n" + GET + b"#TS:200\r\n" + GET)
    (tmp_path / "a.manifest").write_bytes(
        b"file a.1.base.rdb seq 1 type b\nfile a.1.incr.aof seq 1 type i\nfile a.2.incr.aof seq 2 type i\n"
    )
    return tmp_path


def check(path: Path, *, fix: bool = False, until_s: int | None = None, answer: bool = True) -> list[str]:
    """What is told; the failure in the end, if it fails."""
    lines: list[str] = []
    try:
        Checker(lines.append, lambda _: answer, NOW_MS, fix, until_s).check(path)
    except CheckFailed as failure:
        lines.append(f"FAILED {failure}")
    return lines


def test_a_sound_folder(folder: Path) -> None:
    lines = check(folder)
    assert lines == check(folder / "a.manifest")
    assert lines[:2] == ["Start checking Multi Part AOF", "Start to check BASE AOF (RDB format)."]
    for line in ("BASE AOF a.1.base.rdb is valid", "INCR AOF a.1.incr.aof is valid"):
        assert line in lines
    assert lines[-1] == "All AOF files and manifest are valid"
    (folder / "a.2.incr.aof").write_bytes(b"")
    assert "INCR AOF a.2.incr.aof is empty" in check(folder)


def test_a_single_file_with_an_rdb_part(folder: Path) -> None:
    path = folder / "old.aof"
    path.write_bytes((folder / "a.1.base.rdb").read_bytes() + GET)
    assert check(path)[-1] == "AOF old.aof is valid"
    path.write_bytes((folder / "a.1.base.rdb").read_bytes()[:-1])
    assert check(path)[-1] == "FAILED RDB preamble of AOF file old.aof is not sane, aborting."


@pytest.mark.parametrize("rest", [GET[:-1], MULTI + GET, b"xx", b"*1\r\n$4\r\nPINGPONG"])
def test_a_bad_end_is_cut_away_if_wanted(folder: Path, rest: bytes) -> None:
    path = folder / "a.2.incr.aof"
    whole = path.read_bytes()
    path.write_bytes(whole + rest)
    lines = check(folder)
    assert lines[-1] == "FAILED AOF a.2.incr.aof is not valid. Use the --fix option to try fixing it."
    offset = len(whole) + (12 if b"PINGPONG" in rest else 0)
    assert lines[-2].startswith("a.2.incr.aof: ")
    assert lines[-2].endswith(f"at offset {offset}")
    assert f"size={len(whole + rest)}, ok_up_to={len(whole)}, diff={len(rest)}" in lines[-3]
    assert check(folder, fix=True, answer=False)[-1] == "FAILED Aborting..."
    assert path.read_bytes() == whole + rest
    assert check(folder, fix=True)[-1] == "All AOF files and manifest are valid"
    assert path.read_bytes() == whole


def test_only_the_last_file_is_cut(folder: Path) -> None:
    path = folder / "a.1.incr.aof"
    path.write_bytes(GET[:-1])
    assert "not the last file" in check(folder, fix=True)[-1]
    assert path.read_bytes() == GET[:-1]
    assert "not the last file" in check(folder / "a.manifest", fix=True)[-1]


def test_back_to_a_moment(folder: Path) -> None:
    assert check(folder, until_s=200)[-1] == "All AOF files and manifest are valid"
    assert "Successfully truncated AOF a.2.incr.aof to timestamp 150" in check(folder, until_s=150)
    assert (folder / "a.2.incr.aof").read_bytes() == b"#TS:100\r\n" + GET
    assert "nothing before timestamp 50" in check(folder, until_s=50)[-1]
    (folder / "a.1.incr.aof").write_bytes(b"#TS:90\r\n" + GET)
    assert "because it is not the last file" in check(folder, until_s=80)[-1]


def test_what_is_no_append_only_file(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    (folder / "a.manifest").write_bytes(b"file a seq 1 type z\n")
    assert check(folder)[-1] == "FAILED a.manifest: Unknown AOF file type at line 1"
    (folder / "a.manifest").write_bytes(b"# nothing\n")
    assert "names no file" in check(folder)[-1]
    assert "no manifest" in check(tmp_path_factory.mktemp("empty"))[-1]
    with pytest.raises(FileNotFoundError):
        check(folder / "nothing")
