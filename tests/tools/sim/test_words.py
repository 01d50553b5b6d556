from __future__ import annotations

import pytest

from tools.sim.words import Host, Node, PeriodMs, ScriptError, bound, decimal, whole


def command(name: Node, period_ms: PeriodMs = 5, *hosts: Host) -> None:
    """Takes words of all kinds."""


def test_words_become_what_the_parameters_are() -> None:
    assert bound(command, ["n1", "7", "10.0.0.1", "::1"], str.upper).args == ("N1", 7, "10.0.0.1", "::1")
    assert bound(command, ["n1"], str).args == ("n1",)


def test_a_wrong_number_of_words_names_the_right_ones() -> None:
    with pytest.raises(ScriptError, match=r"expected: NAME \[PERIOD_MS\] HOSTS\.\.\.$"):
        bound(command, [], str)


@pytest.mark.parametrize("word", ["", "x", "1.5", "0", "8"])
def test_whole_numbers_are_read_within_their_bounds(word: str) -> None:
    read = whole(1, 7)
    assert [read("1"), read("7")] == [1, 7]
    with pytest.raises(ScriptError, match=f"'{word}' is not a whole number from 1 to 7"):
        read(word)


@pytest.mark.parametrize("word", ["", "x", "nan", "inf", "-0.1", "1.1"])
def test_other_numbers_are_read_within_their_bounds(word: str) -> None:
    read = decimal(0.0, 1.0)
    assert [read("0"), read(".5"), read("1")] == [0.0, 0.5, 1.0]
    with pytest.raises(ScriptError, match=f"'{word}' is not a number from 0.0 to 1.0"):
        read(word)
