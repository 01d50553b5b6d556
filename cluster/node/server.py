"""A node: the engine, the core and replication, put together and given a World.

The same class runs in the real process (cluster.node.process) and in the simulated one (tools.sim).
"""

from __future__ import annotations

from collections.abc import Callable

from cluster.commands.context import BusLink, Migration, Server, Usage
from cluster.commands.gauge import Allocated
from cluster.core.core import Core
from cluster.core.effects import Address
from cluster.core.orders import ReplicationStatus, SaveConfig
from cluster.core.settings import Settings
from cluster.core.snapshot import CorruptSnapshot
from cluster.engine.engine import Engine
from cluster.engine.write_acks import WriteAcks
from cluster.node import config_file
from cluster.node.aof import AppendOnly
from cluster.node.aof_folder import AofFolder
from cluster.node.aof_load import AofLoader
from cluster.node.aof_rewrite import Rewriter
from cluster.node.bus import Bus
from cluster.node.clients import Clients
from cluster.node.disk import Disk
from cluster.node.driver import CoreDriver, update_settings
from cluster.node.failover import Failover
from cluster.node.loading import LoadError, Loading, Work
from cluster.node.log import Log
from cluster.node.ports import ClientPorts, StartError
from cluster.node.replicas import ReplicaLinks
from cluster.node.shutdown import Shutdown
from cluster.node.transfers import Transfers
from cluster.node.world import World
from cluster.replication.replication import Replication
from cluster.session.session import Session
from cluster.spec.options import Options
from cluster.store.clock import Clock
from cluster.store.keyspace import Keyspace
from protocol.gossip.messages import Message
from protocol.resp.types import Reply

BUS_PORT_OFFSET = 10000
BACKLOG_BYTES_MIN = 16 << 10
_TICK_MS = 100
_TICKS_A_SECOND = 10
_DROP_BATCH = 128
ID_CHARACTERS = 40
_CLIENT_LIMITS = frozenset(
    ("proto-max-bulk-len", "client-query-buffer-limit", "maxmemory-clients", "maxmemory")
)


class Node:
    """Implements the Host of cluster.commands.context, and what clients, driver and replica links need."""

    def __init__(
        self,
        world: World,
        options: Options,
        *,
        executable: str = "",
        config_path: str = "",
        os_name: str = "",
    ) -> None:
        """Reads nodes.conf in cluster mode. Raises StartError."""
        self.world = world
        self.options = options
        self.executable = executable
        self.config_path = config_path
        self.os_name = os_name
        self.pid = world.pid
        self.run_id = f"{world.random.getrandbits(160):040x}"
        self.log = Log(world.log, world.unix_ms, world.pid)
        self.log.level = options.loglevel
        self.log.role = "M"
        self.lag_ms = self.lag_max_ms = 0
        self.clock = Clock(world.unix_ms(), world.stopwatch_ns)
        self.replication = Replication(options, world.random)
        self.settings = Settings()
        update_settings(self.settings, options)
        self.core = self._load_core() if options.cluster_enabled else None
        self.server = Server(
            options=options,
            clock=self.clock,
            random=world.random,
            databases=[Keyspace(self.clock, index) for index in range(self._database_count())],
            replication=self.replication,
            core=self.core,
            host=self,
            started_ms=self.clock.now_ms,
        )
        self.engine = Engine(self.server)
        self.write_acks = WriteAcks(self.server)
        self.disk = Disk(world, self.log, self.server, self._rdb_aux)
        folder = AofFolder(world.files, self.log, options)
        self._aof_loader = AofLoader(world, self.log, self.server, self.engine, folder)
        self.loading = Loading(world, self.log, self.server)
        self.on_loaded: Callable[[], None] = lambda: None
        """Called when the data that was there at the start is here."""
        self.aof = AppendOnly(world, self.log, self.server, folder)
        self.aof_rewriter = Rewriter(world, self.log, self.server, self.aof, self.disk)
        self.clients = Clients(self)
        self.bus: Bus | None = None
        self.driver: CoreDriver | None = None
        self.replicas = ReplicaLinks(self)
        self.failover = Failover(self)
        self.transfers = Transfers(self)
        self._shutdown = Shutdown(self)
        self._ports = ClientPorts(world, options, self.log, self.clients.accept)
        self._ticks = 0
        self._is_starting = False
        self._has_begun = False
        self._stopped = False

    # start

    def _database_count(self) -> int:
        return 1 if self.options.cluster_enabled else self.options.databases

    def _load_core(self) -> Core:
        options, files = self.options, self.world.files
        name = options.cluster_config_file
        try:
            # The lock is on a file of its own: nodes.conf itself is replaced with each change.
            if not files.lock(f"{name}.lock"):
                raise StartError(
                    f"Sorry, the cluster configuration file {name} is already used by a different Redis "
                    "Cluster node. Please make sure that different nodes use different cluster configuration "
                    "files."
                )
            saved = files.read(name)
            text = None if saved is None else saved.decode()
            core = Core(
                self.settings,
                self.world.random,
                self.world.now_ms(),
                host=options.cluster_announce_ip,
                port=options.cluster_announce_port or options.port,
                bus_port=options.cluster_announce_bus_port or self.bus_port,
                saved=text,
            )
        except (CorruptSnapshot, UnicodeDecodeError) as error:
            self.log("warning", f"{name}: {error}")
            raise StartError("Unrecoverable error: corrupted cluster config file.") from error
        except OSError as error:
            raise StartError(f"Can't open {name} in order to acquire a lock: {error.strerror}") from error
        found = "Node configuration loaded" if text is not None else "No cluster configuration found"
        self.log("notice", f"{found}, I'm {core.me.node_id}")
        return core

    @property
    def bus_port(self) -> int:
        """Where the cluster bus listens."""
        return self.options.cluster_port or self.options.port + BUS_PORT_OFFSET

    def start(self) -> None:
        """Listens, loads the data and begins to work.

        Raises StartError, with nothing left open. Data that takes long to load goes on loading when this
        returns; should it turn out to be unloadable then, the node stops with exit code 1.
        """
        self._is_starting = True
        try:
            self._ports.open()
            self._open_bus()
            mode = "cluster" if self.core is not None else "standalone"
            self.log("notice", f"Running mode={mode}, port={self.options.port}.")
            self.log("warning", "Server initialized")
            self._load_data()
        except StartError:
            self._close_ports()
            raise
        self._is_starting = False
        if not self._stopped:
            self._schedule_tick()

    def _open_bus(self) -> None:
        if self.core is None:
            return
        if self.bus_port > 65535:
            raise StartError(
                "Redis port number too high for cluster mode. Cluster bus port number, which is usually "
                "computed by adding 10000 to the Redis port, exceeds 65535."
            )
        bus = Bus(self.world, self.log, self._from_bus)
        try:
            bus.open(self.options.bind, self.bus_port)
        except OSError as error:
            self.log("warning", f"Could not open cluster bus port {self.bus_port}: {error.strerror}")
            raise StartError(f"Failed listening on port {self.bus_port} (cluster), aborting.") from error
        self.bus = bus
        self.driver = CoreDriver(self.world, self.core, bus, self, self.options.cluster_config_file)

    def _load_data(self) -> None:
        """From the append only file if there is to be one, even where only the RDB file is there."""
        if self.options.appendonly:
            self.loading.begin(self._append_only_work(), self._aof_loader, self._started)
        else:
            alive_at_ms = 0 if self._starts_as_replica() else self.world.unix_ms()
            self.loading.begin(self._rdb_work(alive_at_ms), self.disk, self._started)

    def _starts_as_replica(self) -> bool:
        if self.core is not None:
            return self.core.me.is_replica
        return self.options.replicaof is not None

    def _rdb_work(self, alive_at_ms: int) -> Work:
        try:
            yield from self.disk.load(alive_at_ms=alive_at_ms)
        except LoadError as error:
            raise LoadError(f"Fatal error loading the DB: {error}. Exiting.") from error

    def _append_only_work(self) -> Work:
        try:
            yield from self._aof_loader.load()
            if not self._aof_loader.has_loaded:
                self.aof_rewriter.write_first_base()
            self.aof.open_last()
            self.aof_rewriter.loaded()
        except OSError as error:
            raise LoadError(
                f"Fatal error: can't open the append-only file {error.filename}: {error.strerror}"
            ) from error

    def _started(self, error: LoadError | None) -> None:
        """All data is here, or there is no way that it will be."""
        if error is not None and self._is_starting:
            raise StartError(str(error)) from error
        if error is not None:
            self.fatal(str(error))
            return
        self._has_begun = True
        self._go_on_with_history()
        if self.driver is not None:
            self.driver.tick()
        elif self.options.replicaof is not None:
            self.follow(self.options.replicaof)
        self.log("notice", "Ready to accept connections")
        if self.options.unixsocket:
            self.log("notice", f"The server is now ready to accept connections at {self.options.unixsocket}")
        self.on_loaded()

    def _go_on_with_history(self) -> None:
        """The RDB file tells which place of which history it holds: from there a replica of ours, or we as
        one, may go on without a full copy."""
        aux = self.disk.aux
        history, offset = aux.get(b"repl-id", b"").decode("latin-1"), aux.get(b"repl-offset", b"")
        database = aux.get(b"repl-stream-db", b"")
        if len(history) != ID_CHARACTERS or not offset.isdigit() or not database.isdigit():
            return
        if self._starts_as_replica():
            self.replication.go_on(history, int(offset))
            if int(database) < len(self.server.databases):
                self.engine.apply([b"SELECT", database])
            return
        self.replication.succeed(history, int(offset), self.world.unix_ms())
        for index, key in self.disk.expired_keys:
            self.engine.propagate(index, [b"DEL", key])

    def _close_ports(self) -> None:
        self._ports.close()
        if self.bus is not None:
            self.bus.close()

    # time

    def _schedule_tick(self) -> None:
        due_ms = self.world.now_ms() + _TICK_MS
        self.world.call_at(due_ms, lambda: self._tick(due_ms))

    def _tick(self, due_ms: int) -> None:
        if self._stopped:
            return
        self.lag_ms = self.world.now_ms() - due_ms
        self.lag_max_ms = max(self.lag_max_ms, self.lag_ms)
        self.clock.now_ms = self.world.unix_ms()
        if self._has_begun:
            self._tick_data()
        self._ticks += 1
        if self._ticks % _TICKS_A_SECOND == 0:
            self.clients.tick()
            if self.bus is not None:
                self.bus.tick()
        self.after_requests()
        self._schedule_tick()

    def _tick_data(self) -> None:
        self.engine.tick()
        self.replicas.tick()
        self.write_acks.tick(self.world.now_ms())
        self.failover.tick()
        if not self.server.loading:
            # Where both have been asked for, the rewrite comes first, as in Redis.
            self.aof_rewriter.tick()
            self.disk.tick()
        self.aof.tick()

    def before_requests(self) -> None:
        """A process that was stopped (SIGSTOP) must not serve on what it knew: its slots may be lost.

        Its clients' requests may be read before its timers fire, so the time is looked at here as well.
        """
        core, driver = self.core, self.driver
        if (
            self._has_begun
            and core is not None
            and driver is not None
            and self.world.now_ms() > core.lease_ends_ms
        ):
            driver.tick()

    def after_requests(self) -> None:
        """What requests have written, or asked of the core, is written and carried out before their replies
        leave."""
        self.before_reply()
        if self.server.tracking.is_used:
            self.server.tracking.settle()
        if self.driver is not None:
            self.driver.settle()

    def before_reply(self) -> None:
        """What was written is in the append only file before anyone hears of it."""
        if self.server.journal.pending:
            self.aof.flush()

    def primary_link_changed(self) -> None:
        """The core is told at once: a primary may die a moment after its first copy, and only a replica that
        was once in step with it may take its place."""
        if self.driver is not None:
            self.driver.tick()

    def data_replaced(self) -> None:
        """A full copy of a primary's data has taken the place of ours."""
        self.aof_rewriter.begin_anew()

    def is_protected(self) -> bool:
        """Whether only this machine may connect: nobody has said otherwise, and there is no password."""
        return self.options.protected_mode and not self.options.requirepass

    # what the core asks for

    def _from_bus(self, source: Address, message: Message) -> None:
        # Before the data is here nobody is to count on us.
        if self.driver is not None and self._has_begun:
            self.clock.now_ms = self.world.unix_ms()
            self.driver.receive(source, message)

    def replication_status(self) -> ReplicationStatus:
        """What the core must know for an election."""
        replication = self.replication
        return ReplicationStatus(
            offset=replication.offset,
            # Who lacks what it has acknowledged must not take over.
            link_up=replication.link_up and not replication.is_behind,
            link_down_since_ms=replication.link.down_since_ms,
            syncing=replication.syncing or replication.is_void,
        )

    def role_changed(self, primary: tuple[str, int] | None) -> None:
        """The core's word on whom we follow."""
        self.follow(primary)

    def slots_dropped(self, slots: tuple[int, ...]) -> None:
        """Deletes the keys of slots that another node owns now; our replicas delete them as well."""
        database = self.server.databases[0]
        for slot in slots:
            count = database.slot_count(slot)
            if not count:
                continue
            self.log("verbose", f"Deleting {count} keys of hash slot {slot}, which is another node's now")
            if self.replication.feeds_anyone() or self.server.journal.is_open:
                keys = database.slot_keys(slot, count)
                for start in range(0, count, _DROP_BATCH):
                    self.engine.propagate(0, [b"DEL", *keys[start : start + _DROP_BATCH]])
            database.clear_slot(slot)
            self.server.dirty += count

    def serving_changed(self) -> None:
        """Parked requests may go on now, or be sent elsewhere; so may those who listen to shard channels."""
        self.engine.serving_changed()

    def pause_writes(self, until_ms: int) -> None:
        """Holds writes until this unix time; 0 lets them go."""
        if until_ms:
            # Where acknowledged writes are promised, reads wait as well: they would be old in a moment.
            self.server.pause("failover", until_ms, everything=self.write_acks.is_on)
        else:
            self.server.unpause("failover")
            self.engine.retry_parked()

    def in_sync_changed(self) -> None:
        """Held replies may go, or a replica may be named to the voters."""
        self.write_acks.tick(self.world.now_ms())

    def published(self, channel: bytes, message: bytes, *, sharded: bool) -> None:
        """A client of another node has published a message."""
        pubsub = self.server.pubsub
        (pubsub.publish_to_shard if sharded else pubsub.publish)(channel, message)

    def fatal(self, text: str) -> None:
        """The node cannot go on safely."""
        self.log("warning", text)
        self.stop(1)

    # the engine's Host

    def usage(self) -> Usage:
        return self.world.usage()

    def allocated(self) -> Allocated:
        return self.world.allocated()

    def release_memory(self) -> None:
        self.world.release_memory()

    def stall(self, duration_us: int) -> None:
        self.world.stall(duration_us)

    def unix_us(self) -> int:
        return self.world.unix_us()

    def shutdown(self, *, save: bool | None, now: bool, force: bool) -> str | None:
        return self._shutdown.begin(save=save, now=now, force=force)

    def abort_shutdown(self) -> bool:
        """SHUTDOWN ABORT; whether there was one to abort."""
        return self._shutdown.abort()

    @property
    def is_shutting_down(self) -> bool:
        return self._shutdown.is_waiting

    def when_shutdown_called_off(self, call: Callable[[], None]) -> None:
        self._shutdown.when_called_off(call)

    @property
    def is_stopped(self) -> bool:
        """Whether the end has come."""
        return self._stopped

    def save(self) -> str | None:
        return self.disk.save()

    def save_in_background(self, *, may_wait: bool) -> str:
        return self.disk.ask(may_wait=may_wait, is_nested=self.engine.is_nested())

    def all_flushed(self, *, by_stream: bool) -> None:
        self.disk.flushed(saves_now=not by_stream)

    def rewrite_append_only_file(self) -> str:
        return self.aof_rewriter.ask(is_nested=self.engine.is_nested())

    def load_append_only_file(self) -> str | None:
        self.aof.flush(force=True)
        return self._load_anew(self._aof_loader.load())

    def reload(self, *, saves: bool, flushes: bool) -> str | None:
        failure = self.disk.write() if saves else None
        alive_at_ms = 0 if self.replication.primary is not None else self.world.unix_ms()
        work = self.disk.load(alive_at_ms=alive_at_ms, may_be_missing=False)
        return failure or self._load_anew(work, flushes=flushes)

    def _load_anew(self, work: Work, *, flushes: bool = True) -> str | None:
        """Loads in one go: nobody is served meanwhile."""
        if flushes:
            for database in self.server.databases:
                database.clear()
        self.server.loading = True
        try:
            for _ in work:
                pass
        except LoadError as error:
            self.log("warning", str(error))
            return str(error)
        finally:
            self.server.loading = False
        return None

    def migrate(self, session: Session, request: Migration) -> None:
        self.transfers.start(session, request)

    def follow(self, primary: tuple[str, int] | None) -> None:
        self.log.role = "M" if primary is None else "S"
        # CONFIG GET and REWRITE tell whom we follow now: after a restart it is to be the same.
        self.options.replicaof = primary
        if primary is None:
            self.replicas.stop()
        else:
            self.replication.node_id = self.core.me.node_id if self.core is not None else ""
            self.replicas.follow(*primary)
        self.engine.role_changed()
        self.write_acks.role_changed(self.world.now_ms())

    def begin_failover(self, target: tuple[str, int] | None, *, timeout_ms: int, forces: bool) -> None:
        self.failover.begin(target, timeout_ms=timeout_ms, forces=forces)

    def abort_failover(self) -> None:
        self.failover.abort("Failover manually aborted")

    def become_replica_link(self, session: Session, kind: str, argv: list[bytes]) -> Reply:
        return self.replicas.attach(session, kind, argv)

    def option_changed(self, name: str) -> None:
        """CONFIG SET. Raises OSError when a port or a folder cannot be had; the old one is then kept."""
        options = self.options
        if name == "loglevel":
            self.log.level = options.loglevel
        elif name == "appendonly":
            if options.appendonly:
                self.aof_rewriter.switch_on()
            else:
                self.aof_rewriter.switch_off()
        elif name in ("save", "stop-writes-on-bgsave-error"):
            self.disk.refuse_writes()
        elif name == "repl-backlog-size":
            options.repl_backlog_size = max(BACKLOG_BYTES_MIN, options.repl_backlog_size)
        elif name in ("port", "bind"):
            self._ports.move()
        elif name in _CLIENT_LIMITS:
            self.clients.update_limits()
        elif name.startswith("cluster-") or name in ("replica-validity-factor", "appendfsync"):
            update_settings(self.settings, options)
            if self.core is not None:
                self.core.settings_changed(self.world.now_ms())
            # From the next request on: who has asked for a promise counts on it.
            self.write_acks.tick(self.world.now_ms())

    def rewrite_config(self) -> str | None:
        return config_file.rewrite(self.world.files, self.config_path, self.options)

    def bus_links(self) -> list[BusLink]:
        return self.bus.describe() if self.bus is not None else []

    def info_fields(self, section: str) -> dict[str, str | int]:
        if section == "persistence":
            files = self.disk.info_fields() | self.aof_rewriter.info_fields()
            return files | self.loading.info_fields()
        if section == "server":
            return {"shutdown_in_milliseconds": self._shutdown.left_ms} if self.is_shutting_down else {}
        if section == "cluster":
            lags: dict[str, str | int] = {
                "cluster_loop_lag_ms": self.lag_ms,
                "cluster_loop_lag_max_ms": self.lag_max_ms,
            }
            return (self.bus.stats.info_fields() if self.bus is not None else {}) | lags
        clients = self.clients
        return {
            "total_net_input_bytes": clients.bytes_read,
            "total_net_output_bytes": clients.bytes_written,
            "rejected_connections": clients.refused,
            "client_output_buffer_limit_disconnections": clients.closed_for_output,
        }

    def _rdb_aux(self) -> dict[bytes, bytes]:
        """Whoever loads the copy goes on with the stream, which does not name its database again."""
        replication = self.replication
        follows = replication.primary is not None
        database = self.engine.applied_database if follows else replication.database
        return {
            b"repl-stream-db": b"%d" % database,
            b"repl-id": replication.id.encode(),
            b"repl-offset": b"%d" % replication.offset,
        }

    # the end

    def stop(self, exit_code: int) -> None:
        """Lets go of everything, and of the process."""
        if self._stopped:
            return
        self._stopped = True
        if self.core is not None and self.driver is not None and exit_code == 0:
            self.core.order(self.world.now_ms(), SaveConfig())
            self.driver.settle()
        if self.driver is not None:
            self.driver.stop()
        self.loading.stop()
        self._remove_files()
        self._close_ports()
        self.replicas.close()
        self.clients.close_all()
        self.world.stop(exit_code)

    def _remove_files(self) -> None:
        for name, what in ((self.options.pidfile, "pid"), (self.options.unixsocket, "unix socket")):
            if name:
                self.log("notice", f"Removing the {what} file.")
                try:
                    self.world.files.remove(name)
                except OSError as error:
                    self.log("warning", f"Error removing the {what} file: {error.strerror}")
