"""CLUSTER: slots that change hands, and the keys in them."""

from __future__ import annotations

from protocol.keyslot import key_slot
from protocol.resp.types import ErrorReply
from tests.support.local import Local


def test_slots_are_given_up_and_taken() -> None:
    local = Local(cluster=True)
    core = local.server.core
    assert core is not None
    assert local.call("CLUSTER", "DELSLOTSRANGE", "0", "99", "200", "299") == b"OK"
    assert core.slot_ranges(core.me.node_id) == [(100, 199), (300, 16383)]
    assert local.call("CLUSTER", "DELSLOTS", "5") == ErrorReply(b"ERR Slot 5 is already unassigned")
    assert local.call("CLUSTER", "ADDSLOTS", "5", "6") == b"OK"
    assert local.call("CLUSTER", "ADDSLOTSRANGE", "7", "9") == b"OK"
    assert core.slot_ranges(core.me.node_id)[0] == (5, 9)
    assert local.call("CLUSTER", "FLUSHSLOTS") == b"OK"
    assert core.slots_assigned() == 0


def test_a_slot_named_over_and_over_costs_no_more_than_twice() -> None:
    local = Local(cluster=True)
    everything = ["0", "16383"] * 2000
    refusal = ErrorReply(b"ERR Slot 0 specified multiple times")
    assert local.call("CLUSTER", "DELSLOTSRANGE", *everything) == refusal


def test_slots_are_not_flushed_while_there_are_keys() -> None:
    local = Local(cluster=True)
    local.call("SET", "k", "v")
    refusal = ErrorReply(b"ERR DB must be empty to perform CLUSTER FLUSHSLOTS.")
    assert local.call("CLUSTER", "FLUSHSLOTS") == refusal


def test_keys_of_a_slot() -> None:
    local = Local(cluster=True)
    for name in ("{a}1", "{a}2", "{a}3", "b"):
        local.call("SET", name, "v")
    slot = key_slot(b"a")
    assert local.call("CLUSTER", "KEYSLOT", "{a}1") == slot
    assert local.call("CLUSTER", "COUNTKEYSINSLOT", slot) == 3
    found = local.call("CLUSTER", "GETKEYSINSLOT", slot, 2)
    assert isinstance(found, list)
    assert len(found) == 2
    assert set(map(bytes, found)) < {b"{a}1", b"{a}2", b"{a}3"}  # type: ignore[arg-type]
    assert local.call("CLUSTER", "GETKEYSINSLOT", slot, 0) == []
