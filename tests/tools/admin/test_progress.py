from __future__ import annotations

import io

from rich.console import Console

from tools.admin.progress import BarProgress, LineProgress, progress


def test_lines_where_nobody_looks() -> None:
    text = io.StringIO()
    shown = progress(Console(file=text, width=120), keys=10, slots=2)
    assert isinstance(shown, LineProgress)
    with shown:
        shown.add(keys=10)
        shown.add(slots=2)
    assert text.getvalue().startswith("moved 2/2 slots, 10/10 keys, ")
    assert text.getvalue().count("\n") == 1


def test_a_bar_on_a_terminal() -> None:
    text = io.StringIO()
    shown = progress(Console(file=text, width=120, force_terminal=True), keys=10, slots=2)
    assert isinstance(shown, BarProgress)
    with shown:
        shown.add(keys=10)
        shown.add(slots=2)
    assert "2/2" in text.getvalue()
    assert "10/10 keys" in text.getvalue()
    assert "keys/s" in text.getvalue()
