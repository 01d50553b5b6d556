from __future__ import annotations

from cluster.session.watches import Watches
from tests.cluster.session.test_session import session


def test_a_change_breaks_the_watch_of_that_key_only() -> None:
    watches, one, other = Watches(), session(), session()
    watches.watch(one, (0, b"k"), True)
    watches.watch(other, (1, b"k"), True)
    watches.touch((0, b"k"))
    watches.touch((0, b"unwatched"))
    assert (one.watch_broken, other.watch_broken) == (True, False)


def test_expiry_breaks_only_what_was_there() -> None:
    watches, saw_it, saw_nothing = Watches(), session(), session()
    watches.watch(saw_it, (0, b"k"), True)
    watches.watch(saw_nothing, (0, b"k"), False)
    watches.expired((0, b"k"))
    assert (saw_it.watch_broken, saw_nothing.watch_broken) == (True, False)


def test_a_flushed_database_breaks_all_its_watches() -> None:
    watches, one, other = Watches(), session(), session()
    watches.watch(one, (0, b"k"), False)
    watches.watch(other, (1, b"k"), True)
    watches.touch_database(0)
    assert (one.watch_broken, other.watch_broken) == (True, False)


def test_forgotten_watches_leave_nothing_behind() -> None:
    watches, one = Watches(), session()
    for key in (b"a", b"b", b"a"):
        watches.watch(one, (0, key), True)
    watches.touch((0, b"a"))
    watches.forget(one)
    assert (len(watches), one.watched, one.watch_broken) == (0, {}, False)
