"""The last bytes of the stream, kept so that a replica can go on after a short time away."""

from __future__ import annotations


class Backlog:
    """`first_offset` is the stream offset of the oldest byte kept; the first byte of a stream has offset 1.

    Trimming waits until an eighth more than `size_bytes` is held, so that it is rare.
    """

    def __init__(self, size_bytes: int, next_offset: int) -> None:
        self.size_bytes = size_bytes
        self.first_offset = next_offset
        self._data = bytearray()

    def __len__(self) -> int:
        return len(self._data)

    @property
    def next_offset(self) -> int:
        """The offset that the next byte will have."""
        return self.first_offset + len(self._data)

    def append(self, data: bytes | bytearray) -> None:
        """Adds to the end; the oldest bytes go when there are too many."""
        self._data += data
        if len(self._data) > self.size_bytes + (self.size_bytes >> 3):
            self.resize(self.size_bytes)

    def resize(self, size_bytes: int) -> None:
        """Keeps so many bytes from now on."""
        self.size_bytes = size_bytes
        excess = len(self._data) - size_bytes
        if excess > 0:
            del self._data[:excess]
            self.first_offset += excess

    def covers(self, offset: int) -> bool:
        """Whether all from this offset on is here (nothing at all, when it is the next one)."""
        return self.first_offset <= offset <= self.next_offset

    def since(self, offset: int) -> bytes:
        """All from an offset on that it covers."""
        return bytes(self._data[offset - self.first_offset :])
