"""The core's driver: feeds it the time and its messages, and carries out what it asks for, in order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from cluster.core.core import Core
from cluster.core.effects import (
    Address,
    Deliver,
    Effect,
    InSyncChanged,
    PauseWrites,
    Persist,
    RoleChanged,
    Send,
    ServingChanged,
    SlotsChanged,
    Trace,
)
from cluster.core.orders import ReplicationStatus
from cluster.core.settings import Settings
from cluster.node.bus import Bus
from cluster.node.world import Timer, World
from cluster.spec.options import Options
from protocol.gossip.messages import Message


class CoreHost(Protocol):
    """What the driver needs of the node to carry out the core's effects."""

    def replication_status(self) -> ReplicationStatus: ...

    def role_changed(self, primary: tuple[str, int] | None) -> None: ...

    def slots_dropped(self, slots: tuple[int, ...]) -> None: ...

    def serving_changed(self) -> None: ...

    def pause_writes(self, until_ms: int) -> None: ...

    def in_sync_changed(self) -> None: ...

    def published(self, channel: bytes, message: bytes, *, sharded: bool) -> None: ...

    def fatal(self, text: str) -> None:
        """Logs and ends the process."""

    def log(self, level: str, text: str) -> None: ...


class CoreDriver:
    """One timer, set anew by the core's own deadline after each input."""

    def __init__(self, world: World, core: Core, bus: Bus, host: CoreHost, config_file: str) -> None:
        self._world = world
        self._core = core
        self._bus = bus
        self._host = host
        self._config_file = config_file
        self._timer: Timer | None = None
        self._due_ms: int | None = None
        self._settling = False
        self._stopped = False
        self._carry_out: dict[type[Effect], Callable[..., None]] = {
            Send: self._send,
            Persist: self._persist,
            RoleChanged: self._role_changed,
            SlotsChanged: self._slots_changed,
            ServingChanged: self._serving_changed,
            PauseWrites: self._pause_writes,
            InSyncChanged: self._in_sync_changed,
            Trace: self._trace,
            Deliver: self._deliver,
        }

    def receive(self, source: Address, message: Message) -> None:
        """A message from the bus."""
        if not self._stopped:
            self._core.receive(self._world.now_ms(), source, message)
            self.settle()

    def tick(self) -> None:
        """Time has passed."""
        now_ms = self._world.now_ms()
        # The core ranks elections by these, so that it must not decide on old ones.
        self._core.order(now_ms, self._host.replication_status())
        self._core.tick(now_ms)
        self.settle()

    def settle(self) -> None:
        """Carries out all that the core has asked for, and sees to the next tick.

        To be called after whatever may have given the core an order: an effect may ask something of the
        engine, and that of the core again, so it goes on until the core is silent.
        """
        if self._settling or self._stopped:
            return
        self._settling = True
        try:
            while effects := self._core.take_effects():
                for effect in effects:
                    self._carry_out_unless_stopped(effect)
        finally:
            self._settling = False
        self._set_timer()

    def stop(self) -> None:
        """No more input, no more effects: the node is ending."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()

    def _carry_out_unless_stopped(self, effect: Effect) -> None:
        # A failed Persist stops the node: the Send behind it must not leave.
        if not self._stopped:
            self._carry_out[type(effect)](effect)

    def _set_timer(self) -> None:
        due_ms = None if self._stopped else self._core.deadline_ms()
        if due_ms == self._due_ms:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._due_ms = due_ms
        self._timer = None if due_ms is None else self._world.call_at(due_ms, self._timed)

    def _timed(self) -> None:
        self._due_ms = None
        self._timer = None
        self.tick()

    def _send(self, effect: Send) -> None:
        self._bus.send(effect.to, effect.message, reliable=effect.reliable)

    def _persist(self, effect: Persist) -> None:
        """In place before this returns, so before any later Send.

        A vote that was sent but not kept could be given a second time in its epoch after a crash, and two
        replicas would win it. A node that cannot write must not go on voting: it ends, and is failed over as
        any dead node.
        """
        try:
            text = effect.text.encode()
            self._world.files.write_atomically(self._config_file, text, durable=effect.durable)
        except OSError as error:
            self._host.log("warning", f"Could not write {self._config_file}: {error}")
            self._host.fatal("Fatal: can't update cluster config file.")

    def _role_changed(self, effect: RoleChanged) -> None:
        if effect.host is None or effect.port is None:
            self._host.role_changed(None)
        else:
            self._host.role_changed((effect.host, effect.port))

    def _slots_changed(self, effect: SlotsChanged) -> None:
        if effect.dropped:
            self._host.slots_dropped(effect.dropped)

    def _serving_changed(self, _effect: ServingChanged) -> None:
        self._host.serving_changed()

    def _pause_writes(self, effect: PauseWrites) -> None:
        self._host.pause_writes(effect.until_ms)

    def _in_sync_changed(self, _effect: InSyncChanged) -> None:
        self._host.in_sync_changed()

    def _deliver(self, effect: Deliver) -> None:
        self._host.published(effect.channel, effect.message, sharded=effect.sharded)

    def _trace(self, effect: Trace) -> None:
        self._host.log(effect.level, effect.text)


def update_settings(settings: Settings, options: Options) -> None:
    """What the core goes by is what the options say now."""
    settings.node_timeout_ms = options.cluster_node_timeout
    settings.gossip_fanout = options.cluster_gossip_fanout
    settings.replica_validity_factor = options.cluster_replica_validity_factor
    settings.allow_replica_migration = options.cluster_allow_replica_migration
    settings.write_acks = options.cluster_write_acks
    settings.keeps_all = options.appendonly and options.appendfsync == "always"
    settings.migration_barrier = options.cluster_migration_barrier
    settings.replica_no_failover = options.cluster_replica_no_failover
    settings.require_full_coverage = options.cluster_require_full_coverage
    settings.allow_reads_when_down = options.cluster_allow_reads_when_down
    settings.allow_pubsub_when_down = options.cluster_allow_pubsubshard_when_down
    settings.announce_hostname = options.cluster_announce_hostname
    settings.preferred_endpoint = options.cluster_preferred_endpoint_type
