"""The verbs that look at data files without a server: check-aof and check-rdb."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from tools.check_aof import Checker, CheckFailed
from tools.check_rdb import check_rdb
from tools.output import say

app = typer.Typer()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


@app.command("check-aof")
def check_aof_verb(
    path: Annotated[Path, typer.Argument(help="A manifest, the folder that has it, or one file.")],
    fix: Annotated[bool, typer.Option("--fix", help="Cut away what cannot be loaded at the end.")] = False,
    truncate_to_timestamp: Annotated[
        int | None,
        typer.Option("--truncate-to-timestamp", help="Cut away what was written after this unix time."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Checks an append only file, and repairs it: what redis-check-aof does."""
    checker = Checker(say, lambda text: yes or typer.confirm(text), _now_ms(), fix, truncate_to_timestamp)
    try:
        checker.check(path)
    except CheckFailed as failure:
        say(str(failure))
        raise typer.Exit(1) from failure


@app.command("check-rdb")
def check_rdb_verb(path: Annotated[Path, typer.Argument(help="An RDB file.")]) -> None:
    """Checks an RDB file: what redis-check-rdb does."""
    if check_rdb(path, _now_ms(), say).error is not None:
        raise typer.Exit(1)
