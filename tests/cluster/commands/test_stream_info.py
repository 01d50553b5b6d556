from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cluster.commands.stream_info import radix_tree_nodes
from tests.support.local import NOW_MS, Local

digits = st.integers(0, 3)
keys = st.lists(digits, min_size=16, max_size=16).map(bytes)


def branches(rows: list[bytes], depth: int = 0) -> int:
    """The nodes of a radix tree, built by its definition: a run of bytes that all rows share is one node."""
    if depth == 16:
        return 1
    shared = depth
    while shared < 16 and len({row[shared] for row in rows}) == 1:
        shared += 1
    run = 1 if shared > depth else 0
    if shared == 16:
        return run + 1
    parts: dict[int, list[bytes]] = {}
    for row in rows:
        parts.setdefault(row[shared], []).append(row)
    return run + 1 + sum(branches(part, shared + 1) for part in parts.values())


@given(st.sets(keys, min_size=1, max_size=30))
def test_nodes_of_the_radix_tree(rows: set[bytes]) -> None:
    ordered = sorted(rows)
    assert radix_tree_nodes([int.from_bytes(row, "big") for row in ordered]) == branches(ordered)


def test_the_tree_of_nothing_has_its_root() -> None:
    assert radix_tree_nodes([]) == 1


def test_a_stream_with_a_group() -> None:
    local = Local()
    local.call("XADD", "s", "1-1", "f", "v")
    local.call("XGROUP", "CREATE", "s", "g", 0)
    local.call("XREADGROUP", "GROUP", "g", "ann", "STREAMS", "s", ">")
    local.now_ms += 5
    assert local.call("XINFO", "CONSUMERS", "s", "g") == [{b"name": b"ann", b"pending": 1, b"idle": 5}]
    full = local.call("XINFO", "STREAM", "s", "FULL")
    assert isinstance(full, dict) and full[b"entries"] == [[b"1-1", [b"f", b"v"]]]
    [group] = full[b"groups"] if isinstance(full[b"groups"], list) else []
    assert isinstance(group, dict)
    assert (group[b"entries-read"], group[b"lag"]) == (1, 0)
    assert group[b"pending"] == [[b"1-1", b"ann", NOW_MS, 1]]


def test_full_tells_ten_of_each_unless_asked_for_more() -> None:
    local = Local()
    for at in range(1, 31):
        local.call("XADD", "s", f"{at}-1", "f", "v")
    for count, told in (((), 10), (("COUNT", 0), 30), (("COUNT", 3), 3), (("COUNT", -1), 10)):
        full = local.call("XINFO", "STREAM", "s", "FULL", *count)
        assert isinstance(full, dict) and isinstance(full[b"entries"], list)
        assert len(full[b"entries"]) == told
