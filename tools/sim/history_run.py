"""Clients that remember all they were told, and a whole cluster of nodes under faults: one seed, one history.

Three or four clients write, read and append without pause while nodes crash, lose power, are stopped and cut
off. In the end all is mended, everything is read once more, and tools.sim.history judges. With `--acks` a
crash takes only a node whose shard has another one that holds all that was acknowledged: that is what
cluster-write-acks is for. Seeds whose nodes keep an append only file with `appendfsync always` go without
that restraint.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from cluster.node.world import Link
from protocol.keyslot import key_slot
from protocol.resp.reader import ReplyReader
from protocol.resp.types import ErrorReply, Reply
from protocol.resp.writer import encode_command
from tools.sim.clock import Standstill
from tools.sim.cluster import NoReplyError, SimCluster, SimHost
from tools.sim.history import APPEND, READ, WRITE, Appends, Operation, check_appends, wrong_registers

NODE_TIMEOUT_MS = 1000
DURATION_MS = 10_000
MEND_MS = 90_000
REPLY_MS = 3_000
REGISTERS = 6
LISTS = 3
REDIRECTS_MAX = 4


class _Line:
    """One connection of a client, for one host: an Endpoint of the World. Mute once the client has let go."""

    def __init__(self, client: HistoryClient, host: str) -> None:
        self.host = host
        self._client: HistoryClient | None = client
        self._link: Link | None = None
        self._reader = ReplyReader()

    def ask(self, words: list[bytes]) -> bool:
        """Sends a request; False before the connection stands."""
        if self._link is not None:
            self._link.write(encode_command(words))
        return self._link is not None

    def drop(self) -> None:
        """Nothing that comes of it matters any more."""
        self._client = None
        if self._link is not None:
            self._link.abort()

    def connected(self, link: Link) -> None:
        self._link = link
        if self._client is None:
            link.abort()
        else:
            self._client.ask()

    def received(self, data: bytes) -> None:
        self._reader.feed(data)
        for reply in self._reader.replies():
            if self._client is not None:
                self._client.replied(reply)

    def closed(self, _reason: str) -> None:
        if self._client is not None:
            self._client.hung_up(asked=self._link is not None)


class HistoryClient:
    """Does one thing after another, on one connection at a time."""

    def __init__(self, number: int, cluster: SimCluster, operations: list[Operation], seed: int) -> None:
        self._number = number
        self._cluster = cluster
        self._operations = operations
        self._random = random.Random(f"client {seed} {number}")
        self._count = 0
        self._stopped = False
        self._owners: dict[int, str] = {}
        self._line: _Line | None = None
        self._operation: Operation | None = None
        self._redirects = 0
        self._later(self._begin)

    def stop(self) -> None:
        """Begins nothing more."""
        self._stopped = True

    def _later(self, action: Callable[[], None]) -> None:
        simulation = self._cluster.simulation
        due_us = simulation.now_us + self._random.randint(2_000, 60_000)
        simulation.at(due_us, "client", f"client {self._number}", action)

    def _begin(self) -> None:
        if self._stopped:
            return
        dice, now_us = self._random.random(), self._cluster.simulation.now_us
        self._count += 1
        unique = f"{self._number}.{self._count}"
        if dice < 0.3:
            key = f"list:{self._random.randrange(LISTS)}"
            self._operation = Operation(self._number, APPEND, key, unique, now_us)
        else:
            key = f"register:{self._random.randrange(REGISTERS)}"
            kind, value = (WRITE, unique) if dice < 0.6 else (READ, None)
            self._operation = Operation(self._number, kind, key, value, now_us)
        self._redirects = 0
        begun = self._operation
        due_us = now_us + REPLY_MS * 1000
        self._cluster.simulation.at(due_us, "client", "timeout", lambda: self._time_out(begun))
        self._send(self._owners.get(key_slot(begun.key.encode())) or self._anyone())

    def _anyone(self) -> str:
        return self._random.choice(self._cluster.hosts).host

    def _send(self, host: str) -> None:
        if self._line is not None and self._line.host == host:
            self.ask()
            return
        self._drop_line()
        self._line = _Line(self, host)
        self._cluster.connect(host, self._line)

    def _drop_line(self) -> None:
        if self._line is not None:
            self._line.drop()
            self._line = None

    def ask(self) -> None:
        """Sends the request at hand, when the connection stands."""
        operation, line = self._operation, self._line
        if operation is None or line is None:
            return
        key, value = operation.key.encode(), (operation.value or "").encode()
        words = {WRITE: [b"SET", key, value], READ: [b"GET", key], APPEND: [b"RPUSH", key, value]}
        line.ask(words[operation.kind])

    # what came of it

    def hung_up(self, *, asked: bool) -> None:
        """The connection has ended, or was never made."""
        self._line = None
        if self._operation is not None:
            self._over(known=not asked)

    def replied(self, reply: Reply) -> None:
        """The reply to the request at hand."""
        operation = self._operation
        if operation is None:
            return
        if isinstance(reply, ErrorReply):
            self._refused(operation, reply)
            return
        operation.returned_us = self._cluster.simulation.now_us
        if operation.kind == READ:
            operation.value = reply.decode() if isinstance(reply, bytes) else None
        self._operations.append(operation)
        self._operation = None
        self._later(self._begin)

    def _refused(self, operation: Operation, reply: ErrorReply) -> None:
        if reply.startswith(b"MOVED") and self._redirects < REDIRECTS_MAX:
            self._redirects += 1
            host = reply.split()[2].decode().rpartition(":")[0]
            self._owners[key_slot(operation.key.encode())] = host
            self._send(host)
        else:
            self._over(known=reply.find(b"may have been applied") < 0)

    def _over(self, *, known: bool) -> None:
        """It has failed; `known`: without having changed anything."""
        operation, self._operation = self._operation, None
        if operation is not None:
            self._owners.pop(key_slot(operation.key.encode()), None)
            if not known and operation.kind != READ:
                self._operations.append(operation)
        self._later(self._begin)

    def _time_out(self, begun: Operation) -> None:
        if self._operation is begun:
            self._drop_line()
            self._over(known=False)


class Trouble:
    """The faults of one seed, one after the other; what it did is in `log`."""

    def __init__(self, cluster: SimCluster, rng: random.Random, *, keeps_all: bool) -> None:
        self._cluster = cluster
        self._random = rng
        self._keeps_all = keeps_all
        self.log: list[str] = []
        self._is_over = False
        self._next()

    def _note(self, text: str) -> None:
        self.log.append(f"{self._cluster.simulation.now_us} {text}")

    def _in(self, delay_ms: float, action: Callable[[], None]) -> None:
        simulation = self._cluster.simulation
        simulation.at(simulation.now_us + int(delay_ms * 1000), "trouble", "fault", action)

    def _next(self) -> None:
        self._in(self._random.uniform(100, 1500), self._strike)

    def _strike(self) -> None:
        if self._is_over:
            return
        choices = (self._crash, self._crash, self._crash, self._cut, self._cut, self._pause, self._fail_over)
        self._random.choice(choices)()
        if self._random.random() < 0.2:
            self._cluster.network.conditions.loss = self._random.choice((0.0, 0.05, 0.3))
        self._next()

    def _crash(self) -> None:
        host = self._random.choice(self._cluster.hosts)
        if not host.world.alive or not (self._keeps_all or is_covered(self._cluster, host)):
            return
        self._note(f"kill -9 {host.host}")
        host.crash()
        if self._random.random() < 0.3:
            self._note(f"power of {host.host} fails")
            host.disk.cut_power(self._random)
        self._in(self._random.choice((10, 300, 3000, 6000)), lambda: self._restart(host))

    def _restart(self, host: SimHost) -> None:
        if host.world.alive:
            return
        self._note(f"{host.host} starts")
        host.start()

    def save_now_and_then(self, rng: random.Random) -> None:
        """Has nodes write RDB files: what a restarted replica then goes on from is older than what it has
        acknowledged. By dice of its own, so that all else falls as it would without."""
        host = rng.choice(self._cluster.hosts)
        if host.world.alive and not host.node.disk.is_busy:
            host.node.disk.save_in_background()
        if not self._is_over:
            self._in(rng.uniform(100, 1000), lambda: self.save_now_and_then(rng))

    def _cut(self) -> None:
        hosts = [host.host for host in self._cluster.hosts]
        self._random.shuffle(hosts)
        size = self._random.choice((1, 1, 2, 3, len(hosts) // 2))
        self._note(f"cut off: {sorted(hosts[:size])}")
        self._cluster.network.cut(hosts[:size], hosts[size:])
        self._in(self._random.uniform(200, 4000), self._heal)

    def _heal(self) -> None:
        self._note("healed")
        self._cluster.network.heal()

    def _pause(self) -> None:
        host = self._random.choice(self._cluster.hosts)
        if not host.world.alive:
            return
        self._note(f"SIGSTOP {host.host}")
        world = host.world
        world.pause()
        self._in(self._random.choice((200, 1500, 4000)), world.resume)

    def mend(self) -> None:
        """Ends all trouble, and waits for the cluster to be whole. Raises TimeoutError."""
        cluster = self._cluster
        self._is_over = True
        self._heal()
        cluster.network.conditions.loss = 0.0
        for host in cluster.hosts:
            host.world.resume()
            if not host.world.alive:
                self._restart(host)
        cluster.until(self._is_whole, MEND_MS)

    def _is_whole(self) -> bool:
        cluster = self._cluster
        for host in cluster.hosts:
            core, node = host.node.core, host.node
            if core is None or not core.is_ok or node.server.lacks_in_sync:
                return False
            if core.me.is_replica and not node.replication.link_up:
                return False
            if core.me.owned and cluster.write_acks and not core.agreed_in_sync:
                return False
        return True

    def _fail_over(self) -> None:
        replicas = [
            host
            for host in self._cluster.alive()
            if host.node.core is not None and host.node.core.me.is_replica
        ]
        if replicas:
            host, mode = self._random.choice(replicas), self._random.choice(("", "FORCE"))
            self._note(f"CLUSTER FAILOVER {mode} at {host.host}")
            self._cluster.send(host.host, "CLUSTER", "FAILOVER", *mode.split())


def is_covered(cluster: SimCluster, host: SimHost) -> bool:
    """Whether another node than this holds all that its shard has acknowledged, and lives."""
    cores = {each.node.core.me.node_id: each for each in cluster.alive() if each.node.core is not None}
    core = host.node.core
    assert core is not None
    shard = core.me.primary_id or core.me.node_id
    members = [
        (each, each.node.core)
        for each in cores.values()
        if each.node.core is not None and shard in (each.node.core.me.node_id, each.node.core.me.primary_id)
    ]
    leaders = [one for one in members if not one[1].me.is_replica and one[1].me.owned]
    if not leaders:
        return False
    leader, its_core = max(leaders, key=lambda one: one[1].me.config_epoch)
    if not its_core.agreed_in_sync:
        # Nothing is promised; or who holds what was promised before is not known from here.
        return cluster.write_acks == 0
    if leader is not host and not its_core.hollow:
        return True
    holders = [cores.get(node_id) for node_id in its_core.agreed_in_sync]
    return any(
        each is not None
        and each is not host
        and each.node.core is not None
        and each.node.core.synced
        and not each.node.core.syncing
        for each in holders
    )


@dataclass
class Outcome:
    """What one seed came to. `wrong` has the operations on each key that nothing explains."""

    seed: int
    operations: int = 0
    unknown: int = 0
    appends: Appends = field(default_factory=lambda: Appends(0, (), (), ()))
    wrong: dict[str, list[str]] = field(default_factory=dict)
    stuck: str = ""
    trouble: list[str] = field(default_factory=list)
    trace_hash: str = ""

    @property
    def is_broken(self) -> bool:
        """Whether something that was acknowledged is gone, or clients saw what cannot be."""
        appends = self.appends
        return bool(appends.lost or appends.doubled or appends.invented or self.wrong or self.stuck)

    @property
    def reason(self) -> str:
        """What is wrong, for people."""
        parts = [f"lost: {each}" for each in self.appends.lost]
        parts += [f"twice: {each}" for each in self.appends.doubled]
        parts += [f"made up: {each}" for each in self.appends.invented]
        parts += [f"not linearizable: {key}" for key in self.wrong]
        return "; ".join([*parts, self.stuck] if self.stuck else parts)


def try_history(seed: int, acks: int = 1) -> Outcome:
    """Runs one seed."""
    rng = random.Random(f"history {seed}")
    replicas = rng.choice((1, 1, 2))
    keeps_all = rng.random() < 0.25
    settings = {"cluster_node_timeout": str(NODE_TIMEOUT_MS), "cluster_write_acks": str(acks)}
    if keeps_all:
        settings |= {"appendonly": "yes", "appendfsync": "always"}
    cluster = SimCluster(seed, 3 * (1 + replicas), **settings)
    cluster.form(primaries=3)
    cluster.simulation.run_for(2000)
    operations: list[Operation] = []
    clients = [HistoryClient(number, cluster, operations, seed) for number in range(rng.choice((3, 4)))]
    trouble = Trouble(cluster, rng, keeps_all=keeps_all)
    if seed % 3 == 2:
        trouble.save_now_and_then(random.Random(f"saves {seed}"))
    outcome = Outcome(seed, trouble=trouble.log)
    try:
        cluster.simulation.run_for(DURATION_MS)
        trouble.mend()
        for client in clients:
            client.stop()
        cluster.simulation.run_for(2 * REPLY_MS)
        final = _read_all(cluster, operations)
    except (TimeoutError, NoReplyError, Standstill) as error:
        outcome.stuck = f"did not recover: {error!r}"
        final = None
    outcome.operations = len(operations)
    outcome.unknown = sum(each.returned_us > cluster.simulation.now_us for each in operations)
    if final is not None:
        outcome.appends = check_appends(operations, final)
    outcome.wrong = {key: [str(each) for each in ops] for key, ops in wrong_registers(operations).items()}
    outcome.trace_hash = cluster.simulation.trace_hash()
    return outcome


def _read_all(cluster: SimCluster, operations: list[Operation]) -> dict[str, list[str]]:
    """Reads all lists, and every register as one more operation of the history."""
    for number in range(REGISTERS):
        called_us = cluster.simulation.now_us
        value = cluster.get(f"register:{number}")
        told = value.decode() if isinstance(value, bytes) else None
        operations.append(
            Operation(-1, READ, f"register:{number}", told, called_us, cluster.simulation.now_us)
        )
    final = {}
    for number in range(LISTS):
        values = cluster.ask("LRANGE", f"list:{number}", "0", "-1")
        assert isinstance(values, list)
        final[f"list:{number}"] = [each.decode() for each in values if isinstance(each, bytes)]
    return final
