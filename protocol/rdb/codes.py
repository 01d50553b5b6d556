"""The numbers in RDB files: what kind of value follows, and what else a file holds. Append only."""

from __future__ import annotations

from typing import Final

STRING: Final = 0
LIST: Final = 1
SET: Final = 2
ZSET: Final = 3
HASH: Final = 4
ZSET_2: Final = 5
MODULE_PRE_GA: Final = 6
MODULE_2: Final = 7
HASH_ZIPMAP: Final = 9
LIST_ZIPLIST: Final = 10
SET_INTSET: Final = 11
ZSET_ZIPLIST: Final = 12
HASH_ZIPLIST: Final = 13
LIST_QUICKLIST: Final = 14
STREAM_LISTPACKS: Final = 15
HASH_LISTPACK: Final = 16
HASH_WITH_ENDS: Final = 24
ZSET_LISTPACK: Final = 17
LIST_QUICKLIST_2: Final = 18
STREAM_LISTPACKS_2: Final = 19
SET_LISTPACK: Final = 20
STREAM_LISTPACKS_3: Final = 21

UNSUPPORTED: Final = {
    MODULE_PRE_GA: "module",
    MODULE_2: "module",
}
"""Kinds of value that are known by name only."""

FUNCTION_2: Final = 0xF5
FUNCTION_PRE_GA: Final = 0xF6
MODULE_AUX: Final = 0xF7
IDLE: Final = 0xF8
FREQUENCY: Final = 0xF9
AUX: Final = 0xFA
RESIZE: Final = 0xFB
EXPIRE_MS: Final = 0xFC
EXPIRE_S: Final = 0xFD
SELECT: Final = 0xFE
EOF: Final = 0xFF

ENCODED_INT8: Final = 0xC0
ENCODED_INT16: Final = 0xC1
ENCODED_INT32: Final = 0xC2
ENCODED_LZF: Final = 0xC3

NODE_PLAIN: Final = 1
NODE_PACKED: Final = 2
"""What a quicklist's node is: one large item, or a listpack."""
