"""Going through the keys of a slot in bounded pieces while they change, as SCAN does. (The pieces of one
collection come from its sampler.)

The guarantee is Redis's: a member that is there from the first call to the last is returned at least once.
Members are visited in the order of a hash of their own bytes, which no insertion or removal elsewhere
changes, and the cursor is the hash to go on from. So any sorted view of the collection taken after the scan
began will do for each of its calls, and one view can serve many calls and several scans at once: a scan that
begins (cursor 0) takes a new one.

Source: https://redis.io/docs/latest/commands/scan/ ("Scan guarantees")
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Collection
from zlib import crc32

VIEWS_MAX = 8
"""How many sorted views are kept: that many big collections can be scanned side by side at full speed."""

CURSOR_BITS = 32


class _View:
    """A collection's members at one moment, in the order of their hashes."""

    __slots__ = ("hashes", "members")

    def __init__(self, members: Collection[bytes]) -> None:
        self.members = sorted(members, key=crc32)
        self.hashes = array("L", map(crc32, self.members))

    def piece(self, cursor: int, count: int) -> tuple[int, list[bytes]]:
        """At least `count` members from the cursor on: all that share the last one's hash come with it."""
        hashes = self.hashes
        start = bisect_left(hashes, cursor)
        end = start + count
        while end < len(hashes) and hashes[end] == hashes[end - 1]:
            end += 1
        return (hashes[end] if end < len(hashes) else 0), self.members[start:end]


# By id() and without a reference to the collection, so that a dropped one is not kept alive. That an id may
# be used again does no harm: whoever scans the newcomer begins with cursor 0, which replaces the view.
_views: OrderedDict[int, _View] = OrderedDict()


def scan_members(members: Collection[bytes], cursor: int, count: int) -> tuple[int, list[bytes]]:
    """The next piece of a scan: the cursor to go on with (0 at the end, below 2**32) and members.

    Takes a dict or set (its `in` must be quick); begins with cursor 0. Costs O(count) a call, and O(N log N)
    for the first call of a scan of more than `count` members.
    """
    if cursor == 0 and len(members) <= count:
        return 0, list(members)
    if cursor >> CURSOR_BITS:
        return 0, []
    view = _view(members, cursor)
    following, found = view.piece(cursor, max(1, count))
    if following == 0:
        del _views[id(members)]
    return following, [member for member in found if member in members]


def _view(members: Collection[bytes], cursor: int) -> _View:
    view = _views.get(id(members)) if cursor else None
    if view is None:
        view = _views[id(members)] = _View(members)
        if len(_views) > VIEWS_MAX:
            _views.popitem(last=False)
    _views.move_to_end(id(members))
    return view
