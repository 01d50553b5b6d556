"""Every error text that a client can see, as Redis 7.0 words it."""

from __future__ import annotations

from protocol.resp.types import ErrorReply


class CommandError(Exception):
    """Raised by a handler or a gate; the engine replies with `reply` and nothing has changed."""

    def __init__(self, reply: str | bytes) -> None:
        super().__init__(reply)
        self.reply = ErrorReply(reply.encode() if isinstance(reply, str) else reply)


WRONG_TYPE = "WRONGTYPE Operation against a key holding the wrong kind of value"
SYNTAX = "ERR syntax error"
NOT_AN_INTEGER = "ERR value is not an integer or out of range"
NOT_A_FLOAT = "ERR value is not a valid float"
NO_SUCH_KEY = "ERR no such key"
OUT_OF_RANGE = "ERR index out of range"
LOADING = "LOADING Redis is loading the dataset in memory"
