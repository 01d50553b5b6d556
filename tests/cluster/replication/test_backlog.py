"""The backlog keeps the end of the stream under its offsets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cluster.replication.backlog import Backlog


@given(st.integers(16, 64), st.lists(st.binary(max_size=40), max_size=20))
def test_it_holds_the_end_of_all_that_was_appended(size: int, parts: list[bytes]) -> None:
    backlog, whole = Backlog(size, 101), b""
    for part in parts:
        backlog.append(part)
        whole += part
    assert backlog.next_offset == 101 + len(whole)
    assert len(backlog) <= size + size // 8
    assert len(backlog) >= min(size, len(whole))
    for offset in range(backlog.first_offset, backlog.next_offset + 1):
        assert backlog.covers(offset)
        assert backlog.since(offset) == whole[offset - 101 :]
    assert not backlog.covers(backlog.first_offset - 1)
    assert not backlog.covers(backlog.next_offset + 1)


def test_a_smaller_size_drops_the_oldest_bytes_at_once() -> None:
    backlog = Backlog(100, 1)
    backlog.append(b"x" * 90 + b"0123456789")
    backlog.resize(10)
    assert (backlog.first_offset, backlog.since(91)) == (91, b"0123456789")
