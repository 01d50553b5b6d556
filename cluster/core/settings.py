"""The options that the core goes by."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Settings:
    """The node updates it in place on CONFIG SET, and then calls Core.settings_changed().

    `keeps_all`: all that is acknowledged is on disk, and is there again after a restart.

    `preferred_endpoint` is cluster-preferred-endpoint-type: ip, hostname or unknown-endpoint.
    """

    node_timeout_ms: int = 15000
    gossip_fanout: int = 3
    replica_validity_factor: int = 10
    allow_replica_migration: bool = True
    migration_barrier: int = 1
    replica_no_failover: bool = False
    write_acks: int = 0
    keeps_all: bool = False
    require_full_coverage: bool = True
    allow_reads_when_down: bool = False
    allow_pubsub_when_down: bool = True
    announce_hostname: str = ""
    preferred_endpoint: str = "ip"
