"""The long forms of the end-to-end tests, with their figures: python -m tests.e2e.marathon
reshard|kills|pause|publish|failover.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
import time
from pathlib import Path

from tests.e2e import failover, scenarios
from tests.e2e.broadcast import PUBLISHERS, broadcast
from tests.e2e.cluster import SERVER_VARIABLE, RunningCluster, redis_cli


def reshard(cluster: RunningCluster, keys: int, slots: int) -> bool:
    """Fills the cluster, then moves slots there and back under load."""
    client = cluster.redis()
    started_s = time.monotonic()
    for number in range(keys):
        client.set(f"key:{number}", f"value:{number}")
    print(f"{keys} keys written in {time.monotonic() - started_s:.1f} s")
    started_s = time.monotonic()
    tally, lost = scenarios.reshard_there_and_back(cluster, slots)
    print(f"{slots} slots moved there and back in {time.monotonic() - started_s:.1f} s")
    print(f"meanwhile {tally.writes} writes, {tally.reads} reads, longest gap {tally.gap_s * 1000:.0f} ms")
    missing = sum(client.get(f"key:{number}") != b"value:%d" % number for number in range(keys))
    client.close()
    counts = f"errors {len(tally.errors)}, stale reads {len(tally.stale_reads)}"
    print(f"{counts}, lost {len(lost)}, missing {missing}")
    for line in [*tally.errors[:5], *tally.stale_reads[:5]]:
        print(f"  {line}")
    return not (tally.errors or tally.stale_reads or lost or missing)


def kills(cluster: RunningCluster, rounds: int) -> bool:
    """Kills random primaries under load."""
    found = scenarios.kill_primaries(cluster, rounds, seed=int(time.time()))
    for number, kill in enumerate(found.kills, 1):
        print(
            f"kill {number}: port {kill.port}, replica {kill.heir_port} after {kill.takeover_s:.2f} s, "
            f"cluster_state:ok everywhere after {kill.whole_s:.2f} s"
        )
    tally = found.tally
    print(f"{tally.writes} writes, {tally.reads} reads, {len(tally.errors)} errors while primaries were gone")
    print(f"{len(found.lost_s)} acknowledged writes gone, of the last seconds before a kill: {found.lost_s}")
    slowest_s = max(kill.takeover_s for kill in found.kills)
    print(f"slowest takeover {slowest_s:.2f} s")
    too_old = [before_s for before_s in found.lost_s if not 0 <= before_s < scenarios.REPLICATION_LAG_S]
    return slowest_s <= 3.0 and not too_old


def pause(cluster: RunningCluster, pause_s: float) -> bool:
    """Stops and resumes a primary."""
    found = scenarios.pause_primary(cluster, pause_s)
    print(f"replica served after {found.takeover_s:.2f} s; resumed, the old primary stepped down in", end=" ")
    print(f"{found.step_down_s:.2f} s; {found.rounds} looks at all nodes, violations: {found.violations[:5]}")
    return not found.violations


def publish(cluster: RunningCluster, messages: int) -> bool:
    """Publishes on several nodes at once."""
    heard = broadcast(cluster, messages)
    print(f"{heard.messages} messages published on {PUBLISHERS} nodes, heard on all in {heard.took_s:.1f} s")
    print(f"{heard.frames_a_node:.3f} frames a message and node; faults: {heard.faults}")
    return not heard.faults


def failovers(cluster: RunningCluster, rounds: int, acks: int) -> bool:
    """Kills random primaries under writes, and counts what is gone of what was acknowledged."""
    seed = int(time.time())
    found = failover.kill_primaries(cluster, rounds, seed, lambda text: print(text, flush=True))
    times_s = sorted(found.takeovers_s)
    print(f"{rounds} kills, cluster-write-acks {acks}, seed {seed}")
    print(f"{found.acknowledged} writes acknowledged, {found.refused} refused; {len(found.lost)} lost")
    median_s = times_s[len(times_s) // 2]
    print(f"the replica answered after {median_s:.2f} s (median), {times_s[-1]:.2f} s (worst)")
    return not (acks and found.lost)


def main() -> int:
    """Runs one marathon; exit code 1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.marathon")
    parser.add_argument("what", choices=["reshard", "kills", "pause", "publish", "failover"])
    parser.add_argument("--keys", type=int, default=50_000)
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--slots", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--pause-s", type=float, default=5.0)
    parser.add_argument("--acks", type=int, default=0, help="cluster-write-acks (failover)")
    parser.add_argument("--redis", action="store_true", help="the same as --server redis-server")
    parser.add_argument("--server", help="run this program in place of `starling node`: redis-server")
    given = parser.parse_args()
    if given.redis:
        given.server, given.acks = "redis-server", 0
    if given.server:
        os.environ[SERVER_VARIABLE] = given.server
    with tempfile.TemporaryDirectory() as folder:
        # A redis-server does not know the directive, so that it is only given where it is asked for.
        options = {"cluster-write-acks": str(given.acks)} if given.acks else {}
        cluster = RunningCluster(Path(folder), 3, 1, **options)
        try:
            if given.what == "reshard":
                kept = reshard(cluster, given.keys, given.slots)
            elif given.what == "kills":
                kept = kills(cluster, given.rounds)
            elif given.what == "publish":
                kept = publish(cluster, given.messages)
            elif given.what == "failover":
                kept = failovers(cluster, given.rounds, given.acks)
            else:
                kept = pause(cluster, given.pause_s)
            cluster.wait_until_ok()
            text = redis_cli("--cluster", "check", cluster.address)
            print("redis-cli --cluster check:", *re.findall(r"\[OK\].*", text), sep="\n  ")
        finally:
            cluster.stop()
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
