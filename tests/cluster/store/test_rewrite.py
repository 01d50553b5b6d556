from __future__ import annotations

from cluster.store.dump import dump
from cluster.store.rewrite import ITEMS_A_COMMAND, rewrite
from protocol.aof import AofReader
from tests.support.served import Served


def commands_of(served: Served) -> list[list[bytes]]:
    reader = AofReader()
    reader.feed(b"".join(rewrite(served.server.databases)))
    found = []
    while (record := reader.next()) is not None:
        assert isinstance(record, list)
        found.append(record)
    return found


def test_the_commands_make_the_same_data() -> None:
    served = Served()
    many = range(3 * ITEMS_A_COMMAND + 1)
    served.call("SET", "s", "v", "PX", 5000)
    served.call("RPUSH", "l", *many)
    served.call("SADD", "set", *many, "word")
    served.call("ZADD", "z", *(word for each in many for word in (f"{each}.5", f"m{each}")), "inf", "top")
    served.call("HSET", "h", *(word for each in many for word in (f"f{each}", each)))
    served.call("XADD", "x", "1-1", "field", "value")
    served.call("XGROUP", "CREATE", "x", "group", "0")
    served.call("SELECT", 3)
    served.call("SET", "other", b"\x00\xff\r\n")
    other = Served()
    found = commands_of(served)
    for argv in found:
        other.engine.replay(argv)
    for ours, theirs in zip(served.server.databases, other.server.databases, strict=True):
        assert len(ours) == len(theirs)
        for slot, same in zip(ours.slots, theirs.slots, strict=True):
            assert {key: (dump(each.value), each.expire_ms) for key, each in slot.items()} == {
                key: (dump(each.value), each.expire_ms) for key, each in same.items()
            }
    assert max(map(len, found)) == 2 + 2 * ITEMS_A_COMMAND


def test_nothing_makes_nothing() -> None:
    assert b"".join(rewrite(Served().server.databases)) == b""
