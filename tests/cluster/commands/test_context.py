"""The twin of cluster/commands/context.py."""

from __future__ import annotations

import pytest

from cluster.commands.context import Context
from tests.support.served import NOW_MS, Served


@pytest.fixture
def served() -> Served:
    return Served()


@pytest.fixture
def context(served: Served) -> Context:
    context = served.client.session.context
    assert isinstance(context, Context)
    return context


def test_a_change_counts_and_breaks_who_watches(served: Served, context: Context) -> None:
    served.call("WATCH", "k")
    context.changed(b"other", b"set", 3)
    assert (served.server.dirty, served.client.session.watch_broken) == (3, False)
    context.changed(b"k", b"set")
    assert (served.server.dirty, served.client.session.watch_broken) == (4, True)


def test_of_an_emptied_database_each_key_counts_and_whoever_watches_one_is_told(
    served: Served, context: Context
) -> None:
    context.flushed(context.db, 0)
    assert served.server.dirty == 0
    served.call("SET", "k", "v")
    served.call("WATCH", "k")
    context.flushed(context.db, 5)
    assert (served.server.dirty, served.client.session.watch_broken) == (6, True)


def test_exchanged_keys_break_who_watches_them(served: Served, context: Context) -> None:
    served.call("SET", "k", "v")
    served.call("WATCH", "k")
    context.exchanged(context.db)
    assert (served.server.dirty, served.client.session.watch_broken) == (1, True)


def test_another_database(served: Served, context: Context) -> None:
    context.select(2)
    assert (context.db.index, served.client.session.database) == (2, 2)
    with pytest.raises(IndexError):
        context.select(99)
    assert context.db.index == 2


def test_pauses_have_reasons_of_their_own_and_end_by_themselves(served: Served) -> None:
    server = served.server
    server.pause("client", NOW_MS + 100, everything=True)
    server.pause("failover", NOW_MS + 200, everything=False)
    assert (server.paused(writes=False), server.paused(writes=True), server.calm) == (True, True, False)
    server.unpause("client")
    assert (server.paused(writes=False), server.paused(writes=True)) == (False, True)
    assert server.replication.holds_still
    served.clock.now_ms += 200
    server.refresh()
    assert (server.paused(writes=True), server.calm) == (False, True)


def test_nothing_expires_by_itself_while_writes_are_paused(served: Served) -> None:
    server = served.server
    server.pause("failover", NOW_MS + 100, everything=False)
    assert not server.databases[0].deletes_expired
    server.unpause("failover")
    assert server.databases[0].deletes_expired


def test_loading_is_not_calm(served: Served) -> None:
    served.server.loading = True
    assert not served.server.calm
    served.server.loading = False
    assert served.server.calm
