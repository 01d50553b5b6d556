from __future__ import annotations

import pytest

from tools.sim.disk import SimAppendFile
from tools.sim.power import POLICIES, try_power_cuts


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("seed", range(3))
def test_a_power_cut_costs_no_more_than_promised(seed: int, policy: str) -> None:
    found = try_power_cuts((seed, policy))
    assert found.broken == ""
    assert found.acknowledged > 0


def test_a_seed_has_one_history() -> None:
    assert try_power_cuts((1, "everysec")) == try_power_cuts((1, "everysec"))


def test_a_node_that_does_not_sync_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SimAppendFile, "sync", lambda _: None)
    monkeypatch.setattr(SimAppendFile, "sync_soon", lambda _, done: done(""))
    for policy in POLICIES:
        assert any(try_power_cuts((seed, policy)).broken for seed in range(4))
