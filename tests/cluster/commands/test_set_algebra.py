from __future__ import annotations

import pytest

from tests.support.local import Local


@pytest.fixture
def local() -> Local:
    made = Local()
    made.call("SADD", "a", "1", "2", "3")
    made.call("SADD", "b", "2", "3", "4")
    made.events.clear()
    made.written.clear()
    return made


def test_results(local: Local) -> None:
    assert local.call("SINTER", "a", "b") == [b"2", b"3"]
    assert local.call("SUNION", "a", "b", "none") == [b"1", b"2", b"3", b"4"]
    assert local.call("SDIFF", "a", "b") == [b"1"]
    assert local.call("SINTER", "a", "none") == []
    assert local.call("SINTERCARD", 2, "a", "b", "LIMIT", 1) == 1


def test_a_stored_result_may_be_one_of_its_inputs(local: Local) -> None:
    assert local.call("SUNIONSTORE", "a", "a", "b") == 4
    assert local.events == [(b"a", b"sunionstore", 1)]
    assert local.written == [[b"SUNIONSTORE", b"a", b"a", b"b"]]
    assert local.call("SCARD", "a") == 4


def test_an_empty_result_removes_what_was_there(local: Local) -> None:
    assert local.call("SDIFFSTORE", "a", "b", "b") == 0
    assert local.events == [(b"a", b"del", 1)]
    assert local.call("SINTERSTORE", "none", "a", "b") == 0
    assert local.events == [(b"a", b"del", 1)]


def test_a_stored_result_has_no_expiry(local: Local) -> None:
    local.call("PEXPIREAT", "a", local.now_ms + 1000)
    local.call("SINTERSTORE", "a", "b")
    assert local.call("TTL", "a") == -1


def test_storing_replaces_a_value_of_another_type(local: Local) -> None:
    local.call("SET", "text", "x")
    assert local.call("SUNIONSTORE", "text", "a") == 3
    assert local.call("SCARD", "text") == 3
