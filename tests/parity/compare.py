"""The comparer: commands go to Starling and to a real redis-server; the replies' bytes must be equal.

    def test_a_string_that_grows(oracle: Oracle) -> None:
        play(oracle, [(b"SET", b"a", b"1"), (b"APPEND", b"a", b"2")])

Random commands, by the thousand, are tests.parity.drive's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from protocol.rdb.decode import parse_payload
from protocol.rdb.records import HashRecord, ListRecord, SetRecord, StreamConsumerRecord, StreamRecord
from tests.parity import draws as st
from tests.support.frames import Frame, whole
from tests.support.local import Local
from tests.support.oracle import Oracle

Command = tuple[bytes, ...]
Same = Callable[[Command, Frame, Frame], bool]

TOLERANCE_MS = 2000

UNORDERED = frozenset(b"KEYS HGETALL HKEYS HVALS SMEMBERS SUNION SINTER SDIFF SPOP".split())
DRAWS = frozenset(b"SRANDMEMBER HRANDFIELD ZRANDMEMBER".split())
SCANS = {b"SCAN": False, b"SSCAN": False, b"HSCAN": True, b"ZSCAN": True}
"""Whether what they find comes in pairs."""
TIMES_MS = frozenset(b"PTTL PEXPIRETIME".split())
TIMES_S = frozenset(b"TTL EXPIRETIME".split())


def some(*words: st.Draws[bytes] | bytes) -> st.Draws[Command]:
    """A command of these words."""
    return st.tuples(*(st.just(word) if isinstance(word, bytes) else word for word in words))


def joined(head: st.Draws[Command], tail: st.Draws[Sequence[Command]]) -> st.Draws[Command]:
    """A command with options behind it."""
    return st.tuples(head, tail).map(lambda parts: (*parts[0], *(word for part in parts[1] for word in part)))


def same(command: Command, ours: Frame, theirs: Frame) -> bool:
    """Equality, up to the order where Redis promises none, to what is drawn by lot, and to the time that
    passes between the two."""
    name = command[0].upper()
    if name in UNORDERED:
        return _sorted(ours) == _sorted(theirs)
    if name in DRAWS:
        return _shape(ours) == _shape(theirs)
    if name == b"OBJECT" and command[1].upper() == b"IDLETIME":
        return _same_time(ours, theirs, TOLERANCE_MS // 1000)
    if name == b"RANDOMKEY":
        return ours.kind == theirs.kind and (ours.text == b"-1") == (theirs.text == b"-1")
    if name in SCANS and ours.children and theirs.children:
        if command[1 if name == b"SCAN" else 2] != b"0":
            return True  # where a scan is that nobody began, is each server's own affair
        in_pairs = SCANS[name]
        ours_found, theirs_found = (_sorted(frame.children[1], in_pairs=in_pairs) for frame in (ours, theirs))
        return ours.children[0] == theirs.children[0] and ours_found == theirs_found
    if name in TIMES_MS or name in TIMES_S:
        return _same_time(ours, theirs, TOLERANCE_MS if name in TIMES_MS else TOLERANCE_MS // 1000)
    if name == b"DUMP":
        return ours == theirs or _same_payload(ours, theirs)
    return ours == theirs


def _shape(frame: Frame) -> tuple[object, ...]:
    """How many there are of what, whichever they are."""
    return (frame.kind, frame.text if frame.kind == b"*" else b"", *map(_shape, frame.children))


def _sorted(frame: Frame, *, in_pairs: bool = False) -> Frame:
    if frame.kind != b"%" and not in_pairs:
        return Frame(frame.kind, frame.text, tuple(sorted(frame.children)))
    pairs = sorted(zip(frame.children[::2], frame.children[1::2], strict=True))
    return Frame(frame.kind, frame.text, tuple(child for pair in pairs for child in pair))


def _same_time(ours: Frame, theirs: Frame, tolerance: int) -> bool:
    if ours.kind != b":" or theirs.kind != b":" or min(int(ours.text), int(theirs.text)) < 0:
        return ours == theirs
    return abs(int(ours.text) - int(theirs.text)) <= tolerance


def _same_payload(ours: Frame, theirs: Frame) -> bool:
    """A hash table has its own order; where a node of a list ends is a matter of the list's past, and so is
    how wide an intset's integers are."""
    nothing = b"-1" in (ours.text, theirs.text) or b"_" in (ours.kind, theirs.kind)
    if nothing or ours.text[0] != theirs.text[0]:
        return False
    match parse_payload(ours.text), parse_payload(theirs.text):
        case SetRecord(mine), SetRecord(others):
            return sorted(mine) == sorted(others)
        case HashRecord(fields, "hashtable"), HashRecord(their_fields, "hashtable"):
            return fields == their_fields
        case ListRecord(items), ListRecord(their_items):
            return list(items) == list(their_items)
        case StreamRecord() as stream, StreamRecord() as their_stream:
            return _timeless(stream) == _timeless(their_stream)
    return False


def _timeless(stream: StreamRecord) -> StreamRecord:
    """Without the times at which consumers were seen and entries delivered."""
    groups = [
        replace(
            group,
            pending=[(id_, 0, deliveries) for id_, _, deliveries in group.pending],
            consumers=[StreamConsumerRecord(each.name, 0, list(each.pending)) for each in group.consumers],
        )
        for group in stream.groups
    ]
    return replace(stream, nodes=list(stream.nodes), groups=groups)


def play(oracle: Oracle, script: Sequence[Command], protocol: int = 2, same: Same = same) -> None:
    """One run of commands on both, from an empty database. Raises AssertionError at the first difference."""
    local = Local(protocol=protocol)
    local.options.enable_debug_command = "yes"
    oracle.raw(b"FLUSHALL")
    for at, command in enumerate(script):
        local.now_ms = time.time_ns() // 1_000_000
        theirs = oracle.raw(*command, protocol=protocol)
        ours = local.raw(*command)
        if ours != theirs and not same(command, whole(ours), whole(theirs)):
            raise AssertionError(difference(script[: at + 1], protocol, ours, theirs))


def difference(script: Sequence[Command], protocol: int, ours: bytes, theirs: bytes) -> str:
    """A difference in the last reply, as a person wants to read it."""
    told = "\n".join(" ".join(map(repr, command)) for command in script)
    return f"RESP{protocol}, after\n{told}\nours   {ours!r}\ntheirs {theirs!r}"
