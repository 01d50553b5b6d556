"""The folder of the append only file: a base, increments, and the manifest that names them.

A change of the set of files is one replacement of the manifest. New files are there before a manifest names
them, and old ones are deleted after none names them any more, so that a crash at any moment leaves a manifest
whose files are all there.
"""

from __future__ import annotations

from cluster.node.log import Log
from cluster.node.world import Files
from cluster.spec.options import Options
from protocol.aof_manifest import BASE, AofFile, CorruptManifest, Manifest, parse_manifest

TEMPORARY_INCREMENT = "temp-appendonly.aof.incr"


class AofFolderError(Exception):
    """The folder cannot be used; str() says why. Nothing in it has been changed."""


class AofFolder:
    """`manifest` is what the disk has; it is changed by persist() only."""

    def __init__(self, files: Files, log: Log, options: Options) -> None:
        self.files = files
        self.manifest = Manifest()
        self._log = log
        self._options = options

    @property
    def prefix(self) -> str:
        """What the names of its files begin with."""
        return self._options.appendfilename

    def path(self, name: str) -> str:
        """Where a file of the folder is."""
        return f"{self._options.appenddirname}/{name}"

    def read(self) -> None:
        """Reads the manifest, if there is one; adopts the single file that Redis kept before 7.0.

        Raises AofFolderError, OSError.
        """
        data = self.files.read(self.path(f"{self.prefix}.manifest"))
        if data is not None:
            self.manifest = self._parsed(data)
        if self._is_old_style():
            self._adopt_old_style()

    def _parsed(self, data: bytes) -> Manifest:
        try:
            return parse_manifest(data)
        except CorruptManifest as error:
            self._log("warning", "*** FATAL AOF MANIFEST FILE ERROR ***")
            if error.line:
                self._log("warning", f"Reading the manifest file, at line {error.line}")
                self._log("warning", f">>> '{error.text.decode(errors='replace')}'")
            raise AofFolderError(error.reason) from error

    def _is_old_style(self) -> bool:
        """A single file beside the folder counts when the folder has no manifest, or one that a crash in the
        middle of adopting it has left."""
        manifest = self.manifest
        if self.files.size_bytes(self.prefix) is None:
            return False
        if not manifest.files:
            return True
        only = manifest.files[0].name if len(manifest.files) == 1 else ""
        return only == self.prefix and self.files.size_bytes(self.path(only)) is None

    def _adopt_old_style(self) -> None:
        self.make()
        self.persist(Manifest(AofFile(self.prefix, 1, BASE), base_sequence=1))
        self.files.rename(self.prefix, self.path(self.prefix))
        self._log(
            "notice",
            f"Successfully migrated an old-style AOF configuration ({self.prefix}) into the AOF directory "
            f"({self._options.appenddirname}).",
        )

    def make(self) -> None:
        """Makes the folder where there is none. Raises OSError."""
        self.files.make_folder(self._options.appenddirname)

    def persist(self, manifest: Manifest) -> None:
        """Makes this the manifest. Raises OSError: the old one then holds."""
        self.files.write_atomically(self.path(f"{self.prefix}.manifest"), manifest.encode())
        self.manifest = manifest

    def size_bytes(self, file: AofFile) -> int:
        """Raises OSError, FileNotFoundError where the file is missing."""
        size = self.files.size_bytes(self.path(file.name))
        if size is None:
            raise FileNotFoundError(2, "No such file or directory", file.name)
        return size

    def delete_history(self) -> None:
        """Deletes the files that no one needs any more. What cannot be deleted is tried again next time."""
        if not self.manifest.history or self._options.aof_disable_auto_gc:
            return
        kept = self.manifest.copy()
        kept.history.clear()
        try:
            for each in self.manifest.history:
                self._log("notice", f"Removing the history file {each.name} in the background")
                self.files.remove(self.path(each.name))
            self.persist(kept)
        except OSError as error:
            self._log("warning", f"Error removing a history file of the AOF: {error.strerror}")
