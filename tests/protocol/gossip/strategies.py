"""Any bus message, for the tests that try them all."""

from __future__ import annotations

from hypothesis import strategies as st

from protocol.gossip import messages as bus
from protocol.gossip import slotset

ids = st.integers(0, (1 << 160) - 1).map(lambda number: f"{number:040x}")
versions = st.integers(0, bus.VERSION_MAX - 1)
hosts = st.text("abcdef0123456789.:-", max_size=60)
ports = st.integers(0, 65535)
u32 = st.integers(0, (1 << 32) - 1)
u64 = st.integers(0, (1 << 64) - 1)
# Drawn by its step, for hypothesis prints what it draws from, and Python refuses to print such numbers.
slots = st.sets(st.integers(0, slotset.SLOTS - 1), max_size=20).map(slotset.from_slots) | st.sampled_from(
    [1, 2, slotset.SLOTS]
).map(lambda step: slotset.from_slots(range(0, slotset.SLOTS, step)))

members = st.builds(bus.MemberFact, ids, versions, hosts, ports, ports, hosts, st.booleans())
claims = st.builds(bus.ClaimFact, ids, versions, versions, st.just("") | ids, slots)
bitmaps = st.integers(0, 1 << 300)
doubts = st.builds(bus.DoubtFact, ids, versions)
fails = st.builds(bus.FailFact, ids, versions, u32, u64, bitmaps)
facts = members | claims | doubts | fails
ballots = st.builds(bus.Ballot, ids, versions, u32, u32)
cuts = st.builds(bus.Cut, bitmaps, st.lists(ballots, max_size=4).map(tuple))
rumors = st.builds(bus.Rumor, facts, u32, u64, st.just("") | ids)
many_ids = st.lists(ids, max_size=4).map(tuple)
sync_records = st.builds(bus.SyncRecord, ids, versions, versions, versions, many_ids)
receipts = st.builds(bus.Receipt, st.booleans(), u64)

publications = st.lists(
    st.builds(bus.Publication, st.binary(max_size=40), st.binary(max_size=2000)), max_size=4
).map(tuple)
messages: st.SearchStrategy[bus.Message] = st.one_of(
    st.builds(bus.Meet, ids, versions, members, claims, hosts),
    st.builds(bus.Welcome, ids, versions, members, claims, hosts),
    st.builds(bus.Probe, ids, versions, u32, u64, u64, versions),
    st.builds(bus.Ack, ids, versions, u32, u64, u64, versions, st.booleans(), many_ids),
    st.builds(bus.ProbeRequest, ids, versions, ids),
    st.builds(bus.Vouch, ids, versions, ids),
    st.builds(bus.Rumors, ids, versions, u32, st.lists(rumors, max_size=4).map(tuple)),
    st.builds(bus.Receipts, ids, versions, u32, u32, st.lists(receipts, max_size=4).map(tuple)),
    st.builds(bus.VoteRequest, ids, versions, versions, versions, slots, st.booleans()),
    st.builds(bus.Vote, ids, versions, versions, st.lists(sync_records, max_size=3).map(tuple), many_ids),
    st.builds(bus.InSync, ids, versions, sync_records),
    st.builds(bus.InSyncReceipt, ids, versions, versions, versions, st.booleans(), versions, many_ids),
    st.builds(bus.Hollow, ids, versions),
    st.builds(bus.HollowAnswer, ids, versions, st.booleans()),
    st.builds(bus.VoteRefused, ids, versions, versions),
    st.builds(bus.Update, ids, versions, claims),
    st.builds(bus.ViewRequest, ids, versions, st.lists(u64, max_size=5).map(tuple), st.booleans()),
    st.builds(
        bus.View,
        ids,
        versions,
        st.lists(facts, max_size=5).map(tuple),
        u32,
        st.lists(u32, max_size=5).map(tuple),
        st.booleans(),
        st.booleans(),
    ),
    st.builds(bus.PauseRequest, ids, versions),
    st.builds(bus.Ballots, ids, versions, u64, u32, st.lists(cuts, max_size=4).map(tuple)),
    st.builds(bus.PausedOffset, ids, versions, u64),
    st.builds(bus.Published, ids, versions, ids, versions, u64, publications, u64, ids),
    st.builds(bus.PublishReceipt, ids, versions, u64, u64),
    st.builds(bus.ShardPublished, ids, versions, st.binary(max_size=40), st.binary(max_size=2000)),
)
