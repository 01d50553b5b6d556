from __future__ import annotations

from cluster.core.watch import Watch


def test_mismatches_last_until_someone_says_the_same() -> None:
    watch = Watch()
    watch.compared(1000, equal=True)
    assert watch.mismatch_ms(1500) == 0
    watch.compared(2000, equal=False)
    watch.compared(2100, equal=False)
    assert watch.mismatch_ms(2150) == 150
    watch.compared(2200, equal=True)
    watch.compared(5000, equal=False)
    assert watch.mismatch_ms(5001) == 201
