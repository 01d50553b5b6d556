"""What XADD makes of the clock; everything else is compared with a real server in tests/parity."""

from __future__ import annotations

from protocol.resp.types import ErrorReply
from tests.support.local import NOW_MS, Local


def test_ids_follow_the_clock_and_never_go_back() -> None:
    local = Local()
    assert local.call("XADD", "s", "*", "f", "v") == b"%d-0" % NOW_MS
    assert local.call("XADD", "s", "*", "f", "v") == b"%d-1" % NOW_MS
    local.now_ms -= 1000
    assert local.call("XADD", "s", "*", "f", "v") == b"%d-2" % NOW_MS
    local.now_ms += 2000
    assert local.call("XADD", "s", "*", "f", "v") == b"%d-0" % (NOW_MS + 1000)


def test_the_id_is_propagated_as_it_has_come_out() -> None:
    local = Local()
    local.call("XADD", "s", "*", "f", "v")
    local.call("XADD", "s", "NOMKSTREAM", "9999999999999-*", "f", "v")
    local.call("XADD", "s", "9999999999999-5", "f", "v")
    assert [b" ".join(argv) for argv in local.written] == [
        b"XADD s %d-0 f v" % NOW_MS,
        b"XADD s NOMKSTREAM 9999999999999-0 f v",
        b"XADD s 9999999999999-5 f v",
    ]


def test_a_refused_entry_leaves_no_stream() -> None:
    local = Local()
    assert isinstance(local.call("XADD", "s", "0-0", "f", "v"), ErrorReply)
    assert local.call("XADD", "s", "NOMKSTREAM", "*", "f", "v") is None
    assert (local.call("EXISTS", "s"), local.written) == (0, [])
