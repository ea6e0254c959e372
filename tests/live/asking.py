"""Asking as a user does, with an environment of its own: the program as a subprocess, or its command line in here."""

from __future__ import annotations

import json
from typing import Any, NamedTuple, Protocol

from tests.cli.programs import program
from tests.moto_server import Overlay

Json = dict[str, Any]


class Asked(NamedTuple):
    """What a run left behind; ``answer`` is its standard output as JSON."""

    status: int
    out: str
    err: str

    @property
    def answer(self) -> Json:
        """All of standard output: one JSON document and nothing else."""
        return json.loads(self.out)

    @property
    def verdict(self) -> str:
        """Of the answer."""
        return self.answer["verdict"]

    @property
    def codes(self) -> list[str]:
        """Of everything that blocks."""
        return [finding["code"] for finding in self.answer["blocked_by"]]


class Ask(Protocol):
    """One question, in this process; from the configuration alone and as JSON unless the options say otherwise."""

    def __call__(self, question: str, *options: str, **variables: str) -> Asked:
        """Ask it."""


def run(server: Overlay, *arguments: str, without: tuple[str, ...] = (), **variables: str) -> Asked:
    """Run the program; ``without`` are variables of the server's environment to leave out."""
    environment = {**server.environment(), **variables}
    for name in without:
        environment.pop(name)
    return Asked(*program(*arguments, **environment))
