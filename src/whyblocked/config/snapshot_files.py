"""The files of a snapshot folder, and the account and Region that their paths tell."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from whyblocked.errors import InputError
from whyblocked.text import clean

REGION = re.compile(
    r"[a-z]{2,4}(-[a-z]{2,4})?-(north|south|east|west|central|northeast|northwest|southeast|southwest)-\d{1,2}"
)
_ACCOUNT = re.compile(r"\d{12}")


class FoundFile(msgspec.Struct, frozen=True):
    """One file: how it is called in messages, and what its path says of where its content is from."""

    name: str
    path: Path
    account_id: str | None
    region: str | None

    def content(self) -> bytes:
        """All of it; :class:`InputError` where it can't be read."""
        try:
            return self.path.read_bytes()
        except OSError as error:
            raise InputError(f"{self.name}: can't be read: {error.strerror}") from None


def files_in(folder: Path) -> Iterator[FoundFile]:
    """Every JSON file, in the order of their paths."""
    if not folder.is_dir():
        what = "not a folder" if folder.exists() else "no such folder"
        raise InputError(f"{path_words(folder)}: {what}; --snapshot takes a folder of JSON files")
    above = _above(folder)
    for path in sorted(_json_files(folder)):
        yield FoundFile(path_words(path), path, *_place([*above, *path.relative_to(folder).parts[:-1]]))


def _json_files(folder: Path) -> Iterator[Path]:
    """The JSON files under ``folder``, packed ones too; hidden ones are not its content."""

    def fail(error: OSError) -> None:
        raise InputError(f"{path_words(Path(error.filename))}: can't be read: {error.strerror}")

    for where, folders, names in os.walk(folder, onerror=fail):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            path = Path(where, name)
            if name.lower().endswith((".json", ".json.gz")) and not name.startswith(".") and path.is_file():
                yield path


def _place(folders: Iterable[str]) -> tuple[str | None, str | None]:
    """Account and Region as the names of folders tell them, the innermost first."""
    account_id = region = None
    for name in folders:
        if _ACCOUNT.fullmatch(name):
            account_id = name
        elif REGION.fullmatch(name):
            region = name
    return account_id, region


def _above(folder: Path) -> list[str]:
    """The names of ``folder`` and the one above, as far as they can be part of ``<account>/<region>``."""
    folder = folder.resolve()
    if REGION.fullmatch(folder.name):
        return [folder.parent.name, folder.name]
    return [folder.name]


def path_words(path: Path) -> str:
    """A path in a message."""
    return clean(str(path))
