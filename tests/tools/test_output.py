from __future__ import annotations

import pytest

from tools.output import say


def test_a_line_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    line = "[OK] [0-5460] " + "long " * 60
    say(line)
    assert capsys.readouterr().out == f"{line}\n"
