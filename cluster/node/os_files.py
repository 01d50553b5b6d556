"""Files of the real World: by name in the node's folder, written so that a crash leaves the old one or the
new one.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from pathlib import Path


class OsFiles:
    """cluster.node.world.Files on the operating system, in the process's working folder."""

    def __init__(self) -> None:
        self._locks: list[int] = []

    def read(self, name: str) -> bytes | None:
        try:
            return Path(name).read_bytes()
        except FileNotFoundError:
            return None

    def write_atomically(self, name: str, chunks: bytes | Iterable[bytes], *, durable: bool = True) -> None:
        path = Path(name)
        temporary = temporary_path(path, os.getpid())
        try:
            with temporary.open("wb") as file:
                if isinstance(chunks, bytes):
                    file.write(chunks)
                else:
                    file.writelines(chunks)
                if durable:
                    file.flush()
                    os.fsync(file.fileno())
            temporary.rename(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        if durable:
            sync_folder(path.parent)

    def append(self, name: str, data: bytes) -> None:
        path = Path(name)
        is_new = not path.exists()
        with path.open("ab") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if is_new:
            sync_folder(path.parent)

    def read_parts(self, name: str, part_bytes: int) -> Iterator[bytes]:
        with Path(name).open("rb") as file:
            while part := file.read(part_bytes):
                yield part

    def size_bytes(self, name: str) -> int | None:
        try:
            return Path(name).stat().st_size
        except FileNotFoundError:
            return None

    def truncate(self, name: str, size_bytes: int) -> None:
        with Path(name).open("r+b") as file:
            file.truncate(size_bytes)
            os.fsync(file.fileno())

    def rename(self, old: str, new: str) -> None:
        Path(old).rename(new)
        sync_folder(Path(new).parent)

    def make_folder(self, name: str) -> None:
        path = Path(name)
        if not path.is_dir():
            path.mkdir()
            sync_folder(path.parent)

    def remove(self, name: str) -> None:
        Path(name).unlink(missing_ok=True)

    def lock(self, name: str) -> bool:
        handle = os.open(name, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return False
        self._locks.append(handle)
        return True


def temporary_path(path: Path, pid: int) -> Path:
    """Where a process writes what is to take the place of `path`; a snapshot's has Redis's name. Two
    processes that write the same file must not share one.
    """
    return path.with_name(f"temp-{pid}{path.suffix}")


def sync_folder(folder: Path) -> None:
    """Makes a rename in `folder` last through a power cut. Raises OSError."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
