"""The checker on histories of which it is known whether they can be explained."""

from __future__ import annotations

import itertools
import random

from tools.sim.history import (
    APPEND,
    NEVER_US,
    READ,
    WRITE,
    Appends,
    Operation,
    by_key,
    check_appends,
    is_linearizable,
    wrong_registers,
)


def write(value: str, called: int, returned: int = NEVER_US, key: str = "k") -> Operation:
    return Operation(1, WRITE, key, value, called, returned)


def read(value: str | None, called: int, returned: int, key: str = "k") -> Operation:
    return Operation(2, READ, key, value, called, returned)


def test_one_after_the_other() -> None:
    assert is_linearizable([read(None, 0, 1), write("a", 2, 3), read("a", 4, 5)])
    assert not is_linearizable([write("a", 0, 1), read(None, 2, 3)])
    assert not is_linearizable([write("a", 0, 1), write("b", 2, 3), read("a", 4, 5)])
    assert not is_linearizable([read("a", 0, 1), write("a", 2, 3)])


def test_at_once_either_order_will_do_but_it_must_be_one() -> None:
    at_once = [write("a", 0, 10), write("b", 0, 10)]
    assert is_linearizable([*at_once, read("a", 11, 12), read("a", 13, 14)])
    assert is_linearizable([*at_once, read("b", 11, 12)])
    assert not is_linearizable([*at_once, read("a", 11, 12), read("b", 13, 14)])
    assert is_linearizable([*at_once, read("a", 5, 6), read("b", 7, 8), read("b", 11, 12)])
    assert not is_linearizable([*at_once, read("a", 1, 2), read("b", 3, 4), read("a", 11, 12)])


def test_a_stale_read_while_a_write_is_under_way_is_none() -> None:
    assert is_linearizable([write("a", 0, 1), write("b", 2, 9), read("a", 3, 4), read("b", 5, 6)])
    assert not is_linearizable([write("a", 0, 1), write("b", 2, 9), read("b", 3, 4), read("a", 5, 6)])


def test_a_write_of_unknown_outcome_happens_late_or_never() -> None:
    unknown = [write("a", 0, 1), write("b", 2)]
    assert is_linearizable([*unknown, read("a", 100, 101)])
    assert is_linearizable([*unknown, read("a", 100, 101), read("b", 200, 201)])
    assert not is_linearizable([*unknown, read("b", 100, 101), read("a", 200, 201)])
    assert not is_linearizable([write("a", 5), read("a", 1, 2)])


def test_as_said_by_trying_all_orders() -> None:
    verdicts = set()
    for seed in range(300):
        history = made_up(seed)
        verdict = is_linearizable(history)
        assert verdict == by_all_orders(history), (seed, [str(each) for each in history])
        verdicts.add(verdict)
    assert verdicts == {True, False}


def made_up(seed: int) -> list[Operation]:
    rng = random.Random(seed)
    history = []
    for number in range(5):
        called = rng.randrange(12)
        returned = called + 1 + rng.randrange(8)
        if rng.random() < 0.5:
            history.append(write(str(number), called, returned if rng.random() < 0.7 else NEVER_US))
        else:
            values = [each.value for each in history if each.kind == WRITE]
            history.append(read(rng.choice([None, *values]), called, returned))
    return history


def by_all_orders(history: list[Operation]) -> bool:
    optional = [each for each in history if each.returned_us == NEVER_US]
    for size in range(len(optional) + 1):
        for left_out in itertools.combinations(optional, size):
            chosen = [each for each in history if each not in left_out]
            if any(explains(order) for order in itertools.permutations(chosen)):
                return True
    return False


def explains(order: tuple[Operation, ...]) -> bool:
    value = None
    for place, each in enumerate(order):
        if any(later.returned_us < each.called_us for later in order[place + 1 :]):
            return False
        if each.kind == WRITE:
            value = each.value
        elif each.value != value:
            return False
    return True


def test_keys_are_judged_one_by_one() -> None:
    good = [write("a", 0, 1, "good"), read("a", 2, 3, "good")]
    bad = [write("a", 0, 1, "bad"), read(None, 2, 3, "bad")]
    assert list(by_key([*good, *bad])) == ["good", "bad"]
    assert wrong_registers([*good, *bad]) == {"bad": bad}


def test_a_long_history_is_judged_quickly() -> None:
    history = [
        operation
        for number in range(300)
        for operation in (
            write(str(number), 10 * number, 10 * number + 15),
            read(str(number), 10 * number + 16, 10 * number + 18),
        )
    ]
    assert is_linearizable(history)


def test_appends_that_are_gone_or_there_twice_or_nobodys() -> None:
    appends = [
        Operation(1, APPEND, "l", "a", 0, 1),
        Operation(1, APPEND, "l", "b", 0, 1),
        Operation(1, APPEND, "l", "c", 0),
        Operation(1, APPEND, "l", "d", 0),
    ]
    found = check_appends(appends, {"l": ["a", "a", "d", "x"]})
    assert found == Appends(2, ("l b",), ("l a",), ("l x",))
