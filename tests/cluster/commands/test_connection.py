from __future__ import annotations

import pytest

from cluster.spec.options import Options
from protocol.resp.types import LATER, OK, Verbatim
from tests.support.served import Client, Served


def text(reply: object) -> str:
    assert isinstance(reply, Verbatim)
    return reply.text.decode()


def test_hello_tells_and_changes_the_protocol() -> None:
    served = Served()
    reply = served.call("HELLO", 3, "SETNAME", "me")
    assert isinstance(reply, dict)
    assert (reply[b"proto"], reply[b"mode"], reply[b"role"]) == (3, b"standalone", b"master")
    assert served.call("CLIENT", "GETNAME") == b"me"
    assert served.client.raw("GET", "k") == b"_\r\n"


def test_hello_with_a_password() -> None:
    options = Options()
    options.requirepass = "secret"
    served = Served(options)
    assert served.client.raw("HELLO", 3).startswith(b"-NOAUTH HELLO must be called with the client already")
    assert isinstance(served.call("HELLO", 3, "AUTH", "default", "secret"), dict)
    assert served.call("PING") == b"PONG"


def test_a_refused_hello_changes_nothing() -> None:
    served = Served()
    assert served.call("HELLO", 3, "SETNAME", "a b") == (
        b"ERR Client names cannot contain spaces, newlines or special characters."
    )
    assert served.client.session.protocol == 2


def test_reset_makes_a_connection_new() -> None:
    served = Served()
    for argv in (("HELLO", 3, "SETNAME", "x"), ("SELECT", 3), ("WATCH", "k"), ("SUBSCRIBE", "c"), ("MULTI",)):
        served.call(*argv)
    assert served.call("RESET") == b"RESET"
    session = served.client.session
    assert (session.protocol, session.name, session.database, session.queue) == (2, b"", 0, None)
    assert (session.channels, session.watched, session.plain) == (set(), {}, True)
    served.call("SET", "k", "v")
    assert len(served.server.databases[0]) == 1


def test_quit_says_ok_first() -> None:
    served = Served()
    assert served.call("QUIT") == OK
    assert served.client.session.close_after_reply


def test_client_list_and_its_filters() -> None:
    served = Served()
    other = Client(served)
    other.call("CLIENT", "SETNAME", "worker")
    other.call("MULTI")
    lines = text(served.call("CLIENT", "LIST")).splitlines()
    assert len(lines) == 2
    fields = dict(word.split("=", 1) for word in lines[1].split(" "))
    assert (fields["id"], fields["name"], fields["flags"], fields["multi"]) == ("2", "worker", "x", "0")
    assert fields["cmd"] == "multi"
    assert text(served.call("CLIENT", "LIST", "ID", 2, 99)) == lines[1] + "\n"
    assert text(served.call("CLIENT", "LIST", "TYPE", "replica")) == ""
    assert served.call("CLIENT", "SETINFO", "lib-name", "redis-py") == OK
    assert "lib-name=redis-py" in text(served.call("CLIENT", "INFO"))


@pytest.mark.parametrize(
    ("words", "killed"),
    [
        (("ID", "2"), 1),
        (("ID", "1"), 0),
        (("ID", "1", "SKIPME", "no"), 1),
        (("TYPE", "normal"), 1),
        (("TYPE", "normal", "SKIPME", "no"), 2),
        (("TYPE", "pubsub"), 0),
        (("USER", "default", "ADDR", "127.0.0.1:5000"), 1),
        (("LADDR", "1.1.1.1:1"), 0),
    ],
)
def test_client_kill(words: tuple[str, ...], killed: int) -> None:
    served = Served()
    other = Client(served)
    assert served.call("CLIENT", "KILL", *words) == killed
    me = served.client
    assert other.closed + me.closed + me.session.close_after_reply == killed
    assert not me.closed


def test_client_pause_holds_everything_and_unpause_lets_go() -> None:
    served = Served()
    other = Client(served)
    served.call("CLIENT", "PAUSE", 100000)
    assert other.call("PING") is LATER
    served.server.unpause("client")
    served.engine.tick()
    assert other.got == [b"PONG"]


def test_publish_reaches_subscribers_as_pushes() -> None:
    served = Served()
    listener = Client(served)
    listener.call("HELLO", 3)
    assert listener.raw("SUBSCRIBE", "c") == b">3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n"
    listener.call("PSUBSCRIBE", "*")
    listener.got.clear()
    assert served.call("PUBLISH", "c", "m") == 2
    assert listener.got == [[b"message", b"c", b"m"], [b"pmessage", b"*", b"c", b"m"]]
    assert served.call("PUBSUB", "NUMSUB", "c", "d") == [b"c", 1, b"d", 0]
    assert served.call("PUBSUB", "CHANNELS", "x*") == []
    assert served.call("PUBSUB", "NUMPAT") == 1
    served.engine.close(listener.session)
    assert served.call("PUBLISH", "c", "m") == 0
