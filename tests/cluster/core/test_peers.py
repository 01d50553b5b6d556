from __future__ import annotations

import copy
from dataclasses import asdict

from cluster.core.peers import Peer


def peer() -> Peer:
    return Peer("a" * 40, "10.0.0.1", 7000, 17000, incarnation=3)


def test_fail_holds_until_the_member_is_heard_of_at_a_higher_incarnation() -> None:
    failed = peer()
    failed.failed, failed.failed_incarnation = True, 3
    assert failed.fail_holds()
    failed.incarnation = 4
    assert not failed.fail_holds()


def test_the_digest_tells_versions_apart() -> None:
    digests = set()
    for change in ({}, {"incarnation": 4}, {"claim_version": 1}, {"failed": True, "failed_incarnation": 3}):
        one = peer()
        for name, value in change.items():
            setattr(one, name, value)
        digests.add(one.digest())
    assert len(digests) == 4
    assert peer().digest() == peer().digest()


def test_a_claim_on_slots_that_are_anothers_is_stale() -> None:
    one = peer()
    one.claims, one.owned = 0b110, 0b010
    assert one.stale()
    one.owned = 0b111
    assert not one.stale()


def test_a_peer_with_all_slots_can_be_printed() -> None:
    one = peer()
    one.claims = one.owned = (1 << 16384) - 1
    assert "10.0.0.1" in repr(one)
    assert "version" in repr(one.claim_fact())


def test_a_copy_is_the_same_and_changes_alone() -> None:
    one = Peer("a" * 40, "10.0.0.1", 7000, 17000, incarnation=5, claims=0b11, failed=True)
    other = copy.copy(one)
    assert asdict(other) == asdict(one)
    other.incarnation = 6
    assert one.incarnation == 5
