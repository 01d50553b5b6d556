"""A node without sockets: the whole engine, any number of clients, a host that notes what it is asked."""

from __future__ import annotations

import random
from collections.abc import Callable

from cluster.commands.context import BusLink, Migration, Server, Usage
from cluster.commands.gauge import Allocated
from cluster.core.core import Core
from cluster.engine.engine import Engine
from cluster.replication.replication import Replication
from cluster.session.session import Session
from cluster.spec.options import Options
from cluster.store.clock import Clock
from cluster.store.keyspace import Keyspace
from protocol.resp.types import LATER, NO_REPLY, Reply
from protocol.resp.writer import encode
from tests.support.oracle import words

NOW_MS = 1_700_000_000_000
DATABASES = 4
"""Enough to tell them apart: each costs a dict for every slot."""


class NotingHost:
    """The process around the engine, as far as tests need one."""

    run_id = "f" * 40
    pid = 4242
    executable = "/usr/bin/starling"
    config_path = ""
    os_name = "Linux"

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.logged: list[str] = []
        self.changed: list[str] = []
        self.shutdowns: list[tuple[bool | None, bool, bool]] = []
        self.refuses = ""
        self.rss_bytes = 10 << 20
        self.last_save = "ok"

    def log(self, level: str, text: str) -> None:
        self.logged.append(f"{level}: {text}")

    def usage(self) -> Usage:
        return Usage(self.rss_bytes, self.rss_bytes, 8 << 30, 1.0, 2.0, 0.0, 0.0, 0, 0)

    def allocated(self) -> Allocated:
        return Allocated(0, self.rss_bytes)

    def release_memory(self) -> None:
        self.changed.append("memory")

    def stall(self, duration_us: int) -> None:
        self.clock.now_ms += duration_us // 1000

    def unix_us(self) -> int:
        return self.clock.now_ms * 1000 + 7

    def shutdown(self, *, save: bool | None, now: bool, force: bool) -> str | None:
        self.shutdowns.append((save, now, force))
        return self.refuses or None

    @property
    def is_shutting_down(self) -> bool:
        return False

    def when_shutdown_called_off(self, call: Callable[[], None]) -> None:
        raise AssertionError("no shutdown waits here")

    def abort_shutdown(self) -> bool:
        return False

    def save(self) -> str | None:
        return self.refuses or None

    def save_in_background(self, *, may_wait: bool) -> str:
        return f"ERR {self.refuses}" if self.refuses else "Background saving started"

    def all_flushed(self, *, by_stream: bool) -> None:
        self.changed.append("stream flushed" if by_stream else "flushed")

    def rewrite_append_only_file(self) -> str:
        return f"ERR {self.refuses}" if self.refuses else "Background append only file rewriting started"

    def load_append_only_file(self) -> str | None:
        return self.refuses or None

    def reload(self, *, saves: bool, flushes: bool) -> str | None:
        return self.refuses or None

    def migrate(self, session: Session, request: Migration) -> None:
        raise AssertionError("no transfer is expected here")

    def follow(self, primary: tuple[str, int] | None) -> None:
        raise AssertionError("no change of role is expected here")

    def begin_failover(self, target: tuple[str, int] | None, *, timeout_ms: int, forces: bool) -> None:
        self.changed.append(f"failover {target} {timeout_ms} {forces}")

    def abort_failover(self) -> None:
        self.changed.append("failover aborted")

    def become_replica_link(self, session: Session, kind: str, argv: list[bytes]) -> Reply:
        raise AssertionError("no replica is expected here")

    def option_changed(self, name: str) -> None:
        if self.refuses:
            raise OSError(self.refuses)
        self.changed.append(name)

    def rewrite_config(self) -> str | None:
        return self.refuses or None

    def bus_links(self) -> list[BusLink]:
        return []

    def info_fields(self, section: str) -> dict[str, str | int]:
        return (
            {"rdb_last_save_time": 1234, "rdb_last_bgsave_status": self.last_save}
            if section == "persistence"
            else {}
        )


class Stopwatch:
    """Goes on by `step_usec` each time that it is looked at: so long does a command take."""

    def __init__(self) -> None:
        self.step_usec = 0
        self._usec = 0

    def __call__(self) -> int:
        self._usec += self.step_usec
        return self._usec * 1000


class Client:
    """One client: what it asks and what it gets, the pushes and late replies in `got`."""

    def __init__(self, served: Served) -> None:
        self.engine = served.engine
        self.got: list[Reply] = []
        self.closed = False
        self.session = self.engine.open("127.0.0.1:5000", "127.0.0.1:6379", self.got.append, self._close)
        self.session.on_finish = self.got.append

    def _close(self) -> None:
        self.closed = True
        self.engine.close(self.session)

    def call(self, *argv: bytes | str | int) -> Reply:
        """What serve() gives: a reply, NO_REPLY or LATER."""
        return self.engine.serve(self.session, words(argv))

    def raw(self, *argv: bytes | str | int) -> bytes:
        """The bytes that the client sees of one request."""
        reply = self.call(*argv)
        out = bytearray()
        for value in [*self.got, *([] if reply in (NO_REPLY, LATER) else [reply])]:
            encode(value, self.session.protocol, out)
        self.got.clear()
        return bytes(out)


class Served:
    """A node; `client` is its first client."""

    def __init__(self, options: Options | None = None, core: Core | None = None) -> None:
        self.options = options or Options()
        self.stopwatch = Stopwatch()
        self.clock = Clock(NOW_MS, self.stopwatch)
        self.replication = Replication(self.options, random.Random(1))
        self.host = NotingHost(self.clock)
        self.server = Server(
            self.options,
            self.clock,
            random.Random(1),
            [Keyspace(self.clock, index) for index in range(1 if core else DATABASES)],
            self.replication,
            core,
            self.host,
            NOW_MS,
        )
        self.engine = Engine(self.server)
        self.client = Client(self)

    def call(self, *argv: bytes | str | int) -> Reply:
        return self.client.call(*argv)

    def feeds(self) -> bytes:
        """The stream for replicas since the last call; the first call makes it begin."""
        self.replication._begin_history()
        return self.replication.take_outgoing()
