import crcmod.predefined
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.keyslot import SLOTS, hash_tag, key_slot

xmodem = crcmod.predefined.mkPredefinedCrcFun("xmodem")


@pytest.mark.parametrize(
    ("key", "slot"), [(b"foo", 12182), (b"123456789", 12739), (b"", 0), (b"bar", 5061), (b"hello", 866)]
)
def test_known_slots(key: bytes, slot: int) -> None:
    assert key_slot(key) == slot


@given(st.binary().filter(lambda key: b"{" not in key))
def test_equals_the_definition(key: bytes) -> None:
    assert key_slot(key) == xmodem(key) % SLOTS


@given(st.binary(), st.binary(min_size=1).filter(lambda tag: b"}" not in tag), st.binary())
def test_only_the_first_tag_counts(before: bytes, tag: bytes, after: bytes) -> None:
    before = before.replace(b"{", b"")
    assert key_slot(before + b"{" + tag + b"}" + after) == xmodem(tag) % SLOTS


@pytest.mark.parametrize(
    ("key", "tag"),
    [
        (b"{user1000}.following", b"user1000"),
        (b"{user1000}.followers", b"user1000"),
        (b"foo{}{bar}", b"foo{}{bar}"),
        (b"foo{{bar}}zap", b"{bar"),
        (b"foo{bar}{zap}", b"bar"),
        (b"foo{bar", b"foo{bar"),
        (b"foo}bar{", b"foo}bar{"),
        (b"{}", b"{}"),
    ],
)
def test_hash_tags(key: bytes, tag: bytes) -> None:
    assert hash_tag(key) == tag
    assert key_slot(key) == xmodem(tag) % SLOTS
