"""redis-py's everyday calls give the same on a Starling cluster and on a cluster of redis-servers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from redis.cluster import RedisCluster

from tests.conftest import NO_SERVER, REQUIRED
from tests.e2e.cluster import RunningCluster
from tests.parity.drive import names_of_data_commands
from tests.parity.redis_py_calls import FAMILIES, Recorder, Told, newer_commands
from tests.support.oracle import SERVER
from tools.up.local import HOST
from tools.up.processes import NODE_COMMAND

pytestmark = [
    pytest.mark.parity,
    pytest.mark.xdist_group("redis-py"),
    pytest.mark.skipif(SERVER is None and not REQUIRED, reason=NO_SERVER),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of methods that Redis has replaced by others
]

PATIENT = {"cluster-node-timeout": "60000"}
"""On a machine that is busy with other tests no node is to be given up."""
SENT_AS_ANOTHER = {"incr", "decr", "sort_ro"}
"""redis-py's methods of these names send INCRBY, DECRBY and SORT, so execute_command has to send these."""


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int]]:
    """The ports of Starling and of Redis."""
    assert SERVER is not None
    running = [
        RunningCluster(tmp_path_factory.mktemp(name), 3, 0, command=command, **PATIENT)
        for name, command in (("starling", NODE_COMMAND), ("redis", [SERVER]))
    ]
    yield running[0].port, running[1].port
    for cluster in running:
        cluster.stop()


def recorded(port: int, protocol: int) -> Recorder:
    client = RedisCluster(host=HOST, port=port, protocol=protocol)
    recorder = Recorder(client)
    client.flushall(target_nodes=RedisCluster.PRIMARIES)
    for family in FAMILIES:
        family(recorder)
    client.close()
    return recorder


@pytest.mark.parametrize("protocol", [2, 3])
def test_the_same_results(both: tuple[int, int], protocol: int) -> None:
    ours, theirs = (recorded(port, protocol).told for port in both)
    assert [name for name, _ in ours] == [name for name, _ in theirs]
    unequal: list[tuple[Told, Told]] = [pair for pair in zip(ours, theirs, strict=True) if pair[0] != pair[1]]
    assert not unequal


def test_every_data_command_is_among_them(both: tuple[int, int]) -> None:
    client = RedisCluster(host=HOST, port=both[0])
    client.config_resetstat(target_nodes=RedisCluster.PRIMARIES)
    direct = {name.replace(" ", "|") for name in recorded(both[0], 3).direct}
    newer_commands(client)
    served = {
        name.removeprefix("cmdstat_")
        for told in client.info("commandstats", target_nodes=RedisCluster.PRIMARIES).values()
        for name in told
    }
    client.close()
    assert names_of_data_commands() - served == set()
    assert {name for name in direct if hasattr(RedisCluster, name)} == SENT_AS_ANOTHER


@pytest.mark.parametrize("protocol", [2, 3])
def test_newer_commands(both: tuple[int, int], protocol: int) -> None:
    client = RedisCluster(host=HOST, port=both[0], protocol=protocol)
    newer_commands(client)
    client.close()
