"""Random data of all types and encodings, as the commands that make it, and all that can be read of it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence, Set
from typing import Final

from protocol.resp.writer import encode_command
from tests.support.frames import Frame, whole
from tests.support.oracle import Connection, words

DATABASES: Final = 4
"""The data sets use so many; 16 are looked at."""
FAR_MS: Final = 4_000_000_000_000
"""Expiries lie behind this: they must not come while a test runs."""
_PATIENCE_S: Final = 100.0
"""A SAVE waits for the disk, on which others may be at work."""
Command = list[bytes]
Content = dict[tuple[int, bytes], list[bytes | Frame]]
"""For each database and key: the value, when it expires, and how it is encoded."""

NOT_REPLICATED: Final = frozenset((b"seen-time", b"entries-read", b"lag"))
"""What a replica may see otherwise: Redis tells it with XCLAIM what has been read, but not these."""

_INTEGERS: Final = (
    0,
    1,
    -1,
    12,
    127,
    128,
    -129,
    4095,
    -4097,
    32767,
    32768,
    2**23,
    -(2**23) - 1,
    2**31,
    2**63 - 1,
)
_SCORES: Final = (
    "0",
    "1",
    "-1.5",
    "3.141592653589793",
    "1e-300",
    "1e300",
    "inf",
    "-inf",
    "4503599627370497",
)


class Texts:
    """Words of all kinds that the files encode in different ways."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def one(self) -> bytes:
        """An integer, what only looks like one, a short text, a compressible one, one that is not."""
        rng = self._rng
        match rng.randrange(6):
            case 0:
                return b"%d" % (rng.choice(_INTEGERS) + rng.randrange(-2, 2))
            case 1:
                return rng.choice(
                    (b"", b"-0", b" 1", b"01", b"1.0", b"nan", b"99999999999999999999", b"\x00\xff")
                )
            case 2:
                return rng.choice((b"ab", b"x", b"\n")) * rng.randrange(1, 400)
            case 3:
                return rng.randbytes(rng.choice((1, 19, 20, 21, 63, 64, 300)))
            case _:
                return b"word:%d" % rng.randrange(500)

    def large(self) -> bytes:
        """A text that does not fit where small ones lie together."""
        rng = self._rng
        size = rng.choice((4095, 4096, 8192, 20_000, 100_000))
        return rng.randbytes(size) if rng.random() < 0.5 else (rng.randbytes(50) * (size // 50 + 1))[:size]

    def several(self, most: int) -> list[bytes]:
        """At least one."""
        return [self.one() for _ in range(self._rng.randrange(1, most + 1))]

    def key(self, number: int) -> bytes:
        """No two numbers give the same."""
        rng = self._rng
        return (
            b"%d" % number
            if rng.random() < 0.1
            else b"%d:%b" % (number, rng.choice((self.one(), b"key" * 9)))
        )


def data_set(rng: random.Random, keys: int = 12) -> Iterator[Command]:
    """Commands that make about so many keys, on an empty server."""
    texts = Texts(rng)
    for number in range(rng.randrange(1, 2 * keys)):
        if rng.random() < 0.15:
            yield words(("SELECT", rng.randrange(DATABASES)))
        key = texts.key(number)
        yield from rng.choice(_MAKERS)(rng, texts, key)
        if rng.random() < 0.3:
            yield words(("PEXPIREAT", key, FAR_MS + rng.randrange(10**12)))


def _string(rng: random.Random, texts: Texts, key: bytes) -> Iterator[Command]:
    yield words(("SET", key, texts.large() if rng.random() < 0.1 else texts.one()))
    if rng.random() < 0.2:
        yield words(("APPEND", key, texts.one()))
    if rng.random() < 0.1:
        yield words(("SETBIT", key, rng.randrange(9000), 1))


def _list(rng: random.Random, texts: Texts, key: bytes) -> Iterator[Command]:
    for _ in range(rng.randrange(1, 4)):
        yield words((rng.choice(("RPUSH", "LPUSH")), key, *texts.several(rng.choice((3, 60)))))
    if rng.random() < 0.2:
        yield words(("LINSERT", key, "BEFORE", rng.randrange(5), texts.large()))
        yield words(("RPUSH", key, texts.large(), 5, texts.large()))


def _set(rng: random.Random, texts: Texts, key: bytes) -> Iterator[Command]:
    if rng.random() < 0.5:
        width = rng.choice((15, 31, 63))
        yield words(
            ("SADD", key, *(rng.randrange(-(1 << width), 1 << width) for _ in range(rng.choice((3, 600)))))
        )
    else:
        yield words(("SADD", key, *texts.several(rng.choice((3, 200)))))


def score(rng: random.Random) -> str:
    """A score of any kind but -0: whether Redis makes 0 of that depends on how the value is encoded then."""
    return rng.choice((rng.choice(_SCORES), repr(rng.uniform(-9, 9)), str(rng.randrange(9))))


def _sorted_set(rng: random.Random, texts: Texts, key: bytes) -> Iterator[Command]:
    members = texts.several(rng.choice((4, 200)))
    pairs = [word for text in members for word in (score(rng), text)]
    yield words(("ZADD", key, *pairs))
    if rng.random() < 0.1:
        yield words(("ZADD", key, 7, texts.large()))


def _hash(rng: random.Random, texts: Texts, key: bytes) -> Iterator[Command]:
    pairs = [word for text in texts.several(rng.choice((4, 700))) for word in (text, texts.one())]
    yield words(("HSET", key, *pairs))
    if rng.random() < 0.1:
        yield words(("HSET", key, texts.one(), texts.large()))


def _stream(rng: random.Random, texts: Texts, key: bytes) -> Iterator[Command]:
    ms, names = rng.randrange(1, 10**13), [texts.one() for _ in range(rng.randrange(1, 4))]
    ids = []
    for _ in range(rng.choice((0, 3, 30, 250))):
        ms += rng.randrange(1, 500)
        fields = names if rng.random() < 0.7 else texts.several(3)
        ids.append(f"{ms}-{rng.randrange(3)}")
        yield words(("XADD", key, ids[-1], *(word for name in fields for word in (name, texts.one()))))
    for number in range(rng.choice((0, 0, 1, 3))):
        yield from _group(rng, key, f"group{number}", ids)
    if ids and rng.random() < 0.4:
        yield words(("XDEL", key, *rng.sample(ids, rng.randrange(1, len(ids) + 1))))
    if ids and rng.random() < 0.3:
        yield words(("XTRIM", key, "MAXLEN", rng.randrange(len(ids))))
    if rng.random() < 0.2:
        yield words(("XGROUP", "CREATE", key, "more", "$", "MKSTREAM", "ENTRIESREAD", rng.randrange(99)))
        yield words(("XSETID", key, f"{ms + 5}-7", "ENTRIESADDED", len(ids) + 9, "MAXDELETEDID", f"{ms}-0"))


def _group(rng: random.Random, key: bytes, name: str, ids: Sequence[str]) -> Iterator[Command]:
    yield words(("XGROUP", "CREATE", key, name, rng.choice(("0", "$", *ids[:1])), "MKSTREAM"))
    yield words(("XGROUP", "CREATECONSUMER", key, name, "idle"))
    for consumer in ("one", "two", b"\x00three"):
        count = rng.randrange(1, 90)
        yield words(("XREADGROUP", "GROUP", name, consumer, "COUNT", count, "STREAMS", key, ">"))
    if ids:
        some = rng.sample(ids, rng.randrange(1, len(ids) + 1))
        yield words(("XACK", key, name, *some[::2]))
        yield words(("XCLAIM", key, name, "two", 0, *some[1::2], some[0], "RETRYCOUNT", 7))


_Maker = Callable[[random.Random, Texts, bytes], Iterator[Command]]
_MAKERS: Final[tuple[_Maker, ...]] = (_string, _string, _list, _set, _sorted_set, _hash, _stream)


class Reader:
    """A connection that sends many requests in one go."""

    def __init__(self, port: int) -> None:
        self._connection = Connection(port, timeout_s=_PATIENCE_S)

    def ask(self, *commands: Command) -> list[bytes]:
        """The bytes of each reply."""
        return self._connection.many(b"".join(map(encode_command, commands)), len(commands))

    def close(self) -> None:
        self._connection.close()

    def settle(self, soon_ms: int, databases: int = 16) -> bool:
        """Has keys that would expire soon stay for ever; False while there are some that have expired, but
        are not deleted yet."""
        settled = True
        for database in range(databases):
            size, names = self.ask(words(("SELECT", database)), words(("DBSIZE",)), words(("KEYS", "*")))[1:]
            keys = [child.text for child in whole(names).children]
            settled &= len(keys) == int(whole(size).text)
            left_ms = [int(whole(reply).text) for reply in self.ask(*([b"PTTL", key] for key in keys))]
            soon = [key for key, left in zip(keys, left_ms, strict=True) if 0 <= left < soon_ms]
            self.ask(*([b"PERSIST", key] for key in soon))
            settled &= not soon
        return settled

    def content(self, databases: int = 16, *, without: Set[bytes] = frozenset()) -> Content:
        """All that can be read of each key, in an order that two servers share, but for the fields `without`
        of streams."""
        selects = [words(("SELECT", database)) for database in range(databases)]
        names = self.ask(*(each for select in selects for each in (select, [b"KEYS", b"*"])))[1::2]
        places = [
            (database, child.text) for database, reply in enumerate(names) for child in whole(reply).children
        ]
        kinds = self.ask(*(each for at, key in places for each in (selects[at], [b"TYPE", key])))[1::2]
        asked = [
            [selects[place[0]], *_questions(place[1], whole(kind).text.decode())]
            for place, kind in zip(places, kinds, strict=True)
        ]
        replies = iter(self.ask(*(question for each in asked for question in each)))
        found: Content = {}
        for place, kind, each in zip(places, kinds, asked, strict=True):
            answers = [next(replies) for _ in each][1:]
            found[place] = [_in_order(kind, answers[0], without), *answers[1:]]
        return found


def _without(names: Set[bytes], frame: Frame) -> Frame:
    """A reply without the values that follow these names."""
    children = [_without(names, child) for child in frame.children]
    for at, child in enumerate(children[:-1]):
        if child.text in names:
            children[at + 1] = Frame(b":", b"")
    return Frame(frame.kind, frame.text, tuple(children))


def _questions(key: bytes, kind: str) -> list[Command]:
    content: dict[str, tuple[bytes | str | int, ...]] = {
        "string": ("GET", key),
        "list": ("LRANGE", key, 0, -1),
        "set": ("SMEMBERS", key),
        "zset": ("ZRANGE", key, 0, -1, "WITHSCORES"),
        "hash": ("HGETALL", key),
        "stream": ("XINFO", "STREAM", key, "FULL", "COUNT", 0),
    }
    return [words(content[kind]), words(("PEXPIRETIME", key)), words(("OBJECT", "ENCODING", key))]


def _in_order(kind: bytes, answer: bytes, without: Set[bytes]) -> bytes | Frame:
    if kind == b"+stream\r\n" and without:
        return _without(without, whole(answer))
    if kind not in (b"+set\r\n", b"+hash\r\n"):
        return answer
    frame = whole(answer)
    step = 1 if kind == b"+set\r\n" else 2
    parts = [frame.children[at : at + step] for at in range(0, len(frame.children), step)]
    return Frame(frame.kind, frame.text, tuple(child for part in sorted(parts) for child in part))


def differences(one: Content, other: Content, *, encodings: bool = True) -> list[str]:
    """What differs, in short. A loaded value may be encoded otherwise than one that has grown: without
    `encodings` only content and expiry count."""
    found = []
    parts = 3 if encodings else 2
    for key in sorted(one.keys() | other.keys()):
        left, right = one.get(key, [])[:parts], other.get(key, [])[:parts]
        if left != right:
            found.append(f"{key!r:.80}: {_first(left, right)}")
    return found


def _first(left: Sequence[bytes | Frame], right: Sequence[bytes | Frame]) -> str:
    if not left or not right:
        return "only on one side"
    pair = next((one, other) for one, other in zip(left, right, strict=True) if one != other)
    texts = [str(each) for each in pair]
    at = next((at for at, (a, b) in enumerate(zip(*texts, strict=False)) if a != b), 0)
    return " | ".join(text[max(0, at - 60) : at + 60] for text in texts)
