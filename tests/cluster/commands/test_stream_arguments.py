from __future__ import annotations

import pytest

from cluster.commands.stream_arguments import (
    count_option,
    first_id,
    group_of,
    is_word,
    last_id,
    loose_id,
    printed,
    stream_id,
    told,
)
from cluster.spec.errors import CommandError
from cluster.store.values.stream import Stream
from cluster.store.values.stream_groups import Group
from cluster.store.values.stream_id import HALF_MAX, ID_MAX, make_id


def test_intervals() -> None:
    assert (first_id(b"-"), last_id(b"+")) == (0, ID_MAX)
    assert (first_id(b"5"), last_id(b"5")) == (make_id(5, 0), make_id(5, HALF_MAX))
    assert (first_id(b"(5-1"), last_id(b"(5-1")) == (make_id(5, 2), make_id(5, 0))
    assert last_id(b"(5") == make_id(5, HALF_MAX - 1)


@pytest.mark.parametrize("text", [b"(%d-%d" % (HALF_MAX, HALF_MAX), b"(-", b"(", b"x"])
def test_no_beginning(text: bytes) -> None:
    with pytest.raises(CommandError, match=r"invalid start ID|Invalid stream ID"):
        first_id(text)


@pytest.mark.parametrize("text", [b"(0-0", b"(+", b"(", b""])
def test_no_end(text: bytes) -> None:
    with pytest.raises(CommandError, match=r"invalid end ID|Invalid stream ID"):
        last_id(text)


def test_signs_stand_for_ids_only_where_they_may() -> None:
    assert loose_id(b"+") == ID_MAX
    with pytest.raises(CommandError, match="Invalid stream ID"):
        stream_id(b"+")


def test_the_last_count_is_the_one() -> None:
    assert count_option(()) is None
    assert count_option((b"COUNT", b"3", b"count", b"-1")) == 0
    for words in ((b"COUNT",), (b"x", b"1")):
        with pytest.raises(CommandError, match="syntax error"):
            count_option(words)


def test_texts_end_at_a_nul_as_in_c() -> None:
    assert is_word(b"$\0x", b"$")
    assert printed(b"a\0b") == b"a"


def test_a_group_that_is_not_there() -> None:
    stream = Stream()
    for missing in (None, stream):
        with pytest.raises(CommandError, match="NOGROUP No such key 'k' or consumer group 'g' here"):
            group_of(missing, b"k", b"g", " here")
    stream.groups[b"g"] = Group(0, None)
    assert group_of(stream, b"k", b"g").group is stream.groups[b"g"]


def test_entries_as_clients_see_them() -> None:
    assert told([(make_id(1, 2), (b"f", b"v"))]) == [[b"1-2", [b"f", b"v"]]]
