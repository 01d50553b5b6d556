from __future__ import annotations

import pytest

from tools.admin.client import AdminError, ServerError
from tools.admin.waiting import wait_until


def test_it_waits_until_nothing_is_missing() -> None:
    answers = iter(["two", "one", ""])
    wait_until("all", lambda: next(answers), timeout_s=10)
    assert next(answers, None) is None


def test_it_ends_with_what_was_last_missing() -> None:
    with pytest.raises(AdminError, match="in vain for all: one"):
        wait_until("all", lambda: "one", timeout_s=0)


def test_a_node_that_loads_is_asked_again() -> None:
    address = ("127.0.0.1", 7000)
    answers = iter(["LOADING Redis is loading the dataset in memory", "ERR other"])

    def missing() -> str:
        raise ServerError(address, next(answers))

    with pytest.raises(ServerError, match="ERR other"):
        wait_until("all", missing, timeout_s=10)
