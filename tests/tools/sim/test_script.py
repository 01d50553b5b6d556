from __future__ import annotations

import pytest

from tools.sim.script import NotSettled, Script, blocks, rewritten, slots_in

FAILOVER = """# A primary dies.
cluster seed=2
load 6 3
quiet
----

kill n1
run 4000
serve 0
----
{}"""


def test_a_script_prints_what_nodes_log_and_what_it_is_asked_for() -> None:
    script = Script()
    for commands, _ in blocks(FAILOVER.format("")):
        printed = script.run(commands)
    assert printed[-1] == "n4"
    assert "n4 Failover election won: I'm the new master." in printed


def test_what_is_printed_can_be_written_down_and_compared() -> None:
    text = rewritten(FAILOVER.format("nothing"))
    assert rewritten(text) == text
    script = Script()
    for commands, expected in blocks(text):
        assert script.run(commands) == expected


def test_orders_faults_and_questions() -> None:
    script = Script()
    script.run(["cluster timeout=500 loss=0.01", "load 6 3"])
    assert script.run(["order n4 failover takeover"])[-1] == "n4: OK"
    assert script.run(["order n1 meet n2", "order n1 forget n1"])[-1].startswith("n1: ERR I tried hard")
    script.run(["stop n5", "slow n2 20", "drift n3 1.1", "cut n2 n3", "flap n2 n6 50", "run 100"])
    script.run(["split n1 n2 | n3 n4 n5 n6", "weather loss=0.2 latency=3", "run 2000", "heal", "resume n5"])
    script.run(["power-cut n6", "run 100", "move n6 10.7.7.7", "wipe n2", "rejoin n2 n1", "drift n3 1"])
    assert script.run(["settle 20000"])[-1] == "all agree"
    assert script.flock.core("n1").peers[script.flock.id("n6")].host == "10.7.7.7"
    assert len(script.run(["quiet", "show"])) == 6
    assert len(script.run(["view n1"])) == 7
    script.run(["set cluster-migration-barrier 2", "set cluster-allow-replica-migration no"])
    chosen = script.flock.core("n1").settings
    assert (chosen.migration_barrier, chosen.allow_replica_migration) == (2, False)
    script.run(["kill n3"])
    assert script.run(["order n3 bumpepoch"]) == ["n3: is not running"]


def test_a_cluster_can_be_formed_and_grow() -> None:
    script = Script()
    script.run(["form 3 1", "new n7", "order n7 meet n1", "settle"])
    assert all(len(node.core.members) == 6 for node in script.flock.running())
    script.run(["offset n1 500", "run 1000"])
    assert script.flock.nodes["n4"].offset == 500


def test_nodes_that_cannot_agree_do_not_settle() -> None:
    script = Script()
    script.run(["load 4 3", "split n1 n2 | n3 n4"])
    script.flock.rename("n1", "unheard.of")
    with pytest.raises(NotSettled, match=r"n1 n2 \| n3 n4|n1.*n3 n4"):
        script.run(["settle 500"])


@pytest.mark.parametrize("command", ["dance", "order n1 dance", "weather mood=5", "set mood 5"])
def test_unknown_commands_are_refused(command: str) -> None:
    script = Script()
    script.run(["load 3 3"])
    with pytest.raises(ValueError, match=r"unknown|no such"):
        script.run([command])


def test_slots_are_numbers_and_ranges() -> None:
    assert slots_in(["5", "7-9"]) == (5, 7, 8, 9)
