from __future__ import annotations

import socket
import threading
import time

import pytest

from tools.bench.ping import longest_ms

SLOW_S = 0.2


def answer(listener: socket.socket, delays_s: list[float]) -> None:
    with listener.accept()[0] as connection:
        for delay_s in delays_s:
            connection.recv(100)
            time.sleep(delay_s)
            connection.sendall(b"-LOADING\r\n")


def pinged(delays_s: list[float], pings: int) -> float:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=answer, args=(listener, delays_s))
        server.start()
        left = iter([False] * pings + [True])
        try:
            return longest_ms(listener.getsockname()[1], lambda: next(left))
        finally:
            server.join()


def test_the_longest_wait_is_told_whatever_the_answer() -> None:
    assert pinged([0, SLOW_S, 0], 3) >= SLOW_S * 1000


def test_a_server_that_goes_away_is_an_error() -> None:
    with pytest.raises(OSError, match=r"closed|reset|pipe"):
        pinged([0], 2)
