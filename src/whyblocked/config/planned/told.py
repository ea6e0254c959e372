"""The parameters of a call as they are taken for a change, so that none is overlooked."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from whyblocked.config.edits import Edit
from whyblocked.config.planned.arguments import Call
from whyblocked.errors import EditError

T = TypeVar("T")
Edits = list[Edit]

_ABOUT_THE_CALL = ("DryRun", "TagSpecifications", "Tags", "ClientToken")


class Told:
    """The parameters of a call, each of which has to be taken."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self._left = {name: value for name, value in call.parameters.items() if name not in _ABOUT_THE_CALL}
        if call.parameters.get("DryRun") is True:
            self.fail("--dry-run changes nothing: leave it out")

    def fail(self, what: str) -> Any:
        raise EditError(f"{self.call.where}: {what}")

    def need(self, name: str) -> Any:
        """A parameter that the call can't go without."""
        found = self._left.pop(name, None)
        return self.fail(f"{self.call.operation} needs {name}") if found is None else found

    def may(self, name: str, default: Any = None) -> Any:
        """A parameter that may be missing."""
        return self._left.pop(name, default)

    def each(self, name: str, key: str) -> list[str]:
        """One key of everything in a list, which may be missing."""
        found = [one.get(key) for one in self._left.pop(name, [])]
        return self.fail(f"{self.call.operation}: {name} without {key}") if None in found else found

    def some(self, *names: str) -> dict[str, Any]:
        """Those of these parameters that are there."""
        return {name: self._left.pop(name) for name in names if name in self._left}

    def shaped(self, kind: type[T], value: Any) -> T:
        """``value`` as a resource."""
        try:
            return msgspec.convert(value, kind)
        except (msgspec.ValidationError, ValueError) as error:
            return self.fail(f"{self.call.operation}: {error}")  # type: ignore[no-any-return]

    def finish(self) -> None:
        """Complain about what was not taken."""
        if self._left:
            self.fail(f"{self.call.operation}: {', '.join(sorted(self._left))} can't be applied")
