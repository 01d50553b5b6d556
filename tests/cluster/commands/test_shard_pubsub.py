"""Shard channels on one node."""

from __future__ import annotations

import random

from cluster.core.core import Core
from cluster.core.orders import DelSlots
from cluster.core.settings import Settings
from protocol.keyslot import key_slot
from protocol.resp.types import Push
from tests.support.local import _owner_of_every_slot
from tests.support.served import NOW_MS, Client, Served


def test_a_message_reaches_who_listens_and_nobody_else() -> None:
    served = Served()
    listener, other = Client(served), Client(served)
    listener.call("SSUBSCRIBE", "a", "b")
    other.call("SUBSCRIBE", "a")
    assert listener.got == [Push([b"ssubscribe", b"a", 1]), Push([b"ssubscribe", b"b", 2])]
    listener.got.clear()
    assert served.call("SPUBLISH", "a", "hi") == 1
    assert listener.got == [Push([b"smessage", b"a", b"hi"])]
    assert served.call("PUBSUB", "SHARDCHANNELS", "a*") == [b"a"]
    assert served.call("PUBSUB", "SHARDNUMSUB", "a", "c") == [b"a", 1, b"c", 0]
    assert served.call("PUBSUB", "NUMSUB", "a") == [b"a", 1]
    assert b" ssub=2 " in served.client.raw("CLIENT", "LIST", "ID", listener.session.id)


def test_without_a_cluster_replicas_hear_of_it_by_the_stream() -> None:
    served = Served()
    served.feeds()
    served.call("SPUBLISH", "a", "hi")
    assert b"SPUBLISH" in served.feeds()


def test_who_listens_in_a_slot_that_leaves_is_told() -> None:
    core = _owner_of_every_slot(NOW_MS)
    served = Served(core=core)
    listener = Client(served)
    listener.call("SSUBSCRIBE", "foo", "{foo}bar")
    listener.call("SSUBSCRIBE", "bar")
    listener.got.clear()
    core.order(NOW_MS + 10_000, DelSlots((key_slot(b"foo"),)))
    served.engine.serving_changed()
    assert listener.got == [Push([b"sunsubscribe", b"foo", 2]), Push([b"sunsubscribe", b"{foo}bar", 1])]
    assert list(served.server.pubsub.shard_channels) == [b"bar"]


def test_shard_channels_are_routed_by_their_slot() -> None:
    served = Served(core=_owner_of_every_slot(NOW_MS))
    assert served.call("SSUBSCRIBE", "a", "b") == b"CROSSSLOT Keys in request don't hash to the same slot"
    fresh = Core(Settings(), random.Random(1), NOW_MS, host="127.0.0.1", port=7000, bus_port=17000)
    reply = Served(core=fresh).call("SPUBLISH", "a", "b")
    assert reply == b"CLUSTERDOWN Hash slot not served"
