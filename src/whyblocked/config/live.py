"""The account as AWS tells it now: what the walk looks up is noted, and fetched in rounds of concurrent calls.

Import this module only where AWS is asked: it needs botocore.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from whyblocked.config import resources as r
from whyblocked.config.account import ANY, Account, Missing, Query
from whyblocked.config.awserrors import refusal
from whyblocked.config.clients import Clients
from whyblocked.config.decode import decode_response
from whyblocked.config.fetch import concurrently, fetcher
from whyblocked.config.operations import READ, Operation, permission_of
from whyblocked.errors import WhyblockedError

VALUES_A_FILTER = 200  # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html


class Call(NamedTuple):
    """One call that serves several queries."""

    operation: Operation
    parameters: dict[str, Any]
    queries: tuple[Query, ...]

    @property
    def place(self) -> tuple[str, str]:
        """The service and the Region that are asked."""
        return self.operation.service, self.queries[0].region


class Live:
    """The source of an account that is asked while the walk goes on.

    ``waves`` counts the rounds, ``calls`` lists every operation with its parameters, ``warnings`` tells what a reader
    of the answer should know. What was asked once is never asked again. ``meanwhile`` is done while the first round
    is under way.
    """

    def __init__(self, clients: Clients, meanwhile: Callable[[], None] | None = None) -> None:
        self.clients = clients
        self.region = clients.region
        self.waves = 0
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.warnings: list[str] = []
        self._meanwhile = meanwhile
        self._known = _Known(clients.region)
        self._pending: dict[Query, None] = {}
        self._loaded: set[Query] = set()
        self._failed: dict[Query, Missing] = {}

    def client(self, service: str, region: str | None = None) -> Any:
        """The client of another service (``logs``, ``s3``, ...), configured as this source's own."""
        return self.clients.client(service, region)

    def attach(self, account: Account) -> None:
        """Know what the index of ``account`` holds, so that it is not asked for again."""
        self._known.account = account

    def ask(self, query: Query) -> Missing | None:
        """None where ``query`` was answered, else why not: pending until the next round, or refused."""
        query = query._replace(region="") if query.region == self.region else query
        if query in self._loaded or self._all(query) in self._loaded or self._known.covers(query):
            return None
        failed = self._failed.get(query) or self._failed.get(self._all(query))
        if failed is not None:
            return failed
        self._pending[query] = None
        return Missing(permission_of(query.operation), "not fetched yet", pending=True)

    def advance(self, account: Account) -> bool:
        """Fetch everything that is pending in one concurrent round; False where nothing is."""
        if not self._pending:
            return False
        if not self.waves:
            self.clients.sign_in()
        self.waves += 1
        calls = list(
            self._batches([query for query in self._pending if not self._known.comes_with(query, self._pending)])
        )
        self._pending.clear()
        # Clients are made here: making them is not safe in threads, using them is.
        clients = {call.place: self.client(*call.place) for call in calls}
        self.calls += [(call.operation.name, call.parameters) for call in calls]
        meanwhile, self._meanwhile = self._meanwhile, None
        outcomes = concurrently(
            [fetcher(clients[call.place], call.operation, call.parameters) for call in calls], meanwhile
        )
        for call, outcome in zip(calls, outcomes, strict=True):
            if isinstance(outcome, Exception):
                self._refused(call, outcome)
            else:
                self._take(account, call, outcome)
        return True

    def absent(self, query: Query) -> Missing:
        """How to say that AWS was asked and has no such thing, as far as these credentials see."""
        where = query.region or self.region
        return Missing(permission_of(query.operation), f"{query.value} not found in {where}")

    def find_region_of(self, resource_id: str) -> tuple[str, ...]:
        """The other Regions of the account that have this instance or interface, for the way out of an error."""
        from whyblocked.config.elsewhere import regions_with

        return regions_with(self.clients, resource_id)

    @staticmethod
    def _all(query: Query) -> Query:
        return Query(query.operation, "", "", query.region)

    def _batches(self, pending: list[Query]) -> Iterator[Call]:
        """As few calls as the pending queries need: one for all values of a filter."""
        groups: dict[tuple[str, str, str], list[Query]] = defaultdict(list)
        for query in pending:
            groups[query.operation, query.filter, query.region].append(query)
        for (name, filter_name, _), queries in groups.items():
            operation = READ[name]
            if operation.each is not None:
                for query in queries:
                    yield Call(operation, {operation.each.parameter: query.value}, (query,))
            elif filter_name in operation.parameters:
                for query in queries:  # one that is not there would fail the others
                    values = [query.value] if filter_name.endswith("s") else query.value
                    yield Call(operation, {filter_name: values}, (query,))
            elif not filter_name:
                yield Call(operation, {}, tuple(queries))
            else:
                for start in range(0, len(queries), VALUES_A_FILTER):
                    batch = tuple(queries[start : start + VALUES_A_FILTER])
                    values = [_pattern(filter_name, query.value) for query in batch]
                    yield Call(operation, {operation.filters: [{"Name": filter_name, "Values": values}]}, batch)

    def _take(self, account: Account, call: Call, response: dict[str, Any]) -> None:
        """Index what came. Filters that an endpoint ignores do no harm: look-ups in the index filter again."""
        self._loaded.update(call.queries)
        region = call.queries[0].region or self.region
        where = f"the answer to {call.operation.permission} in {region}"
        part = decode_response(call.operation, response, where)
        account.broken[call.operation.key] += part.broken
        if call.operation.type is r.PrefixListEntry:
            if not part.broken:
                cidrs = [entry.cidr for entry in part.resources if isinstance(entry, r.PrefixListEntry)]
                account.add_prefix_list(call.queries[0].value, cidrs)
            return
        if call.operation.each is not None and not call.operation.beside:
            account.add_details(call.operation.name, call.queries[0].value, part.resources)
            if not call.operation.each.named:
                return
        for index, resource in enumerate(part.resources):
            place = f"{where}: {call.operation.key}[{index}]"
            for one in resource.instances if isinstance(resource, r.Reservation) else (resource,):
                account.keep(call.operation.key, one, place, None, region)

    def _refused(self, call: Call, error: Exception) -> None:
        """Note why a call gave nothing; raise what ends the run."""
        operation = call.operation
        found = refusal(error, operation.permission, call.queries[0].region or self.region)
        if isinstance(found, WhyblockedError):
            raise found from None
        if found.kind == "not found":
            self._loaded.update(call.queries)
            return
        if found.kind == "not offered" and operation.optional:
            self._loaded.update(call.queries)
            self._warn(f"{operation.permission}: {found.reason}; taken as a feature that is not in use")
            return
        if operation.name == "DescribeSecurityGroupRules":
            self._warn(f"{operation.permission}: {found.reason}; rules are shown without their ids")
        missing = Missing(operation.permission, found.reason)
        self._failed.update(dict.fromkeys(call.queries, missing))

    def _warn(self, text: str) -> None:
        if text not in self.warnings:
            self.warnings.append(text)


class _Known:
    """Which single resources the index already holds, by the filter that would ask for them."""

    def __init__(self, region: str) -> None:
        self.region = region
        self.account: Account | None = None

    def covers(self, query: Query) -> bool:
        """Whether ``query`` asks for one resource by its id, and the index has it."""
        account = self.account
        if account is None:
            return False
        match query.operation, query.filter:
            case "DescribeVpcs", "vpc-id":
                return query.value in account.vpcs
            case "DescribeSubnets", "subnet-id":
                return query.value in account.subnets
            case "DescribeSecurityGroups", "group-id":
                return query.value in account.security_groups
            case "DescribeNetworkInterfaces", "network-interface-id":
                return query.value in account.interfaces
            case "DescribeInstances", "instance-id":
                return query.value in account.instances
            case "DescribeNatGateways", "nat-gateway-id":
                return query.value in account.nat_gateways
            case "DescribeVpcPeeringConnections", "vpc-peering-connection-id":
                return query.value in account.peerings
            case "DescribeVpcEndpoints", "vpc-endpoint-id":
                return query.value in account.vpc_endpoints
            case "GetManagedPrefixListEntries", _:
                return query.value in account.prefix_lists
        return False

    def comes_with(self, query: Query, pending: dict[Query, None]) -> bool:
        """Whether a broader query of the same round brings it: for everything, or for all subnets of the VPC."""
        if query.filter and Query(query.operation, "", "", query.region) in pending:
            return True
        if self.account is None or query[:2] != ("DescribeSubnets", "subnet-id"):
            return False
        vpcs = {i.vpc_id for i in self.account.interfaces.values() if i.subnet_id == query.value}
        return any(Query("DescribeSubnets", "vpc-id", vpc_id, query.region) in pending for vpc_id in vpcs)


def live_account(
    profile: str | None = None,
    region: str | None = None,
    endpoint_url: str | None = None,
    debug: bool = False,
    meanwhile: Callable[[], None] | None = None,
) -> Account:
    """The account that these settings, and AWS's own, lead to. Asks nothing yet."""
    source = Live(Clients(profile, region, endpoint_url, debug), meanwhile)
    account = Account(source)
    source.attach(account)
    return account


def _pattern(filter_name: str, value: str) -> str:
    """``value`` as a filter takes it: ``*``, ``?`` and a backslash in the name of something are just characters.

    In ids they never occur, and there a ``*`` stands for the rest of a short one; alone, for any address.
    """
    if filter_name.endswith("-id") or (value == ANY and filter_name != "tag:Name"):
        return value
    return value.replace("\\", "\\\\").replace("*", "\\*").replace("?", "\\?")
