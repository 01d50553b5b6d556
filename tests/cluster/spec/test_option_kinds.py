"""The twin of cluster/spec/option_kinds.py."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.spec.option_kinds import (
    Boolean,
    Integer,
    Memory,
    MemoryOrPercent,
    Octal,
    OptionError,
    parse_memory,
    quote,
)
from protocol.resp.inline import split_words


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("1k", 1000), ("1kb", 1024), ("2MB", 2 << 20), ("1g", 10**9), ("1gb", 1 << 30), ("12b", 12)],
)
def test_memory_units(text: str, size: int) -> None:
    assert parse_memory(text) == size


@pytest.mark.parametrize("text", ["", "k", "1x", "1 k", "1.5g"])
def test_what_is_no_amount_of_memory(text: str) -> None:
    assert parse_memory(text) is None


@pytest.mark.parametrize(
    ("option", "word", "value", "shown"),
    [
        (Boolean(False), "YES", True, "yes"),
        (Integer(0, -1, 9), "-1", -1, "-1"),
        (Octal(0, 0, 0o777), "700", 0o700, "700"),
        (Memory(0), "1kb", 1024, "1024"),
        (MemoryOrPercent(0), "25%", -25, "25%"),
        (MemoryOrPercent(0), "1k", 1000, "1000"),
    ],
)
def test_values_and_how_they_are_shown(
    option: Boolean | Integer | MemoryOrPercent, word: str, value: int, shown: str
) -> None:
    assert (option.parse([word]), option.show(value)) == (value, shown)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("option", "words", "reason"),
    [
        (Boolean(False), ["maybe"], "argument must be 'yes' or 'no'"),
        (Boolean(False), ["yes", "no"], "wrong number of arguments"),
        (Integer(0, 1, 9), ["10"], "argument must be between 1 and 9 inclusive"),
        (Integer(0, 1, 9), ["1x"], "argument couldn't be parsed into an integer"),
        (Integer(0, 1, 9), [str(1 << 70)], "argument couldn't be parsed into an integer"),
        (Octal(0, 0, 0o777), ["8"], "argument couldn't be parsed as an octal number"),
        (Memory(0), ["1x"], "argument must be a memory value"),
        (MemoryOrPercent(0), ["101%"], "percentage argument must be less or equal to 100"),
    ],
)
def test_refusals(option: Boolean | Integer | MemoryOrPercent, words: list[str], reason: str) -> None:
    with pytest.raises(OptionError) as refusal:
        option.parse(words)
    assert str(refusal.value) == reason


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20))
def test_a_quoted_word_is_read_as_it_was(text: str) -> None:
    assert split_words(quote(text).encode()) == [text.encode()]
