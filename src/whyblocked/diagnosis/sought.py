"""The interfaces that rejected flows are asked about: ids may be cut short, as with git.

What an id means is looked for in the account first, else in the records: an interface may be gone, or another's.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import NoReturn, cast

import msgspec
import numpy as np
from typing_extensions import Buffer

from whyblocked.config.account import Account, Query
from whyblocked.flowlogs.groups import Table
from whyblocked.question import hints
from whyblocked.question.find import Search, short_id
from whyblocked.question.shapes import ID_DIGITS
from whyblocked.text import clean

_WHAT = "--interface"
_CLOSE = 3  # ids of the records that are named where none is meant
_WHOLE = re.compile(rf"[a-z]+(-[a-z]+)*-[0-9a-f]{{{ID_DIGITS}}}")
_TEXTS = frozenset({"interfaces", "addresses", "reject_reasons", "subnets", "vpcs"})


class Sought:
    """``ids`` are the interfaces that are known so far, ``short`` what only the records can tell.

    Raises :class:`whyblocked.errors.EndpointError` for what several interfaces could be.
    """

    def __init__(self, account: Account, texts: Iterable[str]) -> None:
        self._account = account
        self.ids: set[str] = set()
        self.short: list[str] = []
        self._searches: dict[str, Search] = {}
        for text in dict.fromkeys(map(str.strip, texts)):
            found = text.lower() if _WHOLE.fullmatch(text.lower()) else self._in_account(text)
            if found is None:
                self.short.append(text)
            else:
                self.ids.add(found)

    def _in_account(self, text: str) -> str | None:
        """The one interface of the account that is meant, or None where it has none."""
        prefix = text.lower() if re.fullmatch("eni-[0-9a-f]+", text, re.IGNORECASE) else text
        if not prefix.startswith("eni-"):
            return None
        while True:
            search = self._searches[text] = Search(self._account)
            found = search.interfaces_like(prefix)
            if not search.waits() or not self._account.advance():
                break
        if len(found) > 1:
            lines = sorted(hints.describe_interface(one, self._account) for one in found)
            raise hints.ambiguous(_WHAT, text, f"{len(found)} network interfaces' ids begin like that", lines)
        return found[0].network_interface_id if found else None

    def in_records(self, table: Table, *, complete: bool = True) -> Table:
        """The groups of the interfaces that are meant.

        Raises :class:`whyblocked.errors.EndpointError` for what none of the records' interfaces, or several, could be;
        where the records are not ``complete``, what is not found may be among the others.
        """
        for text in self.short:
            found = _meant(text, table.interfaces)
            if len(found) > 1:
                raise hints.ambiguous(_WHAT, text, f"{len(found)} interfaces of the records begin like that", found)
            if not found and complete:
                self.refuse(text, table.interfaces)
            self.ids.update(found)
        return _only(table, frozenset(self.ids)) if self.short else table

    def refuse(self, text: str, known: Iterable[str] = ()) -> NoReturn:
        """Say that nothing is called so, also none of the ``known`` ones, and which look alike."""
        message = f"no rejected record names an interface {clean(text)}, and there is none"
        search = self._searches.get(text) or Search(self._account)
        error = hints.not_found(search, _WHAT, text, message, text if text in self._searches else "")
        close = difflib.get_close_matches(text[:256], list(known), n=_CLOSE, cutoff=0.75)
        error.candidates += tuple(f"similar: {clean(name)} (in the records)" for name in close)
        raise error

    def unknown(self, table: Table) -> list[str]:
        """The ids that neither the rejected records nor the account have."""
        ids = sorted(self.ids.difference(table.interfaces))
        queries = [Query("DescribeNetworkInterfaces", "network-interface-id", one) for one in ids]
        self._account.expect(queries)
        self._account.advance()
        asked = [one for one, query in zip(ids, queries, strict=True) if self._account.source.ask(query) is None]
        return [one for one in asked if one.startswith("eni-") and one not in self._account.interfaces]

    def notes(self, table: Table) -> list[str]:
        """What to say of ids that nothing has."""
        where = hints.elsewhere(self._account)
        return [f"{clean(one)} is in no rejected record, and no interface in {where}" for one in self.unknown(table)]


def _meant(text: str, interfaces: Iterable[str]) -> list[str]:
    """The interfaces of the records that an id may mean: the one that is just it, else all that begin with it."""
    known = sorted(interfaces)
    if text in known or "-" not in text:
        return [text] if text in known else []
    begins = short_id(text.lower() if text.lower().startswith("eni-") else text).match
    return [name for name in known if begins(name)]


def _only(table: Table, interfaces: frozenset[str]) -> Table:
    """The groups of a table that are of some of its interfaces."""
    kept = [place for place, name in enumerate(table.interfaces) if name in interfaces]
    places = np.full(len(table.interfaces), -1)
    places[kept] = np.arange(len(kept))
    column = places[np.asarray(table.interface)]
    rows = np.flatnonzero(column >= 0)
    names = [name for name in msgspec.structs.asdict(table) if name not in _TEXTS]
    columns = {name: np.asarray(getattr(table, name))[rows] for name in names} | {"interface": column[rows]}
    found = {name: memoryview(cast(Buffer, np.ascontiguousarray(values))) for name, values in columns.items()}
    return msgspec.structs.replace(table, interfaces=[table.interfaces[place] for place in kept], **found)
