"""The link to a primary, when the other side is none."""

from __future__ import annotations

from tests.cluster.node.single import Single
from tools.sim.world import SimDisk, SimWorld


class Impostor:
    """Listens where a primary is expected, and answers whatever it is told to."""

    def __init__(self, single: Single, host: str, port: int, answers: list[bytes]) -> None:
        self.connections = 0
        self._answers = answers
        world = SimWorld(single.simulation, single.network, host, SimDisk(), 0)
        world.listen("*", port, self._accept)

    def _accept(self) -> Impostor:
        self.connections += 1
        return self

    def connected(self, link: object) -> None:
        self._link = link

    def received(self, data: bytes) -> None:
        if self._answers:
            self._link.write(self._answers.pop(0))  # type: ignore[attr-defined]

    def closed(self, reason: str) -> None:
        pass


def test_garbage_from_a_primary_changes_nothing_and_is_tried_again() -> None:
    single = Single()
    single.connect().send(b"SET k v\r\n")
    history = b"a" * 40
    impostor = Impostor(
        single,
        "10.0.0.66",
        6379,
        [b"nonsense\r\n", b"+PONG\r\n", b"+OK\r\n+OK\r\n", b"+FULLRESYNC " + history + b" 5\r\n$4\r\nJUNK"],
    )
    single.connect().send(b"REPLICAOF 10.0.0.66 6379\r\n", 100)
    assert single.logged("Error reply to PING from master: 'nonsense'")
    single.simulation.run_for(1500)
    assert impostor.connections == 2
    assert single.logged("Failed trying to load the MASTER synchronization DB")
    assert set(single.node.server.databases[0].keys()) == {b"k"}
    assert single.node.replication.id != history.decode()
