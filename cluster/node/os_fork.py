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
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from struct import Struct
from typing import NoReturn

from cluster.node.os_files import OsFiles, temporary_path
from cluster.node.world import BY_SIGNAL, ChildAccount

_CHUNK_BYTES = 1 << 18
_PIPE_BYTES = 1 << 20
_F_SETPIPE_SZ = 1031
_DESCRIPTORS_MAX = 1 << 20
_REPORT = Struct("<QQ")
_REPORT_EVERY_S = 1.0

Write = Callable[[Iterable[bytes], int], None]


class ForkedChild:
    """The parent's end. Chunks come from one pipe, the reason of a failure from another, how far it is from a
    third."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        produce: Callable[[], Iterable[bytes]],
        write: Write,
        chunk: Callable[[bytes], None],
        done: Callable[[str], None],
        account: ChildAccount | None,
        clean: Callable[[int], None] = lambda _: None,
    ) -> None:
        """`write(produce(), descriptor)` runs in the child. `clean(pid)` removes what it leaves behind when a
        signal ends it. Raises OSError."""
        self._loop = loop
        self._chunk = chunk
        self._done = done
        self._account = account
        self._clean = clean
        self._status: int | None = None
        self._data, data_end = os.pipe()
        self._failure, failure_end = os.pipe()
        self._reports, reports_end = os.pipe()
        with contextlib.suppress(OSError):
            fcntl.fcntl(self._data, _F_SETPIPE_SZ, _PIPE_BYTES)
        begin_ns = time.perf_counter_ns()
        try:
            self.pid = os.fork()
        except OSError:
            for pair in ((self._data, data_end), (self._failure, failure_end), (self._reports, reports_end)):
                for descriptor in pair:
                    os.close(descriptor)
            raise
        if self.pid == 0:
            _live_as_child(produce, write, account, data_end, failure_end, reports_end)
        self.fork_us = (time.perf_counter_ns() - begin_ns) // 1000
        for descriptor in (data_end, failure_end, reports_end):
            os.close(descriptor)
        os.set_blocking(self._data, False)
        os.set_blocking(self._reports, False)
        self._paused = False
        loop.add_reader(self._data, self._readable)
        loop.add_reader(self._reports, self._take_reports)

    def pause_reading(self) -> None:
        if not self._paused and self._data >= 0:
            self._paused = True
            self._loop.remove_reader(self._data)

    def resume_reading(self) -> None:
        if self._paused and self._data >= 0:
            self._paused = False
            self._loop.add_reader(self._data, self._readable)

    def kill(self) -> None:
        if self._data >= 0 and self._status is None:
            # Also one that has been stopped (SIGSTOP) is to take notice.
            for number in (signal.SIGUSR1, signal.SIGCONT):
                os.kill(self.pid, number)
            self._wait()
            self.resume_reading()

    def _wait(self) -> int:
        """The exit code; what it had half written when a signal ended it is removed."""
        if self._status is None:
            _, status = os.waitpid(self.pid, 0)
            self._status = os.waitstatus_to_exitcode(status)
            if self._status < 0:
                self._clean(self.pid)
        return self._status

    def _readable(self) -> None:
        try:
            data = os.read(self._data, _CHUNK_BYTES)
        except BlockingIOError:
            return
        if data:
            self._chunk(data)
        else:
            self._ended()

    def _take_reports(self) -> None:
        """The newest is all that counts; each is written, and so read, as a whole."""
        try:
            data = os.read(self._reports, _REPORT.size * 1024)
        except BlockingIOError:
            return
        if not data:
            self._loop.remove_reader(self._reports)
        elif self._account is not None:
            self._account.told(*_REPORT.unpack(data[-_REPORT.size :]))

    def _ended(self) -> None:
        """The pipe ends when the child does, so nothing here waits for long."""
        self._take_reports()
        for descriptor in (self._data, self._reports):
            self._loop.remove_reader(descriptor)
            os.close(descriptor)
        self._data = -1
        with os.fdopen(self._failure, "rb") as pipe:
            reason = pipe.read().decode(errors="replace")
        code = self._wait()
        if code < 0:
            reason = f"{BY_SIGNAL}{-code}"
        elif code and not reason:
            reason = f"exited with code {code}"
        self._done(reason)


def _live_as_child(
    produce: Callable[[], Iterable[bytes]],
    write: Write,
    account: ChildAccount | None,
    data_end: int,
    failure_end: int,
    reports_end: int,
) -> NoReturn:
    code = 1
    try:
        # A signal meant for the child must not reach the parent through the wakeup pipe that they share.
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        gc.disable()  # a collection would write to every object's header, and copy every page
        first = 3
        for kept in sorted((data_end, failure_end, reports_end)):
            os.closerange(first, kept)
            first = kept + 1
        os.closerange(first, _DESCRIPTORS_MAX)
        write(produce() if account is None else _reported(produce(), account, reports_end), data_end)
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


def _reported(chunks: Iterable[bytes], account: ChildAccount, descriptor: int) -> Iterator[bytes]:
    """The chunks; what the account says is told now and then, and behind the last one."""
    due_s = time.monotonic() + _REPORT_EVERY_S
    for chunk in chunks:
        yield chunk
        if time.monotonic() >= due_s:
            _report(account, descriptor)
            due_s = time.monotonic() + _REPORT_EVERY_S
    _report(account, descriptor)


def _report(account: ChildAccount, descriptor: int) -> None:
    # Nobody may be left to read it; that is seen by who reads the chunks.
    with contextlib.suppress(OSError):
        os.write(descriptor, _REPORT.pack(account.keys_done, _unshared_bytes()))


def _unshared_bytes() -> int:
    """Memory of this process that it has changed since it was forked; 0 where that is not told."""
    try:
        lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Private_Dirty:"))


def into_pipe(chunks: Iterable[bytes], descriptor: int) -> None:
    """Writes the chunks to the pipe."""
    with os.fdopen(descriptor, "wb", buffering=_CHUNK_BYTES, closefd=False) as pipe:
        pipe.writelines(chunks)


def into_file(files: OsFiles, name: str) -> Write:
    """Writes the chunks to a file."""
    return lambda chunks, _descriptor: files.write_atomically(name, chunks)


def without_file(name: str) -> Callable[[int], None]:
    """Removes what a child has left of the file that it was writing."""
    return lambda pid: temporary_path(Path(name), pid).unlink(missing_ok=True)
