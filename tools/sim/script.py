"""Clusters as short scripts: tests/scenarios/*.txt, and what the search for faults comes up with.

A script is blocks parted by empty lines; a block is a command, a line of dashes, and what the command is to
print:

    kill n1
    run 3000
    ----
    n4 Failover election won: I'm the new master.

Several commands may share a block. A `#` begins a comment, on a line of its own or behind a command. What is
printed is what the nodes log (from "notice" up), with node ids as names, the answer to an order, and what the
commands below that look at the cluster print. What each word may be is in tools/sim/words.py.

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

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby, takewhile

from cluster.core import orders, snapshot
from cluster.core.core import Settings
from cluster.spec.option_kinds import OptionError
from cluster.spec.options import DIRECTIVES
from tools.sim import words as read
from tools.sim.fabric import Weather
from tools.sim.flock import Flock, SimNode
from tools.sim.words import Node, ScriptError

_FORMED_MAX = 200
"""Nodes that are made one by one and meet: the work grows with their square."""
_DASHES = "----"


class NotSettled(Exception):
    """The running nodes do not agree within the time given; str() has the views."""


def slots_in(words: list[str]) -> tuple[int, ...]:
    """The slots in words like 5 or 0-99."""
    slots: list[int] = []
    for word in words:
        first, dash, last = word.partition("-")
        run = range(read.slot(first), read.slot(last if dash else first) + 1)
        if not run:
            raise ScriptError(f"'{word}' is no range of slots")
        slots += run
    return tuple(slots)


def _keys_in(words: list[str]) -> int:
    """The number of keys that a node has, which may end an order."""
    if len(words) > 1:
        raise ScriptError(f"'{words[1]}' is one word too many")
    return sum(map(read.count, words))


def order_of(words: list[str], meet: Callable[[str], orders.Meet]) -> orders.Order:
    """The order in these words of a CLUSTER command, with node ids; `meet` knows where a node is."""
    match words:
        case ["meet", node_id]:
            return meet(node_id)
        case ["forget", node_id]:
            return orders.Forget(node_id)
        case ["addslots", _, *_]:
            return orders.AddSlots(slots_in(words[1:]))
        case ["delslots", _, *_]:
            return orders.DelSlots(slots_in(words[1:]))
        case ["flushslots"]:
            return orders.FlushSlots()
        case ["setslot", slot, "migrating", node_id]:
            return orders.SetSlotMigrating(read.slot(slot), node_id)
        case ["setslot", slot, "importing", node_id]:
            return orders.SetSlotImporting(read.slot(slot), node_id)
        case ["setslot", slot, "stable"]:
            return orders.SetSlotStable(read.slot(slot))
        case ["setslot", slot, "node", node_id, *keys]:
            return orders.SetSlotNode(read.slot(slot), node_id, _keys_in(keys))
        case ["replicate", node_id, *keys]:
            return orders.Replicate(node_id, _keys_in(keys))
        case ["failover"]:
            return orders.Failover("")
        case ["failover", "force" | "takeover" as mode]:
            return orders.Failover(mode.upper())
        case ["reset", "hard" | "soft" as kind, *keys]:
            return orders.Reset(kind == "hard", _keys_in(keys))
        case ["bumpepoch"]:
            return orders.BumpEpoch()
        case ["set-config-epoch", epoch]:
            return orders.SetConfigEpoch(read.count(epoch))
        case _:
            raise ScriptError(f"unknown order: {' '.join(words)}")


class Script:
    """Runs commands and gathers what they print. `prepare` is shown each new cluster before anything
    happens in it."""

    def __init__(self, prepare: Callable[[Flock], object] = lambda _: None) -> None:
        self._prepare = prepare
        self.printed: list[str] = []
        """By the block that was run last, also where it broke off."""
        self._log: list[str] = []
        self.do_cluster()

    def run(self, commands: Iterable[str]) -> list[str]:
        """Carries out one block's commands; what they print. Raises ScriptError for one that is wrong."""
        self.printed = []
        for command in commands:
            name, *words = command.split()
            run: Callable[..., None] | None = getattr(self, f"do_{name.replace('-', '_')}", None)
            if run is None:
                raise ScriptError(f"unknown command: {name}")
            try:
                run(*read.bound(run, words, self._known).args)
            except ScriptError as error:
                raise ScriptError(f"{name}: {error}") from error
            finally:
                self._take_log()
        return self.printed

    def _known(self, name: str) -> str:
        if name not in self.flock.nodes:
            raise ScriptError(f"no such node: {name}")
        return name

    def _print(self, line: str) -> None:
        self._take_log()
        self.printed.append(self._named(line))

    def _take_log(self) -> None:
        log, self._log[:] = self._log[:], []
        self.printed += [self._named(line) for line in log]

    def _named(self, line: str) -> str:
        for node_id in self.flock.by_id:
            line = line.replace(node_id, self.flock.name_of(node_id))
        return line.rstrip()

    # the cluster

    def do_cluster(self, *parts: read.ClusterPart) -> None:
        given = {"seed": 1, "timeout": 1000, "latency": 1, "jitter": 1, "loss": 0, **dict(parts)}
        self.flock = Flock(
            int(given["seed"]),
            settings=Settings(node_timeout_ms=int(given["timeout"])),
            weather=Weather(int(given["latency"] * 1000), int(given["jitter"] * 1000), given["loss"]),
        )
        self.flock.trace = self._log
        self._prepare(self.flock)

    def do_form(self, primaries: read.Primaries, replicas: read.Replicas) -> None:
        self._is_to_be_empty()
        if primaries * (1 + replicas) > _FORMED_MAX:
            raise ScriptError(f"more than {_FORMED_MAX} nodes take too long to meet: load them")
        self.flock.form(primaries, replicas)
        self.flock.run(500)

    def do_load(self, nodes: read.Nodes, primaries: read.Primaries) -> None:
        self._is_to_be_empty()
        if primaries > nodes:
            raise ScriptError(f"{primaries} of {nodes} nodes cannot be primaries")
        self.flock.load(nodes, primaries)
        self.flock.run(1500)

    def _is_to_be_empty(self) -> None:
        if self.flock.nodes:
            raise ScriptError("there are nodes already; cluster begins anew")

    def do_new(self, name: read.NewNode, *more: read.NewNode) -> None:
        for each in (name, *more):
            if each in self.flock.nodes:
                raise ScriptError(f"there is a node {each} already")
            self.flock.add(each)

    def do_run(self, duration_ms: read.RunMs) -> None:
        self.flock.run(duration_ms)

    def do_settle(self, limit_ms: read.RunMs = 10_000) -> None:
        if self.flock.run_until(self.flock.agree, limit_ms) is None:
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

    def do_offset(self, name: Node, offset: read.Count) -> None:
        self.flock.nodes[name].offset = offset
        self.flock.links_changed()

    def do_set(self, option: str, value: str) -> None:
        short = option.removeprefix("cluster-")
        directive, setting = DIRECTIVES.get(f"cluster-{short}"), short.replace("-", "_")
        if directive is None or setting not in Settings.__slots__:
            raise ScriptError(f"no such option: {option}")
        try:
            chosen = directive.parse([value])
        except OptionError as error:
            raise ScriptError(f"{option} {value}: {error}") from error
        for node in self.flock.running():
            self.flock.configure(node.name, setting, chosen)

    def do_quiet(self) -> None:
        self._log.clear()
        self.printed.clear()

    # what befalls nodes

    def do_kill(self, name: Node) -> None:
        self.flock.kill(name)

    def do_power_cut(self, name: Node) -> None:
        self.flock.power_cut(name)

    def do_wipe(self, name: Node) -> None:
        self.flock.wipe(name)

    def do_restart(self, name: Node) -> None:
        self.flock.restart(name)

    def do_move(self, name: Node, host: read.Host) -> None:
        self.flock.restart(name, host=host)

    def do_rejoin(self, name: Node, other: Node) -> None:
        self.flock.restart(name)
        self.flock.meet(name, other)

    def do_stop(self, name: Node) -> None:
        self.flock.stop(name)

    def do_resume(self, name: Node) -> None:
        self.flock.resume(name)

    def do_drift(self, name: Node, rate: read.Rate) -> None:
        self.flock.nodes[name].drift(rate, self.flock.now_us)

    def do_slow(self, name: Node, fsync_ms: read.FsyncMs) -> None:
        self.flock.nodes[name].fsync_us = fsync_ms * 1000

    # what befalls the network

    def do_split(self, *words: str) -> None:
        sides = [side.split() for side in " ".join(words).split("|")]
        named = [self._known(name) for side in sides for name in side]
        if not all(sides):
            raise ScriptError("nobody is on one of the sides")
        if len(set(named)) < len(named):
            raise ScriptError("a node stands there twice")
        self.flock.fabric.split(*sides)
        self.flock.links_changed()

    def do_cut(self, source: Node, target: Node) -> None:
        self.flock.fabric.cut(source, target)
        self.flock.links_changed()

    def do_flap(self, one: Node, other: Node, period_ms: read.PeriodMs) -> None:
        self.flock.fabric.flap(one, other, period_ms)

    def do_heal(self) -> None:
        self.flock.fabric.heal()
        self.flock.links_changed()

    def do_weather(self, *parts: read.WeatherPart) -> None:
        weather = self.flock.fabric.weather
        for name, value in parts:
            if name in ("latency", "jitter"):
                setattr(weather, f"{name}_us", int(value * 1000))
            else:
                setattr(weather, name, value)

    # orders

    def do_order(self, name: Node, *words: str) -> None:
        named = [self.flock.id(word) if word in self.flock.nodes else word for word in words]
        order = order_of(named, self._meet)
        if not self.flock.nodes[name].is_running:
            self._print(f"{name}: is not running")
            return
        try:
            answer = self.flock.order(name, order)
        except orders.OrderRefused as refused:
            answer = str(refused)
        self._print(f"{name}: {answer}")

    def _meet(self, node_id: str) -> orders.Meet:
        if node_id not in self.flock.by_id:
            raise ScriptError(f"no such node: {node_id}")
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

    def do_view(self, name: Node) -> None:
        core = self.flock.core(name)
        seen = {self.flock.name_of(peer.node_id): peer for peer in core.peers.values()}
        for other, peer in sorted(seen.items()):
            self._print(f"{other} {snapshot.flags_text(core, peer)} {snapshot.link_state(core, peer)}")

    def do_serve(self, slot: read.Slot) -> None:
        servers = [node.name for node in self.flock.running() if node.core.serving[slot]]
        self._print(" ".join(servers) or "nobody")


class Line(str):
    """A line that knows its number in the file."""

    number: int

    def __new__(cls, text: str, number: int) -> Line:
        line = super().__new__(cls, text)
        line.number = number
        return line


def _halves(text: str) -> Iterator[tuple[list[Line], list[Line]]]:
    """Of each block the lines above its dashes and those below."""
    lines = [Line(line.rstrip(), number) for number, line in enumerate(text.split("\n"), 1)]
    for has_text, group in groupby(lines, key=bool):
        if has_text:
            block = list(group)
            above = list(takewhile(lambda line: line != _DASHES, block))
            yield above, block[len(above) + 1 :]


def _commands(lines: list[Line]) -> list[Line]:
    bare = [Line(re.sub(r"(^|\s)#.*", "", line).strip(), line.number) for line in lines]
    return [line for line in bare if line]


def blocks(text: str) -> list[tuple[list[Line], list[str]]]:
    """The blocks of a script: commands, and what they are to print."""
    found = []
    for above, below in _halves(text):
        commands, expected = _commands(above), [str(line) for line in below if not line.startswith("#")]
        if commands or expected:
            found.append((commands, expected))
    return found


def rewritten(text: str) -> str:
    """The script with what its commands print now."""
    script = Script()
    made = []
    for above, _ in _halves(text):
        commands = _commands(above)
        made.append("\n".join([*above, _DASHES, *script.run(commands)] if commands else above))
    return "\n\n".join(made) + "\n"
