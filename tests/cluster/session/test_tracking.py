"""Who is told of a changed key, and when. Parity tests compare the commands with a real server."""

from __future__ import annotations

from protocol.resp.types import Push, Reply
from tests.support.served import Client, Served


def tracking(served: Served, *options: str) -> Client:
    client = Client(served)
    client.raw("HELLO", 3)
    client.call("CLIENT", "TRACKING", "ON", *options)
    return client


def told(client: Client) -> list[Reply]:
    client.engine._server.tracking.settle()
    got = [push[1] for push in client.got if isinstance(push, Push)]
    client.got.clear()
    return got


def test_a_reader_is_told_once_of_what_it_has_read() -> None:
    served = Served()
    reader = tracking(served)
    reader.call("GET", "k")
    served.call("SET", "other", "v")
    served.call("SET", "k", "v")
    served.call("SET", "k", "w")
    assert told(reader) == [[b"k"]]
    assert (served.server.tracking.key_count, served.server.tracking.item_count) == (0, 0)


def test_expiry_and_a_flush_are_changes() -> None:
    served = Served()
    reader = tracking(served)
    served.call("PSETEX", "k", 5, "v")
    reader.call("GET", "k")
    served.clock.now_ms += 6
    served.engine.tick()
    assert told(reader) == [[b"k"]]
    reader.call("GET", "k")
    served.call("FLUSHALL")
    assert told(reader) == [None]


def test_the_own_change_comes_behind_its_reply_or_not_at_all() -> None:
    served = Served()
    one, quiet = tracking(served), tracking(served, "NOLOOP")
    for client in (one, quiet):
        client.call("GET", "k")
        client.call("SET", "k", "v")
        assert client.got == []
    assert told(one) == [[b"k"]]
    assert told(quiet) == []


def test_broadcasts_by_prefix() -> None:
    served = Served()
    listener = tracking(served, "BCAST", "PREFIX", "a", "PREFIX", "b")
    for key in ("b1", "a2", "c", "a1", "a2"):
        served.call("SET", key, "v")
    assert listener.got == []
    assert told(listener) == [[b"a1", b"a2"], [b"b1"]]
    assert served.server.tracking.prefix_count == 2


def test_opting_in_holds_for_one_request() -> None:
    served = Served()
    reader = tracking(served, "OPTIN")
    reader.call("GET", "a")
    reader.call("CLIENT", "CACHING", "YES")
    reader.call("GET", "b")
    reader.call("GET", "c")
    for key in "abc":
        served.call("SET", key, "v")
    assert told(reader) == [[b"b"]]


def test_an_exception_outlives_that_tracking_is_asked_for_once_more() -> None:
    served = Served()
    reader = tracking(served, "OPTOUT")
    reader.call("CLIENT", "CACHING", "NO")
    reader.call("CLIENT", "TRACKING", "ON", "OPTOUT")
    reader.call("GET", "a")
    reader.call("GET", "b")
    for key in "ab":
        served.call("SET", key, "v")
    assert told(reader) == [[b"b"]]


def test_the_table_is_bounded() -> None:
    served = Served()
    served.options.tracking_table_max_keys = 2
    reader = tracking(served)
    reader.call("MGET", "a", "b", "c")
    assert told(reader) == [[b"a"]]
    assert served.server.tracking.key_count == 2


def test_a_broken_redirection_is_told_and_shown() -> None:
    served = Served()
    gone = Client(served)
    reader = tracking(served, "REDIRECT", str(gone.session.id))
    reader.call("GET", "k")
    gone.session.close()
    served.call("SET", "k", "v")
    assert reader.got == [Push([b"tracking-redir-broken", gone.session.id])]
    assert b" flags=tR " in served.client.raw("CLIENT", "LIST", "ID", reader.session.id)


def test_who_has_gone_is_forgotten() -> None:
    served = Served()
    reader = tracking(served)
    reader.call("GET", "k")
    reader.session.close()
    served.call("SET", "k", "v")
    assert not served.server.tracking.clients
    assert b"tracking_clients:0\r\n" in served.client.raw("INFO", "clients")


def test_what_changed_before_a_prefix_was_named_is_no_news() -> None:
    served = Served()
    tracking(served, "BCAST", "PREFIX", "b")
    late = Client(served)
    late.call("HELLO", "3")
    served.call("SET", "a1", "v")
    late.call("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "a")
    served.call("SET", "a2", "v")
    assert told(late) == [[b"a2"]]
    late.session.close()
    assert served.server.tracking.prefix_count == 1


def test_a_key_that_changes_while_nobody_tracks_is_forgotten() -> None:
    served = Served()
    reader = tracking(served)
    reader.call("MGET", "a", "b")
    reader.call("CLIENT", "TRACKING", "OFF")
    served.call("SET", "a", "v")
    reader.call("CLIENT", "TRACKING", "ON")
    served.call("SET", "a", "v")
    served.call("SET", "b", "v")
    assert told(reader) == [[b"b"]]


def test_what_a_client_is_still_to_be_told_it_is_told_after_it_has_stopped_tracking() -> None:
    served = Served()
    other = Client(served)
    other.raw("HELLO", 3)
    own = tracking(served, "REDIRECT", str(other.session.id))
    for request in (["MULTI"], ["FLUSHALL"], ["CLIENT", "TRACKING", "OFF"], ["EXEC"]):
        own.call(*request)
    assert told(other) == [None]
    assert told(own) == []


def test_what_a_client_is_still_to_be_told_goes_where_it_last_said() -> None:
    served = Served()
    other = Client(served)
    other.raw("HELLO", 3)
    own = tracking(served, "REDIRECT", str(other.session.id))
    requests = [["FLUSHALL"], ["CLIENT", "TRACKING", "ON"], ["CLIENT", "TRACKING", "OFF"]]
    for request in [["MULTI"], *requests, ["EXEC"]]:
        own.call(*request)
    assert told(other) == []
    assert told(own) == [None]
