from __future__ import annotations

from protocol.resp.writer import encode_command
from tests.support.served import Served


def stream(*commands: str) -> bytes:
    return b"".join(encode_command([word.encode() for word in command.split()]) for command in commands)


def test_a_write_is_fed_once_and_names_its_database() -> None:
    served = Served()
    served.feeds()
    served.call("SET", "k", "v")
    served.call("GET", "k")
    served.call("DEL", "nokey")
    assert served.feeds() == stream("SELECT 0", "SET k v")
    served.call("SELECT", 3)
    served.call("SET", "k", "v")
    assert served.feeds() == stream("SELECT 3", "SET k v")


def test_rewrites_go_in_place_of_the_request() -> None:
    served = Served()
    served.feeds()
    served.call("SADD", "s", "only")
    served.call("SPOP", "s")
    fed = served.feeds()
    assert b"SPOP" not in fed
    assert fed.endswith((stream("SREM s only"), stream("DEL s")))


def test_a_transaction_travels_whole() -> None:
    served = Served()
    served.feeds()
    for command in ("MULTI", "SET a 1", "GET a", "INCR a", "EXEC"):
        served.call(*command.split())
    assert served.feeds() == stream("SELECT 0", "MULTI", "SET a 1", "INCR a", "EXEC")
    for command in ("MULTI", "SET a 1", "EXEC"):
        served.call(*command.split())
    assert served.feeds() == stream("SET a 1")


def test_a_refused_rewrite_does_not_travel_with_the_next_request() -> None:
    served = Served()
    served.feeds()
    served.call("LPUSH", "l", "x")
    served.call("EXPIRE", "l", "notanumber")
    served.call("SET", "k", "v")
    assert served.feeds() == stream("SELECT 0", "LPUSH l x", "SET k v")


def test_an_expired_key_is_deleted_for_the_replicas() -> None:
    served = Served()
    served.feeds()
    served.call("SET", "k", "v", "PX", 5)
    served.feeds()
    served.clock.now_ms += 10
    served.call("GET", "k")
    assert served.feeds() == stream("DEL k")
    served.options.lazyfree_lazy_expire = True
    served.call("SET", "k", "v", "PX", 5)
    served.feeds()
    served.clock.now_ms += 10
    served.engine.tick()
    assert served.feeds() == stream("UNLINK k")


def test_a_write_upon_an_expired_key_travels_with_its_deletion() -> None:
    served = Served()
    served.feeds()
    served.call("SET", "k", "v", "PX", 5)
    served.feeds()
    served.clock.now_ms += 10
    served.call("INCR", "k")
    assert served.feeds() == stream("MULTI", "DEL k", "INCR k", "EXEC")


def test_nothing_is_kept_while_nobody_listens() -> None:
    served = Served()
    served.call("SET", "k", "v")
    assert served.replication.offset == 0
    assert served.server.dirty == 1


def test_a_client_knows_the_offset_of_its_last_write() -> None:
    served = Served()
    served.feeds()
    served.call("SET", "k", "v")
    assert served.client.session.write_offset == served.replication.offset > 0
