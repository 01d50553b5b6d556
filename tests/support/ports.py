"""Ports for the servers that tests start."""

from __future__ import annotations

import os
import random

from tools.admin.client import AdminError
from tools.up.processes import require_free

_FIRST = 11_000
_SHARE = 1_200
_SHARES = 8
_next = random.randrange(_SHARE)


def free_port(count: int = 1) -> int:
    """The first of `count` neighbouring ports that are free, as are their bus ports. Raises AdminError.

    Each worker of a parallel run has a share of its own, and all lie below the range from which the kernel
    gives ports to outgoing connections, so that they stay free until they are used. None is given twice
    before all of a share were.
    """
    global _next
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % _SHARES
    start = _FIRST + worker * _SHARE
    for _ in range(_SHARE):
        if _next + count > _SHARE:
            _next = 0
        first = start + _next
        try:
            for port in range(first, first + count):
                require_free(port)
        except AdminError:
            _next += 1
            continue
        _next += count
        return first
    raise AdminError("no free ports")
