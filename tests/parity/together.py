"""Several clients' requests, driven at random against both servers: see tests.parity.drive.

FAMILY = Talk("SUBSCRIBE PUBLISH", (st.one_of(a_subscribe, a_publish),))
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tests.parity import draws as st
from tests.parity.drive import LATER, SOON, Case, Differs, Tally, TooSlow
from tests.support.oracle import Oracle
from tests.support.several import Id, Step, Word, play_together

Request = tuple[Word | Id, ...]

NOTHING: st.Draws[list[Step]] = st.just([])
STEPS_MIN = 20
STEPS_MAX = 60


def request(*each: st.Draws[object] | str) -> st.Draws[Request]:
    """A request of these words; a text is several."""
    parts = [
        st.just(tuple(one.split())) if isinstance(one, str) else one.map(lambda word: (word,)) for one in each
    ]
    return st.tuples(*parts).map(lambda drawn: tuple(word for part in drawn for word in part))


def steps(*requests: str) -> list[Step]:
    """Requests as "client command word word"; #2 is the id of client 2."""
    made = []
    for each in requests:
        client, *argv = each.split()
        made.append(Step(int(client), tuple(Id(int(word[1:])) if word[0] == "#" else word for word in argv)))
    return made


def listening(classes: str = "KEAmn") -> list[Step]:
    """Client 0 hears the keyspace events of these classes."""
    return steps(f"1 CONFIG SET notify-keyspace-events {classes}", "0 PSUBSCRIBE __key*")


@dataclass(frozen=True)
class Talk:
    """As Family, for several clients, of whom the first `listeners` say nothing. `before` begins a run; keys
    in `ends` end on the way, now and then."""

    covers: str
    mixes: tuple[st.Draws[Request], ...]
    clients: int = 3
    listeners: int = 0
    before: st.Draws[list[Step]] = NOTHING
    ends: Sequence[str] = ()
    untaken: frozenset[tuple[str, str]] = frozenset()

    def cases(self) -> st.Draws[Case]:
        """Runs of one of the mixes, in which each step is some client's."""
        client = st.integers(self.listeners, self.clients - 1)
        made = []
        for mix in self.mixes:
            run = st.lists(st.builds(Step, client, mix), min_size=STEPS_MIN, max_size=STEPS_MAX)
            made += [run] * 9
            if self.ends:
                soon = st.builds(Step, client, request(SOON.decode(), st.sampled_from(self.ends)))
                late = st.just([Step(0, (LATER,))])
                ended = st.tuples(run, st.lists(soon, min_size=1, max_size=2), late, run)
                made.append(ended.map(lambda parts: [step for part in parts for step in part]))
        return st.builds(Case, st.sampled_from([2, 3]), self.before, st.one_of(*made))

    def play(self, oracle: Oracle, case: Case, soon_ms: int, tally: Tally | None) -> None:
        """One run. Raises Differs, or TooSlow."""
        clock = _Ending(soon_ms)
        script = [clock.really(step) for step in (*case.options, *case.script)]
        try:
            played = play_together(
                oracle, script, clients=self.clients, protocol=case.protocol, before_step=clock.reached
            )
        except AssertionError as difference:
            raise Differs(str(difference)) from None
        if tally is not None:
            for argv, reply in played:
                tally.note(tuple(argv), reply)


class _Ending:
    """When the keys end that are to end soon."""

    def __init__(self, soon_ms: int) -> None:
        self._end_ms = time.time_ns() // 1_000_000 + soon_ms

    def really(self, step: Step) -> Step:
        """The step as the servers understand it."""
        if step.argv[0] == SOON.decode():
            return replace(step, argv=("PEXPIREAT", step.argv[1], self._end_ms))
        return step

    def reached(self, step: Step) -> bool:
        """Waits where a step says so; whether that was all that it says. Raises TooSlow."""
        if step.argv[0] != LATER:
            return False
        if time.time_ns() // 1_000_000 >= self._end_ms:
            raise TooSlow
        while time.time_ns() // 1_000_000 <= self._end_ms:
            time.sleep(0.001)
        return True
