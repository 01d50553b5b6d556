"""Real processes: what whoever drives redis-server by its command line, signals and files would notice."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from tests.support.ports import free_port
from tests.support.process import PROGRAM, ROOT, Start, client_of, ready


def test_log_lines_banner_and_sigterm(start: Start, tmp_path: Path) -> None:
    more = ("--pidfile", "node.pid", "--unixsocket", "node.sock", "--always-show-logo", "yes")
    process, client = ready(start, "--save", "900 1", *more)
    assert client.ping()
    assert (tmp_path / "node.pid").read_text() == f"{process.process.pid}\n"
    with redis.Redis(unix_socket_path=str(tmp_path / "node.sock")) as local:
        local.set("key", "value")
    process.process.send_signal(signal.SIGTERM)
    code, said = process.end()
    assert code == 0
    pid = process.process.pid
    assert re.match(rf"{pid}:C \d\d [A-Z][a-z]{{2}} \d{{4}} \d\d:\d\d:\d\d\.\d{{3}} # ", said)
    for line in (
        "Running in standalone mode",
        f" PID: {pid}\n",
        "* Running mode=standalone, port=",
        "* Ready to accept connections",
        "Received SIGTERM scheduling shutdown...",
        "# User requested shutdown...",
        "* Saving the final RDB snapshot before exiting.",
        "* DB saved on disk",
        "* Removing the pid file.",
        "* Removing the unix socket file.",
        "bye bye...",
    ):
        assert line in said
    assert [path.name for path in tmp_path.iterdir()] == ["dump.rdb"]
    client.close()

    _, again = ready(start)
    assert again.get("key") == "value"
    again.close()


@pytest.mark.parity
def test_redis_and_starling_read_each_others_dump(start: Start, tmp_path: Path) -> None:
    server = shutil.which("redis-server")
    if server is None:
        pytest.skip("no redis-server")
    process, client = ready(start)
    client.set("string", "x" * 5000)
    client.rpush("list", *range(300))
    client.hset("hash", mapping={f"f{number}": "v" for number in range(600)})
    client.zadd("zset", {f"m{number}": number / 3 for number in range(200)})
    client.sadd("set", *range(10), "word")
    client.pexpireat("string", 33_000_000_000_000)
    before = sorted(client.keys())
    client.shutdown(save=True)
    assert process.end()[0] == 0
    port = free_port()
    real = subprocess.Popen(
        [server, "--port", str(port), "--bind", "127.0.0.1"], cwd=tmp_path, stdout=subprocess.DEVNULL
    )
    with client_of(port) as other:
        wait_until(lambda: answers(other))
        assert sorted(other.keys()) == before
        assert other.pexpiretime("string") == 33_000_000_000_000
        assert other.zscore("zset", "m1") == 1 / 3
        other.set("more", "from redis")
        other.shutdown(save=True)
    assert real.wait(timeout=20) == 0
    client.close()
    _, again = ready(start)
    assert sorted(again.keys()) == sorted([*before, "more"])
    assert again.hlen("hash") == 600
    again.close()


def my_id(client: redis.Redis) -> str:
    return str(client.execute_command("CLUSTER MYID"))  # type: ignore[no-untyped-call]


def answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.exceptions.RedisError:
        return False


def wait_until(condition: Callable[[], bool]) -> None:
    """Fails when the condition does not come true."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_port_in_use(start: Start) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, said = start("--port", str(port), "--bind", "127.0.0.1").end()
    assert code == 1
    assert (
        f"Could not create server TCP listening socket 127.0.0.1:{port}: bind: Address already in use" in said
    )
    assert said.endswith(f"# Failed listening on port {port} (TCP), aborting.")


def test_a_data_folder_in_use_by_another_node(start: Start) -> None:
    process, client = ready(start, "--cluster-enabled", "yes")
    code, said = start("--port", str(free_port()), "--cluster-enabled", "yes").end()
    assert code == 1
    assert said.endswith(
        "# Sorry, the cluster configuration file nodes.conf is already used by a different Redis Cluster "
        "node. Please make sure that different nodes use different cluster configuration files."
    )
    assert client.ping()
    client.close()
    process.process.kill()
    process.end()
    # The lock goes with its process, however that ended.
    ready(start, "--cluster-enabled", "yes")[1].close()


def test_a_nodes_conf_cut_in_two(start: Start, tmp_path: Path) -> None:
    process, client = ready(start, "--cluster-enabled", "yes")
    client.shutdown(nosave=True)
    assert process.end()[0] == 0
    client.close()
    saved = tmp_path / "nodes.conf"
    whole = saved.read_bytes()
    for cut in (1, len(whole) // 2, len(whole) - 1):
        saved.write_bytes(whole[:cut])
        code, said = start("--port", str(free_port()), "--cluster-enabled", "yes").end()
        assert code == 1
        assert said.endswith("# Unrecoverable error: corrupted cluster config file.")
        assert saved.read_bytes() == whole[:cut]


def test_a_dump_cut_in_two(start: Start, tmp_path: Path) -> None:
    process, client = ready(start)
    client.set("key", "value" * 50)
    client.shutdown(save=True)
    process.end()
    client.close()
    dump = tmp_path / "dump.rdb"
    dump.write_bytes(dump.read_bytes()[:-20])
    left = dump.read_bytes()
    code, said = start("--port", str(free_port())).end()
    assert code == 1
    assert "Fatal error loading the DB: dump.rdb: " in said
    assert dump.read_bytes() == left


def test_the_node_comes_back_with_its_id(start: Start) -> None:
    process, client = ready(start, "--cluster-enabled", "yes")
    node_id = my_id(client)
    process.process.kill()
    process.end()
    client.close()
    process, client = ready(start, "--cluster-enabled", "yes")
    assert my_id(client) == node_id
    assert process.wait_for("Node configuration loaded, I'm ").endswith(node_id)
    client.close()


def test_config_from_a_file_and_stdin_and_rewrite(start: Start, tmp_path: Path) -> None:
    port = free_port()
    config = tmp_path / "redis.conf"
    config.write_text(f"# mine\nport {port}\nbind 127.0.0.1\nsave 900 1\n")
    process = start(str(config), "--timeout", "77", "-", stdin="maxclients 55\n")
    process.wait_for("Ready to accept connections")
    with client_of(port) as client:
        assert client.config_get("timeout", "maxclients") == {"timeout": "77", "maxclients": "55"}
        client.config_set("loglevel", "warning")
        client.config_rewrite()
        client.shutdown(nosave=True)
    assert process.end()[0] == 0
    text = config.read_text()
    assert text.startswith(f"# mine\nport {port}\nbind 127.0.0.1\nsave 900 1\n")
    assert {"timeout 77", "maxclients 55", "loglevel warning"} < set(text.splitlines())


def test_a_port_can_be_moved(start: Start) -> None:
    _, client = ready(start)
    port = free_port()
    client.config_set("port", port)
    with client_of(port) as moved:
        assert moved.ping()
        assert client.ping()
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            with pytest.raises(redis.exceptions.ResponseError, match="CONFIG SET failed"):
                moved.config_set("port", taken.getsockname()[1])
        assert moved.config_get("port") == {"port": str(port)}
    client.close()


def test_bgsave_and_save_points(start: Start, tmp_path: Path) -> None:
    process, client = ready(start, "--save", "1 1")
    client.set("key", "value")
    process.wait_for("1 changes in 1 seconds. Saving...")
    process.wait_for("Background saving terminated with success")
    assert client.info("persistence")["rdb_changes_since_last_save"] == 0
    (tmp_path / "dump.rdb").unlink()
    client.bgsave()
    wait_until(lambda: (tmp_path / "dump.rdb").exists())
    client.close()


def test_a_second_sigint_ends_at_once(start: Start) -> None:
    process, client = ready(start)
    address = ("127.0.0.1", client.connection_pool.connection_kwargs["port"])
    with socket.create_connection(address) as replica, socket.create_connection(address) as other:
        # A replica that never acknowledges: the first signal waits for it.
        replica.sendall(b"PSYNC ? -1\r\n")
        process.wait_for("Background saving terminated with success")
        client.set("key", "value")
        process.process.send_signal(signal.SIGINT)
        process.wait_for("Waiting for replicas before shutting down.")
        other.sendall(b"SHUTDOWN ABORT\r\n")
        assert other.recv(100) == b"+OK\r\n"
        # One that was called off does not count.
        process.process.send_signal(signal.SIGINT)
        wait_until(lambda: "shutdown_in_milliseconds" in client.info("server"))
        process.process.send_signal(signal.SIGINT)
        code, said = process.end()
    assert code == 1
    assert "You insist... exiting now." in said
    client.close()


def test_version_and_help() -> None:
    def run(argument: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", PROGRAM, argument], cwd=ROOT, capture_output=True, text=True, timeout=20
        )

    assert run("--version").returncode == 0
    assert run("-v").stdout.startswith("Redis server v=7.0.15 ")
    assert run("--help").returncode == 1
    assert run("-h").stderr.startswith("Usage: ")
    assert run("--test-memory").returncode == 1
