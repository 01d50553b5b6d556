from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tools.admin.client import AdminError
from tools.sim.measure import Case, Outcome
from tools.sim.plot import check, save

OUTCOMES = [
    Outcome(Case(nodes=3, seed=seed), {"last_ms": 5.0 + seed}, [1.0, 5.0 + seed], {"ping": 300}, {"ping": 3})
    for seed in range(3)
]


def test_a_plot_is_a_png(tmp_path: Path) -> None:
    path = tmp_path / "one.png"
    save(path, {"ours": OUTCOMES, "idle": [Outcome(Case(), {}, [], {"ping": 5}, {"ping": 1})]})
    assert path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_without_matplotlib_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(AdminError, match=r"starling-kv\[sim\]"):
        check()
