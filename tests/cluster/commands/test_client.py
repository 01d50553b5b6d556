"""The twin of cluster/commands/client.py."""

from __future__ import annotations

import pytest

from protocol.resp.types import OK, ErrorReply, Verbatim
from tests.support.served import Client, Served


@pytest.fixture
def served() -> Served:
    return Served()


def _fields(served: Served) -> dict[str, str]:
    reply = served.call("CLIENT", "INFO")
    assert isinstance(reply, Verbatim)
    return dict(word.split("=", 1) for word in reply.text.decode().split())


def test_names(served: Served) -> None:
    assert served.call("CLIENT", "GETNAME") is None
    assert served.call("CLIENT", "SETNAME", "me") == OK
    assert (served.call("CLIENT", "GETNAME"), _fields(served)["name"]) == (b"me", "me")
    refusal = served.call("CLIENT", "SETNAME", "a b")
    assert refusal == b"ERR Client names cannot contain spaces, newlines or special characters."
    assert served.call("CLIENT", "GETNAME") == b"me"


def test_a_library_is_shown_once_it_has_told(served: Served) -> None:
    assert "lib-name" not in _fields(served)
    assert served.call("CLIENT", "SETINFO", "lib-name", "redis-py") == OK
    assert (_fields(served)["lib-name"], _fields(served)["lib-ver"]) == ("redis-py", "")
    assert isinstance(served.call("CLIENT", "SETINFO", "nosuch", "x"), ErrorReply)


def test_the_line_follows_the_client(served: Served) -> None:
    fields = _fields(served)
    assert (fields["flags"], fields["db"], fields["multi"], fields["cmd"]) == ("N", "0", "-1", "client|info")
    served.call("SELECT", "2")
    served.call("CLIENT", "NO-EVICT", "on")
    served.clock.now_ms += 5000
    fields = _fields(served)
    assert (fields["flags"], fields["db"], fields["age"], fields["idle"]) == ("e", "2", "5", "0")


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("LIST", "TYPE", "nosuch"), b"ERR Unknown client type 'nosuch'"),
        (("LIST", "ID", "x"), b"ERR Invalid client ID"),
        (("KILL", "ID", "0"), b"ERR client-id should be greater than 0"),
        (("KILL", "1.2.3.4:5"), b"ERR No such client"),
        (("KILL", "USER", "nosuch"), b"ERR No such user 'nosuch'"),
        (("KILL", "SKIPME", "maybe"), b"ERR syntax error"),
        (("PAUSE", "-1"), b"ERR timeout is negative"),
        (("PAUSE", "1", "SOME"), b"ERR CLIENT PAUSE mode must be WRITE or ALL"),
        (("UNBLOCK", "1", "WHY"), b"ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR"),
        (("REPLY", "maybe"), b"ERR syntax error"),
    ],
)
def test_refusals(served: Served, words: tuple[str, ...], error: bytes) -> None:
    refusal = served.call("CLIENT", *words)
    assert isinstance(refusal, ErrorReply)
    assert refusal == error


def test_filters_of_kill_must_all_hold(served: Served) -> None:
    other = Client(served)
    own, id_ = str(served.client.session.id), str(other.session.id)
    assert served.call("CLIENT", "KILL", "ID", id_, "TYPE", "pubsub") == 0
    assert served.call("CLIENT", "KILL", "ID", own) == 0, "nobody kills himself unless he says so"
    assert served.call("CLIENT", "KILL", "ID", id_, "TYPE", "normal") == 1
    assert (other.closed, served.client.closed) == (True, False)


def test_unblocking_who_does_not_wait(served: Served) -> None:
    assert served.call("CLIENT", "UNBLOCK", str(served.client.session.id)) == 0
    assert served.call("CLIENT", "UNBLOCK", "99") == 0
