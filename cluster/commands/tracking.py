"""CLIENT TRACKING and what belongs to it: client-side caching.

Source: https://redis.io/docs/latest/commands/client-tracking/
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cluster.commands.arguments import integer
from cluster.commands.client import OWN
from cluster.commands.context import Context
from cluster.session.session import TrackingMode
from cluster.spec.command import command
from cluster.spec.errors import SYNTAX, CommandError
from protocol.resp.types import OK, Reply, SetReply

SWITCH_FIRST = "before disabling tracking for this client, and then re-enabling it with a different mode."


@dataclass(slots=True)
class _Options:
    redirect: int = 0
    prefixes: list[bytes] = field(default_factory=list)
    flags: set[bytes] = field(default_factory=set)


@command(
    "CLIENT TRACKING",
    "status={ON | OFF} [REDIRECT client-id:integer] [PREFIX+ prefix] [BCAST] [OPTIN] [OPTOUT] [NOLOOP]",
    group="connection",
    since="6.0.0",
    arity=-3,
    flags=OWN,
    complexity="O(1). Some options may introduce additional complexity.",
)
def client_tracking(ctx: Context, status: bytes, *words: bytes) -> Reply:
    """Switches on or off that the client is told when keys change that it may have cached."""
    options = _options(ctx, words)
    word = status.upper()
    if word == b"ON":
        _start(ctx, options)
    elif word == b"OFF":
        ctx.server.tracking.stop(ctx.session)
    else:
        raise CommandError(SYNTAX)
    return OK


def _options(ctx: Context, words: tuple[bytes, ...]) -> _Options:
    options = _Options()
    at = 0
    while at < len(words):
        word = words[at].upper()
        if word in (b"REDIRECT", b"PREFIX") and at + 1 < len(words):
            at += 1
            if word == b"PREFIX":
                options.prefixes.append(words[at])
            else:
                options.redirect = _redirect(ctx, options, words[at])
        elif word in (b"BCAST", b"OPTIN", b"OPTOUT", b"NOLOOP"):
            options.flags.add(word)
        else:
            raise CommandError(SYNTAX)
        at += 1
    return options


def _redirect(ctx: Context, options: _Options, text: bytes) -> int:
    if options.redirect:
        raise CommandError("ERR A client can only redirect to a single other client")
    number = integer(text)
    if number not in ctx.server.sessions:
        raise CommandError("ERR The client ID you want redirect to does not exist")
    return number


def _start(ctx: Context, options: _Options) -> None:
    broadcasts, optin, optout = (word in options.flags for word in (b"BCAST", b"OPTIN", b"OPTOUT"))
    old = ctx.session.tracking
    if options.prefixes and not broadcasts:
        raise CommandError("ERR PREFIX option requires BCAST mode to be enabled")
    if old is not None and old.broadcasts != broadcasts:
        raise CommandError(f"ERR You can't switch BCAST mode on/off {SWITCH_FIRST}")
    if broadcasts and (optin or optout):
        raise CommandError("ERR OPTIN and OPTOUT are not compatible with BCAST")
    if optin and optout:
        raise CommandError("ERR You can't specify both OPTIN mode and OPTOUT mode")
    if old is not None and ((optin and old.opts == "out") or (optout and old.opts == "in")):
        raise CommandError(f"ERR You can't switch OPTIN/OPTOUT mode {SWITCH_FIRST}")
    earlier = old.prefixes if old is not None else ()
    _check_prefixes(sorted(earlier), options.prefixes)
    every_key = broadcasts and not options.prefixes and b"" not in earlier
    prefixes = (*earlier, *options.prefixes, *((b"",) if every_key else ()))
    mode = TrackingMode(
        redirect=options.redirect,
        broadcasts=broadcasts,
        prefixes=prefixes,
        opts="in" if optin else "out" if optout else "",
        ignores_own=b"NOLOOP" in options.flags,
    )
    ctx.server.tracking.start(ctx.session, mode)


def _check_prefixes(earlier: list[bytes], given: list[bytes]) -> None:
    """A key must not be told of twice. Raises CommandError."""
    for at, prefix in enumerate(given):
        for others, what in ((earlier, "an existing"), (given[at + 1 :], "another provided")):
            for other in others:
                if prefix.startswith(other) or other.startswith(prefix):
                    raise CommandError(
                        b"ERR Prefix '%b' overlaps with %b prefix '%b'. Prefixes for a single client must "
                        b"not overlap." % (prefix, what.encode(), other)
                    )


@command("CLIENT CACHING", "mode={YES | NO}", group="connection", since="6.0.0", flags=OWN)
def client_caching(ctx: Context, mode: bytes) -> Reply:
    """Says whether the keys of the next request are tracked, in the modes OPTIN and OPTOUT."""
    tracking = ctx.session.tracking
    if tracking is None:
        raise CommandError(
            "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT "
            "mode enabled"
        )
    word = mode.upper()
    if word not in (b"YES", b"NO"):
        raise CommandError(SYNTAX)
    needed = "in" if word == b"YES" else "out"
    if tracking.opts != needed:
        raise CommandError(
            f"ERR CLIENT CACHING {word.decode()} is only valid when tracking is enabled in "
            f"OPT{needed.upper()} mode."
        )
    tracking.next_is_excepted = True
    return OK


@command("CLIENT GETREDIR", group="connection", since="6.0.0", flags=OWN)
def client_getredir(ctx: Context) -> Reply:
    """Tells to which client tracking's messages are sent: 0 for none but the own, -1 without tracking."""
    return -1 if ctx.session.tracking is None else ctx.session.tracking.redirect


@command("CLIENT TRACKINGINFO", group="connection", since="6.2.0", flags=OWN)
def client_trackinginfo(ctx: Context) -> Reply:
    """Tells the state of tracking."""
    mode = ctx.session.tracking
    if mode is None:
        return {b"flags": SetReply([b"off"]), b"redirect": -1, b"prefixes": []}
    flags = [b"on"]
    if mode.broadcasts:
        flags.append(b"bcast")
    if mode.opts:
        flags.append(b"opt" + mode.opts.encode())
        if mode.next_is_excepted:
            flags.append(b"caching-yes" if mode.opts == "in" else b"caching-no")
    if mode.ignores_own:
        flags.append(b"noloop")
    if mode.is_broken:
        flags.append(b"broken_redirect")
    return {b"flags": SetReply(flags), b"redirect": mode.redirect, b"prefixes": [*sorted(mode.prefixes)]}
