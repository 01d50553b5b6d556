import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.resp.inline import split_words


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"", []),
        (b" \t\r", []),
        (b"SET k v\r", [b"SET", b"k", b"v"]),
        (b'ECHO ""', [b"ECHO", b""]),
        (rb'"a\x41\n\r\t\a\b\q\\\"" b', [b'aA\n\r\t\a\bq\\"', b"b"]),
        (rb'"\xZ1\x4"', [b"xZ1x4"]),
        (rb"'a\'b\n'", [rb"a'b\n"]),
        (b'a"b c"', [b"ab c"]),
        (b"a'b c' d", [b"ab c", b"d"]),
        (b'"a"\x0b"b"\x0cc', [b"a", b"b", b"c"]),
        (b"\xff\xfe", [b"\xff\xfe"]),
    ],
)
def test_words(line: bytes, words: list[bytes]) -> None:
    assert split_words(line) == words


@pytest.mark.parametrize("line", [b'"', b"'", b'"a', b"a'b", b'"a"b', b"'a'b", b'"a\\', b'"a\\"', b"'a\\'"])
def test_unbalanced_quotes(line: bytes) -> None:
    assert split_words(line) is None


@given(st.lists(st.binary()))
def test_everything_can_be_quoted(words: list[bytes]) -> None:
    quoted = [b'"%b"' % b"".join(b"\\x%02x" % byte for byte in word) for word in words]
    assert split_words(b" ".join(quoted)) == words


@given(st.text(alphabet="ab\\\"' x4", max_size=60))
def test_never_fails(line: str) -> None:
    words = split_words(line.encode())
    assert words is None or all(isinstance(word, bytes) for word in words)
