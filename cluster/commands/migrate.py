"""MIGRATE: the request is read and checked here; the node carries the keys over."""

from __future__ import annotations

from dataclasses import dataclass

from cluster.commands.arguments import integer
from cluster.commands.context import Context, Migration
from cluster.spec.command import command
from cluster.spec.errors import SYNTAX, CommandError
from protocol.resp.types import LATER, Reply, Status

DEFAULT_TIMEOUT_MS = 1000
FIRST_OPTION = 6


@dataclass(slots=True)
class _Options:
    copy: bool = False
    replace: bool = False
    user: bytes | None = None
    password: bytes | None = None
    keys: list[bytes] | None = None


def migrate_keys(argv: list[bytes]) -> list[int]:
    """The indexes of the keys: the third argument, or all behind KEYS where that one is empty."""
    if len(argv) <= 3 or argv[3]:
        return [3] if len(argv) > 3 else []
    at = FIRST_OPTION
    while at < len(argv):
        word = argv[at].lower()
        if word == b"keys":
            return list(range(at + 1, len(argv)))
        # A password may be called "keys".
        at += {b"auth": 2, b"auth2": 3}.get(word, 1)
    return []


@command(
    "MIGRATE",
    "host port:integer key_or_empty_string={key | empty_string=''} destination-db:integer timeout:integer "
    "[COPY] [REPLACE] authentication=[[AUTH password] | [username_password=AUTH2 {username password}]] "
    "[KEYS key+]",
    arity=-6,
    group="generic",
    since="2.6.0",
    flags="WRITE",
    keys="RW ACCESS DELETE @ index:3 range:0,1,0; RW ACCESS DELETE INCOMPLETE @ keyword:KEYS,-2 range:-1,1,0",
    key_finder=migrate_keys,
    acl="DANGEROUS",
    tips=("nondeterministic_output",),
    complexity="O(N) where N is the size of the values: each is dumped here, sent, and restored there.",
    history=(
        ("3.0.0", "The options COPY and REPLACE."),
        ("3.0.6", "The option KEYS."),
        ("4.0.7", "The option AUTH."),
        ("6.0.0", "The option AUTH2."),
    ),
)
def migrate(
    ctx: Context, host: bytes, port: bytes, key: bytes, database: bytes, timeout: bytes, *words: bytes
) -> Reply:
    """Moves keys to another server, so that at no moment a client finds them on both or on none."""
    options = _options(words, key)
    timeout_ms = integer(timeout)
    target_database = integer(database)
    names = [key] if options.keys is None else options.keys
    present = tuple(dict.fromkeys(name for name in names if ctx.db.peek(name) is not None))
    if not present:
        return Status(b"NOKEY")
    if ctx.server.runner.is_nested():
        raise CommandError("ERR MIGRATE is not allowed in transactions")
    ctx.server.host.migrate(
        ctx.session,
        Migration(
            host=host.decode("utf-8", "surrogateescape"),
            port=_port(port),
            database=target_database,
            timeout_ms=timeout_ms if timeout_ms > 0 else DEFAULT_TIMEOUT_MS,
            keys=present,
            copy=options.copy,
            replace=options.replace,
            user=options.user,
            password=options.password,
        ),
    )
    return LATER


def _port(text: bytes) -> int:
    """As C's atoi has it for what is a port; else 0, to which nobody can be connected."""
    return int(text) if text.isdigit() and len(text) <= 5 and int(text) <= 65535 else 0


def _options(words: tuple[bytes, ...], key: bytes) -> _Options:
    options = _Options()
    at = 0
    while at < len(words):
        word, more = words[at].lower(), len(words) - at - 1
        if word == b"copy":
            options.copy = True
        elif word == b"replace":
            options.replace = True
        elif word == b"auth" and more >= 1:
            options.password = words[at + 1]
            at += 1
        elif word == b"auth2" and more >= 2:
            options.user, options.password = words[at + 1 : at + 3]
            at += 2
        elif word == b"keys":
            if key:
                raise CommandError(
                    "ERR When using MIGRATE KEYS option, the key argument must be set to the empty string"
                )
            options.keys = list(words[at + 1 :])
            break
        else:
            raise CommandError(SYNTAX)
        at += 1
    return options
