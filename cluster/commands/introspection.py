"""COMMAND: what the commands are, from their declarations."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from cluster.commands.context import Context
from cluster.commands.helptext import help_of
from cluster.spec.command import CommandSpec, KeySpec, command
from cluster.spec.errors import SYNTAX, CommandError
from cluster.spec.syntax import Argument
from cluster.store.glob import matcher
from protocol.resp.types import Reply, SetReply, Status

FLAGS = "LOADING STALE"
ANY_ORDER = ("nondeterministic_output_order",)
LOOKED_UP = "O(N) where N is the number of commands to look up."
ALL_COMMANDS = "O(N) where N is the number of commands."

KEY_NUMBER_FIELDS = {"range": ("lastkey", "keystep", "limit"), "keynum": ("keynumidx", "firstkey", "keystep")}


@command("COMMAND", group="server", since="2.8.13", arity=-1, flags=FLAGS, acl="CONNECTION", tips=ANY_ORDER,
         complexity=ALL_COMMANDS)  # fmt: skip
def command_(ctx: Context, *words: bytes) -> Reply:
    """Describes all commands."""
    if words:
        raise CommandError(SYNTAX)
    return [describe(spec) for spec in ctx.server.runner.specs().values()]


@command("COMMAND HELP", group="server", since="5.0.0", flags=FLAGS, acl="CONNECTION")
def command_help(_ctx: Context) -> Reply:
    """Lists the subcommands."""
    return help_of("COMMAND")


@command("COMMAND COUNT", group="server", since="2.8.13", flags=FLAGS, acl="CONNECTION")
def command_count(ctx: Context) -> Reply:
    """Counts the commands."""
    return len(ctx.server.runner.specs())


@command("COMMAND INFO", "[command-name+]", group="server", since="2.8.13", flags=FLAGS, acl="CONNECTION",
         tips=ANY_ORDER, complexity=LOOKED_UP,
         history=(("7.0.0", "Without names it describes all."),))  # fmt: skip
def command_info(ctx: Context, *names: bytes) -> Reply:
    """Describes some commands, or all."""
    if not names:
        return command_(ctx)
    return [None if spec is None else describe(spec) for spec in (_find(ctx, name) for name in names)]


@command("COMMAND DOCS", "[command-name+]", group="server", since="7.0.0", flags=FLAGS, acl="CONNECTION",
         tips=ANY_ORDER, complexity=LOOKED_UP)  # fmt: skip
def command_docs(ctx: Context, *names: bytes) -> Reply:
    """Documents some commands, or all."""
    found = (_find(ctx, name) for name in names) if names else ctx.server.runner.specs().values()
    return {spec.name.encode(): document(spec) for spec in found if spec is not None}


@command("COMMAND LIST",
         "[filterby=FILTERBY {MODULE module-name | ACLCAT category | PATTERN pattern:pattern}]",
         group="server", since="7.0.0", flags=FLAGS, acl="CONNECTION", tips=ANY_ORDER,
         complexity=ALL_COMMANDS)  # fmt: skip
def command_list(ctx: Context, *words: bytes) -> Reply:
    """Lists the names of the commands."""
    test = _filter(words)
    every = (
        each for spec in ctx.server.runner.specs().values() for each in (spec, *spec.subcommands.values())
    )
    shown = every if words else ctx.server.runner.specs().values()
    return [spec.name.encode() for spec in shown if test(spec)]


def _filter(words: tuple[bytes, ...]) -> Callable[[CommandSpec], bool]:
    if not words:
        return lambda _: True
    if len(words) != 3 or words[0].upper() != b"FILTERBY":
        raise CommandError(SYNTAX)
    kind, value = words[1].upper(), words[2].lower()
    if kind == b"MODULE":
        return lambda _: False
    if kind == b"ACLCAT":
        return lambda spec: value.decode(errors="replace") in spec.categories
    if kind == b"PATTERN":
        matches = matcher(value)
        return lambda spec: matches(spec.name.encode())
    raise CommandError(SYNTAX)


@command("COMMAND GETKEYS", group="server", since="2.8.13", arity=-4, flags=FLAGS, acl="CONNECTION",
         complexity="O(N) where N is the number of arguments.")  # fmt: skip
def command_getkeys(ctx: Context, *argv: bytes) -> Reply:
    """Tells the keys of a request."""
    request = list(argv)
    spec = _keyed(ctx, request)
    keys = spec.keys(request)
    if not keys:
        raise CommandError("ERR Invalid arguments specified for command")
    return list(keys)


@command("COMMAND GETKEYSANDFLAGS", group="server", since="7.0.0", arity=-4, flags=FLAGS, acl="CONNECTION",
         complexity="O(N) where N is the number of arguments.")  # fmt: skip
def command_getkeysandflags(ctx: Context, *argv: bytes) -> Reply:
    """Tells the keys of a request, and what it does to them."""
    request = list(argv)
    spec = _keyed(ctx, request)
    found = spec.flagged_keys(request)
    if not found:
        raise CommandError("ERR Invalid arguments specified for command")
    return [[request[place], _statuses(flags)] for place, flags in found]


def _keyed(ctx: Context, argv: list[bytes]) -> CommandSpec:
    spec = ctx.server.runner.lookup(argv)
    if spec is None:
        raise CommandError("ERR Invalid command specified")
    names_keys = any("not_key" not in each.flags for each in spec.key_specs)
    if not names_keys and spec.key_finder is None:
        raise CommandError("ERR The command has no key arguments")
    if not spec.takes(len(argv)):
        raise CommandError("ERR Invalid number of arguments specified for command")
    return spec


def _find(ctx: Context, name: bytes) -> CommandSpec | None:
    """A command by "get", or a subcommand by "config|get"."""
    words = name.lower().split(b"|")
    spec = ctx.server.runner.specs().get(words[0])
    if spec is None or len(words) == 1:
        return spec
    return spec.subcommands.get(words[1]) if len(words) == 2 else None


# COMMAND INFO


def describe(spec: CommandSpec) -> Reply:
    """One command as COMMAND and COMMAND INFO have it."""
    first, last, step = key_range(spec)
    flags = set(spec.flags)
    if is_movable(spec):
        flags.add("movablekeys")
    return [
        spec.name.encode(),
        spec.arity,
        _statuses(sorted(flags)),
        first,
        last,
        step,
        _statuses("@" + category for category in spec.categories),
        SetReply(tip.encode() for tip in spec.tips),
        SetReply(_key_spec(each) for each in spec.key_specs),
        _subcommands(spec),
    ]


def _subcommands(spec: CommandSpec) -> Reply:
    if not spec.subcommands:
        return SetReply()
    return [describe(each) for each in spec.subcommands.values()]


def _statuses(words: Iterable[str]) -> SetReply:
    return SetReply(Status(word.encode()) for word in words)


def _key_spec(spec: KeySpec) -> Reply:
    notes: dict[bytes, Reply] = {b"notes": spec.notes.encode()} if spec.notes else {}
    return {
        **notes,
        b"flags": _statuses(spec.flags),
        b"begin_search": _begin(spec),
        b"find_keys": _finder(spec),
    }


def _begin(spec: KeySpec) -> Reply:
    if spec.begin is None:
        return {b"type": b"unknown", b"spec": {}}
    if spec.begin[0] == "index":
        return {b"type": b"index", b"spec": {b"index": int(spec.begin[1])}}
    place: Reply = {b"keyword": str(spec.begin[1]).encode(), b"startfrom": int(spec.begin[2])}
    return {b"type": b"keyword", b"spec": place}


def _finder(spec: KeySpec) -> Reply:
    if spec.find is None:
        return {b"type": b"unknown", b"spec": {}}
    kind, *numbers = spec.find
    fields = KEY_NUMBER_FIELDS[str(kind)]
    place: Reply = {name.encode(): int(number) for name, number in zip(fields, numbers, strict=True)}
    return {b"type": str(kind).encode(), b"spec": place}


def is_movable(spec: CommandSpec) -> bool:
    """Whether first key, last key and step cannot say where all keys are."""
    return spec.key_finder is not None or any(not _is_range(each) for each in spec.key_specs)


def _is_range(spec: KeySpec) -> bool:
    return bool(spec.begin and spec.begin[0] == "index" and spec.find and spec.find[0] == "range")


def key_range(spec: CommandSpec) -> tuple[int, int, int]:
    """First key, last key (negative: from the end) and step: as much as clients of old can understand.

    Several specifications make one range when each begins right behind the one before.
    """
    first = last = 0
    step = 1
    for each in spec.key_specs:
        if not _is_range(each) or each.begin is None or each.find is None:
            continue
        begin, end, every = int(each.begin[1]), int(each.find[1]), int(each.find[2])
        if first and (begin != last + 1 or every != 1):
            break
        first = first or begin
        last = end + begin if end >= 0 else end
        step = every
    return (first, last, step) if first else (0, 0, 0)


# COMMAND DOCS


def document(spec: CommandSpec) -> Reply:
    """One command as COMMAND DOCS has it."""
    fields: dict[bytes, Reply] = {
        b"summary": spec.summary.encode(),
        b"since": spec.since.encode(),
        b"group": spec.group.encode(),
        b"complexity": spec.complexity.encode(),
    }
    if spec.doc_flags:
        fields[b"doc_flags"] = _statuses(spec.doc_flags)
    if spec.deprecated_since:
        fields[b"deprecated_since"] = spec.deprecated_since.encode()
    if spec.replaced_by:
        fields[b"replaced_by"] = spec.replaced_by.encode()
    if spec.history:
        fields[b"history"] = SetReply([since.encode(), text.encode()] for since, text in spec.history)
    if spec.arguments:
        fields[b"arguments"] = _Arguments().list(spec.arguments)
    if spec.subcommands:
        fields[b"subcommands"] = {each.name.encode(): document(each) for each in spec.subcommands.values()}
    return fields


class _Arguments:
    """Writes arguments down; keys are numbered in the order of their specifications."""

    def __init__(self) -> None:
        self._keys = 0

    def list(self, arguments: tuple[Argument, ...]) -> Reply:
        return [self._one(argument) for argument in arguments]

    def _one(self, argument: Argument) -> Reply:
        fields: dict[bytes, Reply] = {b"name": argument.name.encode(), b"type": argument.kind.encode()}
        if argument.key_spec is not None:
            fields[b"key_spec_index"] = argument.key_spec
        elif argument.kind == "key":
            fields[b"key_spec_index"] = self._keys
            self._keys += 1
        if argument.token is not None:
            fields[b"token"] = argument.token.encode()
        flags = [
            name
            for name, is_set in (
                ("optional", argument.optional),
                ("multiple", argument.multiple),
                ("multiple_token", argument.multiple_token),
            )
            if is_set
        ]
        if flags:
            fields[b"flags"] = _statuses(flags)
        if argument.children:
            fields[b"arguments"] = self.list(argument.children)
        return fields
