"""A forked child of the real World: it has the memory of one moment, and writes it to a pipe or to a file.

The child must not touch the event loop: loop, epoll and timers are the parent's, and shared descriptors would
let the child act on the parent's connections. It closes all that it inherited but its pipes, and leaves by
os._exit.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import gc
import os
import signal
from collections.abc import Callable, Iterable
from typing import NoReturn

from cluster.node.os_files import OsFiles

_CHUNK_BYTES = 1 << 18
_PIPE_BYTES = 1 << 20
_F_SETPIPE_SZ = 1031
_DESCRIPTORS_MAX = 1 << 20


class ForkedChild:
    """The parent's end. Chunks come from one pipe, the reason of a failure from another."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        work: Callable[[int], None],
        chunk: Callable[[bytes], None],
        done: Callable[[str], None],
    ) -> None:
        """`work(descriptor)` runs in the child. Raises OSError."""
        self._loop = loop
        self._chunk = chunk
        self._done = done
        self._data, data_end = os.pipe()
        self._failure, failure_end = os.pipe()
        with contextlib.suppress(OSError):
            fcntl.fcntl(self._data, _F_SETPIPE_SZ, _PIPE_BYTES)
        try:
            self.pid = os.fork()
        except OSError:
            for descriptor in (self._data, data_end, self._failure, failure_end):
                os.close(descriptor)
            raise
        if self.pid == 0:
            _live_as_child(work, data_end, failure_end)
        os.close(data_end)
        os.close(failure_end)
        os.set_blocking(self._data, False)
        self._paused = False
        loop.add_reader(self._data, self._readable)

    def pause_reading(self) -> None:
        if not self._paused and self._data >= 0:
            self._paused = True
            self._loop.remove_reader(self._data)

    def resume_reading(self) -> None:
        if self._paused and self._data >= 0:
            self._paused = False
            self._loop.add_reader(self._data, self._readable)

    def kill(self) -> None:
        if self._data >= 0:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            self.resume_reading()

    def _readable(self) -> None:
        try:
            data = os.read(self._data, _CHUNK_BYTES)
        except BlockingIOError:
            return
        if data:
            self._chunk(data)
        else:
            self._ended()

    def _ended(self) -> None:
        """The pipe ends when the child does, so nothing here waits for long."""
        self._loop.remove_reader(self._data)
        os.close(self._data)
        self._data = -1
        with os.fdopen(self._failure, "rb") as pipe:
            reason = pipe.read().decode(errors="replace")
        _, status = os.waitpid(self.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        if code < 0:
            reason = f"terminated by signal {-code}"
        elif code and not reason:
            reason = f"exited with code {code}"
        self._done(reason)


def _live_as_child(work: Callable[[int], None], data_end: int, failure_end: int) -> NoReturn:
    code = 1
    try:
        # A signal meant for the child must not reach the parent through the wakeup pipe that they share.
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        gc.disable()  # a collection would write to every object's header, and copy every page
        low, high = sorted((data_end, failure_end))
        os.closerange(3, low)
        os.closerange(low + 1, high)
        os.closerange(high + 1, _DESCRIPTORS_MAX)
        work(data_end)
        code = 0
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.write(failure_end, _reason(error).encode()[:4096])
    finally:
        os._exit(code)


def _reason(error: BaseException) -> str:
    """Of a system's error its words: the file's name would be a temporary one."""
    words = error.strerror if isinstance(error, OSError) else ""
    return words or str(error) or type(error).__name__


def stream_work(produce: Callable[[], Iterable[bytes]]) -> Callable[[int], None]:
    """Work that writes what `produce` gives to the pipe."""

    def work(descriptor: int) -> None:
        with os.fdopen(descriptor, "wb", buffering=_CHUNK_BYTES, closefd=False) as pipe:
            pipe.writelines(produce())

    return work


def save_work(files: OsFiles, name: str, produce: Callable[[], Iterable[bytes]]) -> Callable[[int], None]:
    """Work that writes what `produce` gives to a file."""

    def work(_descriptor: int) -> None:
        files.write_atomically(name, produce())

    return work
