from __future__ import annotations

import pytest

from cluster.core.orders import AddSlots, BumpEpoch, OrderRefused, SetConfigEpoch
from tests.cluster.core.alone import introduce, make_core
from tests.cluster.core.cluster import Cluster


def test_bumpepoch_takes_the_greatest_unless_it_has_it() -> None:
    core = make_core()
    assert core.order(core.now_ms, BumpEpoch()) == "BUMPED 1"
    assert core.order(core.now_ms, BumpEpoch()) == "STILL 1"
    introduce(core, 1, slots=range(2), epoch=8)
    assert core.order(core.now_ms, BumpEpoch()) == "BUMPED 9"


def test_set_config_epoch_is_for_a_node_that_is_alone_and_has_none() -> None:
    core = make_core()
    for epoch, text in ((-1, "ERR Invalid config epoch specified: -1"),):
        with pytest.raises(OrderRefused) as refused:
            core.order(core.now_ms, SetConfigEpoch(epoch))
        assert str(refused.value) == text
    core.order(core.now_ms, SetConfigEpoch(0))
    core.order(core.now_ms, SetConfigEpoch(3))
    assert (core.me.config_epoch, core.current_epoch) == (3, 3)
    with pytest.raises(OrderRefused, match=r"^ERR Node config epoch is already non-zero$"):
        core.order(core.now_ms, SetConfigEpoch(4))
    introduce(core, 1)
    with pytest.raises(OrderRefused, match="only when the node does not know any other node"):
        core.order(core.now_ms, SetConfigEpoch(4))


def test_all_that_began_with_one_epoch_end_with_their_own() -> None:
    cluster = Cluster(9)
    for number in range(1, 8):
        cluster.add(f"n{number}")
        cluster.order(f"n{number}", SetConfigEpoch(1))
        cluster.order(f"n{number}", AddSlots((number,)))
    for number in range(2, 8):
        cluster.meet(f"n{number}", "n1")
    cluster.run(3000)
    cluster.run_until(cluster.agree, 5000)
    epochs = {node.core.me.config_epoch for node in cluster.running()}
    assert len(epochs) == 7


def test_who_owns_no_slots_collides_with_nobody() -> None:
    core = make_core()
    core.order(core.now_ms, SetConfigEpoch(5))
    introduce(core, 1, slots=range(3), epoch=5)
    assert core.me.config_epoch == 5
