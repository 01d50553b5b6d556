from __future__ import annotations

from cluster.core.round_trip import MAX_MS, MIN_MS, RoundTrip


def test_the_wait_follows_the_answers() -> None:
    trip = RoundTrip()
    first = trip.timeout_ms(1)
    for _ in range(100):
        trip.sample(2)
    assert trip.timeout_ms(1) == MIN_MS + 1 < first
    for _ in range(100):
        trip.sample(80)
    assert 80 < trip.timeout_ms(1) < 100


def test_each_try_waits_twice_as_long_up_to_a_bound() -> None:
    trip = RoundTrip()
    for _ in range(100):
        trip.sample(20)
    waits = [trip.timeout_ms(tries) for tries in range(1, 10)]
    assert waits == sorted(waits)
    assert abs(waits[1] - 2 * waits[0]) <= 1
    assert waits[-1] == MAX_MS + 1


def test_answers_that_vary_are_waited_for_longer() -> None:
    steady, uneven = RoundTrip(), RoundTrip()
    for number in range(100):
        steady.sample(20)
        uneven.sample(5 if number % 2 else 35)
    assert uneven.timeout_ms(1) > steady.timeout_ms(1) + 20
