"""A Starling without sockets: requests in, replies out, on a clock that the test sets."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import cast

from cluster.commands.context import Context, Host, Server, Usage
from cluster.commands.gauge import Allocated
from cluster.core.core import Core, Settings
from cluster.core.orders import AddSlots
from cluster.engine.engine import Engine
from cluster.replication.replication import Replication
from cluster.session.session import Session
from cluster.spec.options import Options
from cluster.store.clock import Clock
from cluster.store.keyspace import SLOTS, Keyspace
from protocol.resp.reader import RequestReader
from protocol.resp.types import LATER, NO_REPLY, Reply
from protocol.resp.writer import encode
from tests.support.oracle import words

NOW_MS = 1_700_000_000_000
PORT = 7000
NOTHING = Allocated(0, 0)


class TappedReplication(Replication):
    """Keeps what the engine propagates, as if a replica were there."""

    def __init__(self, options: Options, rng: random.Random) -> None:
        super().__init__(options, rng)
        self.fed: list[list[bytes]] = []

    def feeds_anyone(self) -> bool:
        return True

    def feed(self, data: bytes | bytearray, database: int = 0) -> None:
        reader = RequestReader()
        reader.feed(bytes(data))
        while (argv := reader.next()) is not None:
            self.fed.append(argv)


class TappedContext(Context):
    """Keeps what the handlers say that they have changed: key, event, count."""

    def __init__(self, server: Server, session: Session) -> None:
        super().__init__(server, session)
        self.events: list[tuple[bytes, bytes, int]] = []

    def changed(self, key: bytes, event: bytes, count: int = 1, database: Keyspace | None = None) -> None:
        self.events.append((key, event, count))
        super().changed(key, event, count, database)

    def noted(self, key: bytes, event: bytes, count: int = 1) -> None:
        self.events.append((key, event, count))
        super().noted(key, event, count)


class QuietHost:
    """A process that keeps its log lines and has little else to offer."""

    run_id = "0" * 40
    pid = 1
    executable = "starling"
    config_path = ""
    os_name = "Nowhere"

    def __init__(self, clock: Clock) -> None:
        self.lines: list[tuple[str, str]] = []
        self._clock = clock
        self.measure: Callable[[], Allocated] = lambda: NOTHING

    def log(self, level: str, text: str) -> None:
        self.lines.append((level, text))

    def usage(self) -> Usage:
        return Usage(1 << 20, 1 << 21, 1 << 30, 0.0, 0.0, 0.0, 0.0, 0, 0)

    def allocated(self) -> Allocated:
        return self.measure()

    def release_memory(self) -> None:
        self.lines.append(("debug", "released memory"))

    def unix_us(self) -> int:
        return self._clock.now_ms * 1000

    def option_changed(self, name: str) -> None:
        self.lines.append(("debug", f"changed {name}"))

    def all_flushed(self, *, by_stream: bool) -> None:
        self.lines.append(("debug", "flushed by the stream" if by_stream else "flushed"))

    def info_fields(self, section: str) -> dict[str, str | int]:
        return {}


class Local:
    """One node and one client of it; in cluster mode the node owns every slot."""

    def __init__(self, *, cluster: bool = False, protocol: int = 2, now_ms: int = NOW_MS) -> None:
        self.clock = Clock(now_ms)
        self.options = Options()
        self.replication = TappedReplication(self.options, random.Random(2))
        self.host = QuietHost(self.clock)
        self.server = Server(
            self.options,
            self.clock,
            random.Random(1),
            [Keyspace(self.clock, index) for index in range(1 if cluster else self.options.databases)],
            self.replication,
            _owner_of_every_slot(now_ms) if cluster else None,
            cast(Host, self.host),
            now_ms,
        )
        self.engine = Engine(self.server)
        self.session = self.connect(protocol)

    def connect(self, protocol: int = 2) -> Session:
        """One more client. What comes out of turn is lost."""
        session = self.engine.open("127.0.0.1:1", f"127.0.0.1:{PORT}", lambda _: None, lambda: None)
        session.protocol = protocol
        session.context = TappedContext(self.server, session)
        return session

    @property
    def now_ms(self) -> int:
        """The time that the node sees, unix milliseconds."""
        return self.clock.now_ms

    @now_ms.setter
    def now_ms(self, now_ms: int) -> None:
        self.clock.now_ms = now_ms

    @property
    def written(self) -> list[list[bytes]]:
        """What has been propagated."""
        return self.replication.fed

    @property
    def events(self) -> list[tuple[bytes, bytes, int]]:
        """What the handlers said of their changes: key, event, count."""
        return cast(TappedContext, self.session.context).events

    def call(self, *argv: bytes | str | int, session: Session | None = None) -> Reply:
        """The reply to a request; errors come as ErrorReply, LATER and NO_REPLY as they are."""
        return self.engine.serve(session or self.session, words(argv))

    def raw(self, *argv: bytes | str | int, session: Session | None = None) -> bytes:
        """The bytes of the reply to a request."""
        reply = self.call(*argv, session=session)
        assert reply is not LATER
        out = bytearray()
        if reply is not NO_REPLY:
            encode(reply, (session or self.session).protocol, out)
        return bytes(out)


def _owner_of_every_slot(now_ms: int) -> Core:
    core = Core(Settings(), random.Random(3), now_ms, host="127.0.0.1", port=PORT, bus_port=PORT + 10000)
    core.order(now_ms, AddSlots(tuple(range(SLOTS))))
    step_ms = 100
    while not core.is_ok:
        now_ms += step_ms
        core.tick(now_ms)
    core.take_effects()
    return core
