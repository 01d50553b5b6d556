from protocol.resp.types import (
    LATER,
    NO_REPLY,
    NULL_ARRAY,
    OK,
    BigNumber,
    ErrorReply,
    Push,
    SetReply,
    Status,
    Verbatim,
)


def test_reply_types_are_the_values_they_look_like() -> None:
    assert OK == b"OK" and isinstance(OK, Status)
    assert ErrorReply(b"ERR no") == b"ERR no"
    assert BigNumber(1 << 70) == 1 << 70
    assert SetReply([b"a"]) == [b"a"] == Push([b"a"])
    assert (Verbatim(b"text").kind, Verbatim(b"text").text) == (b"txt", b"text")


def test_sentinels_say_their_names() -> None:
    assert [repr(each) for each in (NULL_ARRAY, NO_REPLY, LATER)] == ["NULL_ARRAY", "NO_REPLY", "LATER"]
