"""The accounts that can be read: those of the profiles, and those that a role of theirs opens.

Import this module only where AWS is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from whyblocked.config.account import Missing
from whyblocked.config.awserrors import fault
from whyblocked.config.clients import Clients
from whyblocked.config.fetch import concurrently
from whyblocked.text import clean

ROLE = "arn:aws:iam::{account}:role/NAME"
_ANY = "{account}"


class Accounts:
    """Clients by account id, signed in when the account is met first.

    The first profile's account is home: it answers to the empty id, and who can't sign in there ends the run. What
    can't be had elsewhere is a :class:`Missing` that says which role would open it.
    """

    def __init__(self, home: Clients, others: Sequence[Clients] = (), role: str | None = None) -> None:
        self.home = home
        self.home_id: str | None = None
        self.several = bool(others)
        self.warnings: list[str] = []
        self._others = others
        self._role = role
        self.identified = False
        self._opened: dict[str, Clients | Missing] = {}

    def identify(self) -> None:
        """Find out whose the profiles are, once."""
        if self.identified:
            return
        self.identified = True
        self.home.sign_in()
        profiles = (self.home, *self._others)
        for clients in profiles:
            clients.client("sts")  # making clients is not safe in threads
        found = concurrently([clients.account_id for clients in profiles])
        self.home_id = None if isinstance(found[0], Exception) else found[0]
        for clients, account_id in zip(self._others, found[1:], strict=True):
            if isinstance(account_id, Exception):
                reason = _reason(account_id, clients)
                self.warnings.append(f"profile {clients.profile} is left out: {reason}")
            elif account_id != self.home_id:
                self._opened.setdefault(account_id, clients)

    def of_profiles(self) -> list[tuple[str, str]]:
        """The account and Region of every further profile that can be used."""
        found = [(self.home_id or "", clients.region) for clients in self._others if clients.known_id == self.home_id]
        return [*found, *((id_, c.region) for id_, c in self._opened.items() if isinstance(c, Clients))]

    def is_home(self, account_id: str) -> bool:
        """Whether this is the first profile's account; where nobody tells whose that is, every account counts."""
        return account_id in ("", self.home_id) or (self.identified and self.home_id is None)

    def open(self, account_ids: Iterable[str]) -> None:
        """Sign in to these accounts at once, as far as a profile or the role leads there."""
        wanted = [id_ for id_ in dict.fromkeys(account_ids) if not self.is_home(id_) and id_ not in self._opened]
        roles = {id_: role for id_ in wanted if (role := self._role_in(id_)) is not None}
        made = {id_: self.home.assuming(role) for id_, role in roles.items()}
        outcomes = concurrently([clients.credentials().get_frozen_credentials for clients in made.values()])
        for (account_id, clients), outcome in zip(made.items(), outcomes, strict=True):
            if isinstance(outcome, Exception):
                why = f"{roles[account_id]} can't be assumed ({_reason(outcome, clients)})"
                self._opened[account_id] = Missing(f"account {account_id}", why)
            else:
                self._opened[account_id] = clients
        for account_id in wanted:
            if account_id not in roles:
                self._opened[account_id] = _closed(account_id)

    def clients(self, account_id: str) -> Clients | Missing:
        """Those of an account that was opened."""
        return self.home if self.is_home(account_id) else self._opened.get(account_id) or _closed(account_id)

    def _role_in(self, account_id: str) -> str | None:
        if self._role is None:
            return None
        if _ANY in self._role:
            return self._role.replace(_ANY, account_id)
        return self._role if f"::{account_id}:" in self._role else None


def _closed(account_id: str) -> Missing:
    return Missing(
        f"account {account_id}",
        f"not readable: --role-arn '{ROLE}' with a role that you may assume there, or a --profile more, would open it",
    )


def _reason(error: Exception, clients: Clients) -> str:
    """Why nobody could sign in: AWS's code where it answered."""
    code = getattr(error, "response", {}).get("Error", {}).get("Code")
    return clean(str(code)) if code else fault(error, clients.region).message
