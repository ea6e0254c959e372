"""The commands in a shell script, word by word; nothing is ever run.

Understood is what people write where they keep commands: comments, quotes, lines that go on behind a backslash, several
commands in a line, and variables that the script itself sets. All else of a shell's language is an error with its line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple, NoReturn

from whyblocked.config.edits import NEW_GATEWAY
from whyblocked.errors import EditError
from whyblocked.text import clean

NEW_ADDRESS = "eipalloc-new"
"""How the allocation begins that a script makes itself: ``$(aws ec2 allocate-address --query AllocationId ...)``."""

_NAME = re.compile(r"[A-Za-z_]\w*")
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=")
_ENDS = re.compile(r"\n|;|&&")
_REDIRECTION = re.compile(r"\d*>>?(&\d)?|\d*<")
_SETTINGS = ("set", "export", "cd", "echo", "true", ":")


_MADE: dict[tuple[str, ...], str] = {
    ("aws", "ec2", "allocate-address"): NEW_ADDRESS,
    ("aws", "ec2", "create-internet-gateway"): NEW_GATEWAY,
}
"""What a script may make where it needs the id, in ``$(...)``, and what stands in for it."""


class Command(NamedTuple):
    """The words of a command, and the line that it begins in."""

    words: tuple[str, ...]
    line: int


def commands(text: str, name: str) -> Iterator[Command]:
    """The commands of a script called ``name``, without what only sets variables or prints."""
    script = _Script(text.replace("\r\n", "\n"), name)
    for command in script.commands():
        if command.words[0] not in _SETTINGS:
            yield command


class _Script:
    """A script that is read from its beginning to its end."""

    def __init__(self, text: str, name: str, variables: dict[str, str] | None = None, line: int = 1) -> None:
        self._text = text
        self._name = name
        self._at = 0
        self._first_line = line
        self._variables: dict[str, str] = {} if variables is None else variables
        self._made: list[Command] = []  # the commands inside of others, which come before them

    def commands(self) -> Iterator[Command]:
        words: list[str] = []
        assigning = True
        line = self._line
        while self._at < len(self._text):
            if self._skip_blanks():
                continue
            if end := _ENDS.match(self._text, self._at):
                self._at = end.end()
                yield from self._commands(words, line)
                words, assigning = [], True
                continue
            if not words and assigning:
                line = self._line
            if redirection := _REDIRECTION.match(self._text, self._at):
                self._at = redirection.end()
                if redirection[1] is None:
                    self._skip_blanks()
                    self._word()
                continue
            assignment = _ASSIGNMENT.match(self._text, self._at) if assigning or words == ["export"] else None
            if assignment:
                self._at = assignment.end()
                self._variables[assignment[1]] = self._word()
                continue
            words.append(self._word())
            assigning = False
        yield from self._commands(words, line)

    def _commands(self, words: list[str], line: int) -> Iterator[Command]:
        """The command of these words, behind those that made what it needs."""
        yield from self._made
        self._made.clear()
        if words:
            yield Command(tuple(words), line)

    @property
    def _line(self) -> int:
        return self._first_line + self._text.count("\n", 0, self._at)

    def _fail(self, what: str) -> NoReturn:
        raise EditError(f"{self._name}: line {self._line}: {what}")

    def _skip_blanks(self) -> bool:
        """Pass over what separates words; False where nothing does."""
        rest = self._text[self._at : self._at + 2]
        if rest[:1] in (" ", "\t"):
            self._at += 1
        elif rest == "\\\n":
            self._at += 2
        elif rest[:1] == "#":
            self._at = self._text.find("\n", self._at) % (len(self._text) + 1)
        else:
            return False
        return True

    def _word(self) -> str:
        """The word that begins here, without its quotes and with its variables filled in."""
        found: list[str] = []
        while self._at < len(self._text):
            char = self._text[self._at]
            if char in " \t\n;" or self._text.startswith("&&", self._at):
                break
            if char in "|&()<>`":
                self._fail(f"'{char}' can't be followed here: only commands one after the other, joined by ; or &&")
            self._at += 1
            if char == "'":
                end = self._text.find("'", self._at)
                if end < 0:
                    self._fail("a quote (') is not closed")
                found.append(self._text[self._at : end])
                self._at = end + 1
            elif char == '"':
                found.append(self._double_quoted())
            elif char == "\\":
                if not self._text.startswith("\n", self._at):
                    found.append(self._text[self._at : self._at + 1])
                self._at += 1
            elif char == "$":
                found.append(self._expanded())
            else:
                found.append(char)
        return "".join(found)

    def _double_quoted(self) -> str:
        found: list[str] = []
        while True:
            char = self._text[self._at : self._at + 1]
            self._at += 1
            if not char:
                self._fail('a quote (") is not closed')
            if char == '"':
                return "".join(found)
            if char == "`":
                self._fail("what stands in backquotes is not run: write its value")
            if char == "$":
                found.append(self._expanded())
            elif char == "\\" and self._text[self._at : self._at + 1] in ("$", '"', "\\", "`", "\n"):
                found.append(self._text[self._at].replace("\n", ""))
                self._at += 1
            else:
                found.append(char)

    def _expanded(self) -> str:
        """The value of what follows a dollar sign: a variable, or what is made there."""
        if self._text.startswith("(", self._at):
            return self._substituted()
        braced = self._text.startswith("{", self._at)
        name = _NAME.match(self._text, self._at + braced)
        if name is None:
            if braced:
                self._fail("${...} is more than the name of a variable: write its value")
            return "$"
        self._at = name.end()
        if braced and not self._text.startswith("}", self._at):
            self._fail("${...} is more than the name of a variable: write its value")
        self._at += braced
        if name[0] not in self._variables:
            self._fail(f"the variable {name[0]} is not set in this file: write its value")
        return self._variables[name[0]]

    def _substituted(self) -> str:
        """An address or a gateway that a script makes for itself; other commands would have to be run."""
        start, depth = self._at + 1, 0
        for at in range(self._at, len(self._text)):
            depth += {"(": 1, ")": -1}.get(self._text[at], 0)
            if not depth:
                inner = list(_Script(self._text[start:at], self._name, self._variables, self._line).commands())
                self._at = at + 1
                made = _MADE.get(inner[0].words[:3]) if len(inner) == 1 else None
                if made == NEW_ADDRESS:
                    number = sum(value.startswith(NEW_ADDRESS) for value in self._variables.values()) + 1
                    return self._variables.setdefault(f"address {start}", f"{NEW_ADDRESS}-{number}")
                if made == NEW_GATEWAY:
                    self._made += inner
                    return NEW_GATEWAY
                said, known = clean(self._text[start:at].strip(), 60), " and ".join(words[2] for words in _MADE)
                self._fail(f"$({said}) is not run: write its value (only aws ec2 {known} are known)")
        self._fail("$( is not closed")
