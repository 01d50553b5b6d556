from __future__ import annotations

from cluster.commands.journal import Journal
from cluster.spec.options import Options
from cluster.store.clock import Clock
from protocol.resp.writer import encode_command
from tests.support.served import Served

SELECT = [encode_command([b"SELECT", b"%d" % number]) for number in range(4)]


def open_journal(**settings: str) -> tuple[Clock, Journal]:
    options = Options()
    for name, value in settings.items():
        options.set(name.replace("_", "-"), [value])
    clock = Clock(5_000)
    journal = Journal(clock, options)
    journal.is_open = True
    return clock, journal


def test_a_closed_one_takes_nothing() -> None:
    _, journal = open_journal()
    journal.is_open = False
    journal.feed(b"x")
    assert not journal.pending


def test_each_file_names_its_databases() -> None:
    _, journal = open_journal()
    for database in (0, 0, 3, 0):
        journal.feed(b"x", database)
    journal.begin()
    journal.feed(b"x")
    assert journal.pending == SELECT[0] + b"xx" + SELECT[3] + b"x" + SELECT[0] + b"x" + SELECT[0] + b"x"


def test_the_time_once_a_second_if_wanted() -> None:
    clock, journal = open_journal(aof_timestamp_enabled="yes")
    for now_ms in (5_000, 5_999, 6_000):
        clock.now_ms = now_ms
        journal.feed(b"x")
    assert journal.pending == b"#TS:5\r\n" + SELECT[0] + b"xx#TS:6\r\nx"


def test_writes_are_refused_while_it_cannot_be_written() -> None:
    served = Served()
    served.server.journal.error = "No space left on device"
    served.server.refresh()
    expected = b"-MISCONF Errors writing to the AOF file: No space left on device\r\n"
    assert served.client.raw("SET", "a", "1") == expected
    assert served.client.raw("PING") == expected
    assert served.client.raw("GET", "a") == b"$-1\r\n"
    served.server.journal.error = ""
    served.server.refresh()
    assert served.client.raw("SET", "a", "1") == b"+OK\r\n"


def test_transactions_are_wrapped_and_files_are_not_journaled_again() -> None:
    served = Served()
    journal = served.server.journal
    journal.is_open = True
    for words in (["MULTI"], ["SET", "a", "1"], ["GET", "a"], ["SET", "b", "2"], ["EXEC"]):
        served.call(*words)
    commands = [[b"MULTI"], [b"SET", b"a", b"1"], [b"SET", b"b", b"2"], [b"EXEC"]]
    assert journal.pending == SELECT[0] + b"".join(map(encode_command, commands))
    journal.pending.clear()
    served.engine.replay([b"SET", b"c", b"3"])
    assert not journal.pending
    served.engine.apply([b"SET", b"d", b"4"])
    assert journal.pending == encode_command([b"SET", b"d", b"4"])
