"""Power cuts under write load, and what is left: one node with an append only file on a simulated disk.

A seed has some writers, rewrites in between, and several cuts one after the other on the same disk: at any
moment, or in the middle of any change to the disk, of those of the start that follows a cut as well. What was
not synced is lost or torn. Then the promise of appendfsync is looked at.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from cluster.node.world import Link
from protocol.resp.reader import ReplyReader
from protocol.resp.types import ErrorReply
from protocol.resp.writer import encode_command
from tools.sim.clock import Simulation
from tools.sim.cluster import PORT, SimCluster, SimHost
from tools.sim.disk import SimDisk
from tools.sim.world import ProcessEnded, SimWorld

POLICIES = ("always", "everysec")
LOSS_MS_MAX = 2000
_CUTS = 4
_WRITERS = 3
_ROUND_MS_MAX = 5000
_CHANGES_MAX = 150
_STARTS_MAX = 100


class PromiseBroken(Exception):
    """What was promised is not there."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a seed came to: how many writes were acknowledged and how many of those were lost, over all cuts;
    `broken` is empty where that was allowed."""

    seed: int
    policy: str
    acknowledged: int
    lost: int
    broken: str


class Writer:
    """A client that appends numbers to a list of its own, now and then two in a transaction."""

    def __init__(self, simulation: Simulation, rng: random.Random, key: str) -> None:
        self.key = key.encode()
        self.acknowledged_ms: list[int] = []
        """When each number was acknowledged, in their order."""
        self._simulation = simulation
        self._rng = rng
        self._reader = ReplyReader()
        self._link: Link | None = None
        self._missing = 0
        self._numbers = 0

    def connected(self, link: Link) -> None:
        """The connection stands."""
        self._link = link
        self._write()

    def received(self, data: bytes) -> None:
        """Replies: the last of a request's acknowledges it."""
        self._reader.feed(data)
        for reply in self._reader.replies():
            if isinstance(reply, ErrorReply):
                raise PromiseBroken(f"{self.key.decode()} got {reply!r}")
            self._missing -= 1
            if not self._missing:
                self.acknowledged_ms += [self._simulation.now_ms] * self._numbers
                delay_us = self._rng.choice((0, 200, 5000, 300_000))
                self._simulation.at(self._simulation.now_us + delay_us, "writer", "write", self._write)

    def closed(self, _reason: str) -> None:
        """The node is gone."""
        self._link = None

    def _write(self) -> None:
        if self._link is None:
            return
        number = len(self.acknowledged_ms)
        self._numbers = 1 if number % 5 else 2
        commands = [[b"RPUSH", self.key, b"%d" % (number + more)] for more in range(self._numbers)]
        if self._numbers > 1:
            commands = [[b"MULTI"], *commands, [b"EXEC"]]
        self._missing = len(commands)
        self._link.write(b"".join(map(encode_command, commands)))


class Trial:
    """One seed's node."""

    def __init__(self, seed: int, policy: str) -> None:
        self._rng = random.Random(f"power {seed} {policy}")
        rng = self._rng
        self._policy = policy
        self._cluster = SimCluster(
            seed,
            0,
            cluster_enabled="no",
            databases="1",
            appendonly="yes",
            appendfsync=policy,
            auto_aof_rewrite_min_size=rng.choice(("1kb", "64mb")),
            aof_use_rdb_preamble=rng.choice(("yes", "yes", "no")),
        )
        self._host = SimHost(self._cluster, "10.0.0.1")
        self._client_world = SimWorld(
            self._cluster.simulation, self._cluster.network, "10.8.8.8", SimDisk(), 0
        )
        self._kept: dict[bytes, int] = {}
        self.acknowledged = 0
        self.lost = 0

    def run(self) -> None:
        """Raises PromiseBroken."""
        for turn in range(_CUTS):
            writers = self._work(turn)
            self._start_again()
            self._look(writers)

    def _work(self, turn: int) -> list[Writer]:
        """Writes until the power is cut."""
        rng, simulation, disk = self._rng, self._cluster.simulation, self._host.disk
        writers = [Writer(simulation, rng, f"list:{turn}:{number}") for number in range(_WRITERS)]
        for writer in writers:
            self._client_world.connect(self._host.host, PORT, writer)
        simulation.run_for(rng.randrange(50))
        disk.changes_left = rng.randrange(_CHANGES_MAX) if rng.random() < 0.5 else None
        end_ms = simulation.now_ms + rng.randrange(1, _ROUND_MS_MAX)
        rewrite_ms = simulation.now_ms + rng.randrange(_ROUND_MS_MAX)
        while simulation.now_ms < end_ms and self._host.world.alive:
            simulation.step()
            if simulation.now_ms >= rewrite_ms and self._host.world.alive:
                rewrite_ms = end_ms
                self._host.world.run(self._rewrite)
        self._cut_ms = simulation.now_ms
        self._host.crash()
        self._cut()
        simulation.run_for(20)
        return writers

    def _rewrite(self) -> None:
        self._host.node.aof_rewriter.ask()

    def _cut(self) -> None:
        self._host.disk.changes_left = None
        self._host.disk.cut_power(self._rng)

    def _start_again(self) -> None:
        """The power may fail while it starts, too."""
        for tried in range(_STARTS_MAX):
            self._host.disk.changes_left = tried if self._rng.random() < 0.3 else None
            try:
                self._host.start()
            except ProcessEnded:
                self._cut()
                continue
            self._host.disk.changes_left = None
            return
        raise PromiseBroken("it does not start any more")

    def _look(self, writers: list[Writer]) -> None:
        for key, count in self._kept.items():
            found = self._found(key)
            if len(found) != count:
                raise PromiseBroken(f"{key.decode()} had {count} after the last cut, and has {len(found)}")
        for writer in writers:
            found = self._found(writer.key)
            self._kept[writer.key] = len(found)
            self._judge(writer, found)

    def _found(self, key: bytes) -> list[int]:
        reply = self._host.call("LRANGE", key, "0", "-1")
        if not isinstance(reply, list):
            raise PromiseBroken(f"LRANGE gave {reply!r}")
        return [int(str(each, "ascii")) for each in reply if isinstance(each, bytes)]

    def _judge(self, writer: Writer, found: list[int]) -> None:
        key, acknowledged_ms = writer.key.decode(), writer.acknowledged_ms
        if found != list(range(len(found))):
            raise PromiseBroken(f"{key} has gaps: {found}")
        if found and found[-1] % 5 == 0:
            raise PromiseBroken(f"{key} ends with half a transaction: {found[-3:]}")
        lost_ms = acknowledged_ms[len(found) :]
        self.acknowledged += len(acknowledged_ms)
        self.lost += len(lost_ms)
        if lost_ms and self._policy == "always":
            raise PromiseBroken(f"{key} lost {len(lost_ms)} acknowledged writes")
        if lost_ms and self._cut_ms - lost_ms[0] >= LOSS_MS_MAX:
            raise PromiseBroken(
                f"{key} lost a write acknowledged {self._cut_ms - lost_ms[0]} ms before the cut"
            )


def try_power_cuts(job: tuple[int, str]) -> Outcome:
    """Runs a seed under an appendfsync policy."""
    seed, policy = job
    trial = Trial(seed, policy)
    broken = ""
    try:
        trial.run()
    except Exception as error:
        # Whatever a node raises is a finding as well: it would have died of it.
        broken = f"{type(error).__name__}: {error}"
    return Outcome(seed, policy, trial.acknowledged, trial.lost, broken)
