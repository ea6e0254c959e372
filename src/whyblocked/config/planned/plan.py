"""A plan as ``terraform show -json`` prints it: what becomes of each resource, and what its values refer to.

https://developer.hashicorp.com/terraform/internals/json-format
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from whyblocked.errors import EditError
from whyblocked.text import clean

Json = dict[str, Any]

_MODULE = re.compile(r"module\.([^.\[]+)(?:\[[^\]]*\])?\.?")
_STEP = re.compile(r"([A-Za-z_][\w-]*)((?:\[[^\]]*\])*)\.?")
_INDEX = re.compile(r"\[[^\]]*\]$")

# What a resource that is still to be made is known by elsewhere, and how such an id begins with AWS.
MADE = {
    "aws_security_group": "sg",
    "aws_network_acl": "acl",
    "aws_route_table": "rtb",
    "aws_internet_gateway": "igw",
    "aws_eip": "eipalloc",
}
_NAMES_OF_ITSELF = ("id", "allocation_id")


class Unknown(Exception):
    """A value that is known only once the plan is carried out, and not from what it refers to either."""

    def __init__(self, attribute: str) -> None:
        super().__init__(attribute)
        self.attribute = attribute


class Plan:
    """A whole plan."""

    def __init__(self, text: str, name: str) -> None:
        self.name = name
        document = self._read(text)
        self._configuration: Json = _object(_object(document.get("configuration")).get("root_module"))
        self._prior = dict(_values(_object(_object(document.get("prior_state")).get("values")).get("root_module")))
        self.resources = [Resource(self, row) for row in document["resource_changes"] if isinstance(row, dict)]
        self._expressions = dict(_expressions(self._configuration, ()))
        self._alike: dict[tuple[str, str, str], list[Resource]] = defaultdict(list)
        for one in self.resources:
            self._alike[one.module, one.type, one.label].append(one)
        self._made_up = {one.made_up for one in self.resources if one.made_up}

    def _read(self, text: str) -> Json:
        try:
            document = json.loads(text)
        except (ValueError, RecursionError) as error:
            if '"@level"' in text[:4000] or '"@message"' in text[:4000]:
                raise self._wrong("is the log of terraform plan -json") from None
            raise EditError(f"{self.name}: not JSON: {clean(str(error), 100)}") from None
        if "@level" in document or "@message" in document:
            raise self._wrong("is the log of terraform plan -json")
        if not isinstance(document.get("resource_changes"), list):
            if "values" in document and "planned_values" not in document:
                raise self._wrong("is a state, not a plan")
            if "planned_values" not in document:
                raise self._wrong("is no plan")
            document["resource_changes"] = []  # nothing to do
        if document.get("errored") is True:
            raise EditError(f"{self.name}: the plan failed (errored): what it holds is not whole")
        rows = document["resource_changes"]
        if not all(
            isinstance(row, dict) and isinstance(_object(row.get("change")).get("actions"), list) for row in rows
        ):
            raise self._wrong("holds changes that are none")
        version = str(document.get("format_version", "1"))
        if version.partition(".")[0] not in ("0", "1"):
            raise EditError(f"{self.name}: plans of format {clean(version, 20)} are not known, only 0 and 1")
        return document  # type: ignore[no-any-return]

    def _wrong(self, what: str) -> EditError:
        return EditError(f"{self.name}: {what}: it has to be what terraform show -json prints of a saved plan")

    # -- references ----------------------------------------------------------------------------------------------------

    def expression(self, resource: Resource, attribute: str) -> Any:
        """What the configuration says an attribute is; None where it leaves it to the provider."""
        path = tuple(_MODULE.findall(resource.module))
        return self._expressions.get((path, resource.type, resource.label), {}).get(attribute)

    def makes(self, name: str) -> bool:
        """Whether an id stands in for that of a resource which the plan makes."""
        return name in self._made_up

    def referred(self, resource: Resource, attribute: str) -> list[str]:
        """The values that an attribute's expression refers to, as far as they can be told: all of them, or none."""
        return self._resolved(_object(self.expression(resource, attribute)), resource.module, resource.index)

    def _resolved(self, expression: Json, module: str, index: str, depth: int = 0) -> list[str]:
        values: dict[str, None] = {}
        references = [str(one) for one in expression.get("references") or ()]
        for reference in references:
            if any(other.startswith((f"{reference}.", f"{reference}[")) for other in references):
                continue  # the same, less precise
            if reference.startswith(("each.", "count.", "path.", "terraform.", "self.")):
                continue
            found = self._value(reference, module, index, depth)
            if not found:
                return []
            values.update(dict.fromkeys(found))
        return list(values)

    def _value(self, reference: str, module: str, index: str, depth: int) -> list[str]:
        steps = [(step[1], step[2]) for step in _STEP.finditer(reference)]
        if depth > 20 or len(steps) < 2:
            return []
        kind, name = steps[0][0], steps[1][0]
        if kind == "var":
            outer, _, own = module.rpartition("module.")
            call = _object(self._module(outer.rstrip(".")).get("module_calls")).get(_INDEX.sub("", own))
            passed = _object(_object(_object(call).get("expressions")).get(name))
            return self._resolved(passed, outer.rstrip("."), _index_of(own), depth + 1) if own else []
        if kind == "module" and len(steps) > 2:
            inner = ".".join(part for part in (module, f"module.{name}{steps[1][1]}") if part)
            output = _object(_object(self._module(inner).get("outputs")).get(steps[2][0]))
            return self._resolved(_object(output.get("expression")), inner, index, depth + 1)
        if kind == "data" and len(steps) > 3:
            address = ".".join(part for part in (module, f"data.{name}.{steps[2][0]}{steps[2][1]}") if part)
            value = self._prior.get(address, {}).get(steps[3][0])
            return _texts(value)
        if len(steps) < 3 or kind in ("local", "data", "module"):
            return []
        return self._of_resource(kind, name, steps[1][1], steps[2][0], module, index)

    def _of_resource(self, kind: str, label: str, at: str, attribute: str, module: str, index: str) -> list[str]:
        alike = self._alike.get((module, kind, label), [])
        same = [one for one in alike if one.index == (at or index)]
        found = alike if len(alike) == 1 else same
        if len(found) != 1:
            return []
        value = found[0].after.get(attribute)
        if value is None and attribute in _NAMES_OF_ITSELF and found[0].made_up:
            return [found[0].made_up]
        return _texts(value)

    def _module(self, address: str) -> Json:
        """The configuration of the module with this address (empty: the root)."""
        found = self._configuration
        for name in _MODULE.findall(address):
            found = _object(_object(_object(found.get("module_calls")).get(name)).get("module"))
        return found


class Resource:
    """What becomes of one resource.

    ``before`` and ``after`` are its attributes; what is not known before the plan is carried out is in neither.
    """

    def __init__(self, plan: Plan, row: Json) -> None:
        self._plan = plan
        change = _object(row.get("change"))
        self.address = clean(str(row.get("address", "")), 300)
        self.module = str(row.get("module_address") or "")
        self.type = str(row.get("type", ""))
        self.label = str(row.get("name", ""))
        self.index = _index_of(self.address)
        self.managed = row.get("mode", "managed") == "managed" and not row.get("deposed")
        self.actions = [str(action) for action in change.get("actions") or ()]
        self.before: Json = _object(change.get("before"))
        self.after: Json = _object(change.get("after"))
        self._unknown = change.get("after_unknown")

    @property
    def created(self) -> bool:
        """Whether there is one after that was not there before, also where it takes another one's place."""
        return "create" in self.actions

    @property
    def deleted(self) -> bool:
        """Whether there is none after that was there before, also where another one takes its place."""
        return "delete" in self.actions

    @property
    def updated(self) -> bool:
        """Whether it stays and changes."""
        return self.actions == ["update"]

    @property
    def made_up(self) -> str:
        """What stands in for the id of a resource that is still to be made; empty where it has one, or needs none."""
        return f"{MADE[self.type]}-{self.address}" if self.created and self.type in MADE else ""

    def is_new(self, name: str) -> bool:
        """Whether an id stands in for that of a resource which the plan makes."""
        return self._plan.makes(name)

    @property
    def id(self) -> str:
        """Its id after: made up where it is created."""
        return self.made_up or str(self.after.get("id") or self.before.get("id") or "")

    def changed(self) -> set[str]:
        """The attributes that are other ones after, or may be; not what the provider fills in by itself."""
        unknown = self._unknown if isinstance(self._unknown, dict) else {}
        known = {name for name in {*self.before, *self.after} if not _some(unknown.get(name))}
        wanted = {name for name in unknown if self.is_unknown(name)}
        return wanted | {name for name in known if self.before.get(name) != self.after.get(name)}

    def is_unknown(self, attribute: str) -> bool:
        """Whether some of it is known only after, and that because the configuration wants it so.

        What the provider fills in by itself is as good as not there.
        """
        unknown = self._unknown.get(attribute) if isinstance(self._unknown, dict) else self._unknown
        return _some(unknown) and (attribute in self.after or self._plan.expression(self, attribute) is not None)

    def get(self, attribute: str) -> Any:
        """The value after, None where there is none; :class:`Unknown` where some of it is not known."""
        if self.is_unknown(attribute):
            raise Unknown(attribute)
        value = self.after.get(attribute)
        return None if value in ("", []) else value

    def name_of(self, attribute: str) -> str | None:
        """The value after where it is the id of something, which may still have to be made."""
        if not self.is_unknown(attribute):
            value = self.get(attribute)
            return None if value is None else str(value)
        found = self._plan.referred(self, attribute)
        if len(found) != 1:
            raise Unknown(attribute)
        return found[0]

    def names_of(self, attribute: str) -> tuple[str, ...]:
        """The same of a list of ids."""
        if not self.is_unknown(attribute):
            return tuple(map(str, self.get(attribute) or ()))
        found = self._plan.referred(self, attribute)
        if not found:
            raise Unknown(attribute)
        return tuple(found)


def _index_of(address: str) -> str:
    found = _INDEX.search(address)
    return found[0] if found else ""


def _object(value: Any) -> Json:
    return value if isinstance(value, dict) else {}


def _some(value: Any) -> bool:
    """Whether anything in a tree of booleans is true."""
    if isinstance(value, dict):
        return any(map(_some, value.values()))
    if isinstance(value, list):
        return any(map(_some, value))
    return value is True


def _texts(value: Any) -> list[str]:
    if isinstance(value, str) and value:
        return [value]
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _expressions(module: Json, path: tuple[str, ...]) -> Iterator[tuple[tuple[tuple[str, ...], str, str], Json]]:
    """What the configuration says of each resource, by the names of its modules, its type and its own name."""
    for row in module.get("resources") or ():
        found = _object(row)
        if found.get("mode", "managed") == "managed":
            yield (path, str(found.get("type")), str(found.get("name"))), _object(found.get("expressions"))
    for name, call in _object(module.get("module_calls")).items():
        yield from _expressions(_object(_object(call).get("module")), (*path, name))


def _values(module: Any) -> Iterator[tuple[str, Json]]:
    """The attributes of all resources of a module and those within it, by address."""
    found = _object(module)
    rows: Iterable[Any] = found.get("resources") or ()
    for row in rows:
        yield str(_object(row).get("address", "")), _object(_object(row).get("values"))
    for inner in found.get("child_modules") or ():
        yield from _values(inner)
