from __future__ import annotations

import pytest

from cluster.spec.option_kinds import Lines, OptionError, Text
from cluster.spec.options import BY_NAME, DIRECTIVES, ChangeRefused, Options, UnknownOption
from tests.support.oracle import Oracle

OWN = {"cluster-gossip-fanout", "cluster-write-acks", "cluster-write-acks-timeout-ms"}
GIVEN_TO_THE_ORACLE = {"port", "bind", "dir", "save", "enable-debug-command", "pidfile", "daemonize"}


@pytest.mark.parity
def test_names_and_defaults_are_those_of_redis(oracle: Oracle) -> None:
    frames = oracle.call("CONFIG", "GET", "*").children
    theirs = {
        name.text.decode(): value.text.decode() for name, value in zip(frames[::2], frames[1::2], strict=True)
    }
    ours = Options().get(lambda name: True)
    assert set(ours) - set(theirs) == OWN
    assert set(theirs) <= set(ours)
    unequal = {name for name in theirs if ours[name] != theirs[name]}
    assert unequal <= GIVEN_TO_THE_ORACLE


@pytest.mark.parity
@pytest.mark.parametrize(
    "value", ["x y", "99999999999999999999999", "-5000000000", "maybe", "save nosave now"]
)
def test_refusals_are_those_of_redis(oracle: Oracle, value: str) -> None:
    unsigned = {"maxmemory-clients", "maxmemory", "cluster-link-sendbuf-limit"}
    for name, option in BY_NAME.items():
        if name in OWN | unsigned | {"bind", "port", "tls-port"} or isinstance(option, Text | Lines):
            continue
        theirs = oracle.call("CONFIG", "SET", name, value).text
        try:
            Options().change({name: value})
            ours = b"OK"
        except ChangeRefused as refusal:
            ours = f"ERR CONFIG SET failed (possibly related to argument '{name}') - {refusal}".encode()
        assert ours == theirs, name


def test_an_option_is_a_typed_attribute() -> None:
    options = Options()
    assert options.port + 1 == 6380
    options.port = 7000
    assert (options.port, Options().port) == (7000, 6379)


def test_lines_of_a_file_add_up_where_redis_adds_them_up() -> None:
    options = Options()
    options.set("save", ["900", "1"])
    options.set("SAVE", ["60", "10", "30", "5"])
    assert (60, 10) in options.save
    assert options.get(lambda name: name == "save") == {"save": "900 1 60 10 30 5"}
    options.set("save", [""])
    assert options.get(lambda name: name == "save") == {"save": ""}
    options.set("client-output-buffer-limit", ["replica", "1mb", "0", "5"])
    assert options.client_output_buffer_limit["slave"] == (1 << 20, 0, 5)
    assert options.client_output_buffer_limit["pubsub"].hard_bytes == 32 << 20


@pytest.mark.parametrize(
    ("name", "values", "reason"),
    [
        ("no-such", ["1"], "Bad directive or wrong number of arguments"),
        ("port", ["70000"], "argument must be between 0 and 65535 inclusive"),
        ("port", ["1", "2"], "wrong number of arguments"),
        ("unixsocketperm", ["9"], "argument couldn't be parsed as an octal number"),
        ("appendfilename", ["a/b"], "appendfilename can't be a path, just a filename"),
        ("appenddirname", ["a\\b"], "appenddirname can't be a path, just a dirname"),
        ("replicaof", ["host", "x"], "Invalid master port"),
        ("rename-command", ["GET"], "Bad directive or wrong number of arguments"),
        ("save", ["1"], "Invalid save parameters"),
    ],
)
def test_bad_lines_are_refused_with_redis_words(name: str, values: list[str], reason: str) -> None:
    options = Options()
    with pytest.raises(OptionError, match=reason) as caught:
        options.set(name, values)
    assert isinstance(caught.value, UnknownOption) == (name == "no-such")
    assert vars(options)["given"] == set()


def test_change_is_all_or_nothing() -> None:
    options = Options()
    with pytest.raises(ChangeRefused) as caught:
        options.change({"maxmemory": "1gb", "hz": "x"})
    assert (caught.value.name, options.maxmemory) == ("hz", 0)
    assert options.change({"maxmemory": "1gb", "slave-priority": "7"}) == ["maxmemory", "replica-priority"]
    assert (options.maxmemory, options.replica_priority) == (1 << 30, 7)
    assert options.change({"maxmemory": "1024mb", "hz": "11"}) == ["hz"]


def test_what_may_not_change_while_running() -> None:
    options = Options()
    with pytest.raises(ChangeRefused, match="can't set immutable config"):
        options.change({"cluster-enabled": "yes"})
    with pytest.raises(ChangeRefused, match="can't set protected config"):
        options.change({"dir": "/tmp"})
    options.set("enable-protected-configs", ["yes"])
    assert options.change({"dir": "/tmp"}) == ["dir"]


def test_rendered_lines_read_back_to_the_same_values() -> None:
    options = Options()
    options.change(
        {
            "save": "60 10 30 5",
            "maxmemory": "100mb",
            "requirepass": 'a "b" \\c',
            "notify-keyspace-events": "KEA",
            "client-output-buffer-limit": "normal 1kb 2 3",
            "shutdown-on-sigterm": "now force",
        }
    )
    lines = dict(options.render())
    assert lines["maxmemory"] == ["maxmemory 104857600"]
    assert lines["requirepass"] == ['requirepass "a \\"b\\" \\\\c"']
    assert lines["save"] == ["save 60 10", "save 30 5"]
    assert lines["hz"] == []
    again = Options()
    for name, rows in lines.items():
        if name != "requirepass":
            for row in rows:
                again.set(name, row.split(" ")[1:])
    again.requirepass = options.requirepass
    assert {n: options.value(o) for n, o in DIRECTIVES.items()} == {
        n: again.value(o) for n, o in DIRECTIVES.items()
    }


def test_events_come_in_canonical_order() -> None:
    options = Options()
    for given, kept in [("KEA", "AKE"), ("$lE", "$lE"), ("El$", "$lE"), ("g$lshzxetdK", "AK")]:
        options.change({"notify-keyspace-events": given})
        assert options.notify_keyspace_events == kept


@pytest.mark.parametrize("word", ["my host", "a" * 256, "caf\xe9", "a\nb"])
def test_what_no_frame_can_carry_is_not_announced(word: str) -> None:
    for name in ("cluster-announce-ip", "cluster-announce-hostname"):
        with pytest.raises(ChangeRefused):
            Options().change({name: word})
    Options().change({"cluster-announce-ip": "fe80::1%eth0", "cluster-announce-hostname": "a.b-c"})
