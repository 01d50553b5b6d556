"""The little language in which a command declares its arguments.

    key value [NX | XX] [GET] [expiration={EX seconds:integer | KEEPTTL}]

A lowercase word is an argument (`name:type`; "key" and names ending in key are keys, all else a string unless
it says otherwise). An UPPERCASE word, or a 'quoted' one, is a literal token; before an argument or a group it
belongs to it. `{...}` groups, `(...)` makes a block even of one argument, `[...]` is optional, `|` inside a
group separates alternatives, a trailing `+` repeats (the token too when it is written `TOKEN+`), and `name=`
before a group names it.

Keys belong to key specifications in their order, one each; `name:type@2` says that an argument belongs to
another: LCS has two keys of one specification, SORT patterns that lead to keys.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_LEXEME = re.compile(r"\s*(?:([\w-]+)=(?=[\[{(A-Z'])|('[^']*'|[\w:.\-/#*@]+)|([\[\]{}()|+]))")


KINDS = frozenset(("string", "integer", "double", "key", "pattern", "unix-time"))
"""The types of an argument that is one word."""


@dataclass(slots=True)
class Argument:
    """One argument in a command's syntax.

    `kind` is one of Redis's argument types: string, integer, double, key, pattern, unix-time, pure-token,
    oneof, block. `children` are the alternatives of a oneof or the members of a block. `key_spec` is the
    index of a key specification where the declaration names one.
    """

    name: str
    kind: str
    token: str | None = None
    optional: bool = False
    multiple: bool = False
    multiple_token: bool = False
    children: tuple[Argument, ...] = ()
    key_spec: int | None = None

    def words_min(self) -> int:
        """The least number of words this takes up."""
        if self.optional:
            return 0
        return self._words(min)

    def is_fixed(self) -> bool:
        """Whether it always takes up the same number of words."""
        if self.optional or self.multiple:
            return False
        if self.kind == "oneof" and self._words(min) != self._words(max):
            return False
        return all(child.is_fixed() for child in self.children)

    def _words(self, choose: object) -> int:
        inner = [child.words_min() for child in self.children]
        own = 0
        if self.kind == "oneof":
            own = min(inner) if choose is min else max(inner)
        elif self.kind == "block":
            own = sum(inner)
        elif self.kind != "pure-token":
            own = 1
        return own + (1 if self.token is not None else 0)


class SyntaxMistake(Exception):
    """A declaration that does not parse: a mistake of ours, found at import."""


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.lexemes: list[tuple[str, str]] = []
        position = 0
        stripped = text.rstrip()
        while position < len(stripped):
            match = _LEXEME.match(stripped, position)
            if match is None:
                raise SyntaxMistake(f"{text!r} at {position}")
            kind = ("name", "word", "mark")[(match.lastindex or 1) - 1]
            self.lexemes.append((kind, match.group(match.lastindex or 1)))
            position = match.end()
        self.at = 0

    def peek(self) -> tuple[str, str]:
        return self.lexemes[self.at] if self.at < len(self.lexemes) else ("end", "")

    def take(self) -> tuple[str, str]:
        lexeme = self.peek()
        self.at += 1
        return lexeme

    def accept(self, mark: str) -> bool:
        if self.peek() == ("mark", mark):
            self.at += 1
            return True
        return False

    def sequence(self, ends: str) -> list[list[Argument]]:
        """Alternatives up to one of `ends` ("" for the end of the text), each a list of arguments."""
        alternatives: list[list[Argument]] = [[]]
        while True:
            kind, text = self.peek()
            if kind == "end" or (kind == "mark" and text in ends):
                return alternatives
            if self.accept("|"):
                alternatives.append([])
                continue
            alternatives[-1].append(self.argument())

    def argument(self) -> Argument:
        name = ""
        if self.peek()[0] == "name":
            name = self.take()[1]
        kind, text = self.take()
        if kind == "word" and _is_token(text):
            made = self.after_token(text.strip("'"))
        elif kind == "word":
            made = _word(text)
        elif text == "{":
            made = _fold(self.sequence("}"))
            self.close("}")
        elif text == "(":
            made = _block(self.sequence(")")[0])
            self.close(")")
        elif text == "[":
            made = _fold(self.sequence("]"))
            self.close("]")
            made.optional = True
        else:
            raise SyntaxMistake(f"{text!r} in {self.text!r}")
        if self.accept("+"):
            made.multiple = True
        if name:
            made.name = name
        return made

    def after_token(self, token: str) -> Argument:
        repeats_token = self.accept("+")
        kind, text = self.peek()
        if (kind == "word" and not _is_token(text)) or (kind == "mark" and text in "{("):
            made = self.argument()
            if made.token is None:
                if made.kind in ("block", "oneof") and made.name == made.children[0].name:
                    made.name = token.lower()
                made.token = token
                made.multiple_token = repeats_token
                made.multiple = made.multiple or repeats_token
                return made
            return Argument(token.lower(), "block", token, children=(made,))
        return Argument(token.lower(), "pure-token", token, multiple=repeats_token)

    def close(self, mark: str) -> None:
        if not self.accept(mark):
            raise SyntaxMistake(f"no {mark!r} in {self.text!r}")


def _is_token(text: str) -> bool:
    return text.startswith("'") or (text.upper() == text and not text.islower())


def _word(text: str) -> Argument:
    text, _, key_spec = text.partition("@")
    name, _, kind = text.rpartition(":")
    if kind not in KINDS or not name:
        name = text
        kind = "key" if name == "key" or name.endswith("key") else "string"
    return Argument(name, kind, key_spec=int(key_spec) if key_spec else None)


def _block(row: list[Argument]) -> Argument:
    return Argument(row[0].name, "block", children=tuple(row))


def _fold(alternatives: list[list[Argument]]) -> Argument:
    """A group as one argument: itself when it holds one, a block of several, a oneof where there are
    choices."""
    choices = [row[0] if len(row) == 1 else _block(row) for row in alternatives]
    if len(choices) == 1:
        return choices[0]
    return Argument(choices[0].name, "oneof", children=tuple(choices))


def parse(text: str) -> tuple[Argument, ...]:
    """The arguments that a syntax text declares. Raises SyntaxMistake."""
    parser = _Parser(text)
    alternatives = parser.sequence("")
    if parser.peek()[0] != "end":
        raise SyntaxMistake(text)
    if len(alternatives) == 1:
        return tuple(alternatives[0])
    return (_fold(alternatives),)


def arity(arguments: tuple[Argument, ...], words_before: int) -> int:
    """Redis's arity: the number of words with the command's own, negative when it is a minimum."""
    count = words_before + sum(argument.words_min() for argument in arguments)
    return count if all(argument.is_fixed() for argument in arguments) else -count
