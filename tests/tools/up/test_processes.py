from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.ports import free_port
from tools.admin.client import AdminError, Client
from tools.up.processes import Place, last_lines, require_free, start, stop, wait_until_serving

SLEEPER = (sys.executable, "-c", "import sys, time; print(*sys.argv[1:], flush=True); time.sleep(100)")
FAILURE = (sys.executable, "-c", "print('Bad directive'); print(); raise SystemExit(1)")
STUBBORN = (
    sys.executable,
    "-c",
    "from signal import *; signal(SIGTERM, SIG_IGN); print('deaf', flush=True); import time; time.sleep(100)",
)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "7000", 7000)


def wait_for_output(place: Place) -> None:
    while not place.log.read_text():
        pass


def test_start_and_stop(place: Place) -> None:
    process = start(place, {"cluster-node-timeout": "1000", "save": "900 1"}, SLEEPER)
    wait_for_output(place)
    assert place.pid() == process.pid
    fixed = f"--port 7000 --dir {place.folder} --cluster-enabled yes"
    assert place.log.read_text() == f"{fixed} --cluster-node-timeout 1000 --save 900 1\n"
    assert stop([place]) == [place]
    assert place.pid() is None
    assert not place.pidfile.exists()
    assert stop([place]) == []
    process.wait()


def test_an_empty_value_stays_a_word(place: Place) -> None:
    command = (sys.executable, "-c", "import sys; print(sys.argv[1:], flush=True)")
    start(place, {"save": ""}, command).wait()
    assert place.log.read_text().strip().endswith("'--save', '']")


def test_a_pid_of_another_program_is_not_ours(place: Place) -> None:
    place.folder.mkdir()
    for text in (str(os.getpid()), "nonsense", ""):
        place.pidfile.write_text(text)
        assert place.pid() is None


def test_one_that_does_not_stop_is_named(place: Place) -> None:
    process = start(place, {}, STUBBORN)
    wait_for_output(place)
    with pytest.raises(AdminError, match=rf"port 7000 \(pid {process.pid}\) does not stop"):
        stop([place], timeout_s=0)
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_a_failed_start_gives_its_last_words(place: Place) -> None:
    process = start(place, {}, FAILURE)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = Client(silent.getsockname(), timeout_s=0.05)
        with pytest.raises(AdminError, match="port 7000 did not start: Bad directive"):
            wait_until_serving(client, place, lambda: process.poll() is not None)


def test_last_words(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert last_lines(log) == f"nothing in {log}"
    log.write_text("one\n\ntwo\nthree\n\n")
    assert last_lines(log) == "two three"


def test_a_taken_port_is_named() -> None:
    port = free_port()
    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(AdminError, match=rf"port {port} \(client port\) cannot be used: Address already"),
    ):
        require_free(port)
    with (
        socket.create_server(("127.0.0.1", port + 10000)),
        pytest.raises(AdminError, match=rf"port {port + 10000} \(bus port of {port}\) cannot be used"),
    ):
        require_free(port)


def test_a_taken_datagram_port_is_named() -> None:
    port = free_port()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", port + 10000))
        with pytest.raises(AdminError, match=f"port {port + 10000} "):
            require_free(port)


@pytest.mark.parametrize("port", [0, 55536, 70000])
def test_there_must_be_room_for_the_bus_port(port: int) -> None:
    with pytest.raises(AdminError, match="no room for the bus port"):
        require_free(port)


def test_nothing_is_left_of_a_finished_process(place: Place) -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    place.folder.mkdir()
    place.pidfile.write_text(str(process.pid))
    assert place.pid() is None
