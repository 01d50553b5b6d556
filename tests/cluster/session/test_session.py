from __future__ import annotations

import pytest

from cluster.session.session import Kind, Session
from protocol.resp.types import OK, Reply


def session() -> Session:
    return Session(1, "127.0.0.1:1", "127.0.0.1:2", lambda _: None, lambda: None, 0)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("authenticated", False),
        ("queue", []),
        ("asking", True),
        ("readonly", True),
        ("replies_on", False),
        ("skip_next", 1),
        ("kind", Kind.PUBSUB),
    ],
)
def test_whatever_the_gates_must_see_is_not_plain(field: str, value: object) -> None:
    one = session()
    one.refresh()
    assert one.plain
    setattr(one, field, value)
    one.refresh()
    assert not one.plain


def test_finish_gives_the_late_reply() -> None:
    got: list[Reply] = []
    one = session()
    one.on_finish = got.append
    one.waiting = object()
    one.finish(OK)
    assert (got, one.waiting) == ([OK], None)


def test_leaving_a_transaction() -> None:
    one = session()
    inside = {"queue": [[b"GET", b"k"]], "queue_failed": True}
    for name, value in inside.items():
        setattr(one, name, value)
    one.forget_transaction()
    assert (one.queue, one.queue_failed, one.plain) == (None, False, True)
