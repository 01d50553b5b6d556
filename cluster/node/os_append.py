"""A file of the real World that only grows."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable
from pathlib import Path

from cluster.node.os_files import sync_folder


class OsAppendFile:
    """cluster.node.world.AppendFile on the operating system."""

    def __init__(self, loop: asyncio.AbstractEventLoop, name: str) -> None:
        """Raises OSError."""
        path = Path(name)
        is_new = not path.exists()
        self._loop = loop
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        self.size_bytes = os.fstat(self._descriptor).st_size
        self._is_torn = False
        if is_new:
            sync_folder(path.parent)

    def write(self, data: bytes) -> None:
        """A write that the disk takes only half of is cut away again: what comes later must not follow half
        a record."""
        if self._is_torn:
            self._cut()
        view = memoryview(data)
        written = 0
        try:
            while written < len(data):
                written += os.write(self._descriptor, view[written:])
        except OSError:
            if written:
                self._is_torn = True
                self._cut()
            raise
        self.size_bytes += written

    def _cut(self) -> None:
        os.ftruncate(self._descriptor, self.size_bytes)
        self._is_torn = False

    def sync(self) -> None:
        os.fdatasync(self._descriptor)

    def sync_soon(self, done: Callable[[str], None]) -> None:
        """On a thread with a descriptor of its own, so that the file may be closed meanwhile."""
        descriptor = os.dup(self._descriptor)

        def work() -> None:
            reason = ""
            try:
                os.fdatasync(descriptor)
            except OSError as error:
                reason = os.strerror(error.errno or 0)
            finally:
                os.close(descriptor)
            # The loop may have been closed meanwhile: then nobody waits for the word.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(done, reason)

        threading.Thread(target=work, name="fsync", daemon=True).start()

    def close(self) -> None:
        os.close(self._descriptor)
