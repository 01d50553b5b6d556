from __future__ import annotations

from pathlib import Path

import pytest

from cluster.node.os_files import OsFiles


def test_files(tmp_path: Path) -> None:
    files = OsFiles()
    name = str(tmp_path / "file")
    assert files.read(name) is None
    files.write_atomically(name, b"one")
    files.append(name, b"two")
    assert files.read(name) == b"onetwo"
    files.append(str(tmp_path / "new"), b"x")
    files.remove(name)
    files.remove(name)
    assert files.read(name) is None
    with pytest.raises(OSError, match="No such file"):
        files.write_atomically(str(tmp_path / "none" / "file"), b"")


def test_a_lock_is_held_once(tmp_path: Path) -> None:
    name = str(tmp_path / "lock")
    first = OsFiles()
    assert first.lock(name)
    assert not OsFiles().lock(name)


def test_files_in_folders(tmp_path: Path) -> None:
    files = OsFiles()
    folder = str(tmp_path / "folder")
    files.make_folder(folder)
    files.make_folder(folder)
    one, other = f"{folder}/one", f"{folder}/other"
    assert files.size_bytes(one) is None
    files.append(one, b"12345")
    assert list(files.read_parts(one, 2)) == [b"12", b"34", b"5"]
    files.truncate(one, 3)
    assert files.size_bytes(one) == 3
    files.append(other, b"gone")
    files.rename(one, other)
    assert files.read(one) is None
    assert files.read(other) == b"123"
    with pytest.raises(FileNotFoundError):
        next(files.read_parts(one, 2))
