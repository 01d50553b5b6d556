"""CONFIG: the node's options while it runs."""

from __future__ import annotations

from cluster.commands.context import Context
from cluster.commands.helptext import help_of
from cluster.spec.command import command, container
from cluster.spec.errors import LOADING, SYNTAX, CommandError
from cluster.spec.options import BY_NAME, ChangeRefused
from cluster.store.glob import matcher
from protocol.resp.types import OK, Reply

ADMIN = "ADMIN NOSCRIPT LOADING STALE"
EACH = "O(N) where N is the number of parameters given."

container("CONFIG", "A container for commands about the configuration", group="server", since="2.0.0")


@command("CONFIG HELP", group="server", since="5.0.0", flags="LOADING STALE")
def config_help(_ctx: Context) -> Reply:
    """Lists the subcommands."""
    return help_of("CONFIG")


@command(
    "CONFIG GET",
    "parameter=(parameter)+",
    group="server",
    since="2.0.0",
    flags=ADMIN,
    complexity=EACH,
    history=(("7.0.0", "Takes several patterns."),),
)
def config_get(ctx: Context, *patterns: bytes) -> Reply:
    """Tells the values of the parameters that match the patterns."""
    tests = [matcher(pattern.lower()) for pattern in patterns]
    found = ctx.server.options.get(lambda name: any(test(name.encode()) for test in tests))
    return {name.encode(): value.encode(errors="surrogateescape") for name, value in found.items()}


@command(
    "CONFIG SET",
    "parameter_value={parameter value}+",
    group="server",
    since="2.0.0",
    flags=ADMIN,
    complexity=EACH,
    tips=("request_policy:all_nodes", "response_policy:all_succeeded"),
    history=(("7.0.0", "Takes several parameters."),),
)
def config_set(ctx: Context, *words: bytes) -> Reply:
    """Changes parameters: all that are given, or none."""
    if len(words) % 2:
        raise CommandError(SYNTAX)
    settings = _settings(words)
    if ctx.server.loading and not all(BY_NAME[name].while_loading for name in settings):
        # With half of the data here a base of the append only file would have only that.
        raise CommandError(LOADING)
    options = ctx.server.options
    before = dict(vars(options))
    try:
        changed = options.change(settings)
        for name in changed:
            _apply(ctx, name)
    except ChangeRefused as refusal:
        vars(options).update(before)
        raise CommandError(
            f"ERR CONFIG SET failed (possibly related to argument '{refusal.name}') - {refusal.reason}"
        ) from None
    ctx.server.refresh()
    return OK


def _settings(words: tuple[bytes, ...]) -> dict[str, str]:
    """The parameters by the names that the client gave them. Raises CommandError."""
    settings: dict[str, str] = {}
    seen: set[str] = set()
    for name_bytes, value in zip(words[::2], words[1::2], strict=True):
        given = name_bytes.decode(errors="replace")
        option = BY_NAME.get(given.lower())
        if option is None or not option.shown:
            raise CommandError(f"ERR Unknown option or number of arguments for CONFIG SET - '{given}'")
        if option.name in seen:
            raise CommandError(
                f"ERR CONFIG SET failed (possibly related to argument '{given}') - duplicate parameter"
            )
        seen.add(option.name)
        settings[given.lower()] = value.decode(errors="surrogateescape")
    return settings


def _apply(ctx: Context, name: str) -> None:
    """Has the process act on it. Raises ChangeRefused when it can't (a port in use)."""
    try:
        ctx.server.host.option_changed(name)
    except OSError as error:
        raise ChangeRefused(name, str(error)) from error


@command("CONFIG RESETSTAT", group="server", since="2.0.0", flags=ADMIN)
def config_resetstat(ctx: Context) -> Reply:
    """Sets the statistics of INFO to zero."""
    ctx.server.statistics.reset()
    for database in ctx.server.databases:
        database.hits = database.misses = database.expired = 0
    return OK


@command("CONFIG REWRITE", group="server", since="2.8.0", flags=ADMIN)
def config_rewrite(ctx: Context) -> Reply:
    """Writes the present values to the config file."""
    reason = ctx.server.host.rewrite_config()
    if reason:
        raise CommandError(f"ERR {reason}")
    return OK
