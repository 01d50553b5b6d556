"""The twin of cluster/commands/redaction.py."""

from __future__ import annotations

import pytest

from cluster.commands.redaction import redacted


@pytest.mark.parametrize(
    ("request_line", "shown"),
    [
        ("auth secret", "auth (redacted)"),
        ("AUTH user secret", "AUTH (redacted) (redacted)"),
        ("hello 3 AUTH user secret SETNAME auth", "hello 3 AUTH (redacted) (redacted) SETNAME auth"),
        ("migrate h 1 k 0 9 copy auth secret keys a", "migrate h 1 k 0 9 copy auth (redacted) keys a"),
        ("migrate h 1 k 0 9 auth2 auth auth keys a", "migrate h 1 k 0 9 auth2 (redacted) (redacted) keys a"),
        ("config set maxclients 9 Requirepass s", "config set maxclients 9 Requirepass (redacted)"),
        ("hello 3 auth", "hello 3 auth"),
        ("set auth requirepass", "set auth requirepass"),
    ],
)
def test_only_secrets_are_hidden(request_line: str, shown: str) -> None:
    assert b" ".join(redacted(request_line.encode().split())) == shown.encode()
