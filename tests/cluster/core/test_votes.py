from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cluster.core.votes import ROUND_MAX, Votes, bits
from protocol.gossip.messages import Ballot

A, B = "a" * 40, "b" * 40


def voter(place: int) -> Votes:
    votes = Votes()
    votes.own = 1 << place
    return votes


def pass_on(source: Votes, target: Votes, now_ms: int) -> None:
    for cut in source.cuts(now_ms):
        for ballot in cut.ballots:
            target.merge(ballot.node_id, ballot, cut.voters, now_ms)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=60))
def test_merging_in_any_order_finds_only_votes_that_were_given(exchanges: list[tuple[int, int]]) -> None:
    voters = [voter(place) for place in range(5)]
    for one in voters[:3]:
        one.cast(A, 1, 0)
    for giver, taker in exchanges:
        pass_on(voters[giver], voters[taker], 1)
    for one in voters:
        assert one.voters(A, 1) & ~0b111 == 0
    for _ in range(2):
        for source in voters:
            for target in voters:
                pass_on(source, target, 2)
    assert all(one.voters(A, 1) == 0b111 for one in voters)


def test_suspects_with_the_same_voters_share_a_bitmap() -> None:
    votes = voter(0)
    votes.cast(A, 1, 0)
    votes.cast(B, 4, 0)
    (cut,) = votes.cuts(7)
    assert cut.voters == 1
    assert set(cut.ballots) == {Ballot(A, 1, 0, 7), Ballot(B, 4, 0, 7)}
    votes.merge(B, Ballot(B, 4, 0, 0), 0b10, 8)
    assert len(votes.cuts(8)) == 2


def test_a_vote_counts_up_to_the_incarnation_that_it_was_given_at() -> None:
    votes = voter(0)
    votes.cast(A, 1, 0)
    votes.merge(A, Ballot(A, 2, 0, 0), 0b10, 0)
    assert votes.voters(A, 2) == 0b10
    votes.merge(A, Ballot(A, 1, 9, 0), 0b100, 0)
    assert votes.voters(A, 1) == 0b10
    votes.cast(A, 2, 0)
    assert votes.voters(A, 2) == 0b11
    assert votes.voters(A, 3) == 0


def test_nobody_speaks_for_this_node() -> None:
    votes = voter(0)
    votes.merge(A, Ballot(A, 1, 0, 0), 0b11, 0)
    assert votes.voters(A, 1) == 0b10
    votes.cast(A, 1, 0)
    votes.withdraw(A)
    assert votes.voters(A, 1) == 0b10


def test_a_round_ends_and_a_standing_vote_begins_the_next() -> None:
    votes, other = voter(0), voter(1)
    votes.cast(A, 1, 100)
    votes.merge(A, Ballot(A, 1, 0, 40), 0b10, 110)
    votes.merge(B, Ballot(B, 1, 0, 0), 0b10, 60)
    pass_on(votes, other, 110)
    assert not votes.expire(60, 200)
    assert votes.expire(71, 200)
    assert votes.voters(A, 1) == 0b01
    assert votes.voters(B, 1) == 0
    pass_on(votes, other, 200)
    assert other.voters(A, 1) == 0b01
    assert not other.merge(A, Ballot(A, 1, 0, 0), 0b100, 200)


def test_what_is_closed_is_forgotten() -> None:
    votes = voter(0)
    votes.cast(A, 1, 0)
    votes.close(A)
    assert not votes
    votes.merge(A, Ballot(A, 2, 0, 0), 0b10, 0)
    assert votes.voters(A, 2) == 0b10
    votes.clear()
    assert not votes


def test_bits_follow_their_members_when_the_list_changes() -> None:
    votes = voter(1)
    votes.cast(A, 1, 0)
    votes.merge(A, Ballot(A, 1, 0, 0), 0b101, 0)
    votes.renumber(("1", "2", "3"), ("0", "2", "3"), 0b10)
    assert votes.voters(A, 1) == 0b110
    assert votes.own == 0b10


@given(st.sets(st.integers(0, 300)))
def test_bits_are_the_places_that_are_set(places: set[int]) -> None:
    assert list(bits(sum(1 << place for place in places))) == sorted(places)


def test_a_vote_that_is_taken_back_does_not_come_again() -> None:
    votes = voter(0)
    votes.cast(A, 1, 0)
    votes.merge(A, Ballot(A, 1, 0, 0), 0b10, 0)
    votes.withdraw(A)
    assert votes.merge(A, Ballot(A, 1, 1, 0), 0b10, 0)
    assert votes.voters(A, 1) == 0b10
    votes.cast(A, 1, 0)
    votes.close(A)
    assert votes.merge(A, Ballot(A, 1, 0, 0), 0b10, 0)
    assert votes.voters(A, 1) == 0b10


def test_behind_the_last_round_comes_the_first() -> None:
    votes = voter(0)
    votes.cast(A, 1, 100)
    votes.merge(A, Ballot(A, 1, ROUND_MAX, 0), 0b10, 110)
    assert votes.voters(A, 1) == 0b11
    votes.expire(200, 300)
    ((ballot,),) = [cut.ballots for cut in votes.cuts(300)]
    assert (ballot.round, votes.voters(A, 1)) == (0, 0b01)
