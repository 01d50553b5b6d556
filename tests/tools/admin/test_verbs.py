from __future__ import annotations

import pytest

from tests.tools.admin.flock import HOST, Flock, Node, three
from tools.admin import verbs
from tools.admin.client import Address
from tools.cli import main


@pytest.fixture
def flock(monkeypatch: pytest.MonkeyPatch) -> Flock:
    """The verbs talk to these objects in place of a network."""
    found = three()
    monkeypatch.setattr(verbs, "_cluster", lambda where, password: found.cluster(int(where.split(":")[1])))

    def client(address: Address, password: str | None = None) -> object:
        return found.client(address)

    monkeypatch.setattr(verbs, "Client", client)
    return found


def test_check_of_a_sound_cluster(flock: Flock, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "127.0.0.1:1"]) == 0
    text = capsys.readouterr().out
    assert f"primary {flock.nodes[2].id} 127.0.0.1:2 5462 slots [5461-10922]" in text
    assert "[OK] All 16384 slots covered." in text


def test_check_of_an_unsound_one(flock: Flock, capsys: pytest.CaptureFixture[str]) -> None:
    flock.nodes[1].slots.discard(7)
    assert main(["check", "127.0.0.1:1"]) == 1
    assert "[7]" in capsys.readouterr().out


def test_info(flock: Flock, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "127.0.0.1:1"]) == 0
    text = capsys.readouterr().out
    assert "5461" in text
    assert "15 keys in 3 primaries" in text


def test_reshard(flock: Flock, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["reshard", "127.0.0.1:1", "--from", f"{HOST}:1", "--to", f"{HOST}:2", "--slots", "3", "--yes"]
    assert main(words) == 0
    text = capsys.readouterr().out
    assert "[0-2]" in text
    assert "[OK] 3 slots moved" in text
    assert {0, 1, 2} <= flock.nodes[2].slots


def test_reshard_from_all(flock: Flock) -> None:
    assert main(["reshard", "127.0.0.1:1", "--to", flock.nodes[2].id, "--slots", "100", "-y"]) == 0
    assert [len(flock.nodes[port].slots) for port in (1, 2, 3)] == [5411, 5562, 5411]


def test_reshard_of_an_unsound_cluster_changes_nothing(
    flock: Flock, capsys: pytest.CaptureFixture[str]
) -> None:
    flock.nodes[1].migrating[0] = flock.nodes[2].id
    assert main(["reshard", "127.0.0.1:1", "--to", f"{HOST}:2", "--slots", "1", "-y"]) == 1
    assert "Nothing was changed" in capsys.readouterr().err
    assert flock.sent("CLUSTER SETSLOT") == []


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--to", f"{HOST}:9", "--slots", "1", "-y"], "is no node of this cluster"),
        (["--to", f"{HOST}:2", "--from", f"{HOST}:2", "--slots", "1", "-y"], "cannot give slots to itself"),
        (["--to", f"{HOST}:2", "--slots", "16384", "-y"], "the sources have 10922"),
    ],
)
def test_reshard_refuses(
    flock: Flock, capsys: pytest.CaptureFixture[str], words: list[str], complaint: str
) -> None:
    assert main(["reshard", "127.0.0.1:1", *words]) == 1
    error = capsys.readouterr().err
    assert complaint in error
    assert error.count("\n") == 1


def test_without_a_terminal_yes_must_be_given(
    flock: Flock, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    assert main(["reshard", "127.0.0.1:1", "--to", f"{HOST}:2", "--slots", "1"]) == 1
    assert "--yes" in capsys.readouterr().err
    assert flock.sent("CLUSTER SETSLOT") == []


def test_rebalance(flock: Flock, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rebalance", "127.0.0.1:1", "--weight", f"{HOST}:1=0", "--yes"]) == 0
    assert [len(flock.nodes[port].slots) for port in (1, 2, 3)] == [0, 8192, 8192]
    assert len(flock.keys(2)) + len(flock.keys(3)) == 15
    assert main(["rebalance", "127.0.0.1:2", "--yes"]) == 0
    assert "Nothing to do" in capsys.readouterr().out


@pytest.mark.parametrize("weight", ["1", f"{HOST}:1=x", f"{HOST}:1=-1"])
def test_rebalance_refuses_weights(flock: Flock, weight: str) -> None:
    assert main(["rebalance", "127.0.0.1:1", "--weight", weight, "--yes"]) == 1


def test_fix(flock: Flock, capsys: pytest.CaptureFixture[str]) -> None:
    flock.nodes[1].migrating[0] = flock.nodes[2].id
    flock.nodes[2].importing[0] = flock.nodes[1].id
    assert main(["fix", "127.0.0.1:1"]) == 0
    assert "going on with the move" in capsys.readouterr().out


def test_nodes_come_and_go(flock: Flock, capsys: pytest.CaptureFixture[str]) -> None:
    flock.nodes[9] = Node(9, known={9})
    assert main(["add-node", f"{HOST}:9", f"{HOST}:1", "--replica"]) == 0
    assert flock.nodes[9].primary_id == flock.nodes[1].id
    assert main(["failover", f"{HOST}:9", "--force"]) == 0
    assert main(["del-node", f"{HOST}:2", f"{HOST}:1"]) == 0
    assert flock.nodes[1].known == {1}
    assert main(["failover", f"{HOST}:9", "--force", "--takeover"]) == 1
    assert "exclude each other" in capsys.readouterr().err


def test_create(flock: Flock, capsys: pytest.CaptureFixture[str]) -> None:
    for port, node in flock.nodes.items():
        flock.nodes[port] = Node(node.port, known={port})
    assert main(["create", f"{HOST}:1", f"{HOST}:2", f"{HOST}:3", "--yes"]) == 0
    assert "[OK] 3 nodes, cluster_state:ok" in capsys.readouterr().out
    assert main(["create", f"{HOST}:1", f"{HOST}:2", f"{HOST}:3", "--yes"]) == 1
    assert "is not empty" in capsys.readouterr().err


def test_call(flock: Flock, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["call", "127.0.0.1:1", "DBSIZE"]) == 0
    assert capsys.readouterr().out.splitlines() == ["127.0.0.1:1: 15", "127.0.0.1:2: 0", "127.0.0.1:3: 0"]
    flock.fail_once[(2, "DBSIZE")] = "ERR no"
    assert main(["call", "127.0.0.1:1", "DBSIZE", "--only-primaries"]) == 1
    assert "127.0.0.1:2: (error) ERR no" in capsys.readouterr().out
