"""Which keys a request touches, an EXEC's queue included."""

from __future__ import annotations

from cluster.engine.entries import Entry
from protocol.keyslot import key_slot


def keys_of(entry: Entry, argv: list[bytes], queued: list[tuple[Entry, list[bytes]]]) -> list[bytes]:
    """The keys in order of appearance, repeated as often as they are named."""
    keys = entry.spec.keys(argv) if entry.is_keyed else []
    for each, words in queued:
        if each.is_keyed:
            keys += each.spec.keys(words)
    return keys


def routed_slot(keys: list[bytes]) -> int | None:
    """The slot of all these keys; None when they are not in one."""
    slot = key_slot(keys[0])
    return slot if all(key_slot(key) == slot for key in keys[1:]) else None
