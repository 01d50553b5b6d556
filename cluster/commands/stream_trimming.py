"""What XADD and XTRIM have in common: MAXLEN and MINID.

Approximate trimming depends on how entries lie in nodes, which may differ between nodes of a cluster whose
options differ. So what is propagated says exactly what was left, and a replica trims exactly to that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cluster.commands.arguments import integer
from cluster.commands.context import Context
from cluster.commands.stream_arguments import BAD_ID, stream_id
from cluster.session.session import Kind
from cluster.spec.errors import SYNTAX, CommandError
from cluster.store.values.stream import Stream, Trim
from cluster.store.values.stream_id import format_id, parse_id

_NODES_MAX: Final = 100
"""How many nodes an approximate trimming without LIMIT removes at most."""
_LIMIT_WITHOUT_NODES: Final = 10_000
_LIMIT_MAX: Final = 1_000_000

_TWICE: Final = "ERR syntax error, MAXLEN and MINID options at the same time are not compatible"
_LIMIT_ALONE: Final = "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy"
_NO_STRATEGY: Final = "ERR syntax error, XTRIM must be called with a trimming strategy"
_LIMIT_EXACT: Final = "ERR syntax error, LIMIT cannot be used without the special ~ option"


@dataclass(slots=True)
class Options:
    """The options of XADD and XTRIM. Places are indexes in the request; `id_at` is where XADD's id stands.

    `id_` is None for "*"; `has_seq` is False for "123-*".
    """

    makes_stream: bool = True
    length_max: int | None = None
    id_min: int | None = None
    exact: bool = True
    threshold_at: int = 0
    limit: int | None = None
    id_: int | None = None
    has_seq: bool = True
    id_at: int = 0

    def trim(self) -> Trim | None:
        """What to trim to; None for not at all."""
        if not self.threshold_at:
            return None
        return Trim(self.length_max, self.id_min or 0, self.exact, self.limit or 0)

    def rewrite(self, argv: list[bytes], stream: Stream) -> None:
        """Makes an approximate trimming in a request the exact one that it has come to."""
        left = b"%d" % len(stream) if self.length_max is not None else format_id(stream.lowest_id())
        argv[self.threshold_at - 1 : self.threshold_at + 1] = [b"=", left]


def parse_options(ctx: Context, *, adds: bool) -> Options:
    """The options of the request being served, up to and with XADD's id. Raises CommandError."""
    argv, options = ctx.argv, Options()
    at, end = 2, len(ctx.argv)
    while at < end:
        word, has_more = argv[at].lower(), at + 1 < end
        if adds and word == b"*":
            break
        if word in (b"maxlen", b"minid") and has_more:
            at = _threshold(options, argv, at)
        elif word == b"limit" and has_more:
            at += 1
            options.limit = _not_negative(argv[at], "LIMIT")
        elif adds and word == b"nomkstream":
            options.makes_stream = False
        elif adds:
            options.id_, options.has_seq = _new_id(argv[at])
            break
        else:
            raise CommandError(SYNTAX)
        at += 1
    options.id_at = at
    _check(ctx, options, adds=adds)
    return options


def _threshold(options: Options, argv: list[bytes], at: int) -> int:
    """Reads MAXLEN or MINID; where its threshold stands."""
    if options.threshold_at:
        raise CommandError(_TWICE)
    by_length = argv[at].lower() == b"maxlen"
    options.exact = True
    if at + 2 < len(argv) and argv[at + 1] in (b"~", b"="):
        options.exact = argv[at + 1] == b"="
        at += 1
    at += 1
    if by_length:
        options.length_max = _not_negative(argv[at], "MAXLEN")
    else:
        options.id_min = stream_id(argv[at])
    options.threshold_at = at
    return at


def _not_negative(text: bytes, name: str) -> int:
    value = integer(text)
    if value < 0:
        raise CommandError(f"ERR The {name} argument must be >= 0.")
    return value


def _new_id(text: bytes) -> tuple[int, bool]:
    """XADD's id, and whether it has a sequence: "5-1", "5", or "5-*", which leaves that to us."""
    shown = text.partition(b"\0")[0]
    try:
        if shown.endswith(b"-*") and len(text) < 128:
            return parse_id(shown[:-2] + b"-0"), False
        return parse_id(text), True
    except ValueError:
        raise CommandError(BAD_ID) from None


def _check(ctx: Context, options: Options, *, adds: bool) -> None:
    if options.limit and not options.threshold_at:
        raise CommandError(_LIMIT_ALONE)
    if not adds and not options.threshold_at:
        raise CommandError(_NO_STRATEGY)
    if ctx.session.kind is Kind.PRIMARY:
        options.limit = 0  # What the primary says is exactly what it did, whatever LIMIT came with it.
    elif options.limit is not None and options.exact:
        raise CommandError(_LIMIT_EXACT)
    elif options.limit is None and not options.exact:
        default = _NODES_MAX * ctx.server.options.stream_node_max_entries or _LIMIT_WITHOUT_NODES
        options.limit = min(default, _LIMIT_MAX)
