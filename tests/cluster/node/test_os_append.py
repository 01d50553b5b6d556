from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.node.os_append import OsAppendFile


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    made = asyncio.new_event_loop()
    yield made
    made.close()


def test_it_grows_and_goes_on_where_it_was(tmp_path: Path, loop: asyncio.AbstractEventLoop) -> None:
    name = str(tmp_path / "file")
    for number in range(3):
        file = OsAppendFile(loop, name)
        assert file.size_bytes == number
        file.write(b"x")
        file.sync()
        file.close()
    assert (tmp_path / "file").read_bytes() == b"xxx"


def test_an_fsync_is_told_in_the_loop_also_when_the_file_is_closed(
    tmp_path: Path, loop: asyncio.AbstractEventLoop
) -> None:
    file = OsAppendFile(loop, str(tmp_path / "file"))
    file.write(b"x")
    done: asyncio.Future[str] = loop.create_future()
    file.sync_soon(done.set_result)
    file.close()
    assert loop.run_until_complete(done) == ""


def test_an_fsync_that_fails_is_told(
    tmp_path: Path, loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(os, "fdatasync", fail)
    file = OsAppendFile(loop, str(tmp_path / "file"))
    done: asyncio.Future[str] = loop.create_future()
    file.sync_soon(done.set_result)
    assert loop.run_until_complete(done) == os.strerror(errno.EIO)
    file.close()


def test_half_a_write_is_cut_away(
    tmp_path: Path, loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = OsAppendFile(loop, str(tmp_path / "file"))
    file.write(b"first")
    write = os.write
    room = [3]

    def full(descriptor: int, data: memoryview) -> int:
        if not room:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, data[: room.pop()])

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space left"):
            file.write(b"second")
    assert (tmp_path / "file").read_bytes() == b"first"
    file.write(b"third")
    assert (tmp_path / "file").read_bytes() == b"firstthird"
    file.close()
