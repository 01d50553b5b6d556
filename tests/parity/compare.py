"""The comparer: random commands go to Starling and to a real redis-server; the replies' bytes must be equal.

    def test_strings(oracle: Oracle) -> None:
        check_parity(oracle, st.one_of(a_get, a_set), state=["TYPE", "DUMP"], keys=KEYS)

A strategy makes one command, a tuple of bytes. STARLING_PARITY_EXAMPLES=1000 looks further than the default.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.frames import Frame, whole
from tests.support.local import Local
from tests.support.oracle import Oracle

Command = tuple[bytes, ...]
Same = Callable[[Command, Frame, Frame], bool]

EXAMPLES_DEFAULT = 25
COMMANDS_MAX = 24
TOLERANCE_MS = 2000

UNORDERED = frozenset(b"KEYS HGETALL HKEYS HVALS SMEMBERS SUNION SINTER SDIFF SPOP SRANDMEMBER".split())
SCANS = {b"SCAN": False, b"SSCAN": False, b"HSCAN": True, b"ZSCAN": True}
"""Whether what they find comes in pairs."""
TIMES_MS = frozenset(b"PTTL PEXPIRETIME".split())
TIMES_S = frozenset(b"TTL EXPIRETIME".split())


def some(*words: st.SearchStrategy[bytes] | bytes) -> st.SearchStrategy[Command]:
    """A command of these words."""
    return st.tuples(*(st.just(word) if isinstance(word, bytes) else word for word in words))


def joined(
    head: st.SearchStrategy[Command], tail: st.SearchStrategy[Sequence[Command]]
) -> st.SearchStrategy[Command]:
    """A command with options behind it."""
    return st.tuples(head, tail).map(lambda parts: (*parts[0], *(word for part in parts[1] for word in part)))


def same(command: Command, ours: Frame, theirs: Frame) -> bool:
    """Equality, up to the order where Redis promises none and up to the time that passes between the two."""
    name = command[0].upper()
    if name in UNORDERED:
        return _sorted(ours) == _sorted(theirs)
    if name in SCANS and ours.children and theirs.children:
        in_pairs = SCANS[name]
        ours_found, theirs_found = (_sorted(frame.children[1], in_pairs=in_pairs) for frame in (ours, theirs))
        return ours.children[0] == theirs.children[0] and ours_found == theirs_found
    if name in TIMES_MS or name in TIMES_S:
        return _same_time(ours, theirs, TOLERANCE_MS if name in TIMES_MS else TOLERANCE_MS // 1000)
    return ours == theirs


def _sorted(frame: Frame, *, in_pairs: bool = False) -> Frame:
    if frame.kind != b"%" and not in_pairs:
        return Frame(frame.kind, frame.text, tuple(sorted(frame.children)))
    pairs = sorted(zip(frame.children[::2], frame.children[1::2], strict=True))
    return Frame(frame.kind, frame.text, tuple(child for pair in pairs for child in pair))


def _same_time(ours: Frame, theirs: Frame, tolerance: int) -> bool:
    if ours.kind != b":" or theirs.kind != b":" or min(int(ours.text), int(theirs.text)) < 0:
        return ours == theirs
    return abs(int(ours.text) - int(theirs.text)) <= tolerance


def check_parity(
    oracle: Oracle,
    commands: st.SearchStrategy[Command],
    *,
    keys: Sequence[bytes] = (),
    state: Sequence[str] = (),
    before: Sequence[Command] = (),
    same: Same = same,
) -> None:
    """Plays random runs of commands on both, each from an empty database, in RESP2 and RESP3.

    Each run begins with the commands of `before`.

    At the end of a run each of `state` (such as "TYPE" or "OBJECT ENCODING") is asked of each of `keys`.
    Raises AssertionError with the shortest run that hypothesis finds.
    """
    examples = os.environ.get("STARLING_PARITY_EXAMPLES")
    questions = [(*question.encode().split(), key) for key in keys for question in state]

    @settings(
        max_examples=int(examples or EXAMPLES_DEFAULT),
        derandomize=examples is None,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(commands, min_size=1, max_size=COMMANDS_MAX), st.sampled_from([2, 3]))
    def run(script: list[Command], protocol: int) -> None:
        play(oracle, [*before, *script, *questions], protocol, same)

    run()


def play(oracle: Oracle, script: Sequence[Command], protocol: int = 2, same: Same = same) -> None:
    """One run of commands on both, from an empty database. Raises AssertionError at the first difference."""
    local = Local(protocol=protocol)
    oracle.raw(b"FLUSHALL")
    for at, command in enumerate(script):
        local.now_ms = time.time_ns() // 1_000_000
        theirs = oracle.raw(*command, protocol=protocol)
        ours = local.raw(*command)
        if ours != theirs and not same(command, whole(ours), whole(theirs)):
            told = "\n".join(" ".join(map(repr, earlier)) for earlier in script[: at + 1])
            raise AssertionError(f"RESP{protocol}, after\n{told}\nours   {ours!r}\ntheirs {theirs!r}")
