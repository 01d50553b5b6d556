"""The twin of cluster/store/scan.py."""

from __future__ import annotations

from collections.abc import Collection
from random import Random
from zlib import crc32

from hypothesis import given
from hypothesis import strategies as st

from cluster.store import scan
from cluster.store.scan import scan_members

NAMES = [b"member:%d" % number for number in range(500)]


def scanned(members: Collection[bytes], count: int) -> list[list[bytes]]:
    """All pieces of one scan."""
    pieces = []
    cursor, first = 0, True
    while cursor or first:
        cursor, piece = scan_members(members, cursor, count)
        pieces.append(piece)
        first = False
    return pieces


def test_a_small_collection_comes_whole_and_in_its_own_order() -> None:
    assert scan_members(dict.fromkeys(NAMES[:5]), 0, 10) == (0, NAMES[:5])
    assert scan_members({}, 0, 10) == (0, [])


def test_a_still_collection_comes_once_in_bounded_pieces() -> None:
    pieces = scanned(set(NAMES), 10)
    assert max(map(len, pieces)) == 10
    assert sorted(name for piece in pieces for name in piece) == sorted(NAMES)


@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_what_stays_is_found_whatever_else_comes_and_goes(seed: int, count: int) -> None:
    random = Random(seed)
    members = dict.fromkeys(NAMES)
    stay = set(random.sample(NAMES, 100))
    found: set[bytes] = set()
    cursor, first = 0, True
    while cursor or first:
        cursor, piece = scan_members(members, cursor, count)
        found.update(piece)
        first = False
        for name in random.sample(NAMES, 30):
            if name in members and name not in stay:
                del members[name]
            else:
                members[name] = None
        members[b"new:%d" % random.getrandbits(32)] = None
    assert stay <= found


def test_a_scan_that_begins_later_does_not_disturb_one_that_goes_on() -> None:
    members = dict.fromkeys(NAMES)
    cursor, found = scan_members(members, 0, 100)
    members.update(dict.fromkeys(b"late:%d" % number for number in range(100)))
    late = {name for piece in scanned(members, 50) for name in piece}
    while cursor:
        cursor, piece = scan_members(members, cursor, 100)
        found += piece
    assert late == set(members)
    assert set(NAMES) <= set(found)


def test_members_of_one_hash_come_together() -> None:
    twins = [b"plumless", b"buckeroo"]
    assert crc32(twins[0]) == crc32(twins[1])
    cursor, piece = scan_members({*twins, b"other"}, 0, 1)
    if cursor:
        piece += scan_members({*twins, b"other"}, cursor, 1)[1]
    assert sorted(piece) == sorted([*twins, b"other"])


def test_a_removed_member_is_not_returned() -> None:
    members = dict.fromkeys(NAMES)
    cursor, _ = scan_members(members, 0, 10)
    for name in NAMES[::2]:
        del members[name]
    while cursor:
        cursor, piece = scan_members(members, cursor, 10)
        assert not set(piece) & set(NAMES[::2])


def test_a_cursor_from_nowhere_ends_the_scan() -> None:
    assert scan_members(set(NAMES), 2**32, 10) == (0, [])
    assert scan_members(set(NAMES), 2**64 - 1, 10) == (0, [])


def test_only_so_many_views_are_kept() -> None:
    collections = [set(NAMES) for _ in range(20)]
    cursors = [scan_members(collection, 0, 10)[0] for collection in collections]
    assert len(scan._views) <= scan.VIEWS_MAX
    assert all(scan_members(*pair, 1000)[0] == 0 for pair in zip(collections, cursors, strict=True))
    assert not scan._views.keys() & set(map(id, collections))
