"""The real World: uvloop and the operating system."""

from __future__ import annotations

import asyncio
import os
import random
import resource
import secrets
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NoReturn, TextIO

import uvloop

from cluster.commands.context import Usage
from cluster.commands.gauge import Allocated
from cluster.node.os_append import OsAppendFile
from cluster.node.os_files import OsFiles
from cluster.node.os_fork import ForkedChild, into_file, into_pipe, without_file
from cluster.node.os_memory import OsMemory
from cluster.node.os_sockets import (
    OsDatagramPort,
    OsLink,
    OsListener,
    datagram_socket,
    stream_socket,
    unix_socket,
)
from cluster.node.world import ChildAccount, Endpoint

_UNIX_BACKLOG = 511


def _ignore(_chunk: bytes) -> None:
    """A child that writes to a file sends nothing."""


class OsTimer:
    """A timer that never fires early: the loop's clock is coarser than ours and may lag behind it."""

    def __init__(self, world: OsWorld, when_ms: int, callback: Callable[[], None]) -> None:
        self._world = world
        self._when_ms = when_ms
        self._callback = callback
        self._arm()

    def cancel(self) -> None:
        self._handle.cancel()

    def _arm(self) -> None:
        delay_ms = max(0, self._when_ms - self._world.now_ms())
        self._handle = self._world.loop.call_later(delay_ms / 1000, self._fire)

    def _fire(self) -> None:
        if self._world.now_ms() < self._when_ms:
            self._arm()
        else:
            self._callback()


class OsWorld:
    """cluster.node.world.World on uvloop. `run()` is the process's main loop."""

    def __init__(self, *, keepalive_s: int = 300) -> None:
        self.loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
        self.keepalive_s = keepalive_s
        self.pid = os.getpid()
        # Seeded by the system's entropy: run ids and node ids must differ between nodes that start together.
        self.random = random.Random(secrets.randbits(256))
        self.files = OsFiles()
        self.exit_code = 0
        self.stopwatch_ns = time.perf_counter_ns
        self._log: TextIO = sys.stdout
        self._memory = OsMemory()
        self._forks = self._last_fork_us = 0
        self._epoch_ms = self.unix_ms() - time.monotonic_ns() // 1_000_000
        self._listeners: list[OsListener] = []
        self._links: set[OsLink] = set()
        self._connects: set[asyncio.Task[None]] = set()

    def run(self) -> int:
        """Runs until stop(); the exit code."""
        try:
            self.loop.run_forever()
        finally:
            self.close()
        return self.exit_code

    def close(self) -> None:
        """Lets go of the loop; nothing works any more."""
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        # The loop cannot be closed while it serves: it would wait for ever.
        for listener in self._listeners:
            listener.close()
        for link in list(self._links):
            link.abort()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()

    def log_to(self, path: str) -> None:
        """Appends log lines to a file from now on; "" is stdout. Raises OSError."""
        self._log = Path(path).open("a", buffering=1) if path else sys.stdout  # noqa: SIM115

    def on_signal(self, number: signal.Signals, callback: Callable[[], None]) -> None:
        """Calls back in the loop when the signal arrives."""
        self.loop.add_signal_handler(number, callback)

    def now_ms(self) -> int:
        return self._epoch_ms + time.monotonic_ns() // 1_000_000

    def unix_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def unix_us(self) -> int:
        return time.time_ns() // 1_000

    def call_at(self, when_ms: int, callback: Callable[[], None]) -> OsTimer:
        return OsTimer(self, when_ms, callback)

    def listen(
        self, host: str, port: int, accept: Callable[[], Endpoint], *, backlog: int = 511
    ) -> OsListener:
        sock = stream_socket(host, port, backlog)
        return self._serve(sock, backlog, lambda: OsLink(accept(), self.keepalive_s, self._links))

    def listen_unix(self, path: str, mode: int, accept: Callable[[], Endpoint]) -> OsListener:
        sock = unix_socket(path, mode, _UNIX_BACKLOG)
        return self._serve(sock, _UNIX_BACKLOG, lambda: OsLink(accept(), 0, self._links))

    def _serve(self, sock: socket.socket, backlog: int, make: Callable[[], OsLink]) -> OsListener:
        listener = OsListener(self.loop, sock, backlog, make)
        self._listeners.append(listener)
        return listener

    def connect(self, host: str, port: int, endpoint: Endpoint, *, timeout_ms: int = 5000) -> None:
        task = self.loop.create_task(self._connect(host, port, endpoint, timeout_ms))
        self._connects.add(task)
        task.add_done_callback(self._connects.discard)

    async def _connect(self, host: str, port: int, endpoint: Endpoint, timeout_ms: int) -> None:
        try:
            async with asyncio.timeout(timeout_ms / 1000):
                await self.loop.create_connection(
                    lambda: OsLink(endpoint, self.keepalive_s, self._links), host, port
                )
        except TimeoutError:
            endpoint.closed("Connection timed out")
        except (OSError, OverflowError, UnicodeError) as error:
            endpoint.closed(
                os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
            )

    def datagram(self, host: str, port: int, received: Callable[[bytes, str, int], None]) -> OsDatagramPort:
        return OsDatagramPort(self.loop, datagram_socket(host, port), received)

    def fork_stream(
        self,
        produce: Callable[[], Iterable[bytes]],
        chunk: Callable[[bytes], None],
        done: Callable[[str], None],
        account: ChildAccount | None = None,
    ) -> ForkedChild:
        return self._counted(ForkedChild(self.loop, produce, into_pipe, chunk, done, account))

    def fork_save(
        self,
        name: str,
        produce: Callable[[], Iterable[bytes]],
        done: Callable[[str], None],
        account: ChildAccount | None = None,
    ) -> ForkedChild:
        write = into_file(self.files, name)
        return self._counted(
            ForkedChild(self.loop, produce, write, _ignore, done, account, without_file(name))
        )

    def _counted(self, child: ForkedChild) -> ForkedChild:
        self._forks += 1
        self._last_fork_us = child.fork_us
        return child

    def open_append(self, name: str) -> OsAppendFile:
        return OsAppendFile(self.loop, name)

    def log(self, line: str) -> None:
        self._log.write(line + "\n")
        self._log.flush()

    def stall(self, duration_us: int) -> None:
        time.sleep(duration_us / 1_000_000)

    def usage(self) -> Usage:
        own = resource.getrusage(resource.RUSAGE_SELF)
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        page_bytes = os.sysconf("SC_PAGE_SIZE")
        return Usage(
            rss_bytes=int(Path("/proc/self/statm").read_text().split()[1]) * page_bytes,
            rss_peak_bytes=own.ru_maxrss * 1024,
            system_memory_bytes=os.sysconf("SC_PHYS_PAGES") * page_bytes,
            cpu_system_s=own.ru_stime,
            cpu_user_s=own.ru_utime,
            cpu_system_children_s=children.ru_stime,
            cpu_user_children_s=children.ru_utime,
            forks=self._forks,
            last_fork_us=self._last_fork_us,
        )

    def allocated(self) -> Allocated:
        return self._memory.allocated()

    def release_memory(self) -> None:
        self._memory.release()

    def stop(self, exit_code: int) -> None:
        self.exit_code = exit_code
        # A turn of the loop later, so that what was written in this one still goes out.
        self.loop.call_later(0.001, self.loop.stop)

    def abort(self, exit_code: int) -> NoReturn:
        self._log.flush()
        os._exit(exit_code)
