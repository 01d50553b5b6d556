from __future__ import annotations

import pytest

from cluster.store.libraries import changed

MINE = b"#!lua name=mine\nredis.register_function('one', function() return 1 end)"
NEWER = b"#!lua name=mine\nredis.register_function('one', function() return 2 end)"
OTHER = b"#!lua name=other\nredis.register_function('two', function() return 2 end)"


@pytest.mark.parametrize(
    ("argv", "kept"),
    [
        ([b"FUNCTION", b"LOAD", OTHER], [MINE, OTHER]),
        ([b"function", b"load", b"replace", NEWER], [NEWER]),
        ([b"FUNCTION", b"DELETE", b"mine"], []),
        ([b"FUNCTION", b"DELETE", b"none"], [MINE]),
        ([b"FUNCTION", b"FLUSH", b"ASYNC"], []),
        ([b"FUNCTION", b"FLUSH"], []),
        ([b"FUNCTION"], None),
        ([b"FUNCTION", b"LOAD"], None),
        ([b"FUNCTION", b"RESTORE", b"payload"], None),
        ([b"SET", b"LOAD", MINE], None),
    ],
)
def test_what_is_kept(argv: list[bytes], kept: list[bytes] | None) -> None:
    assert changed([MINE], argv) == kept


def test_code_that_names_no_library_is_kept_as_well() -> None:
    assert changed([], [b"FUNCTION", b"LOAD", b""]) == [b""]
