from __future__ import annotations

import pytest

from tools.output import complain, say


def test_a_line_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    line = "[OK] [0-5460] " + "long " * 60
    say(line)
    assert capsys.readouterr().out == f"{line}\n"


def test_a_complaint_is_printed_as_it_is_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    line = "one.txt:3: [n9] " + "long " * 60
    complain(line)
    assert capsys.readouterr().err == f"{line}\n"
