"""What has been written and is on its way to the append only file."""

from __future__ import annotations

from cluster.spec.options import Options
from cluster.store.clock import Clock
from protocol.aof import timestamp_line
from protocol.resp.writer import encode_command

NO_DATABASE = -1


class Journal:
    """The bytes for the file. `is_open` says that there is one; `error` says why it cannot be written at the
    moment: writes are refused meanwhile. Of all bytes ever fed, `taken_bytes` have been written to the file
    and `synced_bytes` are on disk for certain."""

    def __init__(self, clock: Clock, options: Options) -> None:
        self.is_open = False
        self.error = ""
        self.pending = bytearray()
        self.taken_bytes = 0
        self.synced_bytes = 0
        self._clock = clock
        self._options = options
        self._database = NO_DATABASE
        self._stamped_s = 0

    @property
    def fed_bytes(self) -> int:
        """All bytes ever fed."""
        return self.taken_bytes + len(self.pending)

    def begin(self) -> None:
        """A file begins: it must name its database, and its time, by itself."""
        self._database = NO_DATABASE
        self._stamped_s = 0

    def feed(self, data: bytes | bytearray, database: int = 0) -> None:
        """Appends a propagated write (RESP)."""
        if not self.is_open:
            return
        if self._options.aof_timestamp_enabled:
            now_s = self._clock.now_ms // 1000
            if now_s > self._stamped_s:
                self._stamped_s = now_s
                self.pending += timestamp_line(now_s)
        if database != self._database:
            self._database = database
            self.pending += encode_command([b"SELECT", b"%d" % database])
        self.pending += data
