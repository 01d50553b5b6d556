from __future__ import annotations

from dataclasses import fields

from cluster.spec.options import Options
from cluster.store.values.limits import DEFAULT_LIMITS, Limits


def test_a_nodes_options_are_limits_and_have_the_same_defaults() -> None:
    options: Limits = Options()
    for field in fields(DEFAULT_LIMITS):
        assert getattr(options, field.name) == getattr(DEFAULT_LIMITS, field.name)
