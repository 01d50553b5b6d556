"""DEBUG's replies of each type, and how lists and packed values lie, compared with a real redis-server."""

from __future__ import annotations

import pytest

from cluster.commands.debug_protocol import REPLIES
from tests.parity.compare import Command, play
from tests.parity.compare import same as same_reply
from tests.support.frames import Frame
from tests.support.local import Local
from tests.support.oracle import Oracle

pytestmark = pytest.mark.parity


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> None:
    """DEBUG is refused unless a node was started otherwise."""
    made = Local.__init__

    def open_(self: Local, **settings: int) -> None:
        made(self, **settings)  # type: ignore[arg-type]
        self.options.enable_debug_command = "yes"

    monkeypatch.setattr(Local, "__init__", open_)


def same_object(command: Command, ours: Frame, theirs: Frame) -> bool:
    """All but the address, and the clock that follows from the time of the last use."""
    if b"OBJECT" not in command:
        return same_reply(command, ours, theirs)
    facts = [
        dict(pair.split(b":") for pair in frame.text.removeprefix(b"Value ").split())
        for frame in (ours, theirs)
    ]
    for each in facts:
        for name in (b"at", b"lru", b"lru_seconds_idle"):
            del each[name]
    return facts[0] == facts[1]


@pytest.mark.parametrize("protocol", [2, 3])
def test_a_reply_of_each_type(oracle: Oracle, opened: None, protocol: int) -> None:
    """In RESP3 two of them are two frames each: see test_debug_protocol."""
    names = [name for name in REPLIES if name not in (b"attrib", b"push") or protocol == 2]
    script: list[Command] = [(b"DEBUG", b"PROTOCOL", name) for name in (*names, b"NULL", b"what", b"")]
    play(oracle, [*script, (b"DEBUG", b"PROTOCOL"), (b"DEBUG", b"PROTOCOL", b"a", b"b")], protocol)


def test_large_elements_lie_by_themselves(oracle: Oracle, opened: None) -> None:
    threshold: Command = (b"DEBUG", b"QUICKLIST-PACKED-THRESHOLD")
    elements = [b"a" * 5, b"b" * 50, b"c", b"d" * 12, b"e" * 9, b"1" * 10, b"2" * 15]
    sizes = (b"0", b"1", b"-1", b"x", b"2b", b"4gb", b"4293918720", b"4293918721", b"1kb", b"")
    script: list[Command] = [(*threshold, size) for size in sizes]
    script += [threshold, (*threshold, b"10"), (b"RPUSH", b"list", *elements), (b"DUMP", b"list")]
    script += [(b"DEBUG", b"OBJECT", b"list"), (*threshold, b"0")]
    play(oracle, script, same=same_object)


def test_listpacks(oracle: Oracle, opened: None) -> None:
    fillings: list[Command] = [
        (b"SET", b"a", b"12"),
        (b"RPUSH", b"b", b"1", b"two"),
        (b"SADD", b"c", b"1", b"2"),
        (b"HSET", b"d", b"1", b"two"),
        (b"HSET", b"e", b"1", b"two" * 50),
        (b"ZADD", b"f", b"1", b"two"),
    ]
    questions: list[Command] = [(b"DEBUG", b"LISTPACK", words[1]) for words in fillings]
    rest: list[Command] = [
        (b"DEBUG", b"LISTPACK", b"absent"),
        (b"DEBUG", b"LISTPACK"),
        (b"DEBUG", b"SET-DISABLE-DENY-SCRIPTS", b"1"),
        (b"DEBUG", b"SET-DISABLE-DENY-SCRIPTS"),
        (b"DEBUG", b"RELOAD", b"WHAT"),
    ]
    play(oracle, [*fillings, *questions, *rest])
