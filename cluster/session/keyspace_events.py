"""Keyspace notifications: what happens to keys, published on channels of this node (never to other nodes).

Source: https://redis.io/docs/latest/develop/use/keyspace-notifications/
"""

from __future__ import annotations

from typing import Final

from cluster.session.pubsub import PubSub

_NAMES: Final = {
    "g": "del expire persist rename_from rename_to move_from move_to copy_to restore",
    "$": "set append incrby incrbyfloat setrange setbit pfadd",
    "l": "lpush rpush lpop rpop linsert lset lrem ltrim sortstore",
    "s": "sadd srem spop sinterstore sunionstore sdiffstore",
    "h": "hset hdel hincrby hincrbyfloat hexpire hexpired hpersist",
    "z": "zadd zincr zrem zremrangebyscore zremrangebyrank zremrangebylex zpopmin zpopmax zunionstore"
    " zinterstore zdiffstore zrangestore geosearchstore georadiusstore",
    "t": "xadd xdel xtrim xsetid xgroup-create xgroup-createconsumer xgroup-delconsumer xgroup-destroy"
    " xgroup-setid",
    "x": "expired",
    "e": "evicted",
    "m": "keymiss",
    "n": "new",
}
CLASSES: Final = {event.encode(): letter for letter, names in _NAMES.items() for event in names.split()}
"""Each event's class, as notify-keyspace-events names it."""

ALL: Final = "g$lshzxetd"
"""What the class A stands for."""


class KeyspaceEvents:
    """Publishes the events of the classes that are asked for. `wanted` is empty when there are none."""

    def __init__(self, pubsub: PubSub) -> None:
        self.wanted = ""
        self._pubsub = pubsub

    def want(self, classes: str) -> None:
        """Takes the value of notify-keyspace-events: no events without K or E, the two kinds of channels."""
        self.wanted = classes.replace("A", ALL) if {"K", "E"} & set(classes) else ""

    def tell(self, database: int, event: bytes, key: bytes) -> None:
        """Something has happened to a key."""
        wanted = self.wanted
        if not wanted or CLASSES[event] not in wanted:
            return
        if "K" in wanted:
            self._pubsub.publish(b"__keyspace@%d__:%b" % (database, key), event)
        if "E" in wanted:
            self._pubsub.publish(b"__keyevent@%d__:%b" % (database, event), key)
