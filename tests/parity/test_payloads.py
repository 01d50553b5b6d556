"""DUMP payloads both ways, of values at each encoding's limits; and damaged ones, which neither server takes
for what they are not."""

from __future__ import annotations

import os
import random
import resource
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from protocol.checksum import crc64
from protocol.rdb import codes
from protocol.resp.types import ErrorReply
from tests.conftest import NO_SERVER, REQUIRED
from tests.parity.drive import FIRST_SEED
from tests.support.local import Local
from tests.support.oracle import SERVER, Oracle, words

pytestmark = [
    pytest.mark.parity,
    pytest.mark.skipif(SERVER is None and not REQUIRED, reason=NO_SERVER),
]

VALUES = int(os.environ.get("STARLING_PARITY_VALUES", "25"))
RESTORES = int(os.environ.get("STARLING_PARITY_RESTORES", "3000"))
RESTORES_AT_ONCE = 250
GROWTH_KIB_MAX = 64 * 1024

SIZES = (1, 2, 5, 127, 128, 129, 511, 512, 513, 700)
"""Around the limits of sorted sets (128) and of hashes and sets (512)."""
READS = {
    b"string": ["GET k"],
    b"list": ["LRANGE k 0 -1"],
    b"set": ["SMEMBERS k"],
    b"hash": ["HGETALL k"],
    b"zset": ["ZRANGE k 0 -1 WITHSCORES"],
    b"stream": ["XRANGE k - +", "XINFO STREAM k", "XINFO GROUPS k", "XPENDING k g", "XPENDING k g - + 1000"],
}

Command = list[bytes]


def text(rng: random.Random) -> bytes:
    """A member: a number, bytes of any kind, or what LZF makes smaller; about as long as encodings allow."""
    size = rng.choice((0, 1, 10, 20, 63, 64, 65, 300))
    return rng.choice(
        (
            b"%d" % rng.randrange(-300, 300),
            b"%d" % rng.choice((-(2**63), 2**63 - 1, 2**31, -(2**31) - 1, 2**15, 4095, -4096, 2**23)),
            rng.randbytes(size),
            (b"abc" * 100)[:size],
        )
    )


def string(rng: random.Random) -> list[Command]:
    size = rng.choice((0, 20, 21, 44, 45, 500, 70_000))
    return [[b"SET", b"k", rng.choice((text(rng), rng.randbytes(size), b"repeat " * (size // 7)))]]


def list_(rng: random.Random) -> list[Command]:
    items = [text(rng) for _ in range(rng.choice(SIZES))]
    if rng.random() < 0.3:
        items.insert(rng.randrange(len(items)), b"large" * 4000)
    return [[b"RPUSH", b"k", *items]]


def set_(rng: random.Random) -> list[Command]:
    size, bits = rng.choice(SIZES), rng.choice((8, 15, 16, 31, 32, 62))
    if rng.random() < 0.5:
        return [[b"SADD", b"k", *(b"%d" % rng.randrange(-(2**bits), 2**bits) for _ in range(size))]]
    return [[b"SADD", b"k", *(text(rng) for _ in range(size))]]


def hash_(rng: random.Random) -> list[Command]:
    return [[b"HSET", b"k", *(text(rng) for _ in range(2 * rng.choice(SIZES)))]]


def sorted_set(rng: random.Random) -> list[Command]:
    scores = (b"inf", b"-inf", b"0", b"-0", b"1e17", b"4611686018427387904", b"3.5", b"1e-300", b"-1e308")
    pairs = [
        word
        for _ in range(rng.choice(SIZES))
        for word in (rng.choice((*scores, repr(rng.uniform(-9, 9)).encode())), text(rng))
    ]
    return [[b"ZADD", b"k", *pairs]]


def stream(rng: random.Random) -> list[Command]:
    made = [
        [
            b"XADD",
            b"k",
            b"%d-%d" % (at, rng.randrange(3)),
            b"f",
            text(rng),
            rng.choice((b"g", text(rng))),
            text(rng),
        ]
        for at in range(1, rng.choice((2, 10, 99, 101, 230)))
    ]
    made.append(words(("XGROUP", "CREATE", "k", "g", rng.choice(("0", "5", "$")))))
    for _ in range(rng.randrange(4)):
        who, at = rng.choice("ab"), rng.randrange(1, 60)
        made += [
            words(("XREADGROUP", "GROUP", "g", who, "COUNT", rng.randrange(1, 40), "STREAMS", "k", ">")),
            words(("XDEL", "k", f"{at}-0", f"{at}-1")),
            words(("XCLAIM", "k", "g", "c", 0, f"{at}-0", f"{at}-2", "RETRYCOUNT", rng.randrange(300))),
            words(("XACK", "k", "g", f"{at}-1", f"{at + 1}-0")),
        ]
    return [*made, *rng.choice(([], [words(("XTRIM", "k", "MAXLEN", rng.randrange(200)))]))]


ENCODING = 1
"""The place of OBJECT ENCODING among the questions."""

KINDS: dict[str, Callable[[random.Random], list[Command]]] = {
    "string": string,
    "list": list_,
    "set": set_,
    "hash": hash_,
    "sorted set": sorted_set,
    "stream": stream,
}


@pytest.mark.parametrize("kind", KINDS)
def test_values_travel_both_ways(oracle: Oracle, kind: str) -> None:
    """What each makes of the other's payload reads as what it was made from, and has its encoding."""
    for number in range(FIRST_SEED, FIRST_SEED + VALUES):
        rng = random.Random(f"{kind} {number}")
        local = Local(now_ms=time.time_ns() // 1_000_000)
        oracle.raw("FLUSHALL")
        commands = KINDS[kind](rng)
        for command in commands:
            local.call(*command)
        oracle.connection().pipeline(commands)
        ours, theirs = local.call("DUMP", "k"), oracle.call("DUMP", "k").text
        assert isinstance(ours, bytes)
        before = _told(local, oracle)
        assert before[0] == before[1], f"seed {number}"
        assert local.call("RESTORE", "k", 0, theirs, "REPLACE") == b"OK", f"seed {number}"
        assert oracle.raw("RESTORE", "k", 0, ours, "REPLACE") == b"+OK\r\n", f"seed {number}"
        after = _told(local, oracle)
        assert after[0] == after[1], f"seed {number}"
        # Of its encoding a value forgets that it was larger once.
        assert [each for at, each in enumerate(after[0]) if at != ENCODING] == [
            each for at, each in enumerate(before[0]) if at != ENCODING
        ], f"seed {number}"


def _told(local: Local, oracle: Oracle) -> tuple[list[bytes], list[bytes]]:
    """What a client can read of the key, from each of the two: what has no order in order, without times."""
    kind = local.call("TYPE", "k")
    assert isinstance(kind, bytes)
    local.options.enable_debug_command = "yes"
    questions = ["TYPE k", "OBJECT ENCODING k", "DEBUG DIGEST-VALUE k", *READS[kind]]
    return (
        [_settled(question, local.raw(*question.split())) for question in questions],
        [_settled(question, oracle.raw(*question.split())) for question in questions],
    )


def _settled(question: str, reply: bytes) -> bytes:
    if question.startswith(("SMEMBERS", "HGETALL")):
        return b"\r\n".join(sorted(reply.split(b"\r\n")))
    if question == "XPENDING k g - + 1000":
        lines = reply.split(b"\r\n")
        return b"\r\n".join(lines[:1] + [line for at, line in enumerate(lines[1:]) if at % 7 != 5])
    return reply


def damaged(rng: random.Random, payload: bytes) -> bytes:
    """With bytes changed, left out or put in, or cut short; the checksum is right again, so that the content
    is looked at. One in twenty keeps the wrong one."""
    body = bytearray(payload[:-10])
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        at = rng.randrange(len(body))
        match rng.randrange(6):
            case 0:
                body[at] ^= 1 << rng.randrange(8)
            case 1:
                body[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
            case 2:
                del body[at : at + rng.choice((1, 2, 8))]
            case 3:
                body[at:at] = rng.randbytes(rng.choice((1, 2, 8)))
            case 4:
                body[at : at + 8] = rng.choice((b"\xff" * 8, b"\x80\xff\xff\xff\xff", b"\x81" + b"\x7f" * 8))
            case 5:
                del body[at:]
        if not body:
            break
    body += payload[-10:-8]
    checksum = crc64(bytes(body)).to_bytes(8, "little")
    return bytes(body) + (checksum if rng.random() < 0.95 else payload[-8:])


def _samples(rng: random.Random) -> list[bytes]:
    """Small payloads of each kind, for damage to hit what matters."""
    made = []
    for kind in KINDS.values():
        local = Local()
        for command in kind(rng):
            local.call(*command[:40] if command[0] != b"HSET" else command[:42])
        payload = local.call("DUMP", "k")
        assert isinstance(payload, bytes)
        made.append(payload)
    return made


def test_damaged_payloads(tmp_path: Path) -> None:
    """Nothing breaks, hangs, grows or touches another key; what Redis refuses is refused with its words, and
    what both take is the same value. Redis looks closely here: by default it takes more, and may crash."""
    number = FIRST_SEED
    sent = both = 0
    local = Local()
    local.options.enable_debug_command = "yes"
    local.call("SET", "other", "untouched")
    oracle: Oracle | None = None
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        while sent < RESTORES:
            rng = random.Random(number)
            payloads = [
                damaged(rng, each) for each in _samples(rng) for _ in range(RESTORES_AT_ONCE // len(KINDS))
            ]
            number += 1
            sent += len(payloads)
            if oracle is None:
                oracle = Oracle(tmp_path, "--sanitize-dump-payload", "yes", "--crash-log-enabled", "no")
            theirs = _their_verdicts(oracle, payloads)
            if theirs is None:
                oracle.stop()
                oracle = None  # it has crashed, which is its own affair
            for at, payload in enumerate(payloads):
                both += _is_judged_alike(local, payload, None if theirs is None else theirs[at])
    finally:
        if oracle is not None:
            oracle.stop()
    assert both > RESTORES // 100, "hardly anything was still a value: too much damage to find anything"
    assert local.call("DBSIZE") == 1
    assert local.call("GET", "other") == b"untouched"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib < GROWTH_KIB_MAX


def _their_verdicts(oracle: Oracle, payloads: list[bytes]) -> list[tuple[bytes, bytes]] | None:
    """The reply to each RESTORE, and the digest of what it has made; None when the server has crashed, or
    answers no more: some damage keeps it busy for ever."""
    verdicts = []
    try:
        for payload in payloads:
            reply = oracle.raw("RESTORE", "k", 0, payload)
            verdicts.append((reply, oracle.raw("DEBUG", "DIGEST-VALUE", "k") if reply == b"+OK\r\n" else b""))
            oracle.raw("DEL", "k")
    except (ConnectionError, TimeoutError):
        return None
    return verdicts


def _is_judged_alike(local: Local, payload: bytes, theirs: tuple[bytes, bytes] | None) -> bool:
    """Whether both have taken it. Ours may refuse what Redis takes; the other way round, it may take only
    kinds that Redis 7.0 does not know yet."""
    theirs = None if payload[:1] >= bytes([codes.SET_LISTPACK]) else theirs
    reply = local.call("RESTORE", "k", 0, payload)
    if isinstance(reply, ErrorReply):
        assert reply in (b"ERR Bad data format", b"ERR DUMP payload version or checksum are wrong"), payload
        assert theirs is None or theirs[0] in (b"+OK\r\n", b"-%b\r\n" % reply), (payload, reply, theirs)
        return False
    assert reply == b"OK"
    digest = local.raw("DEBUG", "DIGEST-VALUE", "k")
    assert local.call("DEL", "k") == 1
    assert theirs is None or theirs == (b"+OK\r\n", digest), (payload, reply, theirs)
    return theirs is not None
