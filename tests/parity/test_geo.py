"""Geo commands, compared with a real redis-server."""

from __future__ import annotations

import pytest

from tests.parity import draws as st
from tests.parity.compare import Command, joined, play, same, some
from tests.parity.drive import Drive, Family
from tests.support.frames import Frame
from tests.support.oracle import Oracle

pytestmark = pytest.mark.parity

KEYS = [b"a", b"b"]

key = st.sampled_from(KEYS)
member = st.sampled_from([b"m%d" % number for number in range(12)])


def degrees(bound: float) -> st.Draws[bytes]:
    return st.one_of(
        st.floats(-bound, bound),
        st.floats(-bound / 60, bound / 60),
        st.sampled_from([-bound, 0.0, 13.361389, 38.115556, 15.087269, 37.502669]),
    ).map(lambda value: repr(max(-bound, min(bound, value))).encode())


wrong_number = st.sampled_from([b"x", b"181", b"-90", b"inf", b"nan", b"", b"1e400"])
longitude = degrees(180.0)
latitude = degrees(85.05112878)
unit = st.sampled_from([b"m", b"KM", b"ft", b"mi", b"km"])
any_unit = st.one_of(unit, st.just(b"league"))
length = st.one_of(
    st.floats(0, 30_000).map(lambda value: b"%.6g" % value),
    st.sampled_from([b"0", b"1", b"100", b"1000", b"5000", b"20000", b"1e9", b"inf"]),
)
any_length = st.one_of(length, st.sampled_from([b"-1", b"x", b""]))
count = st.sampled_from([b"1", b"2", b"3", b"100"])
any_count = st.one_of(count, st.sampled_from([b"0", b"-1", b"x"]))

common_options = st.one_of(
    some(st.sampled_from([b"WITHDIST", b"withcoord", b"WITHHASH", b"ASC", b"desc"])),
    some(b"COUNT", count),
    some(b"COUNT", count, b"ANY"),
)
bad_options = st.one_of(
    common_options,
    some(st.sampled_from([b"ANY", b"COUNT", b"STORE", b"STOREDIST", b"what"])),
    some(b"COUNT", any_count),
)
store_options = st.one_of(
    common_options,
    some(b"COUNT", count),
    some(b"STORE", key),
    some(b"STOREDIST", key),
)
centre = st.one_of(some(b"FROMMEMBER", member), some(b"fromlonlat", longitude, latitude))
bad_centre = st.one_of(
    centre, some(b"FROMLONLAT", wrong_number, latitude), some(b"FROMMEMBER", b"none"), some(b"FROMMEMBER")
)
extent = st.one_of(some(b"BYRADIUS", length, unit), some(b"bybox", length, length, unit))
bad_extent = st.one_of(
    extent,
    some(b"BYRADIUS", any_length, any_unit),
    some(b"BYBOX", any_length, any_length, any_unit),
    some(b"BYRADIUS", length),
)


def parts(*options: st.Draws[Command]) -> st.Draws[list[Command]]:
    return st.tuples(*options).map(list)


def flat(lists: tuple[list[Command], list[Command]]) -> list[Command]:
    return [*lists[0], *lists[1]]


sound_search = st.tuples(parts(centre, extent), st.lists(common_options, max_size=3)).map(flat)
bad_search = st.tuples(
    st.lists(st.one_of(bad_centre, bad_extent), max_size=3), st.lists(bad_options, max_size=2)
).map(flat)
store_search = st.tuples(
    parts(centre, extent),
    st.lists(
        st.one_of(
            some(st.sampled_from([b"STOREDIST", b"ASC", b"DESC"])),
            some(b"COUNT", count),
            some(b"COUNT", count, b"ANY"),
        ),
        max_size=2,
    ),
).map(flat)

places = st.lists(st.tuples(longitude, latitude, member), min_size=1, max_size=8)
additions = st.one_of(
    joined(some(b"GEOADD", key), places),
    joined(some(b"GEOADD", key), places),
    joined(some(b"GEOADD", key, st.sampled_from([b"NX", b"xx", b"CH"])), places),
    joined(some(b"GEOADD", key, b"CH", st.sampled_from([b"NX", b"xx", b"CH"])), places),
    some(b"GEOADD", key, b"NX", b"XX", longitude, latitude, member),
    some(b"GEOADD", key, wrong_number, latitude, member),
    some(b"GEOADD", key, longitude, wrong_number, member),
    some(b"GEOADD", key, longitude, latitude, member, longitude),
    some(b"GEOADD", key, b"CH", b"CH", b"NX"),
    some(b"ZADD", key, st.sampled_from([b"3.5", b"-7", b"1e300", b"inf", b"-inf", b"2e19", b"1e19"]), member),
)
readings = st.one_of(
    some(b"GEODIST", key, member, member),
    some(b"GEODIST", key, member, member, any_unit),
    some(b"GEODIST", key, member, member, unit, unit),
    some(b"GEOPOS", key, member, member, b"none"),
    some(b"GEOHASH", key, member, member, b"none"),
    some(st.sampled_from([b"GEOPOS", b"GEOHASH"]), key),
    some(st.sampled_from([b"GEOPOS", b"GEOHASH", b"GEODIST"]), b"text", member, member),
    some(b"ZREM", key, member),
    some(b"SET", b"text", b"text"),
)
searches = st.one_of(
    joined(
        some(b"GEORADIUS_RO", key, longitude, latitude, length, unit), st.lists(common_options, max_size=3)
    ),
    joined(some(b"GEOSEARCH", key), sound_search),
    joined(some(b"GEOSEARCH", key), sound_search),
    joined(some(b"geosearch", key, b"COUNT", b"1"), bad_search),
    joined(some(b"GEOSEARCHSTORE", key, key), store_search),
    joined(some(b"GeoSearchStore", key, key, b"COUNT", b"1"), bad_search),
    joined(some(b"GEORADIUS", key, longitude, latitude, length, unit), st.lists(common_options, max_size=3)),
    joined(some(b"GEORADIUS", key, longitude, latitude, length, unit), st.lists(store_options, max_size=3)),
    joined(
        some(b"GEORADIUS_RO", key, longitude, latitude, any_length, any_unit),
        st.lists(bad_options, max_size=3),
    ),
    joined(some(b"GEORADIUSBYMEMBER", key, member, length, unit), st.lists(store_options, max_size=3)),
    joined(some(b"GEORADIUSBYMEMBER_RO", key, member, length, unit), st.lists(common_options, max_size=3)),
    joined(
        some(b"GEORADIUSBYMEMBER", st.just(b"none"), member, any_length, any_unit),
        st.lists(store_options, max_size=3),
    ),
    some(b"GEOSEARCH", b"text", b"FROMMEMBER", member, b"BYRADIUS", b"1"),
    some(b"SET", b"text", b"text"),
)


def same_up_to_ties(command: Command, ours: Frame, theirs: Frame) -> bool:
    """Who of several at the same distance comes first, Redis leaves to its sorting."""
    words = [word.upper() for word in command]
    if b"COUNT" not in words or ours.kind != b"*" or theirs.kind != b"*":
        return same(command, ours, theirs)
    if b"WITHDIST" not in words:
        return len(ours.children) == len(theirs.children)
    distances = [[row.children[1] for row in frame.children] for frame in (ours, theirs)]
    return distances[0] == distances[1]


FAMILY = Family(
    """geoadd geodist geohash geopos georadius georadius_ro georadiusbymember georadiusbymember_ro geosearch
    geosearchstore""",
    mixes=(st.one_of(additions, readings), st.one_of(additions, searches, searches)),
    keys=KEYS,
    state=["ZRANGE KEY 0 -1 WITHSCORES"],
    same=same_up_to_ties,
)


def test_places(drive: Drive) -> None:
    drive(FAMILY)


def test_a_grid(oracle: Oracle) -> None:
    """Many places around many centres: every cell and bound comes into play."""
    script: list[Command] = [
        (b"GEOADD", b"a", b"%d" % column, b"%d" % row, b"%d/%d" % (column, row))
        for row in range(-85, 86, 5)
        for column in range(-180, 180, 12)
    ]
    for number, (east, north) in enumerate(
        [(0, 0), (179, 3), (-179, -70), (90, 84), (13, 38), (-77, -40), (5, -85)]
    ):
        at = (b"FROMLONLAT", b"%d" % east, b"%d.%d" % (north, 0))
        for size in (10, 300, 1200, 2500, 4000, 9000, 20100, 40000):
            reach = b"%d" % (size + number)
            script += [
                (b"GEOSEARCH", b"a", *at, b"BYRADIUS", reach, b"km", b"WITHDIST"),
                (b"GEOSEARCH", b"a", *at, b"BYBOX", reach, b"%d" % (size // 2), b"mi"),
                (
                    b"GEOSEARCH",
                    b"a",
                    *at,
                    b"BYBOX",
                    b"%d" % (size // 3),
                    reach,
                    b"km",
                    b"WITHDIST",
                    b"COUNT",
                    b"7",
                    b"ANY",
                ),
            ]
    play(oracle, script)
