"""Where the verbs print: as wide as the terminal, and wide enough for a table elsewhere."""

from __future__ import annotations

import sys

from rich.console import Console

_PLAIN_WIDTH = 120

out = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else _PLAIN_WIDTH)
_errors = Console(highlight=False, soft_wrap=True, stderr=True)


def say(line: str) -> None:
    """One line, as it is."""
    out.print(line, markup=False)


def complain(line: str) -> None:
    """One line on stderr, as it is."""
    _errors.print(line, markup=False)
