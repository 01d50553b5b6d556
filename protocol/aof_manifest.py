"""The manifest of an append only file's folder: which files there are, in which order, and what for.

Source: https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/
"""

from __future__ import annotations

from dataclasses import dataclass, field
from io import BytesIO
from typing import Final

from protocol.integers import parse_integer
from protocol.resp.inline import split_words

BASE: Final = "b"
INCREMENT: Final = "i"
HISTORY: Final = "h"
LINE_BYTES_MAX: Final = 1024


class CorruptManifest(Exception):
    """A manifest that does not hold together: `line` of them, counted from 1, 0 for the whole; the line's
    text; the reason in Redis's words."""

    def __init__(self, reason: str, line: int = 0, text: bytes = b"") -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line
        self.text = text


@dataclass(frozen=True, slots=True)
class AofFile:
    """One file of the folder: its name, its place in its own sequence, and BASE, INCREMENT or HISTORY."""

    name: str
    sequence: int
    kind: str


@dataclass(slots=True)
class Manifest:
    """All data is the base's, if there is one, and then the increments' in their order. History files are of
    no more use and wait to be deleted."""

    base: AofFile | None = None
    increments: list[AofFile] = field(default_factory=list)
    history: list[AofFile] = field(default_factory=list)
    base_sequence: int = 0
    increment_sequence: int = 0

    @property
    def files(self) -> list[AofFile]:
        """What is to be loaded, in order."""
        return [*([self.base] if self.base is not None else []), *self.increments]

    def copy(self) -> Manifest:
        """Another one that can be changed while this one holds."""
        return Manifest(
            self.base, [*self.increments], [*self.history], self.base_sequence, self.increment_sequence
        )

    def set_base(self, prefix: str, *, is_rdb: bool) -> AofFile:
        """Names the next base; the present one becomes history."""
        if self.base is not None:
            self.history.insert(0, AofFile(self.base.name, self.base.sequence, HISTORY))
        self.base_sequence += 1
        suffix = "rdb" if is_rdb else "aof"
        self.base = AofFile(f"{prefix}.{self.base_sequence}.base.{suffix}", self.base_sequence, BASE)
        return self.base

    def add_increment(self, prefix: str) -> AofFile:
        """Names the next increment."""
        self.increment_sequence += 1
        added = AofFile(f"{prefix}.{self.increment_sequence}.incr.aof", self.increment_sequence, INCREMENT)
        self.increments.append(added)
        return added

    def retire_increments(self, *, keep_last: bool) -> None:
        """Makes history of the increments that a new base holds."""
        kept = self.increments[-1:] if keep_last else []
        for each in self.increments[: len(self.increments) - len(kept)]:
            self.history.insert(0, AofFile(each.name, each.sequence, HISTORY))
        self.increments = kept

    def encode(self) -> bytes:
        """The manifest as text."""
        base = [self.base] if self.base is not None else []
        lines = [
            f"file {_quoted(each.name)} seq {each.sequence} type {each.kind}\n"
            for each in (*base, *self.history, *self.increments)
        ]
        return "".join(lines).encode("utf-8", "surrogateescape")


def parse_manifest(data: bytes) -> Manifest:
    """The manifest in a file. Raises CorruptManifest."""
    if not data:
        raise CorruptManifest("Found an empty AOF manifest")
    manifest = Manifest()
    for number, line in enumerate(BytesIO(data), 1):
        if line.startswith(b"#"):
            continue
        text = line.strip(b" \t\r\n")
        try:
            if not line.endswith(b"\n") or len(line) > LINE_BYTES_MAX:
                raise CorruptManifest("The AOF manifest file contains too long line")
            _add(manifest, _file(text))
        except CorruptManifest as error:
            raise CorruptManifest(error.reason, number, text) from None
    return manifest


def _file(text: bytes) -> AofFile:
    words = split_words(text)
    if words is None or len(words) < 6 or len(words) % 2:
        raise CorruptManifest("Invalid AOF manifest file format")
    fields = {name.lower(): value for name, value in zip(words[::2], words[1::2], strict=True)}
    name = fields.get(b"file", b"").decode("utf-8", "surrogateescape")
    sequence = parse_integer(fields.get(b"seq", b"")) or 0
    kind = fields.get(b"type", b"")[:1].decode("latin-1")
    if "/" in name or "\\" in name:
        raise CorruptManifest("File can't be a path, just a filename")
    if not name or not sequence or not kind:
        raise CorruptManifest("Invalid AOF manifest file format")
    return AofFile(name, sequence, kind)


def _add(manifest: Manifest, found: AofFile) -> None:
    if found.kind == BASE:
        if manifest.base is not None:
            raise CorruptManifest("Found duplicate base file information")
        manifest.base = found
        manifest.base_sequence = found.sequence
    elif found.kind == HISTORY:
        manifest.history.append(found)
    elif found.kind == INCREMENT:
        if found.sequence <= manifest.increment_sequence:
            raise CorruptManifest("Found a non-monotonic sequence number")
        manifest.increments.append(found)
        manifest.increment_sequence = found.sequence
    else:
        raise CorruptManifest("Unknown AOF file type")


def _quoted(name: str) -> str:
    if name and not any(
        character in "\\\"'" or character <= " " or character == "\x7f" for character in name
    ):
        return name
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
