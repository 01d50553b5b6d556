"""A command is declared once, here; everything that is said of it elsewhere is derived from the declaration.

    @command("HSET", "key {field value}+", group="hash", since="2.0.0",
             flags="WRITE DENYOOM FAST", keys="RW UPDATE", complexity="O(1) per field")
    def hset(ctx: Context, key: bytes, *pairs: bytes) -> Reply:
        '''Creates or modifies the value of a field in a hash.'''

A handler gets the context and the arguments after the command's own words. `CLUSTER MEET` declares a
subcommand.

Source: https://redis.io/docs/latest/commands/command/ and the key specifications page beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

from cluster.spec import syntax
from cluster.spec.syntax import Argument

Handler = Callable[..., Any]
_H = TypeVar("_H", bound=Handler)

_CATEGORY_OF_GROUP = {
    "generic": "keyspace",
    "string": "string",
    "hash": "hash",
    "list": "list",
    "set": "set",
    "sorted-set": "sortedset",
    "stream": "stream",
    "bitmap": "bitmap",
    "hyperloglog": "hyperloglog",
    "geo": "geo",
    "connection": "connection",
    "transactions": "transaction",
    "scripting": "scripting",
    "pubsub": "pubsub",
}


@dataclass(frozen=True, slots=True)
class KeySpec:
    """Where some of a command's keys stand, and what is done to them.

    `begin` is ("index", position) or ("keyword", word, start from); `find` is ("range", last key, step,
    limit) or ("keynum", keynum index, first key, step), as Redis's key specifications have them; None is
    "unknown".
    """

    flags: tuple[str, ...]
    begin: tuple[Any, ...] | None
    find: tuple[int | str, ...] | None
    notes: str = ""

    def positions(self, argv: list[bytes]) -> list[int]:
        """The indexes of this spec's keys in a request; empty where the request has none."""
        start = self._start(argv)
        if start is None or start >= len(argv) or self.find is None:
            return []
        kind, first, second, third = self.find
        if kind == "keynum":
            return self._counted(argv, start, int(first), int(second), int(third))
        last, step, limit = int(first), int(second), int(third)
        if last >= 0:
            end = start + last
        elif limit in (0, 1):
            end = len(argv) + last
        else:
            end = start + (len(argv) - start) // limit + last
        return [index for index in range(start, end + 1, step) if index < len(argv)]

    def _start(self, argv: list[bytes]) -> int | None:
        if self.begin is None:
            return None
        if self.begin[0] == "index":
            return int(self.begin[1])
        word, start_from = str(self.begin[1]).encode().lower(), int(self.begin[2])
        places = range(start_from, len(argv)) if start_from > 0 else range(len(argv) + start_from, 0, -1)
        for index in places:
            if argv[index].lower() == word:
                return index + 1
        return None

    @staticmethod
    def _counted(argv: list[bytes], start: int, count_at: int, first: int, step: int) -> list[int]:
        try:
            count = int(argv[start + count_at])
        except (ValueError, IndexError):
            return []
        begin = start + first
        if count <= 0 or begin + (count - 1) * step >= len(argv):
            return []
        return list(range(begin, begin + count * step, step))


@dataclass(slots=True)
class CommandStats:
    """What INFO commandstats counts for one command. `durations` counts its calls by whole microseconds."""

    calls: int = 0
    usec: float = 0.0
    rejected_calls: int = 0
    failed_calls: int = 0
    durations: dict[int, int] = field(default_factory=dict)


@dataclass(eq=False)
class CommandSpec:
    """A declared command or subcommand. `name` is lowercase, "cluster|meet" for a subcommand."""

    name: str
    handler: Handler | None
    syntax_text: str
    group: str
    since: str
    flags: frozenset[str]
    complexity: str
    summary: str
    key_text: str = ""
    acl_text: str = ""
    tips: tuple[str, ...] = ()
    history: tuple[tuple[str, str], ...] = ()
    arity_given: int | None = None
    doc_flags: tuple[str, ...] = ()
    replaced_by: str = ""
    deprecated_since: str = ""
    key_finder: Callable[[list[bytes]], list[int]] | None = None
    hidden_flags: frozenset[str] = frozenset()
    subcommands: dict[bytes, CommandSpec] = field(default_factory=dict)
    key_flags: Callable[[list[bytes]], str] | None = None

    @cached_property
    def arguments(self) -> tuple[Argument, ...]:
        """The parsed syntax."""
        return syntax.parse(self.syntax_text)

    @cached_property
    def arity(self) -> int:
        """As COMMAND INFO has it: negative for a minimum."""
        if self.arity_given is not None:
            return self.arity_given
        if self.subcommands:
            return -2
        return syntax.arity(self.arguments, self.name.count("|") + 1)

    @cached_property
    def key_specs(self) -> tuple[KeySpec, ...]:
        """The key specifications: from the syntax where the keys' places follow from it."""
        parts = [part.strip() for part in self.key_text.split(";") if part.strip()]
        return tuple(self._key_spec(index, part) for index, part in enumerate(parts))

    @cached_property
    def writes(self) -> bool:
        """Whether it may change data."""
        return "write" in self.flags

    @cached_property
    def categories(self) -> tuple[str, ...]:
        """ACL categories without the @, sorted: those that follow from group and flags, and those of the
        declaration, where `-KEYSPACE` says that one does not hold."""
        declared = {word.lower() for word in self.acl_text.split()}
        found = {word for word in declared if not word.startswith("-")}
        own = _CATEGORY_OF_GROUP.get(self.group)
        names_its_own = found.intersection(_CATEGORY_OF_GROUP.values())
        if own and self.handler is not None and not names_its_own:
            found.add(own)
        found.update(
            category
            for flag, category in (("write", "write"), ("admin", "admin"), ("admin", "dangerous"),
                                   ("pubsub", "pubsub"), ("blocking", "blocking"))
            if flag in self.flags
        )  # fmt: skip
        if "readonly" in self.flags and "scripting" not in found:
            found.add("read")
        found.add("fast" if "fast" in self.flags else "slow")
        return tuple(sorted(word for word in found if f"-{word}" not in declared))

    def __post_init__(self) -> None:
        self.stats = CommandStats()
        arity = self.arity
        self.words_min = abs(arity)
        self.words_exact = arity > 0

    def takes(self, words: int) -> bool:
        """Whether a request of so many words has a right arity."""
        return words == self.words_min or (words > self.words_min and not self.words_exact)

    @cached_property
    def single_key(self) -> int:
        """The index of the one key that this command always has; 0 where that cannot be said beforehand."""
        if self.key_finder is None and len(self.key_specs) == 1:
            spec = self.key_specs[0]
            if spec.begin is not None and spec.begin[0] == "index" and spec.find == ("range", 0, 1, 0):
                return int(spec.begin[1])
        return 0

    def keys(self, argv: list[bytes]) -> list[bytes]:
        """The keys that a request names, in order."""
        return [argv[index] for index in self.key_positions(argv)]

    def key_positions(self, argv: list[bytes]) -> list[int]:
        """The indexes of the keys that a request names, in order."""
        if self.key_finder is not None:
            return self.key_finder(argv)
        found: list[int] = []
        for spec in self.key_specs:
            positions = spec.positions(argv)
            if not positions and spec.find is not None and spec.find[0] == "keynum":
                return []  # a wrong number of keys: the command will say so, wherever it is sent
            found += positions
        return found

    def flagged_keys(self, argv: list[bytes]) -> list[tuple[int, tuple[str, ...]]]:
        """As key_positions(), each with what this very request does to the key."""
        flags = {place: each.flags for each in self.key_specs for place in each.positions(argv)}
        places = self.key_positions(argv)
        if self.key_flags is not None:
            last = _key_flags(self.key_flags(argv))
            flags.update(dict.fromkeys(places[1:] or places, last))
        return [(place, flags.get(place, ())) for place in places]

    def _key_spec(self, index: int, text: str) -> KeySpec:
        """Reads "RW ACCESS", "RO ACCESS @ index:2 keynum:0,1,1", "OW @ keyword:STORE,6 range:0,1,0"."""
        head, _, notes = text.partition("#")
        flag_text, _, where = head.partition("@")
        flags = _key_flags(flag_text)
        if not where.strip():
            begin, find = self._from_syntax(index)
            return KeySpec(flags, begin, find, notes.strip())
        begin_text, _, find_text = where.strip().partition(" ")
        return KeySpec(flags, _begin(begin_text), _find(find_text.strip()), notes.strip())

    def _from_syntax(self, nth: int) -> tuple[tuple[Any, ...], tuple[int | str, ...]]:
        position = self.name.count("|") + 1
        seen = 0
        for at, argument in enumerate(self.arguments):
            after = sum(later.words_min() for later in self.arguments[at + 1 :])
            for offset, leaf in enumerate(argument.children or (argument,)):
                if leaf.kind != "key":
                    continue
                if seen == nth:
                    step = max(1, len(argument.children))
                    last = -1 - after if argument.multiple else 0
                    return ("index", position + offset), ("range", last, step, 0)
                seen += 1
            position += argument.words_min()
        raise syntax.SyntaxMistake(f"{self.name}: the syntax has no key number {nth}")


def _key_flags(text: str) -> tuple[str, ...]:
    return tuple(word if word in ("RO", "RW", "OW", "RM") else word.lower() for word in text.split())


def _begin(text: str) -> tuple[Any, ...] | None:
    kind, _, rest = text.partition(":")
    if kind == "unknown":
        return None
    if kind == "index":
        return ("index", int(rest))
    word, _, start = rest.partition(",")
    return ("keyword", word, int(start))


def _find(text: str) -> tuple[int | str, ...] | None:
    kind, _, rest = text.partition(":")
    if kind == "unknown":
        return None
    return (kind, *(int(number) for number in rest.split(",")))


HIDDEN_FLAGS = frozenset(("may_replicate", "protected"))
"""Flags that steer the engine and that COMMAND does not show."""


def _flags(text: str) -> tuple[frozenset[str], frozenset[str]]:
    """Those shown, those hidden."""
    words = frozenset(text.lower().split())
    return words - HIDDEN_FLAGS, words & HIDDEN_FLAGS


COMMANDS: dict[bytes, CommandSpec] = {}
"""Every top-level command by its lowercase name."""


def command(
    name: str,
    syntax_text: str = "",
    *,
    group: str,
    since: str,
    flags: str = "",
    keys: str = "",
    complexity: str = "O(1)",
    acl: str = "",
    tips: tuple[str, ...] = (),
    history: tuple[tuple[str, str], ...] = (),
    arity: int | None = None,
    doc_flags: tuple[str, ...] = (),
    replaced_by: str = "",
    deprecated_since: str = "",
    key_finder: Callable[[list[bytes]], list[int]] | None = None,
    key_flags: Callable[[list[bytes]], str] | None = None,
) -> Callable[[_H], _H]:
    """Declares the decorated function as a command's handler; its docstring's first line is the summary.

    `key_flags` is for a key (the last one, where there are more) to which not every request does the same.
    """

    def declare(handler: _H) -> _H:
        shown, hidden = _flags(flags)
        add(
            CommandSpec(
                name.lower().replace(" ", "|"),
                handler,
                syntax_text,
                group,
                since,
                shown,
                complexity,
                (handler.__doc__ or "").strip().split("\n")[0].rstrip("."),
                keys,
                acl,
                tips,
                history,
                arity,
                doc_flags,
                replaced_by,
                deprecated_since,
                key_finder,
                hidden,
                key_flags=key_flags,
            )
        )
        return handler

    return declare


def container(
    name: str, summary: str, *, group: str, since: str, flags: str = "", doc_flags: tuple[str, ...] = ()
) -> None:
    """Declares a command that has subcommands and does nothing by itself, such as CLUSTER. Before them."""
    shown, hidden = _flags(flags)
    spec = CommandSpec(
        name.lower(),
        None,
        "",
        group,
        since,
        shown,
        "Depends on subcommand.",
        summary,
        arity_given=-2,
        doc_flags=doc_flags,
        hidden_flags=hidden,
    )
    add(spec)


def add(spec: CommandSpec) -> None:
    """Puts a command in the table; a second one of the same name is a mistake of ours."""
    parent, _, child = spec.name.encode().partition(b"|")
    table = COMMANDS[parent].subcommands if child else COMMANDS
    key = child or parent
    if key in table:
        raise ValueError(f"{spec.name} is declared twice")
    table[key] = spec
