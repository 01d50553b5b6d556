from __future__ import annotations

import re

from cluster.node.log import Log, Throttle


def test_a_line_looks_like_redis() -> None:
    lines: list[str] = []
    log = Log(lines.append, lambda: 1_795_227_016_058, 77)
    log.role = "M"
    log("notice", "Ready to accept connections")
    assert re.fullmatch(
        r"77:M \d\d [A-Z][a-z]{2} 2026 \d\d:\d\d:\d\d\.058 \* Ready to accept connections", lines[0]
    )


def test_levels_have_marks_and_hide_what_is_below() -> None:
    lines: list[str] = []
    log = Log(lines.append, lambda: 0, 1)
    for level in ("debug", "verbose", "notice", "warning"):
        log(level, "x")
    assert [line.split()[-2] for line in lines] == ["*", "#"]
    log.level = "debug"
    lines.clear()
    for level in ("debug", "verbose", "notice", "warning"):
        log(level, "x")
    assert [line.split()[-2] for line in lines] == [".", "-", "*", "#"]


def test_an_event_is_one_line_whatever_is_in_it() -> None:
    lines: list[str] = []
    Log(lines.append, lambda: 0, 1)("warning", "a\r\nb" + "x" * 5000)
    assert "\n" not in lines[0]
    assert len(lines[0]) < 1200


def test_a_throttle_says_once_a_second_how_much_it_held_back() -> None:
    lines: list[str] = []
    now_ms = [0]
    throttle = Throttle(Log(lines.append, lambda: 0, 1), lambda: now_ms[0])
    for _ in range(5):
        throttle("warning", "bad frame")
    assert len(lines) == 1
    now_ms[0] = 1000
    throttle("warning", "bad frame")
    assert lines[1].endswith("bad frame (4 more since the last such line)")
