"""What publishing costs in a simulated cluster, and whether every node hears all, once and in order."""

from __future__ import annotations

from cluster.core.effects import Deliver
from cluster.core.orders import Publish
from tools.sim.flock import SimNode
from tools.sim.measure import DEAD_SHARE, Case, Outcome

MESSAGES = 50
EVERY_MS = 10
_END_MS = 5000


def publish(case: Case) -> Outcome:
    """One node publishes, again and again."""
    return _publish(case, dead=0)


def publish_with_dead(case: Case) -> Outcome:
    """The same when a tenth of the nodes have just died and nobody knows it yet."""
    return _publish(case, dead=int(case.nodes * DEAD_SHARE))


def _publish(case: Case, dead: int) -> Outcome:
    """`slowest_ms` and `median_ms` are over all messages at all nodes that live; `frames_per_node` and
    `receipts_per_node` are for each message. `missing`, `doubled` and `disordered` are counted over all."""
    flock, origin, others = case.bereaved(dead)
    begun_ms = flock.now_ms
    heard: dict[str, list[int]] = {node.name: [] for node in others}
    took_ms: list[float] = []

    def note(node: SimNode, effect: Deliver) -> None:
        number = int(effect.message)
        heard[node.name].append(number)
        took_ms.append(flock.now_us / 1000 - begun_ms - number * EVERY_MS)

    flock.delivers = note
    for number in range(MESSAGES):
        flock.order(origin.name, Publish(b"news", b"%d" % number, sharded=False))
        flock.run(EVERY_MS)
    flock.run(_END_MS)
    each = MESSAGES * len(heard)
    sent, times_ms = flock.traffic.messages, sorted(took_ms)
    figures: dict[str, float | None] = {
        "median_ms": times_ms[len(times_ms) // 2] if times_ms else None,
        "slowest_ms": times_ms[-1] if times_ms else None,
        "frames_per_node": sent["publish"] / each,
        "receipts_per_node": sent["publish-ack"] / each,
        "missing": each - sum(len(set(numbers)) for numbers in heard.values()),
        "doubled": sum(len(numbers) - len(set(numbers)) for numbers in heard.values()),
        "disordered": sum(numbers != sorted(numbers) for numbers in heard.values()),
        "events": flock.events,
    }
    return Outcome(case, figures, times_ms, dict(flock.traffic.bytes), dict(sent))
