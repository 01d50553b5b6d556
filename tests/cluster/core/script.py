"""Clusters as short scripts: tests/scenarios/*.txt.

A script is blocks parted by empty lines; a block is a command, a line of dashes, and what the command is to
print:

    kill n1
    run 3000
    ----
    n4 Failover election won: I'm the new master.

Several commands may share a block. A `#` begins a comment. What is printed is what the nodes log (from
"notice" up), with node ids as names, the answer to an order, and what the commands below that look at the
cluster print.

    cluster [seed=1] [timeout=1000] [latency=1] [loss=0.0]     an empty cluster (else one with these values)
    form PRIMARIES REPLICAS      new NAME...      kill NAME      restart NAME      stop NAME      resume NAME
    split NAMES | NAMES          heal             run MS         offset NAME N
    settle [MS]                  runs until all running nodes agree, at most so long
    order NAME WORDS...          a CLUSTER command, node ids written as names
    show                         each running node: role, slots, config epoch, state
    view NAME                    the flags that a node shows for each
    serve SLOT                   who would serve a client on the slot
    quiet                        drops what has been logged so far
"""

from __future__ import annotations

from collections.abc import Callable

from cluster.core import orders, snapshot
from tests.cluster.core.cluster import Cluster, Node
from tools.sim.script import order_of


class Script:
    """Runs commands and gathers what they print."""

    def __init__(self) -> None:
        self.cluster = Cluster()
        self._printed: list[str] = []

    def run(self, commands: list[str]) -> list[str]:
        """Carries out one block's commands; what they print."""
        self._printed = []
        for command in commands:
            name, *words = command.split()
            run: Callable[..., None] = getattr(self, f"do_{name}")
            run(*words)
            self._take_log()
        return self._printed

    def _print(self, line: str) -> None:
        self._take_log()
        self._printed.append(self._named(line))

    def _take_log(self) -> None:
        log, self.cluster.trace[:] = self.cluster.trace[:], []
        self._printed += [self._named(line) for line in log]

    def _named(self, line: str) -> str:
        for node in self.cluster.nodes.values():
            line = line.replace(node.core.me.node_id, node.name)
        return line.rstrip()

    def do_cluster(self, *words: str) -> None:
        given = dict(word.split("=") for word in words)
        self.cluster = Cluster(
            int(given.get("seed", 1)),
            node_timeout_ms=int(given.get("timeout", 1000)),
            latency_ms=int(given.get("latency", 1)),
            loss=float(given.get("loss", 0)),
        )

    def do_form(self, primaries: str, replicas: str) -> None:
        self.cluster.form(int(primaries), int(replicas))
        self.cluster.run(500)

    def do_new(self, *names: str) -> None:
        for name in names:
            self.cluster.add(name)

    def do_kill(self, name: str) -> None:
        self.cluster.kill(name)

    def do_restart(self, name: str) -> None:
        self.cluster.restart(name)

    def do_stop(self, name: str) -> None:
        self.cluster.stop(name)

    def do_resume(self, name: str) -> None:
        self.cluster.resume(name)

    def do_split(self, *words: str) -> None:
        sides = " ".join(words).split("|")
        self.cluster.split(*(set(side.split()) for side in sides))

    def do_heal(self) -> None:
        self.cluster.heal()

    def do_run(self, duration_ms: str) -> None:
        self.cluster.run(int(duration_ms))

    def do_settle(self, limit_ms: str = "10000") -> None:
        self.cluster.run_until(self.cluster.agree, int(limit_ms))
        self._print("all agree")

    def do_offset(self, name: str, offset: str) -> None:
        self.cluster.nodes[name].offset = int(offset)

    def do_quiet(self) -> None:
        self.cluster.trace.clear()
        self._printed.clear()

    def do_order(self, name: str, *words: str) -> None:
        named = [self.cluster.id(word) if word in self.cluster.nodes else word for word in words]
        order = order_of(named, self._meet)
        try:
            answer = self.cluster.order(name, order)
        except orders.OrderRefused as refused:
            answer = str(refused)
        self._print(f"{name}: {answer}")

    def _meet(self, node_id: str) -> orders.Meet:
        address = self.cluster.nodes[self.cluster.name_of(node_id)].address
        return orders.Meet(address.host, address.port - 10000, address.port)

    def do_show(self) -> None:
        for node in self.cluster.running():
            self._print(f"{node.name} {self._described(node)}")

    def _described(self, node: Node) -> str:
        core = node.core
        state = "ok" if core.is_ok else "fail"
        if core.me.is_replica:
            return f"replica of {core.me.primary_id}, {state}"
        ranges = [f"{first}-{last}" for first, last in core.slot_ranges(core.me.node_id)]
        return f"primary of {','.join(ranges) or 'nothing'} at {core.me.config_epoch}, {state}"

    def do_view(self, name: str) -> None:
        core = self.cluster.core(name)
        seen = {self.cluster.name_of(peer.node_id): peer for peer in core.peers.values()}
        for other, peer in sorted(seen.items()):
            self._print(f"{other} {snapshot.flags_text(core, peer)} {snapshot.link_state(core, peer)}")

    def do_serve(self, slot: str) -> None:
        self._print(" ".join(self.cluster.servers(int(slot))) or "nobody")


def blocks(text: str) -> list[tuple[list[str], list[str]]]:
    """The blocks of a script: commands, and what they are to print."""
    found = []
    for block in text.split("\n\n"):
        lines = [line for line in block.split("\n") if line and not line.startswith("#")]
        if lines:
            at = lines.index("----")
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
