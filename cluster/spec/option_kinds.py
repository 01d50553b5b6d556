"""The kinds of directives: how a value is read from words, checked, and shown again.

Source: https://redis.io/docs/latest/operate/oss_and_stack/management/config-file/ ; error texts as Redis 7.0
gives them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeVar, overload

T = TypeVar("T")

INT_MAX = 2**31 - 1
LONG_MAX = 2**63 - 1
_ULONG_MAX = 2**64 - 1
_UNITS = {"": 1, "b": 1, "k": 1000, "kb": 1 << 10, "m": 10**6, "mb": 1 << 20, "g": 10**9, "gb": 1 << 30}
_MEMORY = re.compile(r"(\d{1,25})([a-z]*)")
_INTEGER = re.compile(r"-?\d{1,20}")


class OptionError(Exception):
    """A value that a directive does not take; str() is Redis's reason."""


def parse_memory(text: str) -> int | None:
    """Bytes of "100mb", "1k" (1000), "1kb" (1024); None where it is no such thing."""
    match = _MEMORY.fullmatch(text.lower())
    if match is None or match[2] not in _UNITS:
        return None
    return min(int(match[1]) * _UNITS[match[2]], _ULONG_MAX)


class Option(Generic[T]):
    """One directive. The attribute's name is the directive's, unless `name` says otherwise.

    `immutable`: only at the start. `protected`: CONFIG SET needs enable-protected-configs. `while_loading`:
    CONFIG SET takes it while data is being loaded as well. `several`: takes more than one word. `alias`: its
    older name. Values live in the instance's own dict, which comes before a
    descriptor that only reads: reading an option costs what a plain attribute does.
    """

    several = False
    shown = True

    def __init__(
        self,
        default: T,
        *,
        name: str = "",
        alias: str = "",
        immutable: bool = False,
        protected: bool = False,
        while_loading: bool = True,
        secret: bool = False,
    ) -> None:
        self.default = default
        self.name = name
        self.attribute = ""
        self.alias = alias
        self.immutable = immutable
        self.protected = protected
        self.while_loading = while_loading
        self.secret = secret

    def __set_name__(self, owner: type, attribute: str) -> None:
        self.attribute = attribute
        self.name = self.name or attribute.replace("_", "-")

    @overload
    def __get__(self, instance: None, owner: type) -> Option[T]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: object | None, owner: type) -> Option[T] | T:
        return self if instance is None else self.default

    def parse(self, words: list[str]) -> T:
        """The value that these words say. Raises OptionError."""
        raise NotImplementedError

    def add(self, present: T | None, words: list[str]) -> T:
        """A further line in the same file, after `present`; most directives go by the last line."""
        del present
        return self.parse(words)

    def show(self, value: T) -> str:
        """As CONFIG GET has it."""
        return str(value)

    def lines(self, value: T) -> list[str]:
        """The lines that say this value in a file, without the directive's name."""
        return [quote(self.show(value))]


def quote(text: str) -> str:
    """A word as a config file needs it."""
    if text and not re.search(r"[^!#-&(-\[\]-~]", text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return f'"{escaped}"'


def _one(words: list[str]) -> str:
    if len(words) != 1:
        raise OptionError("wrong number of arguments")
    return words[0]


class Boolean(Option[bool]):
    """yes or no."""

    def parse(self, words: list[str]) -> bool:
        word = _one(words).lower()
        if word not in ("yes", "no"):
            raise OptionError("argument must be 'yes' or 'no'")
        return word == "yes"

    def show(self, value: bool) -> str:
        return "yes" if value else "no"


class Integer(Option[int]):
    """A whole number within bounds."""

    def __init__(self, default: int, low: int = 0, high: int = INT_MAX, **rest: Any) -> None:
        super().__init__(default, **rest)
        self.low = low
        self.high = high

    def parse(self, words: list[str]) -> int:
        word = _one(words)
        if not _INTEGER.fullmatch(word) or not -LONG_MAX - 1 <= int(word) <= LONG_MAX:
            raise OptionError("argument couldn't be parsed into an integer")
        return self.bounded(int(word))

    def bounded(self, value: int) -> int:
        if not self.low <= value <= self.high:
            raise OptionError(f"argument must be between {self.low} and {self.high} inclusive")
        return value


class Octal(Integer):
    """A file mode."""

    def parse(self, words: list[str]) -> int:
        word = _one(words)
        if not re.fullmatch(r"[0-7]{1,8}", word):
            raise OptionError("argument couldn't be parsed as an octal number")
        value = int(word, 8)
        if value > self.high:
            raise OptionError(f"argument must be between {self.low:o} and {self.high:o} inclusive")
        return value

    def show(self, value: int) -> str:
        return f"{value:o}"


class Memory(Integer):
    """Bytes, with an optional unit."""

    def __init__(self, default: int, low: int = 0, high: int = LONG_MAX, **rest: Any) -> None:
        super().__init__(default, low, high, **rest)

    def parse(self, words: list[str]) -> int:
        value = parse_memory(_one(words))
        if value is None:
            raise OptionError("argument must be a memory value")
        return self.bounded(value)


class MemoryOrPercent(Option[int]):
    """Bytes, or a negative number: that many percent of maxmemory."""

    def parse(self, words: list[str]) -> int:
        word = _one(words)
        if word.endswith("%"):
            if not re.fullmatch(r"\d{1,18}%", word):
                raise OptionError("argument must be a memory or percent value")
            if int(word[:-1]) > 100:
                raise OptionError("percentage argument must be less or equal to 100")
            return -int(word[:-1])
        value = parse_memory(word)
        if value is None:
            raise OptionError("argument must be a memory or percent value")
        return min(value, LONG_MAX)

    def show(self, value: int) -> str:
        return f"{-value}%" if value < 0 else str(value)


class Choice(Option[str]):
    """One of some words; several of them, in any order, when `combines`. `check` gives the reason why they
    will not do together, or None."""

    def __init__(
        self,
        default: str,
        choices: str,
        *,
        combines: bool = False,
        check: Callable[[list[str]], str | None] | None = None,
        **rest: Any,
    ) -> None:
        super().__init__(default, **rest)
        self.choices = choices.split()
        self.check = check
        self.several = combines

    def parse(self, words: list[str]) -> str:
        lowered = [word.lower() for word in words]
        if not self.several:
            _one(words)
        if not lowered or any(word not in self.choices for word in lowered):
            raise OptionError(f"argument(s) must be one of the following: {', '.join(self.choices)}")
        reason = self.check(lowered) if self.check else None
        if reason:
            raise OptionError(reason)
        return " ".join(choice for choice in self.choices if choice in lowered)

    def lines(self, value: str) -> list[str]:
        return [value]


class Text(Option[str]):
    """Any word; `check` gives the reason why one will not do, or None."""

    def __init__(
        self, default: str = "", *, check: Callable[[str], str | None] | None = None, **rest: Any
    ) -> None:
        super().__init__(default, **rest)
        self.check = check

    def parse(self, words: list[str]) -> str:
        word = _one(words)
        reason = self.check(word) if self.check else None
        if reason:
            raise OptionError(reason)
        return word


class Words(Option[tuple[str, ...]]):
    """A list of words, such as bind's addresses. `check` looks at the whole list."""

    several = True

    def __init__(
        self,
        default: tuple[str, ...] = (),
        *,
        check: Callable[[tuple[str, ...]], str | None] | None = None,
        **rest: Any,
    ) -> None:
        super().__init__(default, **rest)
        self.check = check

    def parse(self, words: list[str]) -> tuple[str, ...]:
        value = () if words == [""] else tuple(words)
        reason = self.check(value) if self.check else None
        if reason:
            raise OptionError(reason)
        return value

    def show(self, value: tuple[str, ...]) -> str:
        return " ".join(value)

    def lines(self, value: tuple[str, ...]) -> list[str]:
        return [" ".join(quote(word) for word in value) or '""']


class SavePoints(Option[tuple[tuple[int, int], ...]]):
    """Pairs of seconds and changes; a file's lines add up."""

    several = True

    def parse(self, words: list[str]) -> tuple[tuple[int, int], ...]:
        if words == [""]:
            return ()
        if not words or len(words) % 2 or not all(_INTEGER.fullmatch(word) for word in words):
            raise OptionError("Invalid save parameters")
        pairs = tuple((int(words[at]), int(words[at + 1])) for at in range(0, len(words), 2))
        if any(seconds < 1 or changes < 0 for seconds, changes in pairs):
            raise OptionError("Invalid save parameters")
        return pairs

    def add(
        self, present: tuple[tuple[int, int], ...] | None, words: list[str]
    ) -> tuple[tuple[int, int], ...]:
        further = self.parse(words)
        return (present or ()) + further if further else ()

    def show(self, value: tuple[tuple[int, int], ...]) -> str:
        return " ".join(f"{seconds} {changes}" for seconds, changes in value)

    def lines(self, value: tuple[tuple[int, int], ...]) -> list[str]:
        return [f"{seconds} {changes}" for seconds, changes in value] or ['""']


class BufferLimit(NamedTuple):
    """A client class's limits on output that it has not read: at once, or for so many seconds; 0 is none."""

    hard_bytes: int
    soft_bytes: int
    soft_seconds: int


Limits = dict[str, BufferLimit]


class BufferLimits(Option[Limits]):
    """Per client class: hard limit, soft limit (bytes), soft seconds. Each setting changes the classes it
    names."""

    several = True
    _classes = {"normal": "normal", "slave": "slave", "replica": "slave", "pubsub": "pubsub"}

    def parse(self, words: list[str]) -> Limits:
        return self.add(None, words)

    def add(self, present: Limits | None, words: list[str]) -> Limits:
        if not words or len(words) % 4:
            raise OptionError("Wrong number of arguments in buffer limit configuration.")
        limits = dict(self.default if present is None else present)
        for at in range(0, len(words), 4):
            kind = self._classes.get(words[at].lower())
            if kind is None:
                raise OptionError("Invalid client class specified in buffer limit configuration.")
            hard, soft = parse_memory(words[at + 1]), parse_memory(words[at + 2])
            if hard is None or soft is None or not re.fullmatch(r"\d{1,18}", words[at + 3]):
                raise OptionError(
                    "Error in hard, soft or soft_seconds setting in buffer limit configuration."
                )
            limits[kind] = BufferLimit(hard, soft, int(words[at + 3]))
        return limits

    def show(self, value: Limits) -> str:
        return " ".join(self.lines(value))

    def lines(self, value: Limits) -> list[str]:
        return [f"{kind} {hard} {soft} {seconds}" for kind, (hard, soft, seconds) in value.items()]


class Events(Option[str]):
    """Classes of keyspace events, kept in Redis's canonical order."""

    _all = "g$lshzxetd"

    def parse(self, words: list[str]) -> str:
        word = _one(words)
        if any(letter not in "Ag$lshzxeKEtmdn" for letter in word):
            raise OptionError("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.")
        given = set(word) | (set(self._all) if "A" in word else set())
        classes = "A" if given >= set(self._all) else "".join(x for x in self._all if x in given)
        return classes + "".join(x for x in "KEmn" if x in given)


class Followed(Option[tuple[str, int] | None]):
    """The primary to follow: host and port, or "no one"."""

    several = True

    def parse(self, words: list[str]) -> tuple[str, int] | None:
        if len(words) != 2:
            raise OptionError("wrong number of arguments")
        if [word.lower() for word in words] == ["no", "one"]:
            return None
        if not re.fullmatch(r"\d{1,5}", words[1]) or not 0 < int(words[1]) <= 65535:
            raise OptionError("Invalid master port")
        return words[0], int(words[1])

    def show(self, value: tuple[str, int] | None) -> str:
        return "" if value is None else f"{value[0]} {value[1]}"

    def lines(self, value: tuple[str, int] | None) -> list[str]:
        return [] if value is None else [f"{quote(value[0])} {value[1]}"]


class Lines(Option[tuple[tuple[str, ...], ...]]):
    """A directive that may stand many times in a file, is no CONFIG parameter, and takes so many words."""

    several = True
    shown = False

    def __init__(self, words_min: int, words_max: int | None = None) -> None:
        super().__init__((), immutable=True)
        self.words_min = words_min
        self.words_max = words_max

    def parse(self, words: list[str]) -> tuple[tuple[str, ...], ...]:
        return self.add((), words)

    def add(
        self, present: tuple[tuple[str, ...], ...] | None, words: list[str]
    ) -> tuple[tuple[str, ...], ...]:
        if len(words) < self.words_min or (self.words_max is not None and len(words) > self.words_max):
            raise OptionError("Bad directive or wrong number of arguments")
        return (*(present or ()), tuple(words))

    def lines(self, value: tuple[tuple[str, ...], ...]) -> list[str]:
        return [" ".join(quote(word) for word in words) for words in value]
