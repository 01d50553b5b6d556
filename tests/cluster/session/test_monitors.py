"""How MONITOR shows a request. The rest is compared with a real server in tests/parity."""

from __future__ import annotations

from cluster.session.monitors import Monitors, quoted
from cluster.session.session import Session
from protocol.resp.types import Reply


def test_words_are_quoted_as_c_strings() -> None:
    assert quoted(b'a"\\\n\r\t\a\b\0\xff ~\x7f') == b'"a\\"\\\\\\n\\r\\t\\a\\b\\x00\\xff ~\\x7f"'


def test_each_monitor_is_shown_it() -> None:
    got: list[Reply] = []
    watching = Session(1, "", "", got.append, lambda: None, 0)
    asking = Session(2, "10.0.0.1:5", "", lambda _: None, lambda: None, 0, database=3)
    monitors = Monitors()
    monitors.add(watching)
    monitors.show(1_500_000_000_000_042, asking, [b"GET", b"k"])
    assert got == [b'1500000000.000042 [3 10.0.0.1:5] "GET" "k"']
    assert not watching.plain
    monitors.forget(watching)
    monitors.show(1, asking, [b"PING"])
    assert len(got) == 1
