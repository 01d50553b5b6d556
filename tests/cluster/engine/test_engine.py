from __future__ import annotations

import pytest

from cluster.commands.context import Context
from cluster.engine.entries import Entry
from cluster.spec.options import Options
from protocol.resp.types import LATER, NO_REPLY, OK, ErrorReply
from tests.support.served import NOW_MS, Client, Served


def test_it_serves() -> None:
    served = Served()
    assert served.call("SET", "k", "v") == OK
    assert served.call("get", "k") == b"v"
    assert served.call("GeT", "k") == b"v"
    assert served.call("PING") == b"PONG"


@pytest.mark.parametrize(
    ("argv", "reply"),
    [
        (("foo",), b"ERR unknown command 'foo', with args beginning with: "),
        (("foo", "a", "b c"), b"ERR unknown command 'foo', with args beginning with: 'a' 'b c' "),
        (
            ("foo", "a" * 200, "b"),
            b"ERR unknown command 'foo', with args beginning with: '%b' " % (b"a" * 128),
        ),
        (("f\0oo",), b"ERR unknown command 'f', with args beginning with: "),
        (("",), b"ERR unknown command '', with args beginning with: "),
        (("get",), b"ERR wrong number of arguments for 'get' command"),
        (("GET", "a", "b"), b"ERR wrong number of arguments for 'get' command"),
        (("config",), b"ERR wrong number of arguments for 'config' command"),
        (("CONFIG", "set"), b"ERR wrong number of arguments for 'config|set' command"),
        (("config", "x"), b"ERR unknown subcommand 'x'. Try CONFIG HELP."),
        (("SELECT", "99"), b"ERR DB index is out of range"),
    ],
)
def test_refusals(argv: tuple[str, ...], reply: bytes) -> None:
    refused = Served().call(*argv)
    assert isinstance(refused, ErrorReply)
    assert refused == reply


def test_errors_and_commands_are_counted() -> None:
    served = Served()
    served.stopwatch.step_usec = 10
    for argv in (("SET", "k", "v"), ("INCR", "k"), ("INCR",), ("nosuch",), ("LPUSH", "k", "x")):
        served.call(*argv)
    statistics = served.server.statistics
    assert statistics.errors == {"ERR": 3, "WRONGTYPE": 1}
    incr = statistics.of("incr")
    assert (incr.calls, incr.failed_calls, incr.rejected_calls) == (1, 1, 1)
    assert statistics.of("set").usec == pytest.approx(10)


def test_a_mistake_of_ours_costs_one_request(monkeypatch: pytest.MonkeyPatch) -> None:
    served = Served()

    def broken(_ctx: Context, *_words: bytes) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(served.engine._hot[b"ECHO"], "handler", broken)
    assert served.call("ECHO", "x") == b"ERR internal error"
    assert "ZeroDivisionError: oh" in served.host.logged[-1]
    assert served.call("PING") == b"PONG"


def test_a_password_is_asked_for() -> None:
    options = Options()
    options.requirepass = "secret"
    served = Served(options)
    assert served.call("GET", "k") == b"NOAUTH Authentication required."
    assert served.call("AUTH", "wrong") == b"WRONGPASS invalid username-password pair or user is disabled."
    assert served.call("AUTH", "secret") == OK
    assert served.call("GET", "k") is None


def test_rename_command() -> None:
    options = Options()
    options.set("rename-command", ["FLUSHALL", ""])
    options.set("rename-command", ["GET", "FETCH"])
    served = Served(options)
    served.call("SET", "k", "v")
    assert served.call("fetch", "k") == b"v"
    assert isinstance(served.call("GET", "k"), ErrorReply)
    assert isinstance(served.call("FLUSHALL"), ErrorReply)
    options.set("rename-command", ["nosuch", "x"])
    with pytest.raises(ValueError, match="No such command"):
        Served(options)


def test_a_web_page_is_hung_up_on() -> None:
    served = Served()
    assert isinstance(served.call("POST", "/", "HTTP/1.1"), ErrorReply)
    assert served.client.session.close_after_reply


def test_client_pause_parks_writes_until_it_ends() -> None:
    served = Served()
    other = Client(served)
    assert served.call("CLIENT", "PAUSE", 1000, "WRITE") == OK
    assert other.call("SET", "k", "v") is LATER
    assert served.call("GET", "k") is None
    served.clock.now_ms = NOW_MS + 999
    served.engine.tick()
    assert other.got == []
    served.clock.now_ms = NOW_MS + 1001
    served.engine.tick()
    assert other.got == [OK]
    assert served.call("GET", "k") == b"v"


def test_a_parked_client_that_goes_is_forgotten() -> None:
    served = Served()
    other = Client(served)
    served.engine.pause_writes(NOW_MS + 5000)
    assert other.call("SET", "k", "v") is LATER
    served.engine.close(other.session)
    served.engine.pause_writes(0)
    assert (other.got, served.call("EXISTS", "k")) == ([], 0)


def test_a_manual_failover_moves_nothing_while_writes_are_paused() -> None:
    served = Served()
    served.call("SET", "k", "v", "PX", 10)
    served.feeds()
    served.engine.pause_writes(NOW_MS + 5000)
    served.clock.now_ms = NOW_MS + 100
    served.engine.tick()
    assert served.call("GET", "k") is None
    assert served.feeds() == b""
    served.engine.pause_writes(0)
    served.engine.tick()
    assert b"DEL" in served.feeds()


@pytest.mark.parametrize("argv", [("SET", "k", "w"), ("GET", "k"), ("DEL", "x", "k"), ("FLUSHALL",)])
def test_a_key_in_transfer_parks_who_touches_it(argv: tuple[str, ...]) -> None:
    served = Served()
    served.call("SET", "k", "v")
    served.server.in_transfer.add(b"k")
    assert served.call("SET", "other", "v") == OK
    assert served.call(*argv) is LATER
    served.server.in_transfer.clear()
    served.engine.retry_parked()
    assert len(served.client.got) == 1


def test_a_transaction_that_touches_a_key_in_transfer_is_parked() -> None:
    served = Served()
    for argv in (("MULTI",), ("SET", "k", "v")):
        served.call(*argv)
    served.server.in_transfer.add(b"k")
    assert served.call("EXEC") is LATER
    served.server.in_transfer.clear()
    served.engine.retry_parked()
    assert served.client.got == [[OK]]


def test_replies_off_and_skipped() -> None:
    served = Served()
    assert served.call("CLIENT", "REPLY", "SKIP") is NO_REPLY
    assert served.call("SET", "k", "v") is NO_REPLY
    assert served.call("GET", "k") == b"v"
    assert served.call("CLIENT", "REPLY", "OFF") is NO_REPLY
    assert served.call("GET", "k") is NO_REPLY
    assert served.call("NOSUCH") is NO_REPLY
    assert served.call("CLIENT", "REPLY", "ON") == OK
    assert served.call("GET", "k") == b"v"


def test_expired_keys_are_removed_by_and_by() -> None:
    served = Served()
    for number in range(1000):
        served.call("SET", f"k{number}", "v", "PX", 5)
    served.clock.now_ms += 10
    for _ in range(10):
        served.engine.tick()
    assert served.call("DBSIZE") == 0


def test_slow_requests_are_kept_short() -> None:
    served = Served()
    served.call("CONFIG", "SET", "slowlog-log-slower-than", "100", "slowlog-max-len", "2")
    served.stopwatch.step_usec = 500
    for _ in range(3):
        served.call("MSET", *("x" * 200 for _ in range(40)))
    slow = served.server.statistics.slow
    assert [entry.id for entry in slow] == [2, 1]
    assert (slow[0].usec, len(slow[0].argv)) == (500, 32)
    assert slow[0].argv[1] == b"x" * 128 + b"... (72 more bytes)"
    assert slow[0].argv[-1] == b"... (10 more arguments)"


def test_a_transactions_requests_have_their_own_times() -> None:
    served = Served()
    served.stopwatch.step_usec = 10
    for argv in (("MULTI",), ("SET", "k", "v"), ("GET", "k"), ("EXEC",)):
        served.call(*argv)
    times = {name: served.server.statistics.of(name).usec for name in ("set", "get", "exec")}
    assert times == {name: pytest.approx(usec) for name, usec in (("set", 10), ("get", 10), ("exec", 50))}


def test_every_entry_finds_its_handler() -> None:
    table = Served().engine._table
    for spec in table.specs.values():
        found = table.get(spec.name.encode())
        assert isinstance(found, Entry)
        assert found.is_container or callable(found.handler)
