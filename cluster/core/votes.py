"""Who holds whom for dead: votes as bitmaps, merged by OR.

A ballot is about one suspect at one incarnation: bit i of its voters stands for the i-th member in order of
id. Whoever merges two ballots of the same round has the votes of both, in whatever order and however often
they come, so a few exchanges among the voters are enough for all to know nearly all votes. Suspects with the
same voters share a bitmap when they travel (a cut): a rack that goes dark is voted on as one.

A vote cannot be taken out of a bitmap that is on its way. What voids it is its end: a higher incarnation of
the suspect ends the ballot, and so does the age of its round. Those who still mean it then begin the next
round, which takes the place of the last one wherever both are known.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from protocol.gossip.messages import Ballot, Cut

ROUND_MAX = 0xFFFFFFFF


@dataclass(slots=True)
class Tally:
    """The ballot about one suspect, open since `opened_ms`."""

    incarnation: int
    round: int
    opened_ms: int
    voters: int


class Votes:
    """What is known of all open ballots. `own` is this node's bit, which nobody else sets or clears here."""

    def __init__(self) -> None:
        self.own = 0
        self._tallies: dict[str, Tally] = {}
        self._meant: dict[str, int] = {}

    def __bool__(self) -> bool:
        return bool(self._tallies)

    def cast(self, suspect: str, incarnation: int, now_ms: int) -> None:
        """This node votes against a suspect, now and in the rounds to come."""
        self._meant[suspect] = incarnation
        tally = self._tallies.get(suspect)
        if tally is None or tally.incarnation < incarnation:
            tally = self._tallies[suspect] = Tally(incarnation, 0, now_ms, 0)
        tally.voters |= self._own_vote(suspect, tally.incarnation)

    def _own_vote(self, suspect: str, incarnation: int) -> int:
        """This node's bit, if it means its vote at this incarnation."""
        return self.own if self._meant.get(suspect, -1) >= incarnation else 0

    def withdraw(self, suspect: str) -> None:
        """This node has heard of the suspect."""
        self._meant.pop(suspect, None)
        tally = self._tallies.get(suspect)
        if tally is not None:
            tally.voters &= ~self.own

    def close(self, suspect: str) -> None:
        """The suspect is FAIL, has shown a higher incarnation, or is no member any more."""
        self._meant.pop(suspect, None)
        self._tallies.pop(suspect, None)

    def clear(self) -> None:
        self._meant.clear()
        self._tallies.clear()

    def merge(self, suspect: str, ballot: Ballot, voters: int, now_ms: int) -> bool:
        """Takes in what another knows; whether that was news."""
        voters &= ~self.own
        tally = self._tallies.get(suspect)
        if tally is not None:
            if (ballot.incarnation, ballot.round) < (tally.incarnation, tally.round):
                return False
            if (ballot.incarnation, ballot.round) == (tally.incarnation, tally.round):
                news = voters & ~tally.voters != 0
                tally.voters |= voters
                tally.opened_ms = min(tally.opened_ms, now_ms - ballot.age_ms)
                return news
        voters |= self._own_vote(suspect, ballot.incarnation)
        self._tallies[suspect] = Tally(ballot.incarnation, ballot.round, now_ms - ballot.age_ms, voters)
        return True

    def voters(self, suspect: str, incarnation: int) -> int:
        """The votes against a suspect at this incarnation."""
        tally = self._tallies.get(suspect)
        return tally.voters if tally is not None and tally.incarnation >= incarnation else 0

    def expire(self, before_ms: int, now_ms: int) -> bool:
        """Ends the rounds opened before this time; whether there were any. This node's standing votes begin
        the next."""
        old = [suspect for suspect, tally in self._tallies.items() if tally.opened_ms < before_ms]
        for suspect in old:
            tally = self._tallies[suspect]
            if own := self._own_vote(suspect, tally.incarnation):
                # The last round there is comes by a lie only, and is forgotten by all as any other is.
                following = tally.round + 1 if tally.round < ROUND_MAX else 0
                self._tallies[suspect] = Tally(tally.incarnation, following, now_ms, own)
            else:
                del self._tallies[suspect]
        return bool(old)

    def cuts(self, now_ms: int) -> tuple[Cut, ...]:
        """All ballots, those with the same voters together."""
        alike: dict[int, list[Ballot]] = {}
        for suspect, tally in self._tallies.items():
            age_ms = min(max(0, now_ms - tally.opened_ms), 0xFFFFFFFF)
            ballot = Ballot(suspect, tally.incarnation, tally.round, age_ms)
            alike.setdefault(tally.voters, []).append(ballot)
        return tuple(Cut(voters, tuple(ballots)) for voters, ballots in alike.items() if voters)

    def renumber(self, before: tuple[str, ...], after: tuple[str, ...], own: int) -> None:
        """The list of members has changed, and with it what the bits stand for."""
        places = {node_id: place for place, node_id in enumerate(after)}
        for tally in self._tallies.values():
            ids = (before[place] for place in bits(tally.voters) if place < len(before))
            tally.voters = sum(1 << places[node_id] for node_id in ids if node_id in places)
        self.own = own


def bits(bitmap: int) -> Iterator[int]:
    """The places that are set. By bytes: to take bit after bit off a long number costs the square of it."""
    for at, byte in enumerate(bitmap.to_bytes((bitmap.bit_length() + 7) // 8, "little")):
        while byte:
            yield 8 * at + (byte & -byte).bit_length() - 1
            byte &= byte - 1
