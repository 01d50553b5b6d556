"""The twin of tools/command_table.py: README's table says what is declared."""

from __future__ import annotations

import pytest

from cluster.spec.command import COMMANDS
from tools.command_table import BEGIN, END, README, replaced, table


def test_the_readme_is_up_to_date() -> None:
    page = README.read_text()
    assert replaced(page) == page, "run: .venv/bin/python -m tools.command_table"


def test_every_command_is_in_it() -> None:
    words = set(table().split())
    assert {spec.name.upper() for spec in COMMANDS.values()} <= words


def test_only_what_lies_between_the_marks_is_written() -> None:
    page = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    written = replaced(page)
    assert written.startswith("before\n")
    assert written.endswith("after\n")
    assert "old" not in written
    assert replaced(written) == written


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="no <!--"):
        replaced("nothing")
