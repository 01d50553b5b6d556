"""Passwords in requests: what is kept of a request for people to read must not have them."""

from __future__ import annotations

HIDDEN = b"(redacted)"
SECRET_OPTIONS = frozenset(
    (b"masterauth", b"masteruser", b"requirepass", b"tls-client-key-file-pass", b"tls-key-file-pass")
)
SECRETS_BEHIND = {
    b"hello": {b"auth": 2},
    b"migrate": {b"auth": 1, b"auth2": 2},
    b"config": dict.fromkeys(SECRET_OPTIONS, 1),
}
"""By command: how many secrets follow a word."""


def redacted(argv: list[bytes]) -> list[bytes]:
    """The request with each secret replaced."""
    name = argv[0].lower()
    if name == b"auth":
        return [argv[0], *(HIDDEN for _ in argv[1:])]
    words = SECRETS_BEHIND.get(name)
    return argv if words is None else _behind(argv, words)


def _behind(argv: list[bytes], words: dict[bytes, int]) -> list[bytes]:
    shown: list[bytes] = []
    hidden = 0
    for word in argv:
        shown.append(HIDDEN if hidden else word)
        hidden = hidden - 1 if hidden else words.get(word.lower(), 0)
    return shown
