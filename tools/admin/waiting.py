"""Waits for what the nodes take their time over."""

from __future__ import annotations

import time
from collections.abc import Callable

from tools.admin.client import AdminError, ServerError

_POLL_S = 0.02


def wait_until(what: str, missing: Callable[[], str], timeout_s: float) -> None:
    """Polls until `missing` has nothing more to name; a node that still loads its data is asked again. Raises
    AdminError with what it last named, and what `missing` raises."""
    deadline_s = time.monotonic() + timeout_s
    while reason := _unless_loading(missing):
        if time.monotonic() > deadline_s:
            raise AdminError(f"waited {timeout_s:.0f} s in vain for {what}: {reason}")
        time.sleep(_POLL_S)


def _unless_loading(missing: Callable[[], str]) -> str:
    try:
        return missing()
    except ServerError as error:
        if error.code != "LOADING":
            raise
        return str(error)
