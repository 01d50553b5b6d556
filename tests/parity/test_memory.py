"""What does not depend on how much memory there is, compared with a real server: errors, OBJECT FREQ and
IDLETIME under each policy, RESTORE's FREQ and IDLETIME, -OOM.
"""

from __future__ import annotations

import pytest

from tests.parity.compare import play
from tests.support.oracle import Oracle

pytestmark = pytest.mark.parity

POLICIES = [
    "noeviction",
    *(f"{scope}-{way}" for scope in ("allkeys", "volatile") for way in ("lru", "lfu", "random")),
    "volatile-ttl",
]


def script(text: str) -> list[tuple[bytes, ...]]:
    return [tuple(line.encode().split()) for line in text.split(";") if line.split()]


@pytest.mark.parametrize("protocol", [2, 3])
def test_errors(oracle: Oracle, protocol: int) -> None:
    lines = """
        MEMORY USAGE; MEMORY USAGE absent; MEMORY USAGE k SAMPLES; MEMORY USAGE k SAMPLES -1; MEMORY USAGE k
        SAMPLES x; MEMORY USAGE k WHAT 1; MEMORY USAGE k SAMPLES 1 SAMPLES; MEMORY WHAT; MEMORY; MEMORY
        STATS x; MEMORY PURGE
    """
    play(oracle, script(lines), protocol)


@pytest.mark.parametrize("policy", POLICIES)
def test_what_is_known_of_a_keys_use_under_each_policy(oracle: Oracle, policy: str) -> None:
    payload = oracle_payload(oracle)
    lines = f"""
        CONFIG SET maxmemory-policy {policy} lfu-log-factor 0; SET k v; OBJECT FREQ k; OBJECT IDLETIME k;
        GET k; OBJECT FREQ k; OBJECT FREQ absent; OBJECT IDLETIME absent
    """
    restored: list[tuple[bytes, ...]] = [
        (b"RESTORE", b"f", b"0", payload, b"FREQ", b"99"),
        (b"RESTORE", b"i", b"0", payload, b"IDLETIME", b"99"),
        *script("OBJECT FREQ f; OBJECT IDLETIME i; OBJECT FREQ i"),
    ]
    play(oracle, [*script(lines), *restored])


def oracle_payload(oracle: Oracle) -> bytes:
    oracle.raw("SET", "payload", "hello")
    return oracle.call("DUMP", "payload").text
