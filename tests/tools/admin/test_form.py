from __future__ import annotations

import pytest

from tests.tools.admin.flock import HOST, Flock, three
from tools.admin.client import AdminError
from tools.admin.form import form, require_empty, resolve, wait_until_content
from tools.admin.plan import seat


def alone(*ports: int) -> Flock:
    flock = Flock(*ports)
    for port, node in flock.nodes.items():
        node.known = {port}
    return flock


def test_empty_nodes_become_a_cluster() -> None:
    flock = alone(*range(1, 7))
    addresses = [(HOST, port) for port in flock.nodes]
    form(seat(addresses, 1), {address: flock.client(address) for address in addresses})
    assert [len(node.slots) for node in flock.nodes.values()] == [5461, 5462, 5461, 0, 0, 0]
    assert [node.primary_id for node in flock.nodes.values()][3:] == [
        flock.nodes[port].id for port in (1, 2, 3)
    ]
    assert sorted(node.epoch for node in flock.nodes.values()) == [1, 2, 3, 4, 5, 6], (
        "no two claims of equal rank"
    )
    assert all(node.known == set(flock.nodes) for node in flock.nodes.values())
    assert "CLUSTER MEET 127.0.0.1 2 10002" in [line for _, line in flock.log]


def test_replicas_are_attached_only_after_all_have_met() -> None:
    flock = alone(*range(1, 7))
    addresses = [(HOST, port) for port in flock.nodes]
    form(seat(addresses, 1), {address: flock.client(address) for address in addresses})
    lines = [line for _, line in flock.log]
    assert max(i for i, line in enumerate(lines) if "MEET" in line) < min(
        i for i, line in enumerate(lines) if "REPLICATE" in line
    )


def test_a_node_that_stays_alone_is_named() -> None:
    flock = alone(1, 2, 3)
    addresses = [(HOST, port) for port in flock.nodes]
    flock.fail_once[(1, "CLUSTER MEET 127.0.0.1 3")] = "ERR Invalid node address specified: 127.0.0.1:3"
    clients = {address: flock.client(address) for address in addresses}
    with pytest.raises(AdminError, match="Invalid node address"):
        form(seat(addresses, 0), clients)


def test_waiting_ends_with_what_is_missing() -> None:
    flock = three()
    flock.nodes[3].known = {3}
    clients = {(HOST, port): flock.client((HOST, port)) for port in flock.nodes}
    with pytest.raises(AdminError, match=r"127\.0\.0\.1:3 knows 1 of 3"):
        wait_until_content(clients, timeout_s=0)


def test_a_node_in_use_is_refused() -> None:
    flock = three()
    with pytest.raises(AdminError, match="already knows other nodes"):
        require_empty(flock.client((HOST, 1)))
    flock = alone(1)
    flock.nodes[1].keys = {0: {b"k": b"v"}}
    with pytest.raises(AdminError, match="it has keys"):
        require_empty(flock.client((HOST, 1)))
    flock.fail_once[(1, "CLUSTER INFO")] = "ERR This instance has cluster support disabled"
    with pytest.raises(AdminError, match="is not configured as a cluster node"):
        require_empty(flock.client((HOST, 1)))


def test_names_become_numbers() -> None:
    assert resolve(("127.0.0.1", 7000)) == ("127.0.0.1", 7000)
    with pytest.raises(AdminError, match="cannot be resolved"):
        resolve(("no host of this name", 7000))
