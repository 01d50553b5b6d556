from __future__ import annotations

from pathlib import Path

import pytest

from cluster.store.dump import snapshot
from protocol.resp.writer import encode_command
from tests.support.served import Served
from tools.cli import main


def test_check_aof(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "file.aof"
    path.write_bytes(encode_command([b"PING"]) + b"*1\r\n")
    assert main(["check-aof", str(path)]) == 1
    assert "Use the --fix option" in capsys.readouterr().out
    assert main(["check-aof", "--fix", "--yes", str(path)]) == 0
    assert main(["check-aof", str(path)]) == 0
    assert "AOF file.aof is valid" in capsys.readouterr().out
    assert main(["check-aof", str(tmp_path / "nothing")]) == 1


def test_check_rdb(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "dump.rdb"
    path.write_bytes(b"".join(snapshot(Served().server.databases, {})))
    assert main(["check-rdb", str(path)]) == 0
    assert "RDB looks OK!" in capsys.readouterr().out
    path.write_bytes(path.read_bytes()[:-1])
    assert main(["check-rdb", str(path)]) == 1
    assert "RDB ERROR DETECTED" in capsys.readouterr().out
