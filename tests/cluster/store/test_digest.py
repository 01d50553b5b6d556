from __future__ import annotations

import pytest

from cluster.store.digest import dataset_digest, value_digest
from tests.support.local import Local

LINES = [
    "SET s text",
    "SET n 12",
    "RPUSH l a b a",
    "SADD set b a c",
    "ZADD z 1.5 a 2 b -inf c",
    "HSET h f 1 g 2",
    "SET mortal x PXAT 4000000000000",
]


def filled(lines: list[str]) -> Local:
    local = Local()
    for line in lines:
        local.call(*line.split())
    return local


def test_the_order_of_what_has_none_does_not_matter() -> None:
    one, other = filled(LINES), filled(LINES[::-1])
    assert dataset_digest(one.server.databases) == dataset_digest(other.server.databases)
    for first, second in (("SADD k 1 2 x", "SADD k x 2 1"), ("HSET k a 1 b 2", "HSET k b 2 a 1")):
        digests = {value_digest(filled([line]).server.databases[0].peek(b"k")) for line in (first, second)}
        assert len(digests) == 1


@pytest.mark.parametrize(
    "change",
    [
        "SET s Text",
        "RENAME s t",
        "PEXPIREAT s 4000000000000",
        "PERSIST mortal",
        "LSET l 0 b",
        "RPUSH l c",
        "SREM set a",
        "ZADD z 1.25 a",
        "HSET h f 2",
        "MOVE s 1",
    ],
)
def test_every_change_shows(change: str) -> None:
    local = filled(LINES)
    before = dataset_digest(local.server.databases)
    local.call(*change.split())
    assert dataset_digest(local.server.databases) != before


def test_of_nothing_it_is_zeros() -> None:
    assert dataset_digest(Local().server.databases) == value_digest(None) == b"0" * 40
