"""Commands of the AWS CLI as calls of the API: options become parameters, by the API's own model.

What the CLI adds to the model is known where a change of the network needs it.
https://docs.aws.amazon.com/cli/latest/reference/ec2/
"""

from __future__ import annotations

import json
import re
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from whyblocked.config.planned import shorthand
from whyblocked.config.planned.shell import Command
from whyblocked.errors import EditError
from whyblocked.text import clean

if TYPE_CHECKING:
    from botocore.model import OperationModel, ServiceModel, Shape

# https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-options.html
_GLOBAL = frozenset(
    {
        "--output",
        "--query",
        "--profile",
        "--region",
        "--endpoint-url",
        "--color",
        "--ca-bundle",
        "--cli-read-timeout",
        "--cli-connect-timeout",
        "--cli-binary-format",
        "--cli-error-format",
    }
)
_GLOBAL_FLAGS = frozenset(
    {
        "--debug",
        "--no-verify-ssl",
        "--no-paginate",
        "--no-sign-request",
        "--no-cli-pager",
        "--no-cli-auto-prompt",
        "--cli-auto-prompt",
    }
)
SERVICES = ("ec2", "elbv2")
_RULES = re.compile(r"(Authorize|Revoke)SecurityGroup(Ingress|Egress)")


class Call(NamedTuple):
    """A call of the API, with the parameters as boto3 takes them, and where it stands."""

    service: str
    operation: str
    parameters: dict[str, Any]
    where: str
    region: str | None = None


def call(command: Command, name: str) -> Call:
    """What a command of the script ``name`` calls; :class:`EditError` where it is none that can be applied."""
    return _Reader(command, name).call()


class _Reader:
    def __init__(self, command: Command, name: str) -> None:
        self._words = list(command.words)
        self._where = f"{name}: line {command.line}"
        self._region: str | None = None
        self._parameters: dict[str, Any] = {}

    def call(self) -> Call:
        if self._words[0].rpartition("/")[2] not in ("aws", "aws.exe"):
            self._fail(f"'{clean(self._words[0], 40)}' is no command of the AWS CLI: only those can be applied")
        rest = self._without_globals(self._words[1:])
        if len(rest) < 2:
            self._fail("aws needs a service and a command")
        service, name, *options = rest
        if service not in SERVICES:
            self._fail(f"aws {clean(service, 40)}: of the AWS CLI only {' and '.join(SERVICES)} can be applied")
        model = _model(service)
        operation = _operations(service).get(name)
        if operation is None:
            self._fail(f"aws {service} has no command {clean(name, 60)}")
        self._read(model.operation_model(operation), options)
        return Call(service, operation, self._parameters, self._where, self._region)

    def _fail(self, what: str) -> NoReturn:
        raise EditError(f"{self._where}: {what}")

    def _without_globals(self, words: list[str]) -> list[str]:
        left: list[str] = []
        following = iter(words)
        for word in following:
            option, equals, value = word.partition("=")
            if option in _GLOBAL:
                value = value if equals else next(following, "")
                self._region = value if option == "--region" else self._region
            elif word not in _GLOBAL_FLAGS:
                left.append(word)
        return left

    # -- options -----------------------------------------------------------------------------------------------------

    def _read(self, operation: OperationModel, words: list[str]) -> None:
        shape = operation.input_shape
        members: dict[str, Shape] = dict(shape.members) if shape is not None else {}
        names = {_option(member): member for member in members}
        at = 0
        while at < len(words):
            option, equals, value = words[at].partition("=")
            at += 1
            if not option.startswith("--"):
                self._fail(f"'{clean(words[at - 1], 60)}' stands where an option should")
            values = [value] if equals else []
            while not equals and at < len(words) and not words[at].startswith("--"):
                values.append(words[at])
                at += 1
            self._take(operation.name, option, values, names, members)
        self._finish(operation.name)

    def _take(
        self, operation: str, option: str, values: list[str], names: dict[str, str], members: dict[str, Shape]
    ) -> None:
        for value in values:
            if value.startswith(("file://", "fileb://", "http://", "https://")):
                self._fail(f"{option}: {clean(value, 60)} is not read: write its content here")
        if option == "--cli-input-json":
            self._input(values, members)
        elif _RULES.fullmatch(operation) and option in _SIMPLE:
            self._parameters[_SIMPLE[option]] = self._one(option, values)
        elif option == "--ingress" and "Egress" in members:
            self._parameters["Egress"] = False
        elif option in names:
            member = names[option]
            self._parameters[member] = self._value(option, values, members[member])
        elif option.startswith("--no-") and (member := names.get(f"--{option[5:]}", "")):
            self._parameters[member] = self._flag(option, members[member], on=False)
        else:
            self._fail(f"{_option(operation)[2:]} has no option {clean(option, 60)}")

    def _value(self, option: str, values: list[str], shape: Shape) -> Any:
        kind = shape.type_name
        if not values and (kind == "boolean" or _holds_boolean(shape)):
            return self._flag(option, shape, on=True)
        if kind == "list":
            if len(values) == 1 and values[0].lstrip().startswith("["):
                return self._fitted(option, self._json(option, values[0]), shape)
            member = shape.member  # type: ignore[attr-defined]
            plain = [self._one_of_list(option, value, member) for value in values]
            return self._fitted(option, plain, shape)
        value = self._one(option, values)
        if kind in ("structure", "map"):
            return self._fitted(option, self._structure(option, value), shape)
        return self._fitted(option, value, shape)

    def _one_of_list(self, option: str, value: str, member: Shape) -> Any:
        return self._structure(option, value) if member.type_name == "structure" else value

    def _structure(self, option: str, value: str) -> Any:
        if value.lstrip().startswith("{"):
            return self._json(option, value)
        try:
            return shorthand.parse(value)
        except ValueError as error:
            self._fail(f"{option}: '{clean(str(error), 60)}' is neither JSON nor Key=value,Key=value")

    def _json(self, option: str, value: str) -> Any:
        try:
            return json.loads(value)
        except (ValueError, RecursionError) as error:
            self._fail(f"{option}: is no JSON: {clean(str(error), 100)}")

    def _one(self, option: str, values: list[str]) -> str:
        if len(values) != 1:
            self._fail(f"{option} takes one value, not {len(values)}")
        return values[0]

    def _flag(self, option: str, shape: Shape, *, on: bool) -> Any:
        if _holds_boolean(shape):
            return {"Value": on}
        if shape.type_name != "boolean":
            self._fail(f"{option} needs a value" if on else f"there is no option {clean(option, 60)}")
        return on

    def _fitted(self, option: str, value: Any, shape: Shape) -> Any:
        """``value`` in the types that ``shape`` has; shorthand knows texts only."""
        kind = shape.type_name
        if kind == "structure":
            if not isinstance(value, dict):
                self._fail(f"{option}: '{clean(str(value), 60)}' should be Key=value,Key=value")
            members = shape.members  # type: ignore[attr-defined]
            unknown = [key for key in value if key not in members]
            if unknown:
                self._fail(f"{option}: there is no {clean(unknown[0], 60)}, only {', '.join(members)}")
            return {key: self._fitted(option, one, members[key]) for key, one in value.items()}
        if kind == "list":
            items = value if isinstance(value, list) else [value]
            return [self._fitted(option, one, shape.member) for one in items]  # type: ignore[attr-defined]
        if kind in ("integer", "long"):
            return self._number(option, value)
        if kind == "boolean":
            if str(value).lower() not in ("true", "false"):
                self._fail(f"{option}: '{clean(str(value), 60)}' is neither true nor false")
            return str(value).lower() == "true"
        if not isinstance(value, str | int | float):
            self._fail(f"{option}: '{clean(str(value), 60)}' should be one value")
        return str(value)

    def _number(self, option: str, value: Any) -> int:
        try:
            return int(value)
        except (TypeError, ValueError):
            self._fail(f"{option}: '{clean(str(value), 60)}' is no number")

    def _input(self, values: list[str], members: dict[str, Shape]) -> None:
        found = self._json("--cli-input-json", self._one("--cli-input-json", values))
        if not isinstance(found, dict):
            self._fail("--cli-input-json: is no JSON object")
        unknown = [key for key in found if key not in members]
        if unknown:
            self._fail(f"--cli-input-json: there is no {clean(unknown[0], 60)}")
        fitted = {key: self._fitted(f"--cli-input-json: {key}", value, members[key]) for key, value in found.items()}
        self._parameters = {**fitted, **self._parameters}

    # -- what the CLI adds -------------------------------------------------------------------------------------------

    def _finish(self, operation: str) -> None:
        """A rule in single options becomes a permission."""
        found = self._parameters
        if not _RULES.fullmatch(operation):
            return
        single = {name: found.pop(name) for name in _SIMPLE.values() if name in found}
        single |= {
            _PLAIN[name]: found.pop(name) for name in list(found) if name in _PLAIN and _PLAIN[name] not in single
        }
        if not single:
            return
        if "IpPermissions" in found:
            self._fail("--ip-permissions goes with none of --protocol, --port, --cidr and --source-group")
        found["IpPermissions"] = [self._permission(single)]

    def _permission(self, single: dict[str, Any]) -> dict[str, Any]:
        protocol = str(single.get("protocol", ""))
        if not protocol:
            self._fail("--protocol is missing")
        permission: dict[str, Any] = {"IpProtocol": "-1" if protocol == "all" else protocol}
        if "port" in single:
            permission["FromPort"], permission["ToPort"] = self._ports(str(single["port"]))
        for name in ("FromPort", "ToPort"):
            if name in single:
                permission[name] = single[name]
        if "cidr" in single:
            permission["IpRanges"] = [{"CidrIp": single["cidr"]}]
        if "group" in single:
            pair = {"GroupId" if single["group"].startswith("sg-") else "GroupName": single["group"]}
            permission["UserIdGroupPairs"] = [pair | ({"UserId": single["owner"]} if "owner" in single else {})]
        return permission

    def _ports(self, text: str) -> tuple[int, int]:
        if text in ("-1", "all"):
            return -1, -1
        low, dash, high = text.partition("-")
        return self._number("--port", low), self._number("--port", high if dash else low)


_SIMPLE = {
    "--protocol": "protocol",
    "--port": "port",
    "--cidr": "cidr",
    "--source-group": "group",
    "--group-owner": "owner",
}
_PLAIN = {
    "IpProtocol": "protocol",
    "CidrIp": "cidr",
    "SourceSecurityGroupName": "group",
    "SourceSecurityGroupOwnerId": "owner",
    "FromPort": "FromPort",
    "ToPort": "ToPort",
}


def _holds_boolean(shape: Shape) -> bool:
    """Whether a structure is but a boolean, for which the CLI has flags."""
    members = getattr(shape, "members", None)
    return isinstance(members, dict) and set(members) == {"Value"} and members["Value"].type_name == "boolean"


@cache
def _model(service: str) -> ServiceModel:
    from botocore.loaders import Loader
    from botocore.model import ServiceModel

    return ServiceModel(Loader().load_service_model(service, "service-2"), service)


@cache
def _operations(service: str) -> dict[str, str]:
    return {_option(name)[2:]: name for name in _model(service).operation_names}


def _option(name: str) -> str:
    from botocore import xform_name

    return f"--{xform_name(name, '-')}"
