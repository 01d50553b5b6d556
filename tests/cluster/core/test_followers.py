from __future__ import annotations

from cluster.core.followers import Followers
from cluster.core.peers import Peer
from cluster.core.roster import Base


def peer(node_id: str, primary_id: str | None = None) -> Peer:
    return Peer(node_id, "10.0.0.1", 1, 2, primary_id=primary_id, is_replica=primary_id is not None)


BASE = Base([peer("a"), peer("b"), peer("d", "a"), peer("c", "a")])


def test_the_base_is_told_in_order_and_stays_as_it_is() -> None:
    one, other = Followers(BASE), Followers(BASE)
    assert (one.of("a"), one.of("b"), len(one)) == (("c", "d"), (), 2)
    one.move("c", "a", "b")
    assert (one.of("a"), one.of("b"), len(one)) == (("d",), ("c",), 2)
    assert set(one.followed()) == {"a", "b"}
    assert (other.of("a"), other.of("b"), set(other.followed())) == (("c", "d"), (), {"a"})


def test_who_leaves_or_leads_follows_nobody() -> None:
    followers = Followers(BASE)
    followers.move("c", "a", None)
    followers.move("d", "a", None)
    assert (followers.of("a"), len(followers), set(followers.followed())) == ((), 0, set())


def test_listing_begins_anew() -> None:
    followers = Followers(BASE)
    followers.list_all([peer("x"), peer("z", "x"), peer("y", "x")])
    assert (followers.of("x"), followers.of("a"), len(followers)) == (("y", "z"), (), 2)


def test_a_base_says_who_is_meant_to_have_replicas() -> None:
    assert [each.wants_replicas for each in BASE.peers.values()] == [True, False, False, False]
