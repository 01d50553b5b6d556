"""CLIENT: what is known of the clients, and what can be done to them."""

from __future__ import annotations

from collections.abc import Callable

from cluster.commands.arguments import integer
from cluster.commands.context import Context
from cluster.commands.helptext import help_of
from cluster.session.session import Kind, Session
from cluster.spec.command import command, container
from cluster.spec.errors import SYNTAX, CommandError
from protocol.resp.types import NO_REPLY, OK, ErrorReply, Reply, Verbatim

UNBLOCKED = ErrorReply(b"UNBLOCKED client unblocked via CLIENT UNBLOCK")
OWN = "NOSCRIPT LOADING STALE"
ADMIN = "ADMIN NOSCRIPT LOADING STALE"
EVERY_CLIENT = "O(N) where N is the number of clients."

KINDS = {
    b"normal": Kind.NORMAL,
    b"master": Kind.PRIMARY,
    b"slave": Kind.REPLICA,
    b"replica": Kind.REPLICA,
    b"pubsub": Kind.PUBSUB,
}
KIND_LETTERS = {Kind.NORMAL: "", Kind.PRIMARY: "M", Kind.REPLICA: "S", Kind.PUBSUB: "P"}

container("CLIENT", "A container for commands about clients", group="connection", since="2.4.0")


@command("CLIENT HELP", group="connection", since="5.0.0", flags="LOADING STALE")
def client_help(_ctx: Context) -> Reply:
    """Lists the subcommands."""
    return help_of("CLIENT")


# Oneself


@command("CLIENT ID", group="connection", since="5.0.0", flags=OWN)
def client_id(ctx: Context) -> Reply:
    """Tells the connection's id."""
    return ctx.session.id


@command("CLIENT GETNAME", group="connection", since="2.6.9", flags=OWN)
def client_getname(ctx: Context) -> Reply:
    """Tells the connection's name."""
    return ctx.session.name or None


@command("CLIENT SETNAME", "connection-name", group="connection", since="2.6.9", flags=OWN)
def client_setname(ctx: Context, name: bytes) -> Reply:
    """Gives the connection a name."""
    set_name(ctx.session, name)
    return OK


def set_name(session: Session, name: bytes) -> None:
    """Raises CommandError for a name that CLIENT LIST could not show."""
    session.name = _shown(name, "Client names")


def _shown(text: bytes, what: str) -> bytes:
    if any(not 33 <= byte <= 126 for byte in text):
        raise CommandError(f"ERR {what} cannot contain spaces, newlines or special characters.")
    return text


@command(
    "CLIENT SETINFO",
    "attr={LIB-NAME libname | LIB-VER libver}",
    group="connection",
    since="7.2.0",
    flags=OWN,
)
def client_setinfo(ctx: Context, attribute: bytes, value: bytes) -> Reply:
    """Notes the name or version of the client's library."""
    lowered = attribute.lower()
    if lowered == b"lib-name":
        ctx.session.lib_name = _shown(value, "lib-name")
    elif lowered == b"lib-ver":
        ctx.session.lib_version = _shown(value, "lib-ver")
    else:
        raise CommandError(f"ERR Unrecognized option '{attribute.decode(errors='replace')}'")
    return OK


@command("CLIENT REPLY", "on_off_skip={ON | OFF | SKIP}", group="connection", since="3.2.0", flags=OWN)
def client_reply(ctx: Context, mode: bytes) -> Reply:
    """Switches replies on or off, or skips the next one."""
    session, mode = ctx.session, mode.upper()
    if mode not in (b"ON", b"OFF", b"SKIP"):
        raise CommandError(SYNTAX)
    if mode == b"SKIP":
        # While replies are off there is none to skip.
        session.skip_next += session.replies_on
    else:
        session.replies_on = mode == b"ON"
    session.refresh()
    return OK if mode == b"ON" else NO_REPLY


@command("CLIENT NO-EVICT", "enabled={ON | OFF}", group="connection", since="7.0.0", flags=ADMIN)
def client_no_evict(ctx: Context, mode: bytes) -> Reply:
    """Exempts the connection from being closed when clients take too much memory."""
    ctx.session.no_evict = _on_or_off(mode)
    return OK


@command("CLIENT NO-TOUCH", "enabled={ON | OFF}", group="connection", since="7.2.0", flags=OWN)
def client_no_touch(ctx: Context, mode: bytes) -> Reply:
    """Has the connection's requests not count as use of the keys."""
    ctx.session.no_touch = _on_or_off(mode)
    ctx.session.refresh()
    return OK


def _on_or_off(mode: bytes) -> bool:
    if mode.upper() not in (b"ON", b"OFF"):
        raise CommandError(SYNTAX)
    return mode.upper() == b"ON"


# All clients


@command("CLIENT INFO", group="connection", since="6.2.0", flags=OWN, tips=("nondeterministic_output",))
def client_info(ctx: Context) -> Reply:
    """Describes the connection."""
    return Verbatim(describe(ctx, ctx.session))


@command(
    "CLIENT LIST",
    "[normal_master_replica_pubsub=TYPE {NORMAL | MASTER | REPLICA | PUBSUB}] [id=ID (client-id:integer+)]",
    group="connection",
    since="2.4.0",
    flags=ADMIN,
    tips=("nondeterministic_output",),
    complexity=EVERY_CLIENT,
    history=(
        ("2.8.12", "The field id."),
        ("5.0.0", "The option TYPE."),
        ("6.0.0", "The field user."),
        ("6.2.0", "The fields argv-mem, tot-mem, laddr and redir, and the option ID."),
        ("7.0.0", "The fields resp, multi-mem, rbs and rbp."),
        ("7.0.3", "The field ssub."),
    ),
)
def client_list(ctx: Context, *words: bytes) -> Reply:
    """Describes the clients, a line for each."""
    sessions = list(ctx.server.sessions.values())
    if len(words) == 2 and words[0].upper() == b"TYPE":
        kind = _kind(words[1])
        sessions = [session for session in sessions if session.kind is kind]
    elif len(words) >= 2 and words[0].upper() == b"ID":
        wanted = [integer(word, "ERR Invalid client ID") for word in words[1:]]
        sessions = [ctx.server.sessions[number] for number in wanted if number in ctx.server.sessions]
    elif words:
        raise CommandError(SYNTAX)
    return Verbatim(b"".join(describe(ctx, session) for session in sessions))


def _kind(word: bytes) -> Kind:
    kind = KINDS.get(word.lower())
    if kind is None:
        raise CommandError(f"ERR Unknown client type '{word.decode(errors='replace')}'")
    return kind


def describe(ctx: Context, session: Session) -> bytes:
    """A client's line in CLIENT LIST."""
    now_ms = ctx.now_ms
    queue = session.queue
    unserved, unsent = session.buffers()
    fields: dict[str, object] = {
        "id": session.id,
        "addr": session.address,
        "laddr": session.local_address,
        "fd": session.id + 7,
        "name": session.name.decode(),
        "age": max(0, now_ms - session.created_ms) // 1000,
        "idle": max(0, now_ms - session.last_interaction_ms) // 1000,
        "flags": _flags(session),
        "db": session.database,
        "sub": len(session.channels),
        "psub": len(session.patterns),
        "ssub": len(session.shard_channels),
        "multi": -1 if queue is None else len(queue),
        "qbuf": unserved,
        "qbuf-free": 0,
        "argv-mem": sum(map(len, session.context.argv)),
        "multi-mem": session.queued_bytes,
        "rbs": 0,
        "rbp": 0,
        "obl": 0,
        "oll": int(unsent > 0),
        "omem": unsent,
        "tot-mem": session.memory_bytes(),
        "events": "r",
        "cmd": session.last_command,
        "user": session.user,
        "redir": -1 if session.tracking is None else session.tracking.redirect,
        "resp": session.protocol,
    }
    if session.lib_name or session.lib_version:
        fields["lib-name"] = session.lib_name.decode()
        fields["lib-ver"] = session.lib_version.decode()
    return " ".join(f"{name}={value}" for name, value in fields.items()).encode() + b"\n"


def _flags(session: Session) -> str:
    letters = "O" if session.monitors else KIND_LETTERS[session.kind]
    letters += "x" if session.queue is not None else ""
    letters += "b" if session.waiting is not None else ""
    letters += "d" if session.watch_broken else ""
    letters += "c" if session.close_after_reply else ""
    letters += "r" if session.readonly else ""
    letters += "e" if session.no_evict else ""
    letters += "T" if session.no_touch else ""
    if session.tracking is not None:
        letters += "t" + "R" * session.tracking.is_broken + "B" * session.tracking.broadcasts
    return letters or "N"


Test = Callable[[Session], bool]


@command(
    "CLIENT KILL",
    "filter={ip:port | new-format={[ID client-id:integer] | "
    "[normal_master_slave_pubsub=TYPE {NORMAL | MASTER | SLAVE | REPLICA | PUBSUB}] | [USER username] | "
    "[ADDR ip:port] | [LADDR ip:port] | [SKIPME yes/no]}+}",
    group="connection",
    since="2.4.0",
    arity=-3,
    flags=ADMIN,
    complexity=EVERY_CLIENT,
    history=(
        ("2.8.12", "Filters."),
        ("2.8.12", "The filter ID."),
        ("3.2.0", "The type MASTER."),
        ("5.0.0", "The type REPLICA, which SLAVE still means as well."),
        ("6.2.0", "The filter LADDR."),
    ),
)
def client_kill(ctx: Context, *words: bytes) -> Reply:
    """Closes clients: one address, or all that pass the filters."""
    if len(words) == 1:
        tests: list[Test] = [lambda session: session.address.encode() == words[0]]
        skips_me = False
    elif len(words) % 2:
        raise CommandError(SYNTAX)
    else:
        tests = []
        skips_me = True
        for option, value in zip(words[::2], words[1::2], strict=True):
            if option.upper() == b"SKIPME":
                skips_me = _yes_or_no(value)
            else:
                tests.append(_filter(option.upper(), value))
    killed = 0
    for session in list(ctx.server.sessions.values()):
        if (session is ctx.session and skips_me) or not all(test(session) for test in tests):
            continue
        ctx.server.runner.hang_up(session)
        killed += 1
    if len(words) > 1:
        return killed
    if not killed:
        raise CommandError("ERR No such client")
    return OK


def _yes_or_no(word: bytes) -> bool:
    if word.lower() not in (b"yes", b"no"):
        raise CommandError(SYNTAX)
    return word.lower() == b"yes"


def _filter(option: bytes, value: bytes) -> Test:
    """One of CLIENT KILL's filters. Raises CommandError."""
    if option == b"ID":
        number = integer(value, "ERR client-id should be greater than 0")
        if number < 1:
            raise CommandError("ERR client-id should be greater than 0")
        return lambda session: session.id == number
    if option == b"TYPE":
        kind = _kind(value)
        return lambda session: session.kind is kind
    if option == b"USER":
        if value != b"default":
            raise CommandError(f"ERR No such user '{value.decode(errors='replace')}'")
        return lambda session: session.user == "default"
    if option == b"ADDR":
        return lambda session: session.address.encode() == value
    if option == b"LADDR":
        return lambda session: session.local_address.encode() == value
    raise CommandError(SYNTAX)


@command(
    "CLIENT PAUSE",
    "timeout:integer [mode={WRITE | ALL}]",
    group="connection",
    since="2.9.50",
    flags=ADMIN,
    history=(("6.2.0", "The option WRITE."),),
)
def client_pause(ctx: Context, timeout: bytes, *mode: bytes) -> Reply:
    """Holds all requests, or those that write, for some milliseconds."""
    word = mode[0].upper() if len(mode) == 1 else b"ALL"
    if len(mode) > 1 or word not in (b"WRITE", b"ALL"):
        raise CommandError("ERR CLIENT PAUSE mode must be WRITE or ALL")
    timeout_ms = integer(timeout, "ERR timeout is not an integer or out of range")
    if timeout_ms < 0:
        raise CommandError("ERR timeout is negative")
    ctx.server.pause("client", ctx.now_ms + timeout_ms, everything=word == b"ALL")
    return OK


@command(
    "CLIENT UNPAUSE",
    group="connection",
    since="6.2.0",
    flags=ADMIN,
    complexity="O(N) where N is the number of requests that are held.",
)
def client_unpause(ctx: Context) -> Reply:
    """Ends CLIENT PAUSE."""
    ctx.server.unpause("client")
    return OK


@command(
    "CLIENT UNBLOCK",
    "client-id:integer [timeout_error={TIMEOUT | ERROR}]",
    group="connection",
    since="5.0.0",
    flags=ADMIN,
)
def client_unblock(ctx: Context, client: bytes, *reason: bytes) -> Reply:
    """Ends a client's wait in a blocking command, as if its time were over or with an error."""
    word = reason[0].upper() if len(reason) == 1 else b"TIMEOUT"
    if len(reason) > 1 or word not in (b"TIMEOUT", b"ERROR"):
        raise CommandError("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")
    session = ctx.server.sessions.get(integer(client))
    if session is None:
        return 0
    return int(ctx.server.runner.unblock(session, UNBLOCKED if word == b"ERROR" else None))
