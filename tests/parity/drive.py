"""A family of commands, driven at random against Starling and a real redis-server: many runs, all counted.

    FAMILY = Family("GET SET ...", mixes=(st.one_of(a_get, a_set),), keys=KEYS)

    def test_strings(drive: Drive) -> None:
        drive(FAMILY)

A mix draws one command; a run is a few dozen of one mix's. With the replies the keyspace events of all that
is done are compared, and then what a run leaves behind: the hits, misses and changes that were counted,
types, ends, encodings, digests, DUMP payloads, and what each side makes of the other's payloads.
STARLING_PARITY_COMMANDS says how many commands a family gets, STARLING_PARITY_SEED where the random runs
begin: the same seed, the same runs.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from random import Random
from typing import Any, Protocol

import cluster.commands  # noqa: F401 - fills the table
from cluster.spec.command import COMMANDS, CommandSpec
from cluster.spec.syntax import Argument
from tests.parity import draws as st
from tests.parity.compare import Command, Same, difference, same, some
from tests.parity.ear import Ear
from tests.support.frames import Frame, frames, take, whole
from tests.support.local import Local
from tests.support.oracle import Oracle

COMMANDS_WANTED = int(os.environ.get("STARLING_PARITY_COMMANDS", "5000"))
FIRST_SEED = int(os.environ.get("STARLING_PARITY_SEED", "0"))
DATA_GROUPS = frozenset(
    [
        "bitmap",
        "generic",
        "geo",
        "hash",
        "hyperloglog",
        "list",
        "pubsub",
        "set",
        "sorted-set",
        "stream",
        "string",
        "transactions",
    ]
)
RUN_COMMANDS_MIN = 60
RUN_COMMANDS_MAX = 140
ATTEMPTS = 8
"""A difference counts when it shows each time: a millisecond that passes between two of the real server's
commands (EXPIRE k 100, EXPIRE k 100 GT) is none."""

LONGER_MAX = 4
"""How much further than wanted it goes on to meet each option."""

SOON = b"@SOON"
"""(SOON, key): the key is to end soon."""
SOON_MS = 15
LATER = b"@LATER"
"""(LATER,): here those keys are over, though nobody has removed them yet."""

QUESTIONS = ("TYPE KEY", "PEXPIRETIME KEY", "OBJECT ENCODING KEY", "DEBUG DIGEST-VALUE KEY", "DUMP KEY")

LOOKS_IN_ANY_ORDER = frozenset([b"SORT", b"SORT_RO", b"SCAN"])
"""A set's members, or all keys, in the order of the real server's hash tables: that decides which keys are
missed, and in which order those are found that are over."""

HITS, MISSES, EXPIRED = b"keyspace_hits", b"keyspace_misses", b"expired_keys"
CHANGES = b"rdb_changes_since_last_save"

NO_OPTIONS: st.Draws[list[Command]] = st.just([])


@dataclass(frozen=True)
class Case:
    """One run, and under which options: commands, or the steps of several clients."""

    protocol: int
    options: Sequence[Any]
    script: Sequence[Any]


class Driven(Protocol):
    """What can be driven: one client's requests (Family), or those of several (tests.parity.together)."""

    @property
    def covers(self) -> str: ...

    @property
    def untaken(self) -> frozenset[tuple[str, str]]: ...

    def cases(self) -> st.Draws[Case]:
        """Runs."""

    def play(self, oracle: Oracle, case: Case, soon_ms: int, tally: Tally | None) -> None:
        """Plays a run on both. Raises Differs, or TooSlow."""


@dataclass(frozen=True)
class Family:
    """What to drive: `covers` are the commands (a subcommand as "xgroup|create"), each of whose options must
    be seen to be taken at least once, but for those `untaken` with a reason. `options` begin a run. Among a
    mix's commands come careless ones, but not in the `careful` mixes: what these compare is Redis's own
    chance once a careless command has done its work."""

    covers: str
    mixes: tuple[st.Draws[Command], ...]
    keys: Sequence[bytes]
    options: st.Draws[list[Command]] = NO_OPTIONS
    state: Sequence[str] = ()
    same: Same = same
    untaken: frozenset[tuple[str, str]] = frozenset()
    careful: tuple[st.Draws[Command], ...] = ()

    def cases(self) -> st.Draws[Case]:
        """Runs of one of the mixes; now and then some keys end on the way."""
        names = self.covers.split()
        ends = st.lists(some(SOON, st.sampled_from(list(self.keys))), min_size=1, max_size=3)
        made = []
        strewn = [st.one_of(*[mix] * 11, careless(names, self.keys)) if names else mix for mix in self.mixes]
        for commands in (*strewn, *self.careful):
            run = st.lists(commands, min_size=RUN_COMMANDS_MIN, max_size=RUN_COMMANDS_MAX)
            half = st.lists(commands, min_size=RUN_COMMANDS_MIN // 2, max_size=RUN_COMMANDS_MAX // 2)
            ended = st.tuples(half, ends, st.just([(LATER,)]), half)
            made += [run] * 14 + [ended.map(lambda parts: [each for part in parts for each in part])]
        return st.builds(Case, st.sampled_from([2, 3]), self.options, st.one_of(*made))

    def play(self, oracle: Oracle, case: Case, soon_ms: int, tally: Tally | None) -> None:
        """One run. Raises Differs, or TooSlow."""
        Run(oracle, self, case, soon_ms, tally).play()


@dataclass
class Tally:
    """What has been sent: how many commands, which options were taken, which commands refused."""

    sent: int = 0
    taken: dict[str, set[str]] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)

    def note(self, command: Command, reply: bytes) -> None:
        self.sent += 1
        name = name_of(command)
        if reply[:1] == b"-":
            self.refused.add(name)
        else:
            self.taken.setdefault(name, set()).update(
                tokens(name).intersection(word.decode("latin-1").upper() for word in command)
            )

    def gaps(self, family: Driven) -> list[str]:
        """What the family should have met, and has not."""
        found = []
        for name in family.covers.split():
            if name not in self.taken:
                found.append(f"{name} never succeeds")
            if name not in self.refused and (name, "error") not in family.untaken:
                found.append(f"{name} is never refused")
            missing = tokens(name) - self.taken.get(name, set())
            found += [f"{name} {token}" for token in missing if (name, token) not in family.untaken]
        return found


def specs() -> Iterator[CommandSpec]:
    """Each command and subcommand that does something."""
    for spec in COMMANDS.values():
        yield from spec.subcommands.values() if spec.handler is None else [spec]


def names_of_data_commands() -> set[str]:
    """As INFO commandstats has them; of a command with subcommands only these."""
    return {spec.name for spec in specs() if spec.group in DATA_GROUPS}


@cache
def tokens(name: str) -> frozenset[str]:
    """The words that a command's declaration has of its own."""
    spec = _spec(name)
    return frozenset() if spec is None else frozenset(_tokens(spec.arguments))


def _spec(name: str) -> CommandSpec | None:
    parent, _, child = name.encode().partition(b"|")
    spec = COMMANDS.get(parent)
    return spec.subcommands.get(child) if spec is not None and child else spec


def _tokens(arguments: Iterable[Argument]) -> Iterator[str]:
    for argument in arguments:
        if argument.token:
            yield argument.token.upper()
        yield from _tokens(argument.children)


@cache
def _is_container(name: bytes) -> bool:
    return name in COMMANDS and bool(COMMANDS[name].subcommands)


def name_of(command: Command) -> str:
    """The declared name of a request's command."""
    name = command[0].lower()
    if len(command) > 1 and _is_container(name):
        name += b"|" + command[1].lower()
    return name.decode("latin-1")


STRAY = (b"0", b"1", b"2", b"-1", b"x", b"", b"1.5", b"9223372036854775808")
WAITS = ("BLOCK", "*")
"""What has no place among requests that are answered at once, and alike by both clocks."""


def careless(names: Sequence[str], keys: Sequence[bytes]) -> st.Draws[Command]:
    """A command with whatever words may come behind it: mostly one too many, too few, or a wrong one."""

    def made(name: str) -> st.Draws[Command]:
        words = [word.encode() for word in sorted(tokens(name)) if word not in WAITS]
        tail = st.lists(st.sampled_from([*keys, *keys, *STRAY, *words, *words]), max_size=6)
        return tail.map(lambda rest: (*name.upper().encode().split(b"|"), *rest))

    return st.sampled_from(sorted(names)).flatmap(made)


Drive = Callable[[Driven], None]
"""Drives a family: the fixture of that name."""


def config(**values: Sequence[str]) -> st.Draws[list[Command]]:
    """The beginning of a run: it sets each of these, so that no run is left with another's choice."""
    names = [name.replace("_", "-").encode() for name in values]
    chosen = st.tuples(*(st.sampled_from(each) for each in values.values()))
    return chosen.map(
        lambda picked: [
            (b"CONFIG", b"SET", name, value.encode()) for name, value in zip(names, picked, strict=True)
        ]
    )


def ask(question: str, key: bytes) -> Command:
    """A question about a key: "LRANGE KEY 0 -1"."""
    return tuple(key if word == "KEY" else word.encode() for word in question.split())


class TooSlow(Exception):
    """The keys that were to end soon have ended before all was said that comes before."""


class Differs(Exception):
    """The two servers disagree; the text shows it."""


def drive(
    oracle: Oracle, family: Driven, commands: int = COMMANDS_WANTED, first_seed: int = FIRST_SEED
) -> Tally:
    """Plays runs until so many commands have been sent, in RESP2 or RESP3, and each option has been met.

    Raises AssertionError with the shortest run that shows the first difference, or with what was never met.
    """
    tally = Tally()
    oracle.raw("DEBUG", "SET-ACTIVE-EXPIRE", "0")
    cases, number = family.cases(), first_seed
    while tally.sent < commands or (tally.sent < commands * LONGER_MAX and tally.gaps(family)):
        case = cases.draw(Random(number))
        if differs(oracle, family, case, tally):
            raise AssertionError(f"seed {number}: {shortest(oracle, family, case)}")
        number += 1
    oracle.raw("DEBUG", "SET-ACTIVE-EXPIRE", "1")
    assert not tally.gaps(family), f"seed {first_seed}: {tally.gaps(family)}"
    return tally


def differs(oracle: Oracle, family: Driven, case: Case, tally: Tally | None = None) -> str:
    """The difference that a run shows, "" where it shows none."""
    soon_ms, attempt, found = SOON_MS, 0, ""
    while attempt < ATTEMPTS:
        try:
            family.play(oracle, case, soon_ms, tally)
        except TooSlow:
            soon_ms *= 2
            continue
        except Differs as difference:
            found = str(difference)
        else:
            return ""
        tally = None
        attempt += 1
    return found


def shortest(oracle: Oracle, family: Driven, case: Case) -> str:
    """The difference in a run from which no command can be left out."""
    found = differs(oracle, family, case)
    left, size = list(case.script), len(case.script) // 2
    while size:
        at = 0
        while at < len(left):
            less = [*left[:at], *left[at + size :]]
            shown = differs(oracle, family, replace(case, script=less))
            if shown:
                left, found = less, shown
            else:
                at += size
        size //= 2
    return found


class Run:
    """One run on both servers, from an empty database."""

    def __init__(self, oracle: Oracle, family: Family, case: Case, soon_ms: int, tally: Tally | None) -> None:
        self._connection = oracle.connection(case.protocol)
        self._family = family
        self._case = case
        self._local = Local(protocol=case.protocol)
        self._local.options.enable_debug_command = "yes"
        self._ear = Ear(oracle, self._local)
        self._tally = tally
        self._soon_ms = soon_ms
        self._end_ms = 0
        self._changes_before = 0
        self._done: list[Command] = []

    def play(self) -> None:
        """Raises Differs, or TooSlow."""
        try:
            self._play()
        finally:
            self._ear.close()

    def _play(self) -> None:
        script = self._case.script
        self._connection.pipeline([[b"FLUSHALL"], [b"SELECT", b"0"], [b"CONFIG", b"RESETSTAT"]])
        self._changes_before = self._counts()[CHANGES]
        self._pipeline(self._case.options)
        self._done += self._case.options
        self._end_ms = _now_ms() + self._soon_ms
        start = 0
        for at, command in enumerate(script):
            key = drawn_key(command)
            if command[0] == LATER or key is not None:
                self._send(script[start:at])
                start = at + 1
                if key is None:
                    self._wait()
                else:
                    self._draw(command, key)
        self._send(script[start:])
        self._compare_counts()
        self._compare_state()

    def _send(self, commands: Sequence[Command]) -> None:
        self._pipeline(commands, self._tally)
        self._done += commands

    def _pipeline(self, commands: Sequence[Command], tally: Tally | None = None) -> list[bytes]:
        """Sends these at once; our replies."""
        real = [self._really(command) for command in commands]
        self._local.now_ms = _now_ms()
        theirs = self._connection.pipeline(real)
        ours = [self._local.raw(*command) for command in real]
        if tally is not None:
            for command, reply in zip(commands, ours, strict=True):
                tally.note(command, reply)
        if theirs != b"".join(ours):
            end = 0
            for at, (command, mine) in enumerate(zip(commands, ours, strict=True)):
                frame, stop = take(theirs, end)
                if mine != theirs[end:stop] and not self._family.same(command, whole(mine), frame):
                    told = [*self._done, *commands[: at + 1]]
                    raise Differs(difference(told, self._case.protocol, mine, theirs[end:stop]))
                end = stop
        self._compare_events(commands)
        return ours

    def _counts(self) -> dict[bytes, int]:
        """What the real server has counted."""
        lines = [line.partition(b":") for line in self._connection.call(b"INFO", b"all").text.split(b"\r\n")]
        return {name: int(value) for name, _, value in lines if name in (HITS, MISSES, EXPIRED, CHANGES)}

    def _compare_counts(self) -> None:
        theirs, databases = self._counts(), self._local.server.databases
        ours = {
            HITS: sum(each.hits for each in databases),
            MISSES: sum(each.misses for each in databases),
            EXPIRED: sum(each.expired for each in databases),
            CHANGES: self._local.server.dirty,
        }
        theirs[CHANGES] -= self._changes_before
        if LOOKS_IN_ANY_ORDER.intersection(command[0].upper() for command in self._done):
            for counts in (ours, theirs):
                del counts[HITS], counts[MISSES]
        if ours != theirs:
            told = [repr(counts).encode() for counts in (ours, theirs)]
            raise Differs(difference(self._done, self._case.protocol, *told))

    def _compare_events(self, commands: Sequence[Command]) -> None:
        ours, theirs = self._ear.heard()
        if ours == theirs:
            return
        names = {command[0].upper() for command in commands}
        if names & LOOKS_IN_ANY_ORDER and _beside_misses(ours) == _beside_misses(theirs):
            return
        raise Differs(difference([*self._done, *commands], self._case.protocol, ours, theirs))

    def _really(self, command: Command) -> Command:
        if command[0] == SOON:
            return (b"PEXPIREAT", command[1], b"%d" % self._end_ms)
        return command

    def _wait(self) -> None:
        if _now_ms() >= self._end_ms:
            raise TooSlow
        while _now_ms() <= self._end_ms:
            time.sleep(0.001)
        self._done.append((LATER,))

    def _draw(self, command: Command, key: bytes) -> None:
        """A command whose effect the real server draws by lot: ours follows it."""
        self._local.now_ms = _now_ms()
        ours, theirs = self._local.raw(*command), self._connection.raw(*command)
        if self._tally is not None:
            self._tally.note(command, ours)
        self._done.append(command)
        if ours != theirs:
            mine, others = whole(ours), whole(theirs)
            if (mine.kind, len(mine.children)) != (others.kind, len(others.children)) or mine.kind in b"-:_":
                raise Differs(difference(self._done, self._case.protocol, ours, theirs))
        self._compare_events([command])
        self._pipeline([(b"TYPE", key), (b"PEXPIRETIME", key)])
        digest = (b"DEBUG", b"DIGEST-VALUE", key)
        if self._local.raw(*digest) == self._connection.raw(*digest):  # what is left decides the encoding
            self._pipeline([(b"OBJECT", b"ENCODING", key)])
        end_ms, payload = (self._connection.call(word, key).text for word in (b"PEXPIRETIME", b"DUMP"))
        self._local.raw(b"PEXPIRETIME", key), self._local.raw(b"DUMP", key)
        self._ear.heard()
        if payload not in (b"-1", b""):
            follow = (b"RESTORE", key, end_ms if int(end_ms) > 0 else b"0", payload, b"REPLACE", b"ABSTTL")
            self._pipeline([follow])

    def _compare_state(self) -> None:
        """What the run leaves behind, and what each makes of the other's payloads."""
        keys = list(self._family.keys)
        self._pipeline([(b"SELECT", b"0"), (b"DEBUG", b"DIGEST"), (b"DBSIZE",)])
        for question in (*self._family.state, *QUESTIONS):
            self._pipeline([ask(question, key) for key in keys])
        ours = [whole(reply) for reply in self._pipeline([(b"DUMP", key) for key in keys])]
        for key, mine in zip(keys, ours, strict=True):
            if mine.kind == b"$" and mine.text != b"-1":
                self._exchange(key, mine.text)

    def _exchange(self, key: bytes, mine: bytes) -> None:
        theirs = self._connection.call(b"DUMP", key).text
        copy = b"copy of " + key
        replies = (
            self._local.raw(b"RESTORE", copy, 0, theirs),
            self._connection.raw(b"RESTORE", copy, 0, mine),
        )
        if replies != (b"+OK\r\n", b"+OK\r\n"):
            told = [*self._done, (b"RESTORE", copy)]
            raise Differs(difference(told, self._case.protocol, *replies))
        for question in QUESTIONS:
            if mine == theirs or question != "DUMP KEY":
                self._pipeline([ask(question, copy)])


def drawn_key(command: Command) -> bytes | None:
    """The key on which a command leaves what is drawn by lot, or which of several alike; None for others."""
    name = command[0].upper()
    if name == b"SPOP" and len(command) > 1:
        return command[1]
    words = [word.upper() for word in command]
    alike = (name.startswith(b"GEO") and b"COUNT" in words) or (name == b"SORT" and b"BY" in words)
    if not alike:
        return None
    if name == b"GEOSEARCHSTORE":
        return command[1]
    stores = [at for at, word in enumerate(words[:-1]) if word in (b"STORE", b"STOREDIST")]
    return command[stores[-1] + 1] if stores else None


def _beside_misses(events: bytes) -> list[Frame]:
    return sorted(frame for frame in frames(events) if not frame.children[2].text.endswith(b":keymiss"))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
