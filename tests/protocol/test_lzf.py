import random
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.lzf import CorruptLzf, compress, decompress
from tests.support.oracle import Oracle


def texts(count: int, seed: int) -> list[bytes]:
    """Texts of many sorts and sizes: words repeated, few letters, runs, noise."""
    chance = random.Random(seed)
    made = []
    for _ in range(count):
        words = [chance.randbytes(chance.randint(1, 30)) for _ in range(chance.randint(1, 12))]
        words += [b"ab", b"a" * chance.randint(1, 300), b"hello world "]
        size = chance.choice([21, 25, 60, 100, 300, 1000, 9000, 20000])
        made.append(b"".join(chance.choices(words, k=size))[:size])
    return made


@given(st.lists(st.sampled_from([b"a", b"b", b"abc", b"\x00", b"\xff" * 9, b"0123456789" * 30])))
def test_there_and_back(words: list[bytes]) -> None:
    text = b"".join(words)
    packed = compress(text, len(text) - 4)
    if packed is not None:
        assert len(packed) <= len(text) - 4
        assert decompress(packed, len(text)) == text


def test_large_texts_there_and_back() -> None:
    for text in texts(40, seed=1):
        packed = compress(text, len(text) - 4)
        assert packed is None or decompress(packed, len(text)) == text


def test_noise_is_left_alone() -> None:
    noise = random.Random(1).randbytes(20000)
    assert compress(noise, len(noise) - 4) is None
    assert compress(noise[:100], 96) is None
    assert compress(b"", 10) is None
    assert compress(b"aaaa", 0) is None


@pytest.mark.parity
def test_the_same_bytes_as_liblzf_in_redis(oracle: Oracle) -> None:
    for text in texts(150, seed=2):
        oracle.call("SET", "lzf", text)
        payload = oracle.call("DUMP", "lzf").text
        packed = compress(text, len(text) - 4)
        if packed is None:
            assert text in payload
        else:
            assert payload[1:2] == b"\xc3"
            assert payload[-10 - len(packed) : -10] == packed
            assert len(payload) < len(packed) + 1 + 1 + 5 + 5 + 10 + 1


@given(st.binary(max_size=200), st.integers(0, 1000))
def test_garbage_is_refused_or_gives_what_was_promised(data: bytes, size: int) -> None:
    with suppress(CorruptLzf):
        assert len(decompress(data, size)) == size


@pytest.mark.parametrize(
    ("data", "size", "reason"),
    [
        (b"\x05abc", 6, "literal cut short"),
        (b"\x00a\x20", 4, "reference cut short"),
        (b"\x00a\xe0", 9, "reference cut short"),
        (b"\x00a\x20\x01", 4, "reference before the start"),
        (b"\x20\x00", 3, "reference before the start"),
        (b"\x00a", 2, "shorter than promised"),
        (b"\x02abc", 2, "longer than promised"),
        (b"\x00a", 1 << 60, "promises more than it can hold"),
    ],
)
def test_says_what_is_wrong(data: bytes, size: int, reason: str) -> None:
    with pytest.raises(CorruptLzf, match=reason):
        decompress(data, size)
