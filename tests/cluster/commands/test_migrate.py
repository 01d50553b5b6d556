"""MIGRATE's words."""

from __future__ import annotations

import pytest

from cluster.commands.context import Migration
from cluster.commands.migrate import migrate_keys
from cluster.session.session import Session
from protocol.resp.types import LATER, ErrorReply
from tests.support.local import Local


class Migrating(Local):
    """A node that notes what it was asked to move."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[Migration] = []
        setattr(self.host, "migrate", self._migrate)  # noqa: B010
        self.call("MSET", "k", "1", "l", "2", "KEYS", "3")

    def _migrate(self, session: Session, request: Migration) -> None:
        assert session is self.session
        self.requests.append(request)


def migration(**changes: object) -> Migration:
    plain: dict[str, object] = {
        "host": "10.0.0.2",
        "port": 6380,
        "database": 0,
        "timeout_ms": 1000,
        "keys": (b"k",),
        "copy": False,
        "replace": False,
        "user": None,
        "password": None,
    }
    return Migration(**(plain | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("k 0 1000", migration()),
        ("k 3 5", migration(database=3, timeout_ms=5)),
        ("k 0 0", migration()),
        ("k 0 -7", migration()),
        ("k 0 1000 copy REPLACE", migration(copy=True, replace=True)),
        ("k 0 1000 AUTH keys", migration(password=b"keys")),
        ("k 0 1000 AUTH2 u p COPY", migration(user=b"u", password=b"p", copy=True)),
        ("'' 0 1000 KEYS k nothing l k", migration(keys=(b"k", b"l"))),
        ("'' 0 1000 AUTH keys KEYS KEYS", migration(keys=(b"KEYS",), password=b"keys")),
    ],
)
def test_what_is_asked_for(words: str, expected: Migration) -> None:
    node = Migrating()
    assert node.call("MIGRATE", "10.0.0.2", "6380", *_split(words)) is LATER
    assert node.requests == [expected]


def _split(words: str) -> list[str]:
    return ["" if word == "''" else word for word in words.split()]


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("k 0 x", b"ERR value is not an integer or out of range"),
        ("k x 0", b"ERR value is not an integer or out of range"),
        ("k 0 1000 AUTH", b"ERR syntax error"),
        ("k 0 1000 AUTH2 u", b"ERR syntax error"),
        ("k 0 1000 WHAT", b"ERR syntax error"),
        (
            "k 0 1000 KEYS k",
            b"ERR When using MIGRATE KEYS option, the key argument must be set to the empty string",
        ),
    ],
)
def test_what_is_refused(words: str, error: bytes) -> None:
    node = Migrating()
    assert node.call("MIGRATE", "10.0.0.2", "6380", *_split(words)) == ErrorReply(error)
    assert node.requests == []


def test_nothing_is_done_for_keys_that_are_not_there() -> None:
    node = Migrating()
    assert node.call("MIGRATE", "h", "1", "none", "0", "10") == b"NOKEY"
    assert node.call("MIGRATE", "h", "1", "", "0", "10", "KEYS", "none") == b"NOKEY"
    assert node.requests == []


def test_it_cannot_wait_inside_a_transaction() -> None:
    node = Migrating()
    node.call("MULTI")
    node.call("MIGRATE", "h", "1", "k", "0", "10")
    assert node.call("EXEC") == [ErrorReply(b"ERR MIGRATE is not allowed in transactions")]
    assert node.requests == []


@pytest.mark.parametrize(
    ("request_words", "keys"),
    [
        ("MIGRATE h 1 k 0 10", [3]),
        ("MIGRATE h 1 '' 0 10 COPY KEYS a b", [8, 9]),
        ("MIGRATE h 1 '' 0 10 AUTH keys KEYS a", [9]),
        ("MIGRATE h 1 '' 0 10 AUTH2 keys keys KEYS a", [10]),
        ("MIGRATE h 1 '' 0 10", []),
        ("MIGRATE h", []),
    ],
)
def test_where_its_keys_stand(request_words: str, keys: list[int]) -> None:
    assert migrate_keys([word.encode() for word in _split(request_words)]) == keys
