from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from tools.admin.client import (
    AdminError,
    Client,
    ServerError,
    UnreachableError,
    environment_password,
    parse_address,
    show,
)


class Scripted:
    """A server that gives prepared replies, one for each time that data arrives."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address: tuple[str, int] = self._listener.getsockname()
        self.replies: list[bytes | None] = []
        self.received: list[bytes] = []
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                while data := connection.recv(65536):
                    self.received.append(data)
                    reply = self.replies.pop(0)
                    if reply is None:
                        break
                    connection.sendall(reply)

    def stop(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()


@pytest.fixture
def server() -> Iterator[Scripted]:
    scripted = Scripted()
    yield scripted
    scripted.stop()


def test_addresses() -> None:
    assert parse_address("127.0.0.1:7000") == ("127.0.0.1", 7000)
    assert parse_address("[::1]:7000") == ("::1", 7000)
    assert show(("h", 1)) == "h:1"


@pytest.mark.parametrize("text", ["", "7000", ":7000", "host:", "host:port", "host:0", "host:65536"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(AdminError, match="HOST:PORT"):
        parse_address(text)


def test_a_pipeline_gives_replies_in_order_with_errors_among_them(server: Scripted) -> None:
    server.replies = [b"+OK\r\n$1\r\nv\r\n-MOVED 1 h:2\r\n:5\r\n"]
    client = Client(server.address)
    ok, value, error, number = client.pipeline([("SET", "k", "v"), ("GET", b"k"), ("GET", "x"), ("DBSIZE",)])
    assert (ok, value, number) == (b"OK", b"v", 5)
    assert isinstance(error, ServerError)
    assert (error.code, error.reply) == ("MOVED", "MOVED 1 h:2")
    assert server.received[0].startswith(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n*2\r\n")
    client.close()


def test_an_error_reply_is_raised_with_the_address(server: Scripted) -> None:
    server.replies = [b"-ERR no\r\n"]
    client = Client(server.address)
    with pytest.raises(ServerError, match=rf"127\.0\.0\.1:{server.address[1]}: ERR no"):
        client.call("PING")
    client.close()


def test_it_connects_again_after_a_break(server: Scripted) -> None:
    server.replies = [None, b"+PONG\r\n"]
    client = Client(server.address)
    with pytest.raises(UnreachableError):
        client.call("PING")
    assert client.text("PING") == "PONG"
    client.close()


def test_the_password_goes_first(server: Scripted) -> None:
    server.replies = [b"+OK\r\n", b"+PONG\r\n"]
    client = Client(server.address, "secret")
    client.call("PING")
    assert b"AUTH" in server.received[0]
    assert b"secret" in server.received[0]
    client.close()


def test_a_needless_password_is_no_failure(server: Scripted) -> None:
    server.replies = [b"-ERR AUTH <password> called without any password configured for x\r\n", b"+PONG\r\n"]
    client = Client(server.address, "secret")
    assert client.text("PING") == "PONG"
    client.close()


def test_a_wrong_password_is(server: Scripted) -> None:
    server.replies = [b"-WRONGPASS invalid username-password pair or user is disabled.\r\n"]
    with pytest.raises(ServerError, match="WRONGPASS"):
        Client(server.address, "secret").call("PING")


def test_silence_is_reported(server: Scripted) -> None:
    server.replies = [b""]
    with pytest.raises(UnreachableError, match="does not answer"):
        Client(server.address, timeout_s=0.05).call("PING")


def test_something_else_than_resp_is_reported(server: Scripted) -> None:
    server.replies = [b"HTTP/1.1 400 Bad Request\r\n\r\n"]
    with pytest.raises(UnreachableError, match="does not speak RESP"):
        Client(server.address).call("PING")


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = taken.getsockname()
    with pytest.raises(UnreachableError, match="Connection refused"):
        Client(address).call("PING")


def test_the_password_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDISCLI_AUTH", "secret")
    assert environment_password() == "secret"
