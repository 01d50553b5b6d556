"""Random requests from a seeded `random.Random`, by hypothesis's names for the same things.

Hypothesis looks for one failing input, and likes to come back to what it has tried: of 25,000 commands on
sorted sets that it made 3,300 were distinct, and to make them took longer than to serve them. What is wanted
here is many different requests; which of a failing run's matter is found out by leaving out the others.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Generic, TypeVar

_T = TypeVar("_T")
_D = TypeVar("_D", covariant=True)
_U = TypeVar("_U")


class Draws(Generic[_D]):
    """Something that is drawn anew each time."""

    __slots__ = ("draw",)

    def __init__(self, draw: Callable[[Random], _D]) -> None:
        self.draw = draw

    def map(self, made: Callable[[_D], _U]) -> Draws[_U]:
        """What is made of it."""
        draw = self.draw
        return Draws(lambda rng: made(draw(rng)))

    def flatmap(self, made: Callable[[_D], Draws[_U]]) -> Draws[_U]:
        """What is drawn from what is made of it."""
        draw = self.draw
        return Draws(lambda rng: made(draw(rng)).draw(rng))

    def __or__(self, other: Draws[_D]) -> Draws[_D]:
        return one_of(self, other)


def just(value: _T) -> Draws[_T]:
    """Always the same."""
    return Draws(lambda _rng: value)


def sampled_from(values: Sequence[_T]) -> Draws[_T]:
    """One of these; more often one that stands there more often."""
    chosen = list(values)
    return Draws(lambda rng: chosen[int(rng.random() * len(chosen))])


def one_of(*each: Draws[_T]) -> Draws[_T]:
    """Drawn from one of these; more often from one that is given more often."""
    return Draws(lambda rng: each[int(rng.random() * len(each))].draw(rng))


def integers(least: int, most: int) -> Draws[int]:
    """Both ends are possible, and likelier than others."""
    return Draws(lambda rng: rng.choice((least, most)) if rng.random() < 0.05 else rng.randint(least, most))


def floats(least: float = -1e38, most: float = 1e38, *, width: int = 64) -> Draws[float]:
    """Of any magnitude, and whole ones among them."""

    def draw(rng: Random) -> float:
        value = rng.uniform(least, most)
        if rng.random() < 0.3:
            value *= 10.0 ** -rng.randrange(12)
        if rng.random() < 0.2:
            value = float(round(value))
        return float(struct.unpack("<f", struct.pack("<f", value))[0]) if width == 32 else value

    return Draws(draw)


def booleans() -> Draws[bool]:
    return Draws(lambda rng: rng.random() < 0.5)


def binary(*, max_size: int) -> Draws[bytes]:
    """Bytes of any kind."""
    return Draws(lambda rng: rng.randbytes(int(rng.random() * (max_size + 1))))


def lists(of: Draws[_T], *, min_size: int = 0, max_size: int) -> Draws[list[_T]]:
    """As many as there may be, each number as likely as any other."""
    draw, sizes = of.draw, max_size + 1 - min_size
    return Draws(lambda rng: [draw(rng) for _ in range(min_size + int(rng.random() * sizes))])


def tuples(*each: Draws[Any]) -> Draws[tuple[Any, ...]]:
    """One of each."""
    draws = tuple(one.draw for one in each)
    return Draws(lambda rng: tuple([draw(rng) for draw in draws]))


def builds(made: Callable[..., _T], *each: Draws[Any]) -> Draws[_T]:
    """What is made of one of each."""
    return tuples(*each).map(lambda parts: made(*parts))
