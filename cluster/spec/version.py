"""Which Starling this is, and which Redis clients may take it for."""

from __future__ import annotations

STARLING_VERSION = "0.1.0"
REDIS_VERSION = "7.0.15"
