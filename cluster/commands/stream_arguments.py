"""What the commands of streams are given: ids, intervals, groups; and entries as a client sees them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple, NoReturn

from cluster.commands.arguments import integer
from cluster.commands.context import Context
from cluster.spec.errors import SYNTAX, CommandError
from cluster.store.values.stream import Items, Stream
from cluster.store.values.stream_groups import Group
from cluster.store.values.stream_id import HALF_MAX, ID_MAX, format_id, parse_id
from protocol.resp.types import Reply

BAD_ID: Final = "ERR Invalid stream ID specified as stream command argument"


def stream_id(text: bytes, missing_seq: int = 0) -> int:
    """An id, written out. Raises CommandError."""
    try:
        return parse_id(text, missing_seq)
    except ValueError:
        raise CommandError(BAD_ID) from None


def loose_id(text: bytes, missing_seq: int = 0) -> int:
    """An id, or "-" or "+" for the lowest and the highest. Raises CommandError."""
    try:
        return parse_id(text, missing_seq, strict=False)
    except ValueError:
        raise CommandError(BAD_ID) from None


def first_id(text: bytes) -> int:
    """The beginning of an interval: "5", "(5-1", "-". Raises CommandError."""
    if len(text) > 1 and text[:1] == b"(":
        id_ = stream_id(text[1:])
        if id_ == ID_MAX:
            raise CommandError("ERR invalid start ID for the interval")
        return id_ + 1
    return loose_id(text)


def last_id(text: bytes) -> int:
    """The end of an interval: "5" (all of that millisecond), "(5-1", "+". Raises CommandError."""
    if len(text) > 1 and text[:1] == b"(":
        id_ = stream_id(text[1:], HALF_MAX)
        if id_ == 0:
            raise CommandError("ERR invalid end ID for the interval")
        return id_ - 1
    return loose_id(text, HALF_MAX)


def is_word(text: bytes, word: bytes) -> bool:
    """Whether a text is that one, as C compares strings: up to its first NUL."""
    return text.partition(b"\0")[0] == word


def count_option(words: tuple[bytes, ...]) -> int | None:
    """[COUNT n], any number of times; None where it is not given. Raises CommandError."""
    count = None
    for at in range(0, len(words), 2):
        if words[at].lower() != b"count" or at + 1 == len(words):
            raise CommandError(SYNTAX)
        count = max(0, integer(words[at + 1]))
    return count


class Named(NamedTuple):
    """A group of a stream, with the key and the name that it was asked for by."""

    key: bytes
    name: bytes
    stream: Stream
    group: Group


def group_of(stream: Stream | None, key: bytes, name: bytes, where: str = "") -> Named:
    """The group of that name. Raises CommandError."""
    group = None if stream is None else stream.groups.get(name)
    if stream is None or group is None:
        raise CommandError(
            b"NOGROUP No such key '%b' or consumer group '%b'%b"
            % (printed(key), printed(name), where.encode())
        )
    return Named(key, name, stream, group)


def printed(text: bytes) -> bytes:
    """A text as C prints it: up to its first NUL."""
    return text.partition(b"\0")[0]


def told(entries: Iterable[tuple[int, Items]]) -> list[Reply]:
    """Entries as clients see them: each its id, and fields and values in turn."""
    return [[format_id(id_), [*items]] for id_, items in entries]


def wrong_subcommand(ctx: Context) -> NoReturn:
    """For a subcommand with more words than it can have."""
    name, subcommand = ctx.argv[0].upper(), printed(ctx.argv[1])[:128]
    raise CommandError(
        b"ERR unknown subcommand or wrong number of arguments for '%b'. Try %b HELP." % (subcommand, name)
    )
