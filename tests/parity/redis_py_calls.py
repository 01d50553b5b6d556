"""What a program does through redis-py: every data command by redis-py's own method, a function for each
family.

`r` is a Recorder around a RedisCluster. Where redis-py has no method for a command, execute_command stands.
All keys share one slot, so that commands of several keys may be tried as well; "{t}" is its tag.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from redis.cluster import RedisCluster
from redis.exceptions import RedisClusterException, RedisError

from tools.admin.waiting import wait_until

LATER_S = 4_102_444_800
"""An expiry far in the future, so that a moment more or less does not matter."""

ABOUT = frozenset(["ttl", "pttl", "object", "xpending_range", "xinfo_stream", "xinfo_consumers"])
"""Methods that tell how much time is left or has passed; the script keeps all such times near 1050 seconds or
near none, so that hundreds of them are the same on any machine."""
UNIX_MS_MIN = 1 << 40
"""What is greater is no duration but a time of delivery."""
TIMES = frozenset(["idle", "inactive", "time_since_delivered", "seen-time", "active-time"])

Family = Callable[["Recorder"], None]
Told = tuple[str, object]
"""A call as text, and what came of it: its result, or an error's class and text."""


class Recorder:
    """A RedisCluster that notes what each call gives. `plain` is the client itself."""

    def __init__(self, plain: Any) -> None:
        self.plain = plain
        self.told: list[Told] = []
        self.direct: set[str] = set()

    def __getattr__(self, method: str) -> Callable[..., Any]:
        def call(*words: Any, **options: Any) -> Any:
            shown = {name: value for name, value in options.items() if name != "target_nodes"}
            return self.note(f"{method}{words}{shown}", getattr(self.plain, method), *words, **options)

        return call

    def execute_command(self, *words: Any, **options: Any) -> Any:
        """For what redis-py has no method for."""
        self.direct.add(str(words[0]).lower())
        return self.note(str(words), self.plain.execute_command, *words, **options)

    def help_of(self, container: str, key: str) -> None:
        """The texts are in our own words: only that there are some is told."""
        text = self.plain.execute_command(f"{container} HELP", target_nodes=self.owner(key))
        self.told.append((f"{container} HELP", len(text) > 2))

    def sorted(self, method: str, *words: Any, **options: Any) -> None:
        """Where Redis promises no order, and for iterators."""
        self.note(f"{method}{words}", lambda: sorted(getattr(self.plain, method)(*words, **options)))

    def note(self, name: str, call: Callable[..., Any], *words: Any, **options: Any) -> Any:
        """Calls something that is no method of its own, and notes what it gives."""
        try:
            result = call(*words, **options)
        except (RedisClusterException, RedisError) as error:
            self.told.append((name, (type(error).__name__, str(error))))
            return None
        method = name.split("(")[0]
        self.told.append((name, settled(result, about=method in ABOUT)))
        return result

    def owner(self, key: str) -> Any:
        """The node that serves a key."""
        return self.plain.get_node_from_key(key)


def settled(result: Any, *, about: bool = False) -> Any:
    """A result without what differs from one moment, or one port, to the next."""
    if isinstance(result, dict):
        return {
            key: "a time" if _name(key) in TIMES else settled(value, about=about)
            for key, value in result.items()
        }
    if isinstance(result, (list, tuple)):
        return [settled(value, about=about) for value in result]
    if isinstance(result, RedisError):
        return type(result).__name__, str(result)
    if about and type(result) is int and result > 0:
        if result > UNIX_MS_MIN:
            return "a time"
        return result // 100_000 if result > 100_000 else result // 100 * 100
    return result


def _name(key: Any) -> str:
    return key.decode(errors="replace") if isinstance(key, bytes) else str(key)


def strings(r: Recorder) -> None:
    r.set("{t}a", "1")
    r.set("{t}a", "2", nx=True)
    r.set("{t}a", "3", xx=True, get=True)
    r.set("{t}a", "4", exat=LATER_S)
    r.set("{t}a", "5", keepttl=True)
    r.expiretime("{t}a")
    r.get("{t}a")
    r.get("{t}absent")
    r.getex("{t}a", persist=True)
    r.getset("{t}a", b"\x00\xff binary")
    r.getrange("{t}a", 0, 2)
    r.substr("{t}a", 1, -1)
    r.setrange("{t}a", 3, "xyz")
    r.strlen("{t}a")
    r.append("{t}a", "!")
    r.getdel("{t}a")
    r.setnx("{t}n", 10)
    r.setex("{t}e", 1050, "v")
    r.ttl("{t}e")
    r.psetex("{t}p", 1_050_000, "v")
    r.pttl("{t}p")
    r.incr("{t}n")
    r.incrby("{t}n", 5)
    r.decr("{t}n")
    r.decrby("{t}n", 3)
    r.execute_command("INCR", "{t}n")
    r.execute_command("DECR", "{t}n")
    r.incrbyfloat("{t}n", 0.1)
    r.incr("{t}n")
    r.mset({"{t}m1": "ohmytext", "{t}m2": "mynewtext"})
    r.msetnx({"{t}m1": "x", "{t}m3": "y"})
    r.mget("{t}m1", "{t}m2", "{t}m3")
    r.mget_nonatomic("{t}m1", "elsewhere", "farther")
    r.lcs("{t}m1", "{t}m2")
    r.lcs("{t}m1", "{t}m2", len=True)
    r.lcs("{t}m1", "{t}m2", idx=True, minmatchlen=4, withmatchlen=True)


def bitmaps(r: Recorder) -> None:
    r.setbit("{t}bits", 7, 1)
    r.setbit("{t}bits", 20, 1)
    r.getbit("{t}bits", 7)
    r.bitcount("{t}bits")
    r.bitcount("{t}bits", 0, 7, mode="BIT")
    r.bitpos("{t}bits", 1)
    r.bitpos("{t}bits", 1, 8, -1, mode="BIT")
    r.bitop("NOT", "{t}not", "{t}bits")
    r.bitop("OR", "{t}or", "{t}bits", "{t}not")
    r.get("{t}or")
    field = r.plain.bitfield("{t}field", default_overflow="SAT")
    r.note("bitfield", field.set("u8", 0, 250).incrby("u8", 0, 10).get("i4", 4).execute)
    r.bitfield_ro("{t}field", "u8", 0, items=[("i8", 0)])


def keys(r: Recorder) -> None:
    for number in range(20):
        r.set(f"{{t}}k{number}", number)
    r.exists("{t}k1", "{t}k2", "{t}absent")
    r.touch("{t}k1", "{t}absent")
    r.type("{t}k1")
    r.type("{t}absent")
    r.keys("{t}k1*")
    r.sorted("scan_iter", match="{t}k*", count=3)
    r.sorted("scan_iter", _type="list")
    for seconds, condition in (
        (1050, "nx"),
        (2050, "nx"),
        (2050, "gt"),
        (1050, "gt"),
        (1050, "lt"),
        (2050, "lt"),
    ):
        r.expire("{t}k1", seconds, **{condition: True})
    r.expire("{t}k1", 1050, xx=True)
    r.pexpire("{t}k2", 1_050_000)
    r.expireat("{t}k3", LATER_S)
    r.pexpireat("{t}k4", LATER_S * 1000 + 1)
    for key in ("{t}k1", "{t}k2", "{t}k5", "{t}absent"):
        r.ttl(key)
        r.pttl(key)
    r.expiretime("{t}k3")
    r.pexpiretime("{t}k4")
    r.persist("{t}k4")
    payload = r.dump("{t}k5")
    r.dump("{t}absent")
    r.restore("{t}restored", 0, payload)
    r.restore("{t}restored", 0, payload)
    r.restore("{t}restored", 1_050_000, payload, replace=True, idletime=1050)
    r.restore("{t}broken", 0, payload[:-1] + b"x")
    r.get("{t}restored")
    r.rename("{t}k6", "{t}renamed")
    r.renamenx("{t}k7", "{t}renamed")
    r.copy("{t}k7", "{t}copied")
    r.copy("{t}k7", "{t}copied", replace=True)
    r.copy("{t}k7", "elsewhere")
    r.move("{t}k7", 1)
    for field in ("encoding", "idletime", "refcount", "freq"):
        r.object(field, "{t}k1")
    r.help_of("OBJECT", "{t}k1")
    r.migrate("127.0.0.1", 1, "{t}absent", 0, 100)
    r.wait(0, 10, target_nodes=r.owner("{t}k1"))
    r.delete("{t}k1", "{t}k2")
    r.unlink("{t}k3", "{t}k4", "{t}absent")
    r.flushall(target_nodes=r.owner("{t}k1"))
    r.randomkey(target_nodes=r.owner("{t}k1"))
    r.set("{t}only", 1)
    r.randomkey(target_nodes=r.owner("{t}only"))


def sorting(r: Recorder) -> None:
    r.rpush("{t}list", 3, 1, 2, 10)
    r.sort("{t}list")
    r.sort("{t}list", desc=True, start=1, num=2)
    r.sort("{t}list", alpha=True, store="{t}sorted")
    r.lrange("{t}sorted", 0, -1)
    r.sort("{t}list", by="weight_*")
    r.sort("{t}list", get="#")
    r.sort_ro("{t}list", alpha=True)
    r.execute_command("SORT_RO", "{t}list", "LIMIT", 1, 2)
    r.rpush("{t}words", "b", "a")
    r.sort("{t}words")


def lists(r: Recorder) -> None:
    r.rpush("{t}l", "a", "b", "c", "b")
    r.lpush("{t}l", "z")
    r.lpushx("{t}l", "y")
    r.rpushx("{t}absent", "y")
    r.llen("{t}l")
    r.lindex("{t}l", -1)
    r.linsert("{t}l", "BEFORE", "b", "new")
    r.lset("{t}l", 0, "first")
    r.lset("{t}l", 100, "far")
    r.lpos("{t}l", "b", rank=-1)
    r.lpos("{t}l", "b", count=0, maxlen=10)
    r.lrem("{t}l", -1, "b")
    r.lrange("{t}l", 0, -1)
    r.ltrim("{t}l", 0, 3)
    r.lmove("{t}l", "{t}m", "LEFT", "RIGHT")
    r.rpoplpush("{t}l", "{t}m")
    r.blmove("{t}m", "{t}l", 1, "RIGHT", "LEFT")
    r.brpoplpush("{t}m", "{t}l", 1)
    r.brpoplpush("{t}empty", "{t}l", 0.01)
    r.lpop("{t}l")
    r.rpop("{t}l", 2)
    r.rpop("{t}empty")
    r.rpush("{t}l", *range(5))
    r.blpop(["{t}empty", "{t}l"], 1)
    r.brpop("{t}l", 1)
    r.blpop("{t}empty", 0.01)
    r.lmpop(2, "{t}empty", "{t}l", direction="LEFT", count=2)
    r.blmpop(1, 2, "{t}empty", "{t}l", direction="RIGHT", count=2)
    r.blmpop(0.01, 1, "{t}empty", direction="RIGHT")


def sets(r: Recorder) -> None:
    r.sadd("{t}s", 1, 2, 3)
    r.sadd("{t}u", 3, "x")
    r.scard("{t}s")
    r.sismember("{t}s", 1)
    r.smismember("{t}s", 1, 9)
    r.smembers("{t}u")
    for method in ("sinter", "sunion", "sdiff"):
        r.sorted(method, "{t}s", "{t}u")
        getattr(r, method + "store")("{t}" + method, "{t}s", "{t}u")
        r.smembers("{t}" + method)
    r.sintercard(2, ["{t}s", "{t}u"], limit=5)
    r.smove("{t}s", "{t}u", 1)
    r.srem("{t}s", 2, 9)
    r.srandmember("{t}s")
    r.srandmember("{t}s", -3)
    r.sorted("srandmember", "{t}u", 10)
    r.sorted("sscan_iter", "{t}u", match="*", count=2)
    r.sscan("{t}s", 0)
    r.spop("{t}s")
    r.sorted("spop", "{t}u", 10)
    r.spop("{t}s")


def hashes(r: Recorder) -> None:
    r.hset("{t}h", "f", "1")
    r.hset("{t}h", mapping={"g": "2", "h": b"\xff"}, items=["i", 3.5])
    r.hmset("{t}h", {"j": "4"})
    r.hsetnx("{t}h", "f", "other")
    r.hget("{t}h", "f")
    r.hget("{t}h", "absent")
    r.hmget("{t}h", "f", "absent")
    r.hgetall("{t}h")
    r.hkeys("{t}h")
    r.hvals("{t}h")
    r.hlen("{t}h")
    r.hexists("{t}h", "f")
    r.hstrlen("{t}h", "i")
    r.hincrby("{t}h", "f", 7)
    r.hincrbyfloat("{t}h", "i", -0.5)
    r.hincrby("{t}h", "i", 1)
    r.sorted("hrandfield", "{t}h", 10)
    r.sorted("hscan_iter", "{t}h", match="*")
    r.hscan("{t}h", 0, no_values=False)
    r.hdel("{t}h", "g", "h", "i", "j", "absent")
    r.hrandfield("{t}h")
    r.hrandfield("{t}h", -2, withvalues=True)


def sorted_sets(r: Recorder) -> None:
    r.zadd("{t}z", {"a": 1, "b": 2, "c": 2.5, "d": "inf"})
    r.zadd("{t}z", {"a": 5}, nx=True)
    r.zadd("{t}z", {"a": 0, "e": 9}, xx=True, ch=True)
    r.zadd("{t}z", {"b": 1}, gt=True, ch=True)
    r.zadd("{t}z", {"b": 1}, incr=True)
    r.zadd("{t}y", {"b": 10, "x": -1e300})
    r.zcard("{t}z")
    r.zscore("{t}z", "c")
    r.zscore("{t}z", "absent")
    r.zmscore("{t}z", ["a", "absent"])
    r.zincrby("{t}z", 1.25, "c")
    r.zrank("{t}z", "b")
    r.zrevrank("{t}z", "b")
    r.zcount("{t}z", "(1", "+inf")
    r.zrange("{t}z", 0, -1, withscores=True)
    r.zrange("{t}z", "-inf", "(4", byscore=True, offset=0, num=2)
    r.zrange("{t}z", 0, -1, desc=True)
    r.zrevrange("{t}z", 0, 1, withscores=True)
    r.zrangebyscore("{t}z", 1, "inf", start=0, num=2, withscores=True)
    r.zrevrangebyscore("{t}z", "inf", 1)
    r.zrangestore("{t}w", "{t}z", 0, 1)
    r.sorted("zrandmember", "{t}w", 2)
    r.sorted("zrandmember", "{t}z", 10)
    for method in ("zunion", "zinter", "zdiff"):
        getattr(r, method)(["{t}z", "{t}y"], withscores=True)
        getattr(r, method + "store")("{t}" + method, ["{t}z", "{t}y"])
        r.zrange("{t}" + method, 0, -1, withscores=True)
    r.zunionstore("{t}zunion", {"{t}z": 2, "{t}y": 0.5}, aggregate="MAX")
    r.zrange("{t}zunion", 0, -1, withscores=True)
    r.zintercard(2, ["{t}z", "{t}y"])
    r.zadd("{t}lex", dict.fromkeys("abcdef", 0))
    r.zlexcount("{t}lex", "[b", "(e")
    r.zrangebylex("{t}lex", "-", "(c")
    r.zrevrangebylex("{t}lex", "+", "[d", start=0, num=2)
    r.zremrangebylex("{t}lex", "[a", "[b")
    r.zremrangebyrank("{t}lex", 0, 0)
    r.zremrangebyscore("{t}z", "(2", 3)
    r.zrem("{t}lex", "d", "absent")
    r.zadd("{t}one", {"lonely": 1})
    r.zrandmember("{t}one")
    r.zrandmember("{t}one", -2, withscores=True)
    r.sorted("zscan_iter", "{t}z", match="*")
    r.zscan("{t}lex", 0)
    r.zpopmin("{t}z")
    r.zpopmax("{t}z", 2)
    r.bzpopmin(["{t}empty", "{t}lex"], 1)
    r.bzpopmax("{t}lex", 1)
    r.bzpopmax("{t}empty", 0.01)
    r.zmpop(2, ["{t}empty", "{t}y"], max=True)
    r.bzmpop(1, 1, ["{t}y"], min=True, count=3)
    r.bzmpop(0.01, 1, ["{t}empty"], min=True)


def streams(r: Recorder) -> None:
    for number in range(1, 6):
        r.xadd("{t}x", {"n": number, "b": b"\xff"}, id=f"{number}-1")
    r.xadd("{t}x", {"n": 0}, id="1-1")
    r.xadd("{t}absent", {"n": 0}, nomkstream=True)
    r.xadd("{t}x", {"n": 6}, id="6-1", maxlen=5, approximate=False)
    r.xlen("{t}x")
    r.xrange("{t}x", "-", "+", count=2)
    r.xrevrange("{t}x", "(6-1", "-")
    r.xread({"{t}x": "3-1"}, count=2)
    r.xread({"{t}x": "$"}, block=10)
    r.xdel("{t}x", "3-1", "9-9")
    r.xtrim("{t}x", minid="3")
    r.xtrim("{t}x", maxlen=10, approximate=False)
    r.execute_command("XSETID", "{t}x", "7-0")
    r.xgroup_create("{t}x", "g", id="0")
    r.xgroup_create("{t}x", "g", id="0")
    r.xgroup_create("{t}new", "g", mkstream=True)
    r.xgroup_createconsumer("{t}x", "g", "idle")
    r.xreadgroup("g", "c", {"{t}x": ">"}, count=3)
    r.xreadgroup("g", "c", {"{t}x": "0"})
    r.xreadgroup("g", "c", {"{t}new": ">"}, block=10)
    r.xack("{t}x", "g", "2-1")
    r.xpending("{t}x", "g")
    r.xpending_range("{t}x", "g", min="-", max="+", count=10)
    r.xclaim("{t}x", "g", "d", 0, ["4-1"], retrycount=7)
    r.xclaim("{t}x", "g", "d", 0, ["4-1"], justid=True)
    r.xautoclaim("{t}x", "g", "e", 0, "-", count=1)
    r.xautoclaim("{t}x", "g", "e", 0, "-", count=10, justid=True)
    r.xinfo_stream("{t}x")
    r.xinfo_stream("{t}x", full=True)
    r.xinfo_groups("{t}x")
    r.xinfo_consumers("{t}x", "g")
    r.help_of("XINFO", "{t}x")
    r.help_of("XGROUP", "{t}x")
    r.xgroup_delconsumer("{t}x", "g", "e")
    r.xgroup_setid("{t}x", "g", "2-1", entries_read=1)
    r.xinfo_groups("{t}x")
    r.xgroup_destroy("{t}x", "g")


def hyperloglogs(r: Recorder) -> None:
    r.pfadd("{t}hll", *(f"element {number}" for number in range(1000)))
    r.pfadd("{t}hll", "element 1")
    r.pfadd("{t}more", "x", "y")
    r.pfcount("{t}hll")
    r.pfcount("{t}hll", "{t}more")
    r.pfmerge("{t}all", "{t}hll", "{t}more")
    r.get("{t}all")
    r.execute_command("PFDEBUG", "ENCODING", "{t}more", target_nodes=r.owner("{t}more"))
    r.execute_command("PFSELFTEST", target_nodes=r.owner("{t}more"))


def geo(r: Recorder) -> None:
    r.geoadd("{t}g", [13.361389, 38.115556, "Palermo", 15.087269, 37.502669, "Catania"])
    r.geoadd("{t}g", [12.75, 37.25, "Agrigento"], nx=True)
    r.geodist("{t}g", "Palermo", "Catania", unit="km")
    r.geohash("{t}g", "Palermo", "absent")
    r.geopos("{t}g", "Catania", "absent")
    r.georadius("{t}g", 15, 37, 200, unit="km", withdist=True, withcoord=True, withhash=True, sort="ASC")
    r.georadiusbymember("{t}g", "Palermo", 200, unit="km", count=1)
    r.georadius("{t}g", 15, 37, 200, unit="km", store="{t}near")
    r.geosearch("{t}g", longitude=15, latitude=37, width=400, height=400, unit="km", sort="DESC")
    r.geosearch("{t}g", member="Palermo", radius=100, unit="mi", withdist=True, count=2, any=True)
    r.geosearchstore("{t}dist", "{t}g", member="Catania", radius=200, unit="km", storedist=True)
    r.zrange("{t}dist", 0, -1, withscores=True)
    r.execute_command("GEORADIUS_RO", "{t}g", 15, 37, 200, "km", "ASC")
    r.execute_command("GEORADIUSBYMEMBER_RO", "{t}g", "Palermo", 200, "km", "ASC")


def transactions(r: Recorder) -> None:
    def counted_twice() -> Any:
        with r.plain.pipeline(transaction=True) as pipe:
            pipe.watch("{t}n")
            pipe.unwatch()
            pipe.watch("{t}n")
            pipe.multi()
            pipe.incr("{t}n").incr("{t}n").lpush("{t}n", "x").get("{t}n")
            return pipe.execute(raise_on_error=False)

    def disturbed() -> Any:
        with r.plain.pipeline(transaction=True) as pipe:
            pipe.watch("{t}n")
            r.plain.set("{t}n", 100)
            pipe.multi()
            pipe.incr("{t}n")
            return pipe.execute()

    r.note("watch, multi, exec", counted_twice)
    r.note("a watched key changes", disturbed)
    r.get("{t}n")

    def piped() -> Any:
        with r.plain.pipeline() as pipe:
            for number in range(10):
                pipe.set(f"key {number}", number)
                pipe.incr(f"key {number}")
            return pipe.execute()

    r.note("a pipeline over all nodes", piped)
    connection = r.owner("{t}n").redis_connection.client()
    for words in ("MULTI", "SET {t}n 1", "DISCARD", "GET {t}n", "EXEC"):
        r.note(words, connection.execute_command, *words.split())
    connection.close()


def _message(heard: Any, *, sharded: bool = False) -> Any:
    """The next message; the client answers None while there is none."""
    found: list[Any] = []

    def missing() -> str:
        message = heard.get_sharded_message(timeout=1) if sharded else heard.get_message(timeout=1)
        found.extend([message] if message else [])
        return "" if found else "none yet"

    wait_until("a message", missing, 20.0)
    return found[0]


def pubsub(r: Recorder) -> None:
    heard = r.plain.pubsub(node=r.owner("{t}"))
    heard.subscribe("news")
    heard.psubscribe("n*")
    told = [_message(heard) for _ in range(2)]
    r.publish("news", "hello", target_nodes=r.owner("{t}"))
    told += [_message(heard) for _ in range(2)]
    r.pubsub_channels(target_nodes=r.owner("{t}"))
    r.pubsub_numsub("news", "none", target_nodes=r.owner("{t}"))
    r.pubsub_numpat(target_nodes=r.owner("{t}"))
    heard.unsubscribe()
    heard.punsubscribe()
    told += [_message(heard) for _ in range(2)]
    heard.close()
    sharded = r.plain.pubsub()
    sharded.ssubscribe("{t}shard")
    told.append(_message(sharded, sharded=True))
    r.spublish("{t}shard", "to whom it concerns")
    told.append(_message(sharded, sharded=True))
    r.pubsub_shardchannels(target_nodes=r.owner("{t}"))
    r.pubsub_shardnumsub("{t}shard", target_nodes=r.owner("{t}"))
    sharded.sunsubscribe("{t}shard")
    told.append(_message(sharded, sharded=True))
    sharded.close()
    r.note("heard", lambda: told)
    r.help_of("PUBSUB", "{t}")


FAMILIES: list[Family] = [
    strings, bitmaps, keys, sorting, lists, sets, hashes, sorted_sets, streams, hyperloglogs, geo,
    transactions, pubsub,
]  # fmt: skip


def newer_commands(r: Any) -> None:
    """What Redis 7.2 and 7.4 have added: compared with what they document, as the server at hand is older."""
    r.flushall(target_nodes=RedisCluster.PRIMARIES)
    r.hset("{t}h", mapping={"a": 1, "b": 2, "c": 3})
    assert r.hexpire("{t}h", 1050, "a", "absent") == [1, -2]
    assert r.hexpire("{t}h", 10, "a", "b", nx=True) == [0, 1]
    assert r.hexpire("{t}h", 1050, "b", gt=True) == [1]
    assert r.hexpire("{t}h", 2050, "b", lt=True) == [0]
    assert r.hpexpire("{t}h", 2_050_000, "b", xx=True) == [1]
    assert [ttl // 100 for ttl in r.httl("{t}h", "a", "b")] == [10, 20]
    assert [ttl // 100_000 for ttl in r.hpttl("{t}h", "a", "b")] == [10, 20]
    assert r.httl("{t}h", "c", "absent") == [-1, -2]
    assert r.hexpireat("{t}h", LATER_S, "a") == [1]
    assert r.hpexpireat("{t}h", LATER_S * 1000 + 1, "b") == [1]
    assert r.hexpiretime("{t}h", "a", "b", "c") == [LATER_S, LATER_S + 1, -1]
    assert r.hpexpiretime("{t}h", "a", "b") == [LATER_S * 1000, LATER_S * 1000 + 1]
    assert r.hpersist("{t}h", "a", "c", "absent") == [1, -1, -2]
    assert r.hexpire("{t}h", 0, "b", "c") == [2, 2]
    assert r.hgetall("{t}h") == {b"a": b"1"}
    assert r.hpexpireat("{t}h", 1, "a") == [2]
    assert r.exists("{t}h") == 0
    # An absent key: see https://redis.io/docs/latest/commands/hexpire/
    assert r.hexpire("{t}h", 10, "a") == [-2]
    assert r.hscan("{t}h", 0, no_values=True) == (0, [])
    assert r.waitaof(0, 0, 10, target_nodes=r.get_node_from_key("{t}h")) == [0, 0]
