from __future__ import annotations

from tests.support.local import NOW_MS, Local


def pending() -> Local:
    """Ann has 1-1 to 3-1 pending, delivered a minute ago."""
    local = Local()
    for at in (1, 2, 3):
        local.call("XADD", "s", f"{at}-1", "f", f"v{at}")
    local.call("XGROUP", "CREATE", "s", "g", 0)
    local.call("XREADGROUP", "GROUP", "g", "ann", "STREAMS", "s", ">")
    local.now_ms += 60_000
    local.written.clear()
    local.events.clear()
    return local


def claim(owner: str, id_: str, at_ms: int, count: int, last: str = "3-1") -> list[bytes]:
    text = f"XCLAIM s g {owner} 0 {id_} TIME {at_ms} RETRYCOUNT {count} FORCE JUSTID LASTID {last}"
    return text.encode().split()


def test_the_summary_and_the_list() -> None:
    local = pending()
    assert local.call("XPENDING", "s", "g") == [3, b"1-1", b"3-1", [[b"ann", b"3"]]]
    assert local.call("XPENDING", "s", "g", "(1-1", "+", 1) == [[b"2-1", b"ann", 60_000, 1]]
    assert local.call("XPENDING", "s", "g", "IDLE", 60_001, "-", "+", 9) == []
    assert local.call("XPENDING", "s", "g", "-", "+", 9, "nobody") == []


def test_a_claim_is_propagated_as_what_came_of_it() -> None:
    local = pending()
    assert local.call("XCLAIM", "s", "g", "bob", 60_000, "2-1", "9-9") == [[b"2-1", [b"f", b"v2"]]]
    assert local.written == [claim("bob", "2-1", NOW_MS + 60_000, 2)]
    assert local.events == [(b"s", b"xgroup-createconsumer", 1)]


def test_what_is_not_idle_for_long_enough_stays() -> None:
    local = pending()
    assert local.call("XCLAIM", "s", "g", "bob", 60_001, "2-1", "LASTID", "5-1") == []
    assert local.written == [b"XGROUP SETID s g 5-1 ENTRIESREAD 3".split()]


def test_who_claims_nothing_is_no_consumer() -> None:
    local = pending()
    local.call("XCLAIM", "s", "g", "bob", 60_001, "2-1")
    local.call("XAUTOCLAIM", "s", "g", "bob", 60_001, 0)
    assert local.call("XGROUP", "CREATECONSUMER", "s", "g", "bob") == 1


def test_force_makes_an_entry_pending_that_is_in_the_stream() -> None:
    local = pending()
    local.call("XACK", "s", "g", "1-1")
    local.written.clear()
    assert local.call("XCLAIM", "s", "g", "bob", 99, "1-1", "8-8", "FORCE", "JUSTID", "IDLE", 7) == [b"1-1"]
    assert local.written == [claim("bob", "1-1", NOW_MS + 60_000 - 7, 1)]


def test_a_time_in_the_future_is_now() -> None:
    local = pending()
    local.call("XCLAIM", "s", "g", "ann", 0, "1-1", "TIME", NOW_MS * 2, "RETRYCOUNT", 7)
    assert local.call("XPENDING", "s", "g", "1", "1", 1) == [[b"1-1", b"ann", 0, 7]]


def test_what_is_gone_from_the_stream_is_no_longer_pending() -> None:
    local = pending()
    local.call("XDEL", "s", "1-1", "2-1")
    local.written.clear()
    assert local.call("XCLAIM", "s", "g", "bob", 0, "1-1") == []
    assert local.call("XAUTOCLAIM", "s", "g", "bob", 0, 0, "JUSTID") == [b"0-0", [b"3-1"], [b"2-1"]]
    # Several commands of one request travel as a transaction.
    assert [argv for argv in local.written if len(argv) > 1] == [
        claim("ann", "1-1", NOW_MS, 1),
        claim("ann", "2-1", NOW_MS, 1),
        claim("bob", "3-1", NOW_MS + 60_000, 1),
    ]


def test_claiming_goes_on_where_it_stopped() -> None:
    local = pending()
    reply = local.call("XAUTOCLAIM", "s", "g", "bob", 60_000, "-", "COUNT", 2, "JUSTID")
    assert reply == [b"3-1", [b"1-1", b"2-1"], []]
    assert local.call("XAUTOCLAIM", "s", "g", "bob", 60_000, "3-1", "COUNT", 2, "JUSTID") == [
        b"0-0",
        [b"3-1"],
        [],
    ]


def test_a_replica_has_the_same_pending() -> None:
    primary, replica = Local(), Local()
    for request in (
        "XADD s 1-1 f v", "XADD s 2-1 f v", "XGROUP CREATE s g 0",
        "XREADGROUP GROUP g ann COUNT 1 STREAMS s >", "XREADGROUP GROUP g bob STREAMS s >",
        "XDEL s 2-1", "XCLAIM s g eve 0 1-1", "XAUTOCLAIM s g ann 0 2",
    ):  # fmt: skip
        primary.call(*request.split())
    for argv in primary.written:
        replica.engine.apply(argv)
    question = ("XPENDING", "s", "g", "-", "+", 9)
    assert primary.call(*question) == replica.call(*question) == [[b"1-1", b"eve", 0, 2]]
