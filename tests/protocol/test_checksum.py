from hypothesis import given
from hypothesis import strategies as st

from protocol.checksum import crc64


def test_the_published_check_value() -> None:
    assert crc64(b"123456789") == 0xE9C6D914C4B8D9CA
    assert crc64(b"") == 0


@given(st.binary(), st.binary())
def test_goes_on_from_what_came_before(first: bytes, second: bytes) -> None:
    assert crc64(second, crc64(first)) == crc64(first + second)
