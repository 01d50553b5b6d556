"""Ports for the servers that tests start."""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import tempfile
from pathlib import Path

from tools.admin.client import AdminError
from tools.up.processes import require_free

FIRST = 11_000
SHARE = 600
SHARES = 16

_start: int | None = None
_next = 0


def free_port(count: int = 1) -> int:
    """The first of `count` neighbouring ports that are free, as are their bus ports. Raises AdminError.

    All lie below the range from which the kernel gives ports to outgoing connections, so that they stay free
    until they are used. None is given twice before all of a share were.
    """
    global _start, _next
    if _start is None:
        _start, _next = FIRST + _claimed() * SHARE, random.randrange(SHARE)
    for _ in range(SHARE):
        if _next + count > SHARE:
            _next = 0
        first = _start + _next
        try:
            for port in range(first, first + count):
                require_free(port)
        except AdminError:
            _next += 1
            continue
        _next += count
        return first
    raise AdminError("no free ports")


def _claimed() -> int:
    """A share that is this process's until it ends, with which the lock goes. Another's server at the port of
    a node that is down for a moment would answer its clients in its place, and be told what they take for
    kept."""
    for share in range(SHARES):
        path = Path(tempfile.gettempdir()) / f"starling-test-ports-{share}.lock"
        with contextlib.suppress(OSError):
            lock = os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(lock)
                continue
            return share
    raise AdminError(f"{SHARES} processes that run tests have all the ports")
