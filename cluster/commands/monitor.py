"""MONITOR."""

from __future__ import annotations

from cluster.commands.context import Context
from cluster.spec.command import command
from cluster.spec.errors import CommandError
from protocol.resp.types import OK, Reply


@command("MONITOR", group="server", since="1.0.0", flags="ADMIN NOSCRIPT LOADING STALE", complexity="")
def monitor(ctx: Context) -> Reply:
    """Shows each request that the server serves, as it comes."""
    if ctx.server.runner.is_nested():
        raise CommandError("ERR MONITOR isn't allowed for DENY BLOCKING client")
    ctx.server.monitors.add(ctx.session)
    return OK
