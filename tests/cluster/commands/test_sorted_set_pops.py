from __future__ import annotations

import pytest

from protocol.resp.types import NULL_ARRAY
from tests.support.local import Local


@pytest.fixture
def local() -> Local:
    made = Local()
    made.call("ZADD", "z", 1, "a", 2, "b", 3, "c")
    made.events.clear()
    return made


def test_pops_from_both_ends(local: Local) -> None:
    assert local.call("ZPOPMAX", "z") == [b"c", 3.0]
    assert local.call("ZPOPMIN", "z", 9) == [b"a", 1.0, b"b", 2.0]
    assert local.events == [(b"z", b"zpopmax", 1), (b"z", b"zpopmin", 2), (b"z", b"del", 0)]
    assert local.call("ZPOPMIN", "z") == []


def test_pairs_are_nested_in_resp3_where_a_count_is_given(local: Local) -> None:
    local.session.protocol = 3
    assert local.call("ZPOPMAX", "z", 2) == [[b"c", 3.0], [b"b", 2.0]]
    assert local.call("ZPOPMAX", "z") == [b"a", 1.0]


def test_a_pop_of_nothing_is_no_change(local: Local) -> None:
    assert local.call("ZPOPMIN", "z", 0) == []
    assert local.events == []


def test_zmpop_is_propagated_as_the_pop_that_it_became(local: Local) -> None:
    assert local.call("ZMPOP", 2, "none", "z", "MAX", "COUNT", 2) == [b"z", [[b"c", 3.0], [b"b", 2.0]]]
    assert local.written[-1] == [b"ZPOPMAX", b"z", b"2"]
    assert local.call("ZMPOP", 1, "none", "MIN") is NULL_ARRAY
