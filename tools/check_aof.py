"""`starling check-aof`: whether an append only file can be loaded, and its repair."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from protocol.aof import AofReader, CorruptAof, Remark
from protocol.aof_manifest import CorruptManifest, Manifest, parse_manifest
from tools.check_rdb import Say, check_rdb

PART_BYTES = 4 << 20
MAGIC = b"REDIS"
MANIFEST_SUFFIX = ".manifest"
Confirm = Callable[[str], bool]


class CheckFailed(Exception):
    """The files cannot be loaded as they are, or not be repaired; str() says why."""


@dataclass
class AofFindings:
    """How far a file can be loaded (`good_bytes`, of `size_bytes`), and what follows then. `cut_at` is where
    what was written after the timestamp in question begins.
    """

    size_bytes: int
    good_bytes: int
    error: str = ""
    cut_at: int | None = None


@dataclass
class Checker:
    """`fix` cuts away what cannot be loaded at the end of the last file, after `confirm`. `until_s` cuts away
    what was written later than that unix time.
    """

    say: Say
    confirm: Confirm
    now_ms: int
    fix: bool = False
    until_s: int | None = None
    _in_multi: bool = field(default=False, init=False)

    def check(self, path: Path) -> None:
        """A file, a manifest, or a folder with one. Raises CheckFailed, OSError."""
        if path.is_dir():
            path = _manifest_in(path)
        if path.name.endswith(MANIFEST_SUFFIX) or _begins_with(path, b"file "):
            self._check_folder(path)
            return
        self.say("Start checking Old-Style AOF")
        self._check_file(path, "AOF", is_last=True)

    def _check_folder(self, path: Path) -> None:
        self.say("Start checking Multi Part AOF")
        try:
            manifest = parse_manifest(path.read_bytes())
        except CorruptManifest as error:
            where = f" at line {error.line}" if error.line else ""
            raise CheckFailed(f"{path.name}: {error.reason}{where}") from error
        if not manifest.files:
            raise CheckFailed(f"{path.name}: names no file with data")
        self._check_files(path.parent, manifest)
        self.say("All AOF files and manifest are valid")

    def _check_files(self, folder: Path, manifest: Manifest) -> None:
        for file in manifest.files:
            what = "INCR AOF"
            if file is manifest.base:
                is_rdb = _begins_with(folder / file.name, MAGIC)
                self.say(f"Start to check BASE AOF ({'RDB' if is_rdb else 'RESP'} format).")
                what = "BASE AOF"
            elif file is manifest.increments[0]:
                self.say("Start to check INCR files.")
            self._check_file(folder / file.name, what, is_last=file is manifest.files[-1])

    def _check_file(self, path: Path, what: str, *, is_last: bool) -> None:
        if not path.stat().st_size:
            self.say(f"{what} {path.name} is empty")
            return
        found = self._examine(path)
        if found.cut_at is not None:
            self._cut_to_time(path, found.cut_at, is_last=is_last)
            return
        diff = found.size_bytes - found.good_bytes
        self.say(
            f"AOF analyzed: filename={path.name}, size={found.size_bytes}, ok_up_to={found.good_bytes}, "
            f"diff={diff}"
        )
        if not diff:
            self.say(f"{what} {path.name} is valid")
            return
        self.say(found.error)
        if not self.fix:
            raise CheckFailed(f"AOF {path.name} is not valid. Use the --fix option to try fixing it.")
        if not is_last:
            raise CheckFailed(
                f"Failed to truncate AOF {path.name} because it is not the last file: what follows would "
                "make no sense"
            )
        self._repair(path, found)

    def _repair(self, path: Path, found: AofFindings) -> None:
        size, good = found.size_bytes, found.good_bytes
        self.say(
            f"This will shrink the AOF {path.name} from {size} bytes, with {size - good} bytes, to {good} "
            "bytes"
        )
        if not self.confirm("Continue?"):
            raise CheckFailed("Aborting...")
        _truncate(path, good)
        self.say(f"Successfully truncated AOF {path.name}")

    def _cut_to_time(self, path: Path, at: int, *, is_last: bool) -> None:
        if not is_last:
            raise CheckFailed(
                f"Failed to truncate AOF {path.name} to timestamp {self.until_s} because it is not the last "
                "file. If you insist, please delete all files after this file according to the manifest file "
                "and delete the corresponding records in manifest file manually. Then re-run check-aof."
            )
        if not at:
            raise CheckFailed(f"AOF {path.name} has nothing before timestamp {self.until_s}, aborting...")
        _truncate(path, at)
        self.say(f"Successfully truncated AOF {path.name} to timestamp {self.until_s}")

    def _examine(self, path: Path) -> AofFindings:
        """How far it can be loaded. Raises CheckFailed for an RDB part that cannot."""
        size = path.stat().st_size
        position = 0
        with path.open("rb") as file:
            if file.read(len(MAGIC)) == MAGIC:
                rdb = check_rdb(path, self.now_ms, self.say, may_go_on=True)
                if rdb.error is not None:
                    raise CheckFailed(f"RDB preamble of AOF file {path.name} is not sane, aborting.")
                self.say("RDB preamble is OK, proceeding with AOF tail...")
                position = rdb.end
            file.seek(position)
            self._in_multi = False
            reader = AofReader(position)
            found = AofFindings(size, position)
            try:
                while part := file.read(PART_BYTES):
                    reader.feed(part)
                    if self._walk(reader, found):
                        return found
            except CorruptAof as error:
                found.error = f"{path.name}: {error}"
                return found
        if found.good_bytes < size:
            what = (
                "Reached EOF before reading EXEC for MULTI" if reader.position == size else "Unexpected end"
            )
            found.error = f"{path.name}: {what} at offset {found.good_bytes}"
        return found

    def _walk(self, reader: AofReader, found: AofFindings) -> bool:
        """Goes through what has been fed; whether something too late has been met. Raises CorruptAof."""
        while True:
            start = reader.position
            record = reader.next()
            if record is None:
                return False
            if isinstance(record, Remark):
                if self.until_s is not None and record.unix_s is not None and record.unix_s > self.until_s:
                    found.cut_at = start
                    return True
            elif record[0].upper() == b"MULTI":
                self._in_multi = True
            elif record[0].upper() == b"EXEC":
                self._in_multi = False
            if not self._in_multi:
                found.good_bytes = reader.position


def _manifest_in(folder: Path) -> Path:
    found = sorted(folder.glob(f"*{MANIFEST_SUFFIX}"))
    if len(found) != 1:
        raise CheckFailed(f"{folder}: {'no manifest' if not found else 'more than one manifest'} is there")
    return found[0]


def _begins_with(path: Path, words: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(words)) == words


def _truncate(path: Path, size: int) -> None:
    with path.open("r+b") as file:
        file.truncate(size)
        os.fsync(file.fileno())
