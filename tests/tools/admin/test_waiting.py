from __future__ import annotations

import pytest

from tools.admin.client import AdminError
from tools.admin.waiting import wait_until


def test_it_waits_until_nothing_is_missing() -> None:
    answers = iter(["two", "one", ""])
    wait_until("all", lambda: next(answers), timeout_s=10)
    assert next(answers, None) is None


def test_it_ends_with_what_was_last_missing() -> None:
    with pytest.raises(AdminError, match="in vain for all: one"):
        wait_until("all", lambda: "one", timeout_s=0)
