"""The World: all that a node has of the outside. The real one is uvloop and the OS; tools.sim simulates one.

Everything is a callback. `unix_ms()` is the wall clock. `now_ms()` is unix time as well as the process saw it
when it started, but it never goes back and does not jump with the wall clock: timers and the core go by it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NoReturn, Protocol

from cluster.commands.context import Usage
from cluster.commands.gauge import Allocated

BY_SIGNAL: Final = "terminated by signal "
STOPPED: Final = f"{BY_SIGNAL}10"
"""The reason of a child's end that was asked for, and no failure; 10 is SIGUSR1, with which Redis does it."""


class Timer(Protocol):
    def cancel(self) -> None: ...


class Link(Protocol):
    """A stream connection."""

    @property
    def peer_address(self) -> tuple[str, int]: ...

    @property
    def local_address(self) -> tuple[str, int]: ...

    def write(self, data: bytes | bytearray, /) -> None:
        """Takes `data` over: a bytearray must not change afterwards."""

    def close(self) -> None:
        """After what has been written is sent."""

    def abort(self) -> None:
        """At once."""

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def unsent_bytes(self) -> int: ...


class Endpoint(Protocol):
    """What a stream connection reports to. `closed` comes once, also for a connect that failed."""

    def connected(self, link: Link, /) -> None: ...

    def received(self, data: bytes, /) -> None: ...

    def closed(self, reason: str, /) -> None: ...


class Listener(Protocol):
    @property
    def port(self) -> int: ...

    def close(self) -> None: ...


class DatagramPort(Protocol):
    @property
    def port(self) -> int: ...

    def send(self, data: bytes, host: str, port: int) -> None:
        """May lose it; never raises."""

    def close(self) -> None: ...


class Child(Protocol):
    """A copy of this process at work; its `done` callback comes once, whatever ends it."""

    @property
    def pid(self) -> int: ...

    def pause_reading(self) -> None:
        """Holds its chunks back: the reader's own outlet is full."""

    def resume_reading(self) -> None: ...

    def kill(self) -> None:
        """It is not wanted any more: when this returns it writes nothing, and what it had half written is
        gone. `done` then hears STOPPED, unless it had come to its end before."""


class AppendFile(Protocol):
    """A file that only grows, opened for that."""

    @property
    def size_bytes(self) -> int: ...

    def write(self, data: bytes) -> None:
        """Appends; a kill -9 loses none of it, a power cut may. Raises OSError: nothing of `data` then stays
        in the file.
        """

    def sync(self) -> None:
        """Makes all that was written outlast a power cut. Raises OSError."""

    def sync_soon(self, done: Callable[[str], None]) -> None:
        """The same while the node goes on; done("") in the end, or done(why it failed)."""

    def close(self) -> None:
        """Without a sync; one that is under way goes on."""


class Files(Protocol):
    """Files in and below the node's folder, by name; absolute paths are taken as they are."""

    def read(self, name: str) -> bytes | None:
        """The whole file; None when there is none. Raises OSError."""

    def write_atomically(self, name: str, chunks: bytes | Iterable[bytes], *, durable: bool = True) -> None:
        """Temporary file, fsync, rename, fsync of the folder. Raises OSError: the old file stays.

        Not `durable`: without the fsyncs; it outlives the process, a power cut may leave the old or none.
        """

    def append(self, name: str, data: bytes) -> None:
        """Appends and fsyncs. Raises OSError."""

    def read_parts(self, name: str, part_bytes: int) -> Iterator[bytes]:
        """The file, so much at a time. Raises OSError, FileNotFoundError where there is none."""

    def size_bytes(self, name: str) -> int | None:
        """None when there is no such file. Raises OSError."""

    def truncate(self, name: str, size_bytes: int) -> None:
        """Cuts the end of a file away, and fsyncs. Raises OSError."""

    def rename(self, old: str, new: str) -> None:
        """What has the new name is replaced; lasts through a power cut. Raises OSError."""

    def make_folder(self, name: str) -> None:
        """Also where it is there already. Raises OSError."""

    def remove(self, name: str) -> None:
        """Also where there is none. Raises OSError."""

    def lock(self, name: str) -> bool:
        """Takes an exclusive lock for the life of the node; False when another process has it. Raises
        OSError.
        """


class ChildAccount(Protocol):
    """What a forked child counts in its copy of memory, and tells its parent of."""

    keys_done: int

    def told(self, keys_done: int, cow_bytes: int) -> None:
        """`cow_bytes` is memory that the child does not share with its parent any more."""


class World(Protocol):
    random: random.Random

    @property
    def files(self) -> Files: ...

    @property
    def pid(self) -> int: ...

    def now_ms(self) -> int: ...

    def unix_ms(self) -> int: ...

    def unix_us(self) -> int: ...

    def stopwatch_ns(self) -> int:
        """Nanoseconds since some moment or other; never goes back. For how long a command takes."""

    def call_at(self, when_ms: int, callback: Callable[[], None]) -> Timer:
        """Calls back at now_ms() >= when_ms."""

    def listen(self, host: str, port: int, accept: Callable[[], Endpoint], *, backlog: int = 511) -> Listener:
        """`host` "*" is every IPv4 address, "::*" every IPv6 one. Raises OSError (port in use)."""

    def listen_unix(self, path: str, mode: int, accept: Callable[[], Endpoint]) -> Listener:
        """`mode` 0 leaves the permissions as the umask gives them. Raises OSError."""

    def connect(self, host: str, port: int, endpoint: Endpoint, *, timeout_ms: int = 5000) -> None: ...

    def datagram(self, host: str, port: int, received: Callable[[bytes, str, int], None]) -> DatagramPort:
        """`host` as with listen. Raises OSError (port in use)."""

    def fork_stream(
        self,
        produce: Callable[[], Iterable[bytes]],
        chunk: Callable[[bytes], None],
        done: Callable[[str], None],
        account: ChildAccount | None = None,
    ) -> Child:
        """Runs `produce` on a copy of this moment's memory (a forked child); hands over its chunks.

        `done("")` at the end, or done(why it failed). `account` is told about once a second, and at the end,
        how far the child is. Raises OSError where no child can be had.
        """

    def fork_save(
        self,
        name: str,
        produce: Callable[[], Iterable[bytes]],
        done: Callable[[str], None],
        account: ChildAccount | None = None,
    ) -> Child:
        """The same into a file, written as `Files.write_atomically` does."""

    def open_append(self, name: str) -> AppendFile:
        """Opens a file at its end; made where there is none, which lasts through a power cut. Raises
        OSError.
        """

    def log(self, line: str) -> None: ...

    def usage(self) -> Usage: ...

    def allocated(self) -> Allocated:
        """What the process holds in memory, for used_memory; not always counted anew."""

    def release_memory(self) -> None:
        """Gives freed memory back to the system."""

    def stall(self, duration_us: int) -> None:
        """Lets the whole process stand still for so long, as DEBUG SLEEP asks for."""

    def stop(self, exit_code: int) -> None:
        """Ends the process (the real one: after its loop has written what is queued)."""

    def abort(self, exit_code: int) -> NoReturn:
        """Ends the process at once: nothing that is queued leaves it."""
