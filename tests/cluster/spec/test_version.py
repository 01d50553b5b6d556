from __future__ import annotations

import tomllib
from pathlib import Path

from cluster.spec.version import STARLING_VERSION


def test_the_distribution_has_this_version() -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
    assert project["version"] == STARLING_VERSION
