"""CLIENT NO-TOUCH: requests that leave no trace in what is known of the use of their keys.

Reading a key notes the time, and under an LFU policy counts, on the way to its value. Not to do so for some
clients would cost all others a question on that way; so these clients' requests are followed up instead.

Source: https://redis.io/docs/latest/commands/client-no-touch/
"""

from __future__ import annotations

from cluster.engine.entries import Entry
from cluster.store import keyspace
from cluster.store.frequency import START
from cluster.store.keyspace import Keyspace

Use = tuple[bytes, keyspace.Entry, object, int, int]


def uses(database: Keyspace, entry: Entry, argv: list[bytes]) -> list[Use]:
    """When and how often the keys of a request have been used; nothing for TOUCH, which means to touch."""
    if not entry.is_keyed or entry.name == "touch":
        return []
    stored = ((key, database.stored(key)) for key in entry.spec.keys(argv))
    return [
        (key, found, found.value, found.access_ms, getattr(found, "frequency", START))
        for key, found in stored
        if found is not None
    ]


def restore(database: Keyspace, before: list[Use]) -> None:
    """Has the keys be used as before, but for those that have got another value since: that one is new."""
    for key, found, value, access_ms, frequency in before:
        if database.stored(key) is found and found.value is value:
            found.access_ms = access_ms
            found.frequency = frequency
