"""Plans as ``terraform show -json`` prints them, written in a few words.

plan = Terraform()
plan.create("aws_security_group.ssh", {"name": "ssh", "vpc_id": "vpc-1"}, unknown=["id", "arn", "ingress", "egress"])
plan.create("aws_security_group_rule.in", {...}, refers={"security_group_id": ["aws_security_group.ssh.id"]})

What is unknown is in no ``after``; what ``refers`` is unknown, too, and its references stand in the configuration.
https://developer.hashicorp.com/terraform/internals/json-format
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Json = dict[str, Any]
PROVIDER = "registry.terraform.io/hashicorp/aws"


class Terraform:
    """One plan."""

    def __init__(self) -> None:
        self.changes: list[Json] = []
        self.root: Json = {"resources": [], "module_calls": {}}
        self.prior: list[Json] = []

    def create(self, address: str, after: Json, **more: Any) -> None:
        self._add(address, ["create"], None, after, **more)

    def update(self, address: str, before: Json, after: Json, **more: Any) -> None:
        """``after`` holds what is other than ``before``."""
        self._add(address, ["update"], before, before | after, **more)

    def delete(self, address: str, before: Json) -> None:
        self._add(address, ["delete"], before, None)

    def replace(self, address: str, before: Json, after: Json, **more: Any) -> None:
        self._add(address, ["delete", "create"], before, after, **more)

    def keep(self, address: str, values: Json) -> None:
        """A resource that stays as it is."""
        self._add(address, ["no-op"], values, values)

    def call(
        self, path: str, passed: Mapping[str, Sequence[str]], outputs: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        """A module: what its variables refer to outside, and its outputs inside."""
        module = self._module(path)
        parent, name = path.rpartition("module.")[::2]
        self._module(parent.rstrip("."))["module_calls"][name]["expressions"] = {
            variable: {"references": with_wider(references)} for variable, references in passed.items()
        }
        module["outputs"] = {
            output: {"expression": {"references": with_wider(references)}}
            for output, references in (outputs or {}).items()
        }

    def data(self, address: str, values: Json) -> None:
        """A data source that was read."""
        self.prior.append({"address": address, "mode": "data", "values": values})

    def text(self) -> bytes:
        """The document."""
        return json.dumps(self.document()).encode()

    def document(self) -> Json:
        return {
            "format_version": "1.2",
            "terraform_version": "1.9.5",
            "planned_values": {"root_module": {}},
            "resource_changes": self.changes,
            "prior_state": {"format_version": "1.0", "values": {"root_module": {"resources": self.prior}}},
            "configuration": {"provider_config": {}, "root_module": self.root},
        }

    def _add(
        self,
        address: str,
        actions: list[str],
        before: Json | None,
        after: Json | None,
        *,
        unknown: Iterable[str] = (),
        refers: Mapping[str, Sequence[str]] | None = None,
        wanted: Iterable[str] = (),
    ) -> None:
        refers = refers or {}
        module, kind, name, index = parts(address)
        gone = {*unknown, *refers, *wanted}
        row: Json = {
            "address": address,
            "mode": "managed",
            "type": kind,
            "name": name,
            "provider_name": PROVIDER,
            "change": {
                "actions": actions,
                "before": before,
                "after": None if after is None else {key: value for key, value in after.items() if key not in gone},
                "after_unknown": {} if after is None else dict.fromkeys(sorted(gone), True),
                "before_sensitive": {},
                "after_sensitive": {},
            },
        }
        if module:
            row["module_address"] = module
        if index is not None:
            row["index"] = index
        self.changes.append(row)
        configured = self._module(module)["resources"]
        expressions = {key: {"references": with_wider(value)} for key, value in refers.items()}
        expressions |= {key: {"references": ["local.unclear"]} for key in wanted}
        expressions |= {key: {"constant_value": value} for key, value in (after or {}).items() if key not in gone}
        if not any((one["type"], one["name"]) == (kind, name) for one in configured):
            configured.append(
                {
                    "address": f"{kind}.{name}",
                    "mode": "managed",
                    "type": kind,
                    "name": name,
                    "expressions": expressions,
                }
            )

    def _module(self, path: str) -> Json:
        found = self.root
        for name in re.findall(r"module\.([^.\[]+)", path):
            call = found["module_calls"].setdefault(name, {"source": f"./{name}", "expressions": {}})
            found = call.setdefault("module", {"resources": [], "module_calls": {}})
        return found


def parts(address: str) -> tuple[str, str, str, int | str | None]:
    """Module, type, name and index of an address."""
    module, _, rest = address.rpartition("aws_")
    kind, _, name = f"aws_{rest}".partition(".")
    label, bracket, index = name.partition("[")
    return module.rstrip("."), kind, label, json.loads(index.rstrip("]")) if bracket else None


def with_wider(references: Sequence[str]) -> list[str]:
    """References as Terraform lists them: each with the resource that it is an attribute of."""
    found: list[str] = []
    for reference in references:
        found.append(reference)
        if not reference.startswith(("var.", "local.", "each.", "count.")):
            found.append(reference.rpartition(".")[0])
    return found
