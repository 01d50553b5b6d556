"""The little language in which commands declare their arguments."""

from __future__ import annotations

import pytest

from cluster.spec.syntax import Argument, SyntaxMistake, arity, parse


def test_plain_words() -> None:
    key, count, value = parse("key count:integer value")
    assert (key.kind, count.kind, value.kind) == ("key", "integer", "string")


def test_tokens_belong_to_what_follows() -> None:
    (expiration,) = parse("expiration=[EX seconds:integer | KEEPTTL]")
    assert (expiration.name, expiration.kind, expiration.optional) == ("expiration", "oneof", True)
    seconds, keep = expiration.children
    assert (seconds.token, seconds.kind) == ("EX", "integer")
    assert keep == Argument("keepttl", "pure-token", "KEEPTTL")


def test_a_group_repeats() -> None:
    (pairs,) = parse("{field value}+")
    assert (pairs.name, pairs.kind, pairs.multiple) == ("field", "block", True)
    assert [child.name for child in pairs.children] == ["field", "value"]


def test_a_token_repeats_with_its_argument() -> None:
    (get,) = parse("[GET+ pattern:pattern]")
    assert (get.token, get.multiple, get.multiple_token, get.optional) == ("GET", True, True, True)


def test_a_key_specification_is_named_where_order_does_not_tell() -> None:
    first, second, by = parse("key1:key key2:key@0 [BY pattern:pattern@1]")
    assert [first.key_spec, second.key_spec, by.key_spec] == [None, 0, 1]
    assert (by.name, by.kind) == ("pattern", "pattern")


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 1),
        ("key", 2),
        ("key value [NX | XX]", -3),
        ("key {field value}+", -4),
        ("numkeys:integer key+", -3),
        ("{COUNT count | ALL}", -2),
    ],
)
def test_arity(text: str, count: int) -> None:
    assert arity(parse(text), 1) == count


@pytest.mark.parametrize("text", ["[key", "{a | b", "key]", "?"])
def test_mistakes_are_told(text: str) -> None:
    with pytest.raises(SyntaxMistake):
        parse(text)
