"""The twin of cluster/commands/geo.py: what is propagated and notified. Replies are compared in
tests/parity."""

from __future__ import annotations

from cluster.commands.geo import shown_place
from protocol.resp.types import ErrorReply
from tests.support.local import Local

SCORE = b"3479099956230698"


def test_places_are_propagated_as_scores() -> None:
    local = Local()
    assert local.call("GEOADD", "k", "CH", "13.361389", "38.115556", "Palermo") == 1
    assert local.call("GEOADD", "k", "13.361389", "38.115556", "Palermo") == 0
    assert local.events == [(b"k", b"zadd", 1)]
    assert local.written == [[b"ZADD", b"k", b"CH", SCORE, b"Palermo"]]
    assert local.call("ZSCORE", "k", "Palermo") == float(SCORE)


def test_one_wrong_place_adds_none() -> None:
    local = Local()
    reply = local.call("GEOADD", "k", 1, 1, "a", 200, 1, "b")
    assert reply == ErrorReply(b"ERR invalid longitude,latitude pair 200.000000,1.000000")
    assert local.call("EXISTS", "k") == 0
    assert local.written == []


def test_degrees_are_shown_without_trailing_zeros() -> None:
    assert shown_place(-100.0, 0.5) == [b"-100", b"0.5"]
    assert shown_place(13.36138933897018433, 0.0) == [b"13.36138933897018433", b"0"]


def test_a_place_is_a_double_in_resp3() -> None:
    local = Local(protocol=3)
    local.call("GEOADD", "k", "13.361389", "38.115556", "Palermo")
    assert (
        local.raw("GEOPOS", "k", "Palermo")
        == b"*1\r\n*2\r\n,13.36138933897018433\r\n,38.11555639549629859\r\n"
    )
