"""Clusters as short scripts: tests/scenarios/*.txt, and what the search for faults comes up with.

A script is blocks parted by empty lines; a block is a command, a line of dashes, and what the command is to
print:

    kill n1
    run 3000
    ----
    n4 Failover election won: I'm the new master.

Several commands may share a block. A `#` begins a comment. What is printed is what the nodes log (from
"notice" up), with node ids as names, the answer to an order, and what the commands below that look at the
cluster print.

    cluster [seed=1] [timeout=1000] [latency=1] [jitter=1] [loss=0.0]   an empty cluster (else one with these)
    form PRIMARIES REPLICAS      load NODES PRIMARIES        new NAME...
    run MS                       settle [MS]     runs until all running nodes agree, at most so long
    order NAME WORDS...          a CLUSTER command, node ids written as names
    offset NAME N                where its replication stream stands
    set OPTION VALUE             CONFIG SET at all running nodes

    kill NAME                    power-cut NAME  what was not fsynced is gone    wipe NAME  so is the disk
    restart NAME                 move NAME HOST  restarts on another host
    rejoin NAME OTHER            starts a wiped one anew and has it meet another
    stop NAME                    resume NAME     SIGSTOP, SIGCONT
    drift NAME RATE              slow NAME MS    its clock's rate; how long its disk takes to fsync
    split NAMES | NAMES          cut NAME NAME   one way only
    flap NAME NAME MS            heal            ends split, cut and flap
    weather [latency=] [jitter=] [loss=] [duplication=] [reordering=]    of all links from now on

    show                         each running node: role, slots, config epoch, state
    view NAME                    the flags that a node shows for each
    serve SLOT                   who would serve a client on the slot
    quiet                        drops what has been logged so far
"""

from __future__ import annotations

from collections.abc import Callable

from cluster.core import orders, snapshot
from cluster.core.core import Settings
from tools.sim.fabric import Weather
from tools.sim.flock import Flock, SimNode


class NotSettled(Exception):
    """The running nodes do not agree within the time given; str() has the views."""


def slots_in(words: list[str]) -> tuple[int, ...]:
    """The slots in words like 5 or 0-99."""
    slots: list[int] = []
    for word in words:
        first, _, last = word.partition("-")
        slots += range(int(first), int(last or first) + 1)
    return tuple(slots)


def order_of(words: list[str], meet: Callable[[str], orders.Meet]) -> orders.Order:
    """The order in these words of a CLUSTER command, with node ids; `meet` knows where a node is."""
    match words:
        case ["meet", node_id]:
            return meet(node_id)
        case ["forget", node_id]:
            return orders.Forget(node_id)
        case ["addslots", *slots]:
            return orders.AddSlots(slots_in(slots))
        case ["delslots", *slots]:
            return orders.DelSlots(slots_in(slots))
        case ["flushslots"]:
            return orders.FlushSlots()
        case ["setslot", slot, "migrating", node_id]:
            return orders.SetSlotMigrating(int(slot), node_id)
        case ["setslot", slot, "importing", node_id]:
            return orders.SetSlotImporting(int(slot), node_id)
        case ["setslot", slot, "stable"]:
            return orders.SetSlotStable(int(slot))
        case ["setslot", slot, "node", node_id, *keys]:
            return orders.SetSlotNode(int(slot), node_id, int(keys[0]) if keys else 0)
        case ["replicate", node_id, *keys]:
            return orders.Replicate(node_id, int(keys[0]) if keys else 0)
        case ["failover", *mode]:
            return orders.Failover(mode[0].upper() if mode else "")
        case ["reset", kind, *keys]:
            return orders.Reset(kind == "hard", int(keys[0]) if keys else 0)
        case ["bumpepoch"]:
            return orders.BumpEpoch()
        case ["set-config-epoch", epoch]:
            return orders.SetConfigEpoch(int(epoch))
        case _:
            raise ValueError(f"unknown order: {' '.join(words)}")


class Script:
    """Runs commands and gathers what they print. `prepare` is shown each new cluster before anything
    happens in it."""

    def __init__(self, prepare: Callable[[Flock], object] = lambda _: None) -> None:
        self._prepare = prepare
        self._printed: list[str] = []
        self._log: list[str] = []
        self.do_cluster()

    def run(self, commands: list[str]) -> list[str]:
        """Carries out one block's commands; what they print. Raises ValueError for an unknown one."""
        self._printed = []
        for command in commands:
            name, *words = command.split()
            run: Callable[..., None] | None = getattr(self, f"do_{name.replace('-', '_')}", None)
            if run is None:
                raise ValueError(f"unknown command: {command}")
            run(*words)
            self._take_log()
        return self._printed

    def _print(self, line: str) -> None:
        self._take_log()
        self._printed.append(self._named(line))

    def _take_log(self) -> None:
        log, self._log[:] = self._log[:], []
        self._printed += [self._named(line) for line in log]

    def _named(self, line: str) -> str:
        for node_id in self.flock.by_id:
            line = line.replace(node_id, self.flock.name_of(node_id))
        return line.rstrip()

    # the cluster

    def do_cluster(self, *words: str) -> None:
        given = dict(word.split("=") for word in words)
        latency_us = int(float(given.get("latency", 1)) * 1000)
        jitter_us = int(float(given.get("jitter", 1)) * 1000)
        self.flock = Flock(
            int(given.get("seed", 1)),
            settings=Settings(node_timeout_ms=int(given.get("timeout", 1000))),
            weather=Weather(latency_us, jitter_us, float(given.get("loss", 0))),
        )
        self.flock.trace = self._log
        self._prepare(self.flock)

    def do_form(self, primaries: str, replicas: str) -> None:
        self.flock.form(int(primaries), int(replicas))
        self.flock.run(500)

    def do_load(self, nodes: str, primaries: str) -> None:
        self.flock.load(int(nodes), int(primaries))
        self.flock.run(1500)

    def do_new(self, *names: str) -> None:
        for name in names:
            self.flock.add(name)

    def do_run(self, duration_ms: str) -> None:
        self.flock.run(int(duration_ms))

    def do_settle(self, limit_ms: str = "10000") -> None:
        if self.flock.run_until(self.flock.agree, int(limit_ms)) is None:
            raise NotSettled(f"no agreement within {limit_ms} ms on {self._parties()}")
        self._print("all agree")

    def _parties(self) -> str:
        views: dict[object, list[str]] = {}
        owners: dict[object, list[str]] = {}
        for node in self.flock.running():
            views.setdefault(node.core.view_hash, []).append(node.name)
            seen = tuple((peer.node_id, peer.owned) for peer in node.core.primaries)
            owners.setdefault(seen, []).append(node.name)
        what, parties = ("the views", views) if len(views) > 1 else ("who owns what", owners)
        return f"{what}: {' | '.join(' '.join(names) for names in parties.values())}"

    def do_offset(self, name: str, offset: str) -> None:
        self.flock.nodes[name].offset = int(offset)
        self.flock.links_changed()

    def do_set(self, option: str, value: str) -> None:
        name = option.removeprefix("cluster-").replace("-", "_")
        if name not in Settings.__slots__:
            raise ValueError(f"no such option: {option}")
        chosen = value == "yes" if value in ("yes", "no") else int(value)
        for node in self.flock.running():
            self.flock.configure(node.name, name, chosen)

    def do_quiet(self) -> None:
        self._log.clear()
        self._printed.clear()

    # what befalls nodes

    def do_kill(self, name: str) -> None:
        self.flock.kill(name)

    def do_power_cut(self, name: str) -> None:
        self.flock.power_cut(name)

    def do_wipe(self, name: str) -> None:
        self.flock.wipe(name)

    def do_restart(self, name: str) -> None:
        self.flock.restart(name)

    def do_move(self, name: str, host: str) -> None:
        self.flock.restart(name, host=host)

    def do_rejoin(self, name: str, other: str) -> None:
        self.flock.restart(name)
        self.flock.meet(name, other)

    def do_stop(self, name: str) -> None:
        self.flock.stop(name)

    def do_resume(self, name: str) -> None:
        self.flock.resume(name)

    def do_drift(self, name: str, rate: str) -> None:
        self.flock.nodes[name].drift(float(rate), self.flock.now_us)

    def do_slow(self, name: str, fsync_ms: str) -> None:
        self.flock.nodes[name].fsync_us = int(fsync_ms) * 1000

    # what befalls the network

    def do_split(self, *words: str) -> None:
        sides = " ".join(words).split("|")
        self.flock.fabric.split(*(side.split() for side in sides))
        self.flock.links_changed()

    def do_cut(self, source: str, target: str) -> None:
        self.flock.fabric.cut(source, target)
        self.flock.links_changed()

    def do_flap(self, one: str, other: str, period_ms: str) -> None:
        self.flock.fabric.flap(one, other, int(period_ms))

    def do_heal(self) -> None:
        self.flock.fabric.heal()
        self.flock.links_changed()

    def do_weather(self, *words: str) -> None:
        weather = self.flock.fabric.weather
        for name, value in (word.split("=") for word in words):
            if name in ("latency", "jitter"):
                setattr(weather, f"{name}_us", int(float(value) * 1000))
            elif name in ("loss", "duplication", "reordering"):
                setattr(weather, name, float(value))
            else:
                raise ValueError(f"no such weather: {name}")

    # orders

    def do_order(self, name: str, *words: str) -> None:
        if not self.flock.nodes[name].is_running:
            self._print(f"{name}: is not running")
            return
        named = [self.flock.id(word) if word in self.flock.nodes else word for word in words]
        order = order_of(named, self._meet)
        try:
            answer = self.flock.order(name, order)
        except orders.OrderRefused as refused:
            answer = str(refused)
        self._print(f"{name}: {answer}")

    def _meet(self, node_id: str) -> orders.Meet:
        address = self.flock.by_id[node_id].address
        return orders.Meet(address.host, 7000, address.port)

    # looking

    def do_show(self) -> None:
        for node in self.flock.running():
            self._print(f"{node.name} {self._described(node)}")

    def _described(self, node: SimNode) -> str:
        core = node.core
        state = "ok" if core.is_ok else "fail"
        if core.me.is_replica:
            return f"replica of {core.me.primary_id}, {state}"
        ranges = [f"{first}-{last}" for first, last in core.slot_ranges(core.me.node_id)]
        return f"primary of {','.join(ranges) or 'nothing'} at {core.me.config_epoch}, {state}"

    def do_view(self, name: str) -> None:
        core = self.flock.core(name)
        seen = {self.flock.name_of(peer.node_id): peer for peer in core.peers.values()}
        for other, peer in sorted(seen.items()):
            self._print(f"{other} {snapshot.flags_text(core, peer)} {snapshot.link_state(core, peer)}")

    def do_serve(self, slot: str) -> None:
        servers = [node.name for node in self.flock.running() if node.core.serving[int(slot)]]
        self._print(" ".join(servers) or "nobody")


def blocks(text: str) -> list[tuple[list[str], list[str]]]:
    """The blocks of a script: commands, and what they are to print."""
    found = []
    for block in text.split("\n\n"):
        lines = [line for line in block.split("\n") if line and not line.startswith("#")]
        if lines:
            at = lines.index("----") if "----" in lines else len(lines)
            found.append((lines[:at], lines[at + 1 :]))
    return found


def rewritten(text: str) -> str:
    """The script with what its commands print now."""
    script = Script()
    made = []
    for block in text.strip().split("\n\n"):
        lines = block.split("\n")
        head = lines[: lines.index("----")] if "----" in lines else lines
        commands = [line for line in head if line and not line.startswith("#")]
        made.append("\n".join([*head, "----", *script.run(commands)] if commands else head))
    return "\n\n".join(made) + "\n"
