"""Changes that are planned, read from a file: commands of the AWS CLI, or what Terraform says it would do.

Nothing is ever run, and what can't be understood is an error with its place: half a change would be another one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from whyblocked.config.edits import Edit
from whyblocked.errors import EditError


class Change(NamedTuple):
    """One change, where it stands, and the Region that it is asked for in, where that is said."""

    edit: Edit
    where: str
    region: str = ""


class LeftOut(NamedTuple):
    """A change that can't be made on a copy: where it stands, why, and the resources that it is about."""

    where: str
    why: str
    about: frozenset[str] = frozenset()


class Planned(NamedTuple):
    """What a file would change, in this order, and what of it can't be told."""

    changes: tuple[Change, ...]
    left_out: tuple[LeftOut, ...] = ()
    name: str = ""

    @property
    def warnings(self) -> list[str]:
        """What a reader may not expect of the file as a whole."""
        return [] if self.changes or self.left_out else [f"{self.name}: nothing of the network is changed"]


def read(content: bytes, name: str) -> Planned:
    """The changes in a file called ``name``; :class:`EditError` where it is neither script nor plan."""
    encoding = "utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"  # as PowerShell writes
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        raise EditError(f"{name}: not text: neither a shell script nor a plan as JSON") from None
    if "\0" in text:
        raise EditError(f"{name}: holds null characters: neither a shell script nor a plan as JSON")
    if not text.strip():
        raise EditError(f"{name}: is empty: neither a shell script nor a plan as JSON")
    if text.lstrip().startswith("{"):
        from whyblocked.config.planned.terraform import read_plan

        return read_plan(text, name)
    return Planned(tuple(_script(text, name)), name=name)


def _script(text: str, name: str) -> Iterator[Change]:
    from whyblocked.config.planned.arguments import call
    from whyblocked.config.planned.calls import edits_of
    from whyblocked.config.planned.shell import commands

    for command in commands(text, name):
        made = call(command, name)
        yield from (Change(edit, made.where, made.region or "") for edit in edits_of(made))
