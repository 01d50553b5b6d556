"""The keyspace events of collections, compared with those of a real redis-server."""

from __future__ import annotations

import time

import pytest

from tests.parity.compare import Command
from tests.parity.together import steps
from tests.support.frames import whole
from tests.support.local import Local
from tests.support.oracle import Connection, Oracle
from tests.support.several import Step, play_together

pytestmark = pytest.mark.parity

LAST = b"the last one"

SCRIPTS = {
    "hashes": """
        HSET h a 1 b 2; HMSET h a 3 c 4; HSETNX h a 1; HSETNX h d 1; HINCRBY h n 1; HINCRBYFLOAT h n 0.5
        HDEL h x; HDEL h a b; HDEL h c d n x""",
    "lists": """
        RPUSH l a b c d e; LPUSH l x; LPUSHX none 1; RPUSHX l y; LSET l 0 z; LINSERT l BEFORE a q
        LINSERT l BEFORE none q; LREM l 0 none; LREM l 0 q; LTRIM l 0 -1; LTRIM l 1 4; LMOVE l m LEFT RIGHT
        RPOPLPUSH m m; RPOPLPUSH m l; LPOP l 0; LPOP l; RPOP l 2; LMPOP 2 none l LEFT
        LMPOP 1 l RIGHT COUNT 10""",
    "sets": """
        SADD s 1 2 3 4; SADD s 1; SREM s x; SREM s 1; SMOVE s t 2; SMOVE s t 2; SMOVE t t 2; SADD t 3
        SMOVE s t 3; SPOP s 0; SPOP s; SADD s 1 2 3; SPOP s 2; SPOP s 9; SADD s 1; SUNIONSTORE d s t
        SINTERSTORE d s none; SINTERSTORE d s none; SDIFFSTORE d t s; SADD u q; SMOVE u d q; SREM d 2 3 q""",
    "sorted sets": """
        ZADD z 1 a 2 b 3 c 4 d 5 e 6 f; ZADD z 1 a; ZADD z 2 a; ZADD z XX 1 q; ZINCRBY z 1 a; ZADD z INCR 1 b
        ZINCRBY z 0 a; ZREM z q; ZREM z a; ZREMRANGEBYRANK z 0 0; ZREMRANGEBYRANK z 9 9
        ZREMRANGEBYSCORE z 3 3; ZADD y 0 a 0 b; ZREMRANGEBYLEX y [a [a; ZREMRANGEBYLEX y - +
        ZUNIONSTORE u 1 z; ZINTERSTORE u 2 z none; ZINTERSTORE u 2 z none; ZDIFFSTORE u 1 z
        ZRANGESTORE v u 0 -1; ZRANGESTORE v none 0 -1; ZPOPMIN z 0; ZPOPMIN z; ZPOPMAX z 1
        ZADD z 1 a 2 b; ZMPOP 1 z MIN; ZMPOP 1 z MAX COUNT 9""",
    "bits": """
        SETBIT b 7 1; SETBIT b 7 1; SETBIT b 3 0; SETBIT b 99 0; SETBIT n 0 0; BITOP NOT d b
        BITOP AND d none x; BITOP OR d none; BITFIELD b SET u8 0 1 INCRBY u8 0 1; BITFIELD b SET u8 0 2
        BITFIELD b GET u8 0; BITFIELD b OVERFLOW FAIL INCRBY u8 0 255; BITFIELD new INCRBY u8 0 0""",
    "sketches": """
        PFADD h; PFADD h a b c; PFADD h a; PFCOUNT h; PFCOUNT h; PFADD i x; PFMERGE j h i; PFMERGE j
        PFCOUNT j i; PFDEBUG TODENSE j; PFDEBUG GETREG i; PFADD j y""",
    "places": """
        GEOADD g 13.361389 38.115556 a 15.087269 37.502669 b; GEOADD g 13.361389 38.115556 a
        GEOADD g XX 1 1 a; GEOADD g CH 2 2 a 3 3 c; GEORADIUS g 15 37 200 km STORE s
        GEORADIUSBYMEMBER g a 200 km STOREDIST t; GEOSEARCHSTORE u g FROMMEMBER a BYBOX 1 1 km
        GEOSEARCHSTORE u none FROMMEMBER a BYBOX 1 1 km; GEORADIUS g 90 60 1 km STORE s
        GEORADIUS g 90 60 1 km STORE s""",
    "sorting": """
        RPUSH l 3 1 2; SORT l; SORT l STORE m; SORT none STORE m; SORT none STORE m
        SORT l LIMIT 9 9 STORE l""",
    "streams": """
        XADD s 1-1 f v; XADD s MAXLEN 1 2-1 f v; XADD s MAXLEN ~ 1 3-1 f v; XADD none NOMKSTREAM 1-1 f v
        XADD s 1-1 f v; XTRIM s MAXLEN 9; XTRIM s MAXLEN 1; XDEL s 9-9; XADD s 4-1 f v; XDEL s 3-1 4-1
        XSETID s 9-1; XADD s 10-1 f v; XADD s 11-1 f v; XGROUP CREATE s g 0; XGROUP CREATE s g 0
        XGROUP CREATE t g $ MKSTREAM; XREADGROUP GROUP g a STREAMS s >; XREADGROUP GROUP g a STREAMS s t > >
        XREADGROUP GROUP g b STREAMS s 0; XCLAIM s g c 0 10-1; XCLAIM s g c 0 10-1; XCLAIM s g x 0 77-7
        XAUTOCLAIM s g d 0 0; XACK s g 10-1; XGROUP CREATECONSUMER s g a; XGROUP CREATECONSUMER s g e
        XGROUP DELCONSUMER s g e; XGROUP DELCONSUMER s g e; XGROUP SETID s g 0; XGROUP DESTROY s g
        XGROUP DESTROY s g; XREAD STREAMS s 0; COPY s u; DEL s t u""",
}


def commands(script: str) -> list[Command]:
    return [tuple(line.encode().split()) for line in script.replace("\n", ";").split(";") if line.strip()]


@pytest.mark.parametrize("family", SCRIPTS)
def test_events(oracle: Oracle, family: str) -> None:
    local = Local()
    oracle.raw("FLUSHALL")
    oracle.raw("CONFIG", "SET", "notify-keyspace-events", "Eg$lshzt")
    listener = Connection(oracle.port)
    listener.raw("PSUBSCRIBE", "__keyevent@0__:*")
    for command in (*commands(SCRIPTS[family]), (b"SET", LAST, b"1")):
        oracle.raw(*command)
        local.call(*command)
    theirs: list[tuple[bytes, bytes]] = []
    while not theirs or theirs[-1][0] != LAST:
        channel, key = (child.text for child in whole(listener.next_reply()).children[2:])
        theirs.append((key, channel.partition(b":")[2]))
    listener.close()
    assert [(key, event) for key, event, _ in local.events] == theirs


OVER = """
    SUNIONSTORE d none; SINTERSTORE d none; SDIFFSTORE d none; ZUNIONSTORE d 1 none; ZINTERSTORE d 1 none
    ZDIFFSTORE d 1 none; ZRANGESTORE d none 0 -1; ZRANGESTORE d z 5 9; SORT none STORE d; BITOP AND d none
    GEOSEARCHSTORE d none FROMLONLAT 1 1 BYRADIUS 1 m; GEORADIUS none 1 1 1 m STORE d; BITOP NOT d s
    SUNIONSTORE d e; ZUNIONSTORE d 1 z; ZRANGESTORE d z 0 -1; SORT e STORE d; RENAME s d; RENAMENX s d
    COPY s d; COPY s d REPLACE; COPY d s REPLACE; RENAME d s; PFMERGE d; SMOVE e d 1; LMOVE d s LEFT LEFT
    WATCH d; DEL d; GETDEL d; SET d 1 KEEPTTL; SET d 1 GET; APPEND d x; EXPIRE d 1; PERSIST d; SPOP d
    XREAD STREAMS d 0; XADD d NOMKSTREAM * f v; TYPE d; OBJECT ENCODING d; TOUCH d; MOVE d 1"""
"""What is asked of a key d that is over but still there."""

WAIT = "the end of d"


def test_events_of_a_key_that_is_over(oracle: Oracle) -> None:
    def waits(step: Step) -> bool:
        if step.argv == (WAIT,):
            time.sleep(0.002)
        return step.argv == (WAIT,)

    oracle.raw("DEBUG", "SET-ACTIVE-EXPIRE", "0")
    payload = oracle.raw("FLUSHALL") and oracle.raw("SADD", "e", "1") and oracle.call("DUMP", "e").text
    restores = [(b"RESTORE", b"d", b"0", payload, b"REPLACE"), (b"RESTORE", b"d", b"0", payload)]
    restores.append((b"RESTORE", b"d", b"1", payload, b"REPLACE", b"ABSTTL"))
    script = steps("1 CONFIG SET notify-keyspace-events EAmn", "0 PSUBSCRIBE __keyevent@*__:*")
    for command in [*commands(OVER), *restores]:
        script += steps("1 FLUSHALL", "1 SET s x", "1 SADD e 1", "1 ZADD z 1 m", "1 PSETEX d 1 x")
        script += [Step(1, (WAIT,)), Step(1, command)]
    play_together(oracle, script, clients=2, before_step=waits)
    oracle.raw("DEBUG", "SET-ACTIVE-EXPIRE", "1")
