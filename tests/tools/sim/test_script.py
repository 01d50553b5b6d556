from __future__ import annotations

import pytest

from tools.sim.script import NotSettled, Script, blocks, rewritten, slots_in
from tools.sim.words import ScriptError

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


WRONG = {
    "dance": "unknown command: dance",
    "order n1 dance": "order: unknown order: dance",
    "order n1 reset bogus": "unknown order",
    "order n1 addslots": "unknown order",
    "order n1 addslots 99999": "'99999' is not a whole number from 0 to 16383",
    "order n1 addslots 7-5": "'7-5' is no range of slots",
    "order n1 replicate n2 0 0": "one word too many",
    "order n1 meet n9": "order: no such node: n9",
    "order n9 bumpepoch": "no such node: n9",
    "kill n9": "kill: no such node: n9",
    "kill": "kill: wrong number of words; expected: NAME",
    "settle 1 2": r"expected: \[LIMIT_MS\]",
    "split n1 | n2 n9": "no such node: n9",
    "split n1 n2 | n2": "twice",
    "split n1 |": "nobody",
    "cut n1 n9": "no such node: n9",
    "weather mood=5": "'mood=5' is none of latency= ",
    "weather loss": "'loss' is none of",
    "weather loss=2": "'2' is not a number from 0.0 to 1.0",
    "weather loss=nan": "'nan' is not a number",
    "weather latency=-5": "'-5' is not a number",
    "cluster seed": "'seed' is none of seed= ",
    "cluster foo=3": "'foo=3' is none of seed= ",
    "cluster timeout=-5": "'-5' is not a whole number from 100 to 600000",
    "set mood 5": "no such option: mood",
    "set gossip-fanout 0": "between 1 and 64",
    "run soon": "'soon' is not a whole number from 0 to 3600000",
    "run -5": "'-5' is not a whole number",
    "serve 99999": "'99999' is not a whole number",
    "serve -1": "'-1' is not a whole number",
    "flap n1 n2 0": "'0' is not a whole number from 1",
    "drift n1 0": "'0' is not a number from 0.01",
    "drift n1 -1": "'-1' is not a number",
    "slow n1 -5": "'-5' is not a whole number",
    "move n1 there": "'there' is not an IP address",
    "new": "expected: NAME MORE...",
    "new a": "'a' is not a node's name",
    "new n1": "there is a node n1 already",
    "load 3 3": "there are nodes already",
}
WRONG_BEGINNINGS = {
    "load 0 0": "'0' is not a whole number from 1",
    "load 3 4": "4 of 3 nodes cannot be primaries",
    "form -1 0": "'-1' is not a whole number from 1",
    "form 20000000 0": "'20000000' is not a whole number",
    "form 100 5": "more than 200 nodes",
}


@pytest.mark.parametrize("command", WRONG)
def test_a_wrong_command_is_refused_with_the_reason(command: str) -> None:
    script = Script()
    script.run(["load 3 3"])
    with pytest.raises(ScriptError, match=WRONG[command]):
        script.run([command])


@pytest.mark.parametrize("command", WRONG_BEGINNINGS)
def test_a_cluster_that_cannot_be_is_refused(command: str) -> None:
    with pytest.raises(ScriptError, match=WRONG_BEGINNINGS[command]):
        Script().run([command])


def test_what_a_dead_node_is_told_is_read_as_well() -> None:
    script = Script()
    script.run(["load 3 3", "kill n1"])
    with pytest.raises(ScriptError, match="unknown order"):
        script.run(["order n1 dance"])


def test_lines_of_blanks_part_blocks_and_comments_stand_anywhere() -> None:
    text = "  # about\nrun 5 # a little\n   \n\trun 6\n----\nn1 (rank #0)\n#\n"
    found = blocks(text)
    assert found == [(["run 5"], []), (["run 6"], ["n1 (rank #0)"])]
    assert [line.number for commands, _ in found for line in commands] == [2, 4]


def test_slots_are_numbers_and_ranges() -> None:
    assert slots_in(["5", "7-9"]) == (5, 7, 8, 9)
