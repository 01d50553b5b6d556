"""How well used_memory follows the process: `python -m tests.e2e.memory [--keys 1000000]`.

For each kind of value a fresh node is filled with small values, and the growth of used_memory is compared
with that of the process's resident memory as the operating system tells it. Beside it stands what MEMORY
USAGE says of the keys.
"""

from __future__ import annotations

import argparse
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from protocol.resp.writer import encode_command
from tests.support.ports import free_port
from tests.support.process import Process, client_of

Words = list[bytes]
BATCH = 1000
MEMBERS = 5
SAMPLED_KEYS = 200
DEVIATION_MAX = 0.15

KINDS: dict[str, Callable[[int], Words]] = {
    "strings of 100 bytes": lambda at: [b"SET", b"key:%d" % at, b"%0100d" % at],
    "strings that expire": lambda at: [b"SET", b"key:%d" % at, b"%0100d" % at, b"EX", b"%d" % (10_000 + at)],
    "numbers": lambda at: [b"SET", b"key:%d" % at, b"%d" % at],
    "lists": lambda at: [b"RPUSH", b"key:%d" % at, *(b"element:%d" % each for each in _range(at))],
    "hashes": lambda at: [b"HSET", b"key:%d" % at, *(b"field:%d" % each for each in _range(at, 2))],
    "sets": lambda at: [b"SADD", b"key:%d" % at, *(b"member:%d" % each for each in _range(at))],
    "sorted sets": lambda at: [
        b"ZADD",
        b"key:%d" % at,
        *(word for each in _range(at) for word in (b"%d" % each, b"member:%d" % each)),
    ],
    "streams": lambda at: [b"XADD", b"key:%d" % at, b"1-1", b"field", b"value:%d" % at],
}


def _range(at: int, times: int = 1) -> range:
    return range(at, at + MEMBERS * times)


def fill(port: int, keys: int, words: Callable[[int], Words]) -> None:
    """Writes the keys, many requests at a time. Raises AssertionError when a reply is an error."""
    with socket.create_connection(("127.0.0.1", port)) as link:
        for start in range(0, keys, BATCH):
            count = min(BATCH, keys - start)
            link.sendall(b"".join(encode_command(words(at)) for at in range(start, start + count)))
            _take_lines(link, count, bulks=words(0)[0] == b"XADD")


def _take_lines(link: socket.socket, count: int, *, bulks: bool) -> None:
    got = b""
    lines = count * (2 if bulks else 1)
    while got.count(b"\n") < lines:
        piece = link.recv(1 << 16)
        assert piece, "the node has closed the connection"
        got += piece
    assert b"-" not in {got[:1], *(line[:1] for line in got.split(b"\r\n"))}, got[:200]


def measured(folder: Path, keys: int, words: Callable[[int], Words]) -> tuple[int, int, int]:
    """By how much a node grows: used_memory, resident memory, and the sum of MEMORY USAGE."""
    port = free_port()
    process = Process(folder, ["--port", str(port), "--bind", "127.0.0.1", "--save", ""])
    process.wait_for("Ready to accept connections")
    client = client_of(port)
    try:
        fill(port, BATCH, lambda at: [b"SET", b"first:%d" % at, b"value"])  # what is made once for all data
        before = client.info("memory")
        fill(port, keys, words)
        after = client.info("memory")
        step = max(1, keys // SAMPLED_KEYS)
        sizes = [client.memory_usage(f"key:{at}") or 0 for at in range(0, keys, step)]
    finally:
        client.close()
        process.process.kill()
        process.end()
    grown = [after[name] - before[name] for name in ("used_memory", "used_memory_rss")]
    return grown[0], grown[1], sum(sizes) * keys // len(sizes)


def rows(keys: int, kinds: list[str]) -> Iterator[tuple[str, int, int, int]]:
    for kind in kinds:
        with tempfile.TemporaryDirectory() as folder:
            yield kind, *measured(Path(folder), keys, KINDS[kind])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("kinds", nargs="*", default=list(KINDS))
    asked = parser.parse_args()
    print(f"{asked.keys} keys, bytes a key    used_memory  resident  deviation  MEMORY USAGE")
    worst = 0.0
    for kind, used, resident, usage in rows(asked.keys, asked.kinds):
        deviation = used / resident - 1
        worst = max(worst, abs(deviation))
        print(
            f"{kind:28}{used / asked.keys:13.1f}{resident / asked.keys:10.1f}{deviation:10.1%}"
            f"{usage / asked.keys:14.1f}",
            flush=True,
        )
    return int(worst > DEVIATION_MAX)


if __name__ == "__main__":
    raise SystemExit(main())
