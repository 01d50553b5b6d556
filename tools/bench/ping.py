"""The longest that a server leaves a client waiting: pings about once a millisecond until stdin ends.

`python -m tools.bench.ping PORT` says in the end how long the longest answer took, in milliseconds. It is a
process of its own, so that whoever drives the server does not make it look late.
"""

from __future__ import annotations

import select
import socket
import sys
import time
from collections.abc import Callable

INTERVAL_S = 0.001


def longest_ms(port: int, ended: Callable[[], bool]) -> float:
    """Pings until `ended()`. Any answer counts: -LOADING too is one. Raises OSError."""
    longest_s = 0.0
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while not ended():
            began_s = time.perf_counter()
            connection.sendall(b"PING\r\n")
            if not connection.recv(1 << 12):
                raise ConnectionError("the server has closed the connection")
            longest_s = max(longest_s, time.perf_counter() - began_s)
            time.sleep(INTERVAL_S)
    return longest_s * 1000


def _stdin_ended() -> bool:
    return bool(select.select([sys.stdin], [], [], 0)[0])


if __name__ == "__main__":
    sys.stdout.write(f"{longest_ms(int(sys.argv[1]), _stdin_ended):.3f}\n")
