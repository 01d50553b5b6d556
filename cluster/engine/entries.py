"""The commands of one node as the engine looks them up: once for each request."""

from __future__ import annotations

from collections.abc import Sequence

from cluster.commands.statistics import Statistics
from cluster.spec.command import COMMANDS, CommandSpec, CommandStats, Handler


class Entry:
    """A command or subcommand, with what each request of it needs at hand."""

    __slots__ = (
        "first",
        "flags",
        "handler",
        "is_keyed",
        "may_replicate",
        "name",
        "single_key",
        "spec",
        "stats",
        "subcommands",
        "words_exact",
        "words_min",
        "writes",
    )

    handler: Handler

    def __init__(self, spec: CommandSpec, stats: CommandStats) -> None:
        self.spec = spec
        self.stats = stats
        self.name = spec.name
        self.flags = spec.flags | spec.hidden_flags
        self.words_min = spec.words_min
        self.words_exact = spec.words_exact
        self.single_key = spec.single_key
        self.is_keyed = bool(spec.key_specs) or spec.key_finder is not None
        self.writes = spec.writes
        self.may_replicate = spec.writes or "may_replicate" in self.flags
        self.first = spec.name.count("|") + 1
        self.subcommands: dict[bytes, Entry] = {}
        if spec.handler is not None:
            self.handler = spec.handler

    @property
    def is_container(self) -> bool:
        """Whether only its subcommands do anything."""
        return self.spec.handler is None

    def find(self, argv: Sequence[bytes]) -> Entry | None:
        """Itself, or the subcommand that a request names; None for an unknown one."""
        if not self.subcommands or len(argv) < 2:
            return self
        return self.subcommands.get(argv[1].lower()) or (None if self.is_container else self)


class Table:
    """All commands of one node, under their names in this node's configuration."""

    def __init__(self, statistics: Statistics, renamed: tuple[tuple[str, ...], ...] = ()) -> None:
        self._entries: dict[bytes, Entry] = {}
        for name, spec in COMMANDS.items():
            entry = Entry(spec, statistics.of(spec.name))
            for child, sub_spec in spec.subcommands.items():
                entry.subcommands[child] = Entry(sub_spec, statistics.of(sub_spec.name))
            self._entries[name] = entry
        for old, new in renamed:
            self._rename(
                old.lower().encode(errors="surrogateescape"), new.lower().encode(errors="surrogateescape")
            )
        self.hot: dict[bytes, Entry] = {}
        """What the hot path may serve, under the two spellings that clients use: GET and get."""
        for name, entry in self._entries.items():
            if not entry.subcommands and not entry.is_container and "protected" not in entry.flags:
                self.hot[name] = self.hot[name.upper()] = entry

    def _rename(self, old: bytes, new: bytes) -> None:
        """An empty new name takes the command away. Raises ValueError with Redis's reason."""
        entry = self._entries.pop(old, None)
        if entry is None:
            raise ValueError("No such command in rename-command")
        if new:
            if new in self._entries:
                raise ValueError("Target command name already exists")
            self._entries[new] = entry

    @property
    def specs(self) -> dict[bytes, CommandSpec]:
        """Every command under its name here."""
        return {name: entry.spec for name, entry in self._entries.items()}

    def get(self, name: bytes) -> Entry | None:
        """A top-level command, in any case."""
        return self._entries.get(name.lower())

    def find(self, argv: Sequence[bytes]) -> Entry | None:
        """The command or subcommand that a request names."""
        entry = self._entries.get(argv[0].lower())
        return entry.find(argv) if entry is not None else None
