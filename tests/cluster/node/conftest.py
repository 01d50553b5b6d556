"""What the tests of the real World share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cluster.node.os_world import OsWorld


@pytest.fixture
def world() -> Iterator[OsWorld]:
    """A real World; what is open in it at the end is closed."""
    made = OsWorld()
    yield made
    made.close()
