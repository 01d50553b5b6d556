"""The twin of cluster/spec/errors.py."""

from __future__ import annotations

import pytest

from cluster.spec import errors
from cluster.spec.errors import CommandError
from protocol.resp.types import ErrorReply

TEXTS = [text for name, text in vars(errors).items() if name.isupper()]


@pytest.mark.parametrize("given", ["ERR caf\u00e9", "ERR caf\u00e9".encode()])
def test_a_refusal_is_its_reply(given: str | bytes) -> None:
    reply = CommandError(given).reply
    assert type(reply) is ErrorReply
    assert reply == "ERR caf\u00e9".encode()


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_begins_with_its_code_and_is_one_line(text: str) -> None:
    code, _, rest = text.partition(" ")
    assert code.isupper()
    assert rest
    assert "\n" not in text
