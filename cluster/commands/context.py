"""What a handler is given, and what the process offers to handlers."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from cluster.commands.durations import ordinary_usec
from cluster.commands.gauge import Allocated, Gauge
from cluster.commands.journal import Journal
from cluster.commands.statistics import Statistics
from cluster.core.core import Core
from cluster.replication.replication import Replication
from cluster.session.keyspace_events import KeyspaceEvents
from cluster.session.monitors import Monitors
from cluster.session.pubsub import PubSub
from cluster.session.session import Session
from cluster.session.tracking import TrackingTable
from cluster.session.waiters import Waiter, Waiters
from cluster.session.watches import Watches
from cluster.spec.command import CommandSpec
from cluster.spec.options import Options
from cluster.store.clock import Clock
from cluster.store.frequency import count_uses
from cluster.store.glob import matcher
from cluster.store.keyspace import Keyspace
from protocol.rdb.records import PLAIN_BYTES
from protocol.resp.types import ErrorReply, Reply

MEMORY_MARGIN_BYTES = 32 << 20
"""More than one tick can add: while memory is further below maxmemory than this, no request needs a look at
it."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What the operating system says of the process: for INFO memory, cpu and stats."""

    rss_bytes: int
    rss_peak_bytes: int
    system_memory_bytes: int
    cpu_system_s: float
    cpu_user_s: float
    cpu_system_children_s: float
    cpu_user_children_s: float
    forks: int
    last_fork_us: int


@dataclass(frozen=True, slots=True)
class Migration:
    """A MIGRATE that has been checked: keys to copy or move to another node."""

    host: str
    port: int
    database: int
    timeout_ms: int
    keys: tuple[bytes, ...]
    copy: bool
    replace: bool
    user: bytes | None
    password: bytes | None


@dataclass(frozen=True, slots=True)
class BusLink:
    """A TCP link of the cluster bus that is open now: to or from the node at that host and bus port.
    `opened_ms` is unix time."""

    is_ours: bool
    host: str
    bus_port: int
    opened_ms: int
    unsent_bytes: int


class Host(Protocol):
    """The process around the engine: cluster.node in production."""

    run_id: str
    pid: int
    executable: str
    config_path: str
    os_name: str

    def log(self, level: str, text: str) -> None:
        """Writes a log line; level is debug, verbose, notice or warning."""

    def usage(self) -> Usage: ...

    def allocated(self) -> Allocated:
        """For the gauge of our own memory: see there."""

    def release_memory(self) -> None:
        """Gives freed memory back to the system."""

    def unix_us(self) -> int:
        """The wall clock in microseconds, for TIME."""

    def stall(self, duration_us: int) -> None:
        """Lets the whole process stand still for so long."""

    def shutdown(self, *, save: bool | None, now: bool, force: bool) -> str | None:
        """Ends the process, now or when replicas have caught up (`is_shutting_down` until then); the reason
        when it can't. `save` None follows the save points."""

    @property
    def is_shutting_down(self) -> bool:
        """Whether a shutdown waits for replicas."""

    def when_shutdown_called_off(self, call: Callable[[], None]) -> None:
        """Calls back if the shutdown that waits comes to nothing."""

    def abort_shutdown(self) -> bool:
        """Calls off a shutdown that waits for replicas; whether there was one."""

    def save(self) -> str | None:
        """Writes the RDB file now; the reason when it can't."""

    def save_in_background(self, *, may_wait: bool) -> str:
        """Begins to, or schedules it where it `may_wait`; what the client is told, an error if it begins with
        ERR."""

    def all_flushed(self, *, by_stream: bool) -> None:
        """FLUSHALL has removed all data: no file may bring it back. `by_stream`: it came with the primary's
        stream, or from a file."""

    def rewrite_append_only_file(self) -> str:
        """Begins to; what the client is told, an error if it begins with ERR."""

    def load_append_only_file(self) -> str | None:
        """Loads all data anew from it; the reason when it can't."""

    def reload(self, *, saves: bool, flushes: bool) -> str | None:
        """Loads all data anew from the RDB file, saved before if `saves`; the reason when it can't. Without
        `flushes` what is here stays, where the file has nothing for its key."""

    def migrate(self, session: Session, request: Migration) -> None:
        """Starts a transfer; gives the session its reply when done."""

    def follow(self, primary: tuple[str, int] | None) -> None:
        """Replicate from host and port, or (None) from nobody."""

    def begin_failover(self, target: tuple[str, int] | None, *, timeout_ms: int, forces: bool) -> None:
        """Hands our role to that replica, or to the first that has caught up; gives up after `timeout_ms` (0
        for never), or goes on all the same where it `forces`."""

    def abort_failover(self) -> None:
        """Calls off the failover under way."""

    def become_replica_link(self, session: Session, kind: str, argv: list[bytes]) -> Reply:
        """REPLCONF, PSYNC and SYNC arriving on a client's connection."""

    def option_changed(self, name: str) -> None:
        """CONFIG SET has changed an option that the process acts on (port, maxclients, timeouts...)."""

    def rewrite_config(self) -> str | None: ...

    def bus_links(self) -> list[BusLink]:
        """For CLUSTER LINKS. What fits into datagrams needs none, so there may be none at all."""

    def info_fields(self, section: str) -> dict[str, str | int]:
        """What only the process knows of an INFO section ("server": how long a shutdown still waits;
        "persistence": the RDB fields; "stats": bytes in and out)."""


class Runner(Protocol):
    """What the engine offers to the few handlers that run or look up other requests."""

    def run(self, session: Session, argv: list[bytes]) -> Reply:
        """Runs a request that the gates have let through, inside the one being served."""

    def is_nested(self) -> bool:
        """Whether the request being run is inside another one (EXEC's): then it cannot reply LATER."""

    def lookup(self, argv: Sequence[bytes]) -> CommandSpec | None:
        """The command or subcommand that a request names."""

    def specs(self) -> dict[bytes, CommandSpec]:
        """Every command under its name on this node."""

    def hang_up(self, session: Session) -> None:
        """Closes a client; the one being served after its reply."""

    def unblock(self, session: Session, error: ErrorReply | None) -> bool:
        """Ends a client's wait with an error, or as if its time were over; whether it was waiting."""

    def end_wait(self, waiter: Waiter) -> None:
        """Ends a wait for something else than a key, with the reply that it has for the end of its time."""


class Server:
    """All that the handlers of one node share.

    `dirty` counts changes since the last snapshot. `in_transfer` has the keys of a running MIGRATE:
    requests that touch one wait. `libraries` is the code of the libraries of functions that belong to the
    data. `make_room` brings memory below maxmemory: False when it cannot. `calm`
    says that none of the rarer gates has anything to say; `refresh()` works it out, and is called after
    each change of what it goes by. `lacks_in_sync`: cluster-write-acks asks for more replicas than there are
    in sync.
    """

    def __init__(
        self,
        options: Options,
        clock: Clock,
        random: random.Random,
        databases: list[Keyspace],
        replication: Replication,
        core: Core | None,
        host: Host,
        started_ms: int = 0,
    ) -> None:
        self.options = options
        self.clock = clock
        self.random = random
        self.databases = databases
        self.replication = replication
        self.core = core
        self.host = host
        self.runner: Runner
        self.started_ms = started_ms
        self.sessions: dict[int, Session] = {}
        self.dirty = 0
        self.journal = Journal(clock, options)
        self.in_transfer: set[bytes] = set()
        self.libraries: list[bytes] = []
        self.watches = Watches()
        self.waiters = Waiters()
        self.pubsub = PubSub(matcher)
        self.events = KeyspaceEvents(self.pubsub)
        self.monitors = Monitors()
        self.tracking = TrackingTable(self.sessions)
        self.statistics = Statistics()
        self.active_expiry = True
        self.plain_bytes = PLAIN_BYTES
        self.gauge = Gauge(host, databases)
        self.make_room: Callable[[], bool]
        self.near_limit = False
        self.save_failed = False
        self.lacks_in_sync = False
        self.calm = True
        self.ordinary_usec = 0
        self._loading = False
        self.loads_aside = False
        """Whether what is being loaded leaves the data that is served alone until it is whole."""
        self._pauses: dict[str, tuple[bool, int]] = {}

    @property
    def loading(self) -> bool:
        """Whether a snapshot is being loaded: most requests are refused until it is here."""
        return self._loading

    @loading.setter
    def loading(self, value: bool) -> None:
        self._loading = value
        self.refresh()

    def keep_libraries(self, libraries: list[bytes]) -> None:
        """Libraries of functions have come with the data: they cannot be called here, but are handed on."""
        self.libraries = libraries
        if libraries:
            self.host.log(
                "warning",
                f"{len(libraries)} libraries of functions came with the data. They can't be called here; "
                "they are kept and saved again with the data.",
            )

    def touched(self, database: int, key: bytes, event: bytes, by: Session | None = None) -> None:
        """Tells whoever wants to know that a key has changed; `by` is the client that has changed it."""
        self.tracking.changed(key, by)
        self.watches.touch((database, key))
        self.waiters.touch((database, key))
        self.events.tell(database, event, key)

    def exchanged(self, database: int, exists: Callable[[bytes], bool] = lambda _key: True) -> None:
        """A database has other keys now, or none: tells who waits for some, and who watches one that was
        there or of which `exists` says that it is."""
        self.watches.touch_database(database, exists)
        self.waiters.touch_database(database)

    def listen(self) -> None:
        """Has the databases tell of new keys and of misses, where someone waits for keys or asks for such
        events."""
        wanted = self.events.wanted
        for database in self.databases:
            index = database.index
            database.on_new = partial(self._added, index) if "n" in wanted or self.waiters else None
            database.on_miss = partial(self.events.tell, index, b"keymiss") if "m" in wanted else None

    def _added(self, database: int, key: bytes) -> None:
        self.waiters.add_key((database, key))
        self.events.tell(database, b"new", key)

    def pause(self, reason: str, until_ms: int, *, everything: bool) -> None:
        """Holds requests until a unix time: all of them, or those that write. Each reason has its own
        pause."""
        self._pauses[reason] = (everything, until_ms)
        self.refresh()

    def unpause(self, reason: str) -> None:
        """Ends a pause before its time."""
        self._pauses.pop(reason, None)
        self.refresh()

    def paused(self, *, writes: bool) -> bool:
        """Whether a request has to wait."""
        now_ms = self.clock.now_ms
        return any(until_ms > now_ms and (writes or all_) for all_, until_ms in self._pauses.values())

    def limits_memory(self) -> bool:
        """Whether there is a maxmemory, and we go by it: a replica has what its primary has, and evicts with
        it."""
        is_replica = self.replication.primary is not None
        return bool(self.options.maxmemory) and not (is_replica and self.options.replica_ignore_maxmemory)

    def refresh(self) -> None:
        """Drops pauses that are over, and works out `calm` and who removes expired keys.

        While writes are paused nothing may move the replication offset: a manual failover waits for the
        replica to reach it. So expired keys stay, unseen, as they do on a replica.
        """
        now_ms = self.clock.now_ms
        self._pauses = {why: pause for why, pause in self._pauses.items() if pause[1] > now_ms}
        options = self.options
        self.near_limit = (
            self.limits_memory() and self.gauge.used_bytes() + MEMORY_MARGIN_BYTES > options.maxmemory
        )
        self.calm = not (
            self._loading
            or self._pauses
            or self.near_limit
            or self.save_failed
            or self.journal.error
            or options.min_replicas_to_write
            or self.lacks_in_sync
        )
        self.ordinary_usec = ordinary_usec(options)
        self.replication.holds_still = "failover" in self._pauses
        follows = self.replication.primary is not None
        deletes = not follows and not self._pauses
        self.events.want(options.notify_keyspace_events)
        self.listen()
        for database in self.databases:
            database.deletes_expired = deletes
            database.owns_expiry = follows and not options.replica_read_only
            count_uses(database, options, self.random)


class Context:
    """One client's view of the server, reused for all its requests.

    `instead` are the commands to propagate in place of the request.
    """

    __slots__ = ("argv", "db", "instead", "server", "session")

    def __init__(self, server: Server, session: Session) -> None:
        self.server = server
        self.session = session
        self.db = server.databases[session.database]
        self.argv: list[bytes] = []
        self.instead: list[list[bytes]] | None = None

    @property
    def now_ms(self) -> int:
        """Unix time, the same all through a command."""
        return self.server.clock.now_ms

    def changed(self, key: bytes, event: bytes, count: int = 1, database: Keyspace | None = None) -> None:
        """Says that this command has changed a key: it is propagated and watchers see it.

        Call it once for each key changed. `event` is the keyspace event's name. `count` is what Redis adds to
        `dirty` (fields set, members added). `database` is the key's where that is not the client's. A command
        that calls it not at all is not propagated.
        """
        server = self.server
        server.dirty += count
        if server.watches or server.waiters or server.events.wanted or server.tracking.is_used:
            server.touched((self.db if database is None else database).index, key, event, self.session)

    def noted(self, key: bytes, event: bytes, count: int = 1) -> None:
        """As changed(), for what leaves the content as it was (a stream's groups): nobody who watches the
        key, or waits for it, is told."""
        self.server.dirty += count
        self.server.events.tell(self.db.index, event, key)

    def flushed(self, database: Keyspace, count: int) -> None:
        """Says that all keys of a database, so many, are gone."""
        self.server.dirty += count
        self.exchanged(database)

    def exchanged(self, database: Keyspace) -> None:
        """Says that a database has other keys now, or none."""
        self.server.exchanged(database.index, lambda key: database.stored(key) is not None)

    def propagate_instead(self, commands: Iterable[list[bytes]]) -> None:
        """Propagates these in place of the request: a deterministic rewrite (EXPIRE as PEXPIREAT, SPOP as
        SREM)."""
        self.instead = list(commands)

    def select(self, index: int) -> None:
        """Makes another database the client's. Raises IndexError."""
        self.db = self.server.databases[index]
        self.session.database = index
