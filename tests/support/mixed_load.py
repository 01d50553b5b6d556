"""Writes of all types without end, for servers that follow one another."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

from tests.support.data_sets import DATABASES, Command, Reader, Texts, score
from tests.support.oracle import words

_KEYS: Final = 40
"""Of each type: each is changed often."""
_BATCH: Final = 20
_PAUSE_S: Final = 0.04


def writes(rng: random.Random) -> Iterator[Command]:
    """Commands, some of which depend on chance or on the time: what they did must be told, not they."""
    texts = Texts(rng)
    while True:
        if rng.random() < 0.02:
            yield words(("SELECT", rng.randrange(DATABASES)))
        if rng.random() < 0.1:
            yield words(("MULTI",))
            for _ in range(rng.randrange(4)):
                yield from rng.choice(_MAKERS)(rng, texts)
            yield words((rng.choice(("EXEC", "EXEC", "DISCARD")),))
        else:
            yield from rng.choice(_MAKERS)(rng, texts)


def _name(rng: random.Random, kind: str) -> str:
    return f"{kind}:{rng.randrange(_KEYS)}"


def _string(rng: random.Random, texts: Texts) -> Iterator[Command]:
    key = _name(rng, "s")
    yield words(
        rng.choice(
            [
                ("SET", key, texts.one()),
                ("SET", key, texts.one(), "PX", rng.randrange(1, 3000)),
                ("SET", key, texts.one(), "KEEPTTL", "GET"),
                ("SETEX", key, rng.randrange(1, 4), texts.one()),
                ("GETEX", key, "PX", rng.randrange(1, 3000)),
                ("APPEND", key, b"more"),
                ("SETRANGE", key, rng.randrange(50), b"range"),
                ("SETBIT", key, rng.randrange(500), 1),
                ("BITFIELD", key, "INCRBY", "u8", 8, 77),
                ("MSET", key, texts.one(), _name(rng, "s"), texts.one()),
                ("MSETNX", key, texts.one(), _name(rng, "s"), texts.one()),
                ("INCRBY", _name(rng, "n"), rng.randrange(-99, 99)),
                ("INCRBYFLOAT", _name(rng, "f"), "0.1"),
                ("PFADD", _name(rng, "p"), *texts.several(5)),
                ("PFMERGE", _name(rng, "p"), _name(rng, "p")),
                ("BITOP", "XOR", _name(rng, "b"), key, _name(rng, "s")),
            ]
        )
    )


def _list(rng: random.Random, texts: Texts) -> Iterator[Command]:
    key, other = _name(rng, "l"), _name(rng, "l")
    yield words(
        rng.choice(
            [
                ("RPUSH", key, *texts.several(9)),
                ("LPUSH", key, *texts.several(9)),
                ("LPOP", key, rng.randrange(3)),
                ("RPOPLPUSH", key, other),
                ("LMOVE", key, other, "LEFT", "RIGHT"),
                ("BLMPOP", "0.001", 2, key, other, "LEFT"),
                ("LINSERT", key, "BEFORE", "1", texts.one()),
                ("LSET", key, 0, texts.one()),
                ("LREM", key, 2, "0"),
                ("LTRIM", key, 0, 50),
                ("SORT", key, "ALPHA", "STORE", other),
            ]
        )
    )


def _set(rng: random.Random, texts: Texts) -> Iterator[Command]:
    key, other = _name(rng, "set"), _name(rng, "set")
    yield words(
        rng.choice(
            [
                ("SADD", key, *texts.several(20)),
                ("SADD", key, *range(rng.randrange(1, 30))),
                ("SPOP", key),
                ("SPOP", key, rng.randrange(40)),
                ("SREM", key, *range(5)),
                ("SMOVE", key, other, "3"),
                ("SUNIONSTORE", _name(rng, "sets"), key, other),
                ("SDIFFSTORE", _name(rng, "sets"), key, other),
            ]
        )
    )


def _sorted_set(rng: random.Random, texts: Texts) -> Iterator[Command]:
    key, other = _name(rng, "z"), _name(rng, "z")
    yield words(
        rng.choice(
            [
                ("ZADD", key, *(word for text in texts.several(9) for word in (score(rng), text))),
                ("ZADD", key, "GT", "CH", 5, texts.one()),
                ("ZINCRBY", key, "1.25", rng.randrange(9)),
                ("ZPOPMIN", key, rng.randrange(4)),
                ("BZPOPMAX", key, other, "0.001"),
                ("ZREMRANGEBYRANK", key, 0, -80),
                ("ZREMRANGEBYSCORE", key, "-inf", "(0"),
                ("ZUNIONSTORE", _name(rng, "zs"), 2, key, other, "AGGREGATE", "MAX"),
                ("ZRANGESTORE", _name(rng, "zs"), key, 0, 9),
                (
                    "GEOADD",
                    _name(rng, "geo"),
                    f"{rng.uniform(-99, 99)}",
                    f"{rng.uniform(-50, 50)}",
                    texts.one(),
                ),
            ]
        )
    )


def _hash(rng: random.Random, texts: Texts) -> Iterator[Command]:
    key = _name(rng, "h")
    yield words(
        rng.choice(
            [
                ("HSET", key, *(word for text in texts.several(9) for word in (text, texts.one()))),
                ("HSETNX", key, texts.one(), "first"),
                ("HINCRBY", key, "count", 3),
                ("HINCRBYFLOAT", key, "float", "0.3"),
                ("HDEL", key, *texts.several(9)),
            ]
        )
    )


def _stream(rng: random.Random, texts: Texts) -> Iterator[Command]:
    key = _name(rng, "x")
    yield words(
        rng.choice(
            [
                ("XADD", key, "*", "field", texts.one()),
                ("XADD", key, "MAXLEN", "~", 60, "*", "field", texts.one(), "other", texts.one()),
                ("XADD", key, "MAXLEN", 50, "*", texts.one(), texts.one()),
                ("XGROUP", "CREATE", key, "g", "$", "MKSTREAM"),
                ("XREADGROUP", "GROUP", "g", rng.choice("ab"), "COUNT", 5, "STREAMS", key, ">"),
                ("XREADGROUP", "GROUP", "g", "c", "COUNT", 2, "NOACK", "STREAMS", key, ">"),
                ("XAUTOCLAIM", key, "g", rng.choice("ab"), 5, "-", "COUNT", 3),
                ("XGROUP", "DELCONSUMER", key, "g", rng.choice("abc")),
                ("XTRIM", key, "MAXLEN", 40),
            ]
        )
    )


def _any(rng: random.Random, texts: Texts) -> Iterator[Command]:
    del texts
    kind = rng.choice(("s", "l", "set", "z", "h", "x", "p"))
    key, other = _name(rng, kind), _name(rng, kind)
    yield words(
        rng.choice(
            [
                ("DEL", key, other),
                ("UNLINK", key),
                ("RENAME", key, other),
                ("COPY", key, other, "REPLACE"),
                ("COPY", key, key, "DB", rng.randrange(DATABASES), "REPLACE"),
                ("MOVE", key, rng.randrange(DATABASES)),
                ("PEXPIRE", key, rng.randrange(1, 5000)),
                ("EXPIRE", key, rng.choice((-1, 1, 1000))),
                ("PERSIST", key),
                ("TOUCH", key),
            ]
        )
    )


_Maker = Callable[[random.Random, Texts], Iterator[Command]]
_MAKERS: Final[tuple[_Maker, ...]] = (_string, _string, _list, _set, _sorted_set, _hash, _stream, _any)


class MixedLoad:
    """A thread that writes to one server, some hundred commands a second. A context manager."""

    def __init__(self, port: int, seed: int) -> None:
        self.sent = 0
        self.failure: BaseException | None = None
        self._port = port
        self._writes = writes(random.Random(seed))
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> MixedLoad:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def wait_for(self, count: int, timeout_s: float = 30.0) -> None:
        """Waits until so many more commands have been answered."""
        due, deadline_s = self.sent + count, time.monotonic() + timeout_s
        while self.sent < due:
            assert self.failure is None, self.failure
            assert time.monotonic() < deadline_s, f"no {count} commands in {timeout_s} s"
            time.sleep(0.01)

    def _run(self) -> None:
        reader = Reader(self._port)
        try:
            while not self._stopping.is_set():
                reader.ask(*(next(self._writes) for _ in range(_BATCH)))
                self.sent += _BATCH
                time.sleep(_PAUSE_S)
            reader.ask([b"DISCARD"])
        except (OSError, AssertionError) as error:
            self.failure = error
        finally:
            reader.close()
