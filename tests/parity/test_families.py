"""What the driver does, and that the families together drive every data command."""

from __future__ import annotations

import importlib
from pathlib import Path
from random import Random

import pytest

from tests.parity import draws as st
from tests.parity.compare import some
from tests.parity.drive import (
    LATER,
    SOON,
    Case,
    Family,
    Tally,
    differs,
    drawn_key,
    drive,
    names_of_data_commands,
    shortest,
    specs,
    tokens,
)
from tests.support.oracle import Oracle

ELSEWHERE = {
    "hexpire": "Redis 7.4's: the server that is compared with is 7.0",
    "hpexpire": "Redis 7.4's",
    "hexpireat": "Redis 7.4's",
    "hpexpireat": "Redis 7.4's",
    "httl": "Redis 7.4's",
    "hpttl": "Redis 7.4's",
    "hexpiretime": "Redis 7.4's",
    "hpexpiretime": "Redis 7.4's",
    "hpersist": "Redis 7.4's",
    "waitaof": "Redis 7.2's",
    "migrate": "needs two servers: tests/e2e",
    "pfselftest": "takes the real server a second: test_hyperloglogs.py",
    "object|help": "in our own words",
    "pubsub|help": "in our own words",
    "xgroup|help": "in our own words",
    "xinfo|help": "in our own words",
}
"""Commands on data that no family drives, each with the reason."""


def families() -> dict[str, Family]:
    """Every FAMILY in the files beside this one."""
    names = sorted(path.stem for path in Path(__file__).parent.glob("test_*.py"))
    modules = [
        importlib.import_module(f"tests.parity.{name}") for name in names if name != Path(__file__).stem
    ]
    return {module.__name__: module.FAMILY for module in modules if hasattr(module, "FAMILY")}


def test_every_data_command_is_in_a_family() -> None:
    driven = {name for family in families().values() for name in family.covers.split()}
    declared = names_of_data_commands()
    assert declared - driven == set(ELSEWHERE)
    assert not driven & set(ELSEWHERE)
    assert driven <= {spec.name for spec in specs()}


def test_what_is_never_met_is_told() -> None:
    family = Family("get set", mixes=(some(b"GET", b"a"),), keys=[b"a"])
    tally = Tally()
    tally.note((b"GET", b"a"), b"$1\r\nx\r\n")
    tally.note((b"GET", b"a", b"b"), b"-ERR wrong number of arguments\r\n")
    gaps = tally.gaps(family)
    assert "set never succeeds" in gaps
    assert "set is never refused" in gaps
    assert "set EX" in gaps
    assert not [gap for gap in gaps if gap.startswith("get")]
    tally.note((b"set", b"a", b"b", b"ex", b"1"), b"+OK\r\n")
    assert "set EX" not in tally.gaps(family)


def test_the_same_seed_makes_the_same_run() -> None:
    for family in families().values():
        assert family.cases().draw(Random(7)) == family.cases().draw(Random(7))


def test_options_are_known_by_their_words() -> None:
    assert {"NX", "XX", "KEEPTTL", "GET", "EX", "PXAT"} <= tokens("set")
    assert "MKSTREAM" in tokens("xgroup|create")


@pytest.mark.parametrize(
    ("request_", "key"),
    [
        ("SPOP k 2", b"k"),
        ("GEOSEARCHSTORE to from FROMMEMBER m BYRADIUS 1 m COUNT 1", b"to"),
        ("GEORADIUS from 1 1 1 m COUNT 1 STORE a STOREDIST b", b"b"),
        ("GEORADIUS from 1 1 1 m COUNT 1", None),
        ("SORT k BY w_* STORE to", b"to"),
        ("SORT k STORE to", None),
        ("GET k", None),
    ],
)
def test_what_is_drawn_by_lot_lands_on_a_key(request_: str, key: bytes | None) -> None:
    assert drawn_key(tuple(request_.encode().split())) == key


HELP = Family("", mixes=(some(b"OBJECT", b"HELP"), some(b"PING")), keys=[b"a"])
"""OBJECT HELP is in our own words: a difference that is always there."""


@pytest.mark.parity
def test_a_difference_is_found_and_its_run_shortened(oracle: Oracle) -> None:
    case = Case(2, [], [*[(b"PING",)] * 5, (b"OBJECT", b"HELP"), (b"PING",)])
    assert differs(oracle, HELP, case)
    told = shortest(oracle, HELP, case)
    assert told.splitlines()[1] == "b'OBJECT' b'HELP'"
    with pytest.raises(AssertionError, match=r"seed \d+: RESP"):
        drive(oracle, HELP, 500)


@pytest.mark.parity
def test_keys_end_on_the_way(oracle: Oracle) -> None:
    """Both see the key before, and neither sees it after: nothing but the clock has removed it."""
    family = Family("", mixes=(some(b"PING"),), keys=[b"a"], state=["EXISTS KEY"])
    script = [(b"SET", b"a", b"1"), (SOON, b"a"), (b"EXISTS", b"a"), (b"DBSIZE",), (LATER,), (b"DBSIZE",)]
    tally = Tally()
    oracle.raw("DEBUG", "SET-ACTIVE-EXPIRE", "0")
    assert not differs(oracle, family, Case(3, [], [*script, (b"EXISTS", b"a"), (b"DBSIZE",)]), tally)
    oracle.raw("DEBUG", "SET-ACTIVE-EXPIRE", "1")
    assert tally.sent >= len(script) + 1


def test_draws() -> None:
    rng = Random(1)
    numbers = st.lists(st.integers(1, 3) | st.just(9), min_size=2, max_size=4)
    drawn = [numbers.draw(rng) for _ in range(200)]
    assert {len(each) for each in drawn} == {2, 3, 4}
    assert {number for each in drawn for number in each} == {1, 2, 3, 9}
    assert all(-2 <= st.floats(-2, 2).draw(rng) <= 2 for _ in range(100))
    assert {st.booleans().draw(rng) for _ in range(50)} == {True, False}
    assert max(len(st.binary(max_size=3).draw(rng)) for _ in range(100)) == 3
    assert st.builds(str.upper, st.sampled_from(["a"])).draw(rng) == "A"
    twos = st.just(2).flatmap(lambda size: st.lists(st.just(0), min_size=size, max_size=size))
    assert twos.draw(rng) == [0, 0]
