from __future__ import annotations

from cluster.session.pubsub import PubSub
from cluster.session.session import Kind, Session
from protocol.resp.types import Push, Reply


def listener() -> tuple[Session, list[Reply]]:
    got: list[Reply] = []
    return Session(1, "", "", got.append, lambda: None, 0), got


def kind(session: Session) -> Kind:
    return session.kind


def prefixes() -> PubSub:
    return PubSub(lambda wanted: lambda name: name.startswith(wanted.rstrip(b"*")))


def test_messages_reach_channels_and_patterns() -> None:
    pubsub = prefixes()
    one, got = listener()
    pubsub.subscribe(one, b"news")
    pubsub.subscribe_pattern(one, b"ne*")
    assert pubsub.publish(b"news", b"hi") == 2
    assert pubsub.publish(b"other", b"hi") == 0
    assert got == [Push([b"message", b"news", b"hi"]), Push([b"pmessage", b"ne*", b"news", b"hi"])]


def test_a_subscriber_is_one_as_long_as_it_listens() -> None:
    pubsub = prefixes()
    one, _ = listener()
    pubsub.subscribe(one, b"a")
    pubsub.subscribe_pattern(one, b"b*")
    assert kind(one) is Kind.PUBSUB
    pubsub.unsubscribe(one, b"a")
    assert kind(one) is Kind.PUBSUB
    pubsub.unsubscribe_pattern(one, b"b*")
    assert kind(one) is Kind.NORMAL
    assert one.plain


def test_forgetting_a_client_leaves_nothing_behind() -> None:
    pubsub = prefixes()
    one, got = listener()
    for name in (b"a", b"b"):
        pubsub.subscribe(one, name)
        pubsub.subscribe_pattern(one, name)
    pubsub.forget(one)
    pubsub.unsubscribe(one, b"never")
    assert (list(pubsub.channels), pubsub.pattern_count, pubsub.publish(b"a", b"x"), got) == ([], 0, 0, [])
