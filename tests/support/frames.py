"""RESP replies taken apart but not interpreted, so that two servers' bytes can be compared piece by piece."""

from __future__ import annotations

from dataclasses import dataclass


class Incomplete(Exception):
    """The bytes end before the reply does."""


@dataclass(frozen=True, slots=True, order=True)
class Frame:
    """One reply: the type's mark, the text after it (a bulk's content; a size), and what it contains."""

    kind: bytes
    text: bytes
    children: tuple[Frame, ...] = ()


def take(data: bytes, at: int = 0) -> tuple[Frame, int]:
    """The reply that begins at a place, and where it ends. Raises Incomplete."""
    end_of_line = data.find(b"\r\n", at)
    if end_of_line < 0:
        raise Incomplete
    kind, text, end = data[at : at + 1], data[at + 1 : end_of_line], end_of_line + 2
    if kind in b"$=!" and text != b"-1":
        stop = end + int(text)
        if len(data) < stop + 2:
            raise Incomplete
        return Frame(kind, data[end:stop]), stop + 2
    if kind not in b"*%~>" or text == b"-1":
        return Frame(kind, text), end
    children = []
    for _ in range(int(text) * (2 if kind == b"%" else 1)):
        child, end = take(data, end)
        children.append(child)
    return Frame(kind, text, tuple(children)), end


def whole(data: bytes) -> Frame:
    """The one reply that the bytes are. Raises ValueError when there are more."""
    frame, end = take(data)
    if end != len(data):
        raise ValueError(data[end:])
    return frame


def frames(data: bytes) -> list[Frame]:
    """All the replies that the bytes are. Raises Incomplete."""
    found, at = [], 0
    while at < len(data):
        frame, at = take(data, at)
        found.append(frame)
    return found
