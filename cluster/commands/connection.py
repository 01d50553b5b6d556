"""A connection's own state: protocol, password, database; PING and ECHO."""

from __future__ import annotations

from hmac import compare_digest

from cluster.commands.arguments import integer
from cluster.commands.client import set_name
from cluster.commands.context import Context
from cluster.commands.keys import database, database_index
from cluster.session.session import Kind, Session
from cluster.spec.command import command
from cluster.spec.errors import SYNTAX, CommandError
from cluster.spec.version import REDIS_VERSION
from protocol.resp.types import OK, PONG, Reply, Status

WRONG_PASSWORD = "WRONGPASS invalid username-password pair or user is disabled."


@command(
    "PING",
    "[message]",
    group="connection",
    since="1.0.0",
    flags="FAST",
    tips=("request_policy:all_shards", "response_policy:all_succeeded"),
)
def ping(ctx: Context, *message: bytes) -> Reply:
    """Answers, to show that the connection and the server are alive."""
    if len(message) > 1:
        raise CommandError("ERR wrong number of arguments for 'ping' command")
    if ctx.session.kind is Kind.PUBSUB and ctx.session.protocol == 2:
        return [b"pong", message[0] if message else b""]
    return message[0] if message else PONG


@command("ECHO", "message", group="connection", since="1.0.0", flags="LOADING STALE FAST")
def echo(_ctx: Context, message: bytes) -> Reply:
    """Gives back what it is given."""
    return message


@command("SELECT", "index:integer", group="connection", since="1.0.0", flags="LOADING STALE FAST")
def select(ctx: Context, index: bytes) -> Reply:
    """Changes the connection's database."""
    number = database_index(index)
    if ctx.server.core is not None and number != 0:
        raise CommandError("ERR SELECT is not allowed in cluster mode")
    database(ctx, number)
    ctx.select(number)
    return OK


@command(
    "AUTH",
    "[username] password",
    group="connection",
    since="1.0.0",
    flags="NOSCRIPT LOADING STALE FAST NO_AUTH ALLOW_BUSY",
    complexity="O(N) where N is the number of the user's passwords.",
    history=(("6.0.0", "Takes a username as well."),),
)
def auth(ctx: Context, *words: bytes) -> Reply:
    """Authenticates the connection."""
    if len(words) > 2:
        raise CommandError(SYNTAX)
    if len(words) == 1 and not ctx.server.options.requirepass:
        raise CommandError(
            "ERR AUTH <password> called without any password configured for the default user. Are you sure "
            "your configuration is correct?"
        )
    authenticate(ctx, words[0] if len(words) == 2 else b"default", words[-1])
    return OK


def authenticate(ctx: Context, username: bytes, password: bytes) -> None:
    """Lets the client in. Raises CommandError(WRONG_PASSWORD)."""
    wanted = ctx.server.options.requirepass.encode(errors="surrogateescape")
    if username != b"default" or (wanted and not compare_digest(wanted, password)):
        raise CommandError(WRONG_PASSWORD)
    ctx.session.authenticated = True
    ctx.session.refresh()


@command(
    "HELLO",
    "arguments=[{protover:integer [username_password=AUTH {username password}] [SETNAME clientname]}]",
    group="connection",
    since="6.0.0",
    flags="NOSCRIPT LOADING STALE FAST NO_AUTH ALLOW_BUSY",
    history=(("6.2.0", "Without arguments it only tells of the connection."),),
)
def hello(ctx: Context, *words: bytes) -> Reply:
    """Agrees on a protocol, and tells of server and connection."""
    protocol = _hello_protocol(words[0]) if words else 0
    name = _hello_options(ctx, list(words[1:]))
    session = ctx.session
    if not session.authenticated:
        raise CommandError(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH "
            "<user> <pass> option can be used to authenticate the client and select the RESP protocol "
            "version at the same time"
        )
    if name is not None:
        set_name(session, name)
    if protocol:
        session.protocol = protocol
    return {
        b"server": b"redis",
        b"version": REDIS_VERSION.encode(),
        b"proto": session.protocol,
        b"id": session.id,
        b"mode": b"standalone" if ctx.server.core is None else b"cluster",
        b"role": b"master" if ctx.server.replication.primary is None else b"replica",
        b"modules": [],
    }


def _hello_protocol(word: bytes) -> int:
    number = integer(word, "ERR Protocol version is not an integer or out of range")
    if number not in (2, 3):
        raise CommandError("NOPROTO unsupported protocol version")
    return number


def _hello_options(ctx: Context, words: list[bytes]) -> bytes | None:
    """Authenticates where AUTH is among them; the name that SETNAME gives."""
    name = None
    while words:
        option = words.pop(0)
        if option.upper() == b"AUTH" and len(words) >= 2:
            authenticate(ctx, words.pop(0), words.pop(0))
        elif option.upper() == b"SETNAME" and words:
            name = words.pop(0)
        else:
            raise CommandError(f"ERR Syntax error in HELLO option '{option.decode(errors='replace')}'")
    return name


@command(
    "QUIT",
    group="connection",
    since="1.0.0",
    arity=-1,
    flags="NOSCRIPT LOADING STALE FAST NO_AUTH ALLOW_BUSY",
)
def quit_(ctx: Context, *_words: bytes) -> Reply:
    """Closes the connection."""
    ctx.session.close_after_reply = True
    return OK


@command("RESET", group="connection", since="6.2.0", flags="NOSCRIPT LOADING STALE FAST NO_AUTH ALLOW_BUSY")
def reset(ctx: Context) -> Reply:
    """Brings the connection back to how it began."""
    session, server = ctx.session, ctx.server
    if session.kind is Kind.REPLICA:
        raise CommandError("ERR can only reset normal client connections")
    server.watches.forget(session)
    server.pubsub.forget(session)
    server.monitors.forget(session)
    server.tracking.stop(session)
    session.authenticated = not server.options.requirepass
    ctx.select(0)
    _make_new(session)
    return Status(b"RESET")


def _make_new(session: Session) -> None:
    session.queue = None
    session.queued_bytes = 0
    session.queue_failed = False
    session.asking = session.readonly = False
    session.replies_on = True
    session.skip_next = 0
    session.no_evict = session.no_touch = False
    session.name = b""
    session.protocol = 2
    session.user = "default"
    session.refresh()
