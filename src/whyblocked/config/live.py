"""The account as AWS tells it now: what the walk looks up is noted, and fetched in rounds of concurrent calls.

Import this module only where AWS is asked: it needs botocore.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from whyblocked.config import dns
from whyblocked.config import resources as r
from whyblocked.config.account import ANY, Account, Missing, Query
from whyblocked.config.accounts import Accounts
from whyblocked.config.awserrors import Refusal, refusal
from whyblocked.config.clients import Clients
from whyblocked.config.decode import decode_response
from whyblocked.config.fetch import concurrently, fetcher
from whyblocked.config.index import Partial
from whyblocked.config.operations import MANAGED, READ, Operation, permission_of
from whyblocked.config.places import HOME, Place, Places
from whyblocked.config.trail import Lookup, Trail
from whyblocked.errors import UndeterminedError, WhyblockedError

DAY = timedelta(hours=24)
VALUES_A_FILTER = 200  # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html


class Placed(NamedTuple):
    """A query in the place where it is asked."""

    operation: str
    filter: str
    value: str
    place: Place


class Call(NamedTuple):
    """One call that serves several queries of one place."""

    operation: Operation
    parameters: dict[str, Any]
    queries: tuple[Placed, ...]

    @property
    def place(self) -> Place:
        """The account and Region that are asked."""
        return self.queries[0].place


class Live:
    """The source of an account that is asked while the walk goes on, and of the accounts that the walk leads to.

    ``waves`` counts the rounds, ``calls`` lists every operation with its parameters, ``warnings`` tells what a reader
    of the answer should know. What was asked once is never asked again. ``meanwhile`` is done while the first round
    is under way.
    """

    def __init__(self, accounts: Accounts, meanwhile: Callable[[], None] | None = None) -> None:
        self.accounts = accounts
        self.clients = accounts.home
        self.region = accounts.home.region
        self.places = Places()
        self.waves = 0
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.warnings: list[str] = []
        self._meanwhile = meanwhile
        self._looked_around = False
        self._likely_home: str | None = None
        self._known = _Known()
        self._pending: dict[Placed, None] = {}
        self._loaded: set[Placed] = set()
        self._failed: dict[Placed, Missing] = {}

    def client(self, service: str, region: str | None = None, account_id: str = "") -> Any:
        """A client of another service (``logs``, ``s3``, ...), configured as this source's own.

        That of the first profile, or of an account that was read; :class:`UndeterminedError` where that can't be had.
        """
        clients = self.accounts.clients(account_id)
        if isinstance(clients, Missing):
            raise UndeterminedError(f"{service} can't be asked: {clients}", (str(clients),))
        return clients.client(service, region)

    def refused(self, operation: str) -> tuple[Missing, ...]:
        """Where an operation was refused, and why."""
        return tuple(dict.fromkeys(missing for query, missing in self._failed.items() if query.operation == operation))

    def attach(self, account: Account) -> None:
        """Know what the index of ``account`` holds, so that it is not asked for again."""
        self._known.account = account

    def ask(self, query: Query) -> Missing | None:
        """None where ``query`` was answered, else why not: pending until the next round, or refused."""
        if self.accounts.several and not self._looked_around:
            self._look_around()
        if self._known.covers(query):
            return None
        refused: Missing | None = None
        for place, needed in self.places.of(query):
            placed = Placed(*query[:3], self._normal(place))
            missing = self._ask(placed)
            if missing is None or not (needed or missing.pending):
                continue
            if missing.pending or refused is None:
                refused = missing
        return refused

    def _ask(self, query: Placed) -> Missing | None:
        if query in self._loaded or self._all(query) in self._loaded:
            return None
        failed = self._failed.get(query) or self._failed.get(self._all(query))
        if failed is not None:
            return failed
        self._pending[query] = None
        return Missing(permission_of(query.operation), "not fetched yet", pending=True)

    def _look_around(self) -> None:
        """What a question names is looked for in the accounts of all profiles that were given."""
        self._looked_around = True
        self.accounts.identify()
        self.warnings += self.accounts.warnings
        found = (HOME, *(self._normal(Place(*place)) for place in self.accounts.of_profiles()))
        self.places.asked_for_names = tuple(dict.fromkeys(found))

    def _normal(self, place: Place) -> Place:
        """``place`` as all queries name it: home is the empty account, the Region of the run the empty Region.

        Until it is asked whose that is, the account that was seen first is taken for home: mostly there is no other.
        """
        if self._likely_home is None and len(self.places.owners) == 1:
            (self._likely_home,) = self.places.owners
        likely = None if self.accounts.identified else self._likely_home
        home = place.account == likely or self.accounts.is_home(place.account)
        return Place("" if home else place.account, "" if place.region == self.region else place.region)

    def advance(self, account: Account) -> bool:
        """Fetch everything that is pending in one concurrent round; False where nothing is."""
        if not self._pending:
            return False
        if not self.waves:
            self.clients.sign_in()
        self.waves += 1
        pending = {query: None for query in self._placed() if query not in self._loaded and query not in self._failed}
        calls = list(self._batches([query for query in pending if not self._known.comes_with(query, pending)]))
        self._pending.clear()
        # Clients are made here: making them is not safe in threads, using them is.
        made = [(call, client) for call in calls if (client := self._client_for(call)) is not None]
        self.calls += [(call.operation.name, call.parameters) for call, _ in made]
        meanwhile, self._meanwhile = self._meanwhile, None
        outcomes = concurrently([fetcher(client, call.operation, call.parameters) for call, client in made], meanwhile)
        for (call, _), outcome in zip(made, outcomes, strict=True):
            if isinstance(outcome, Exception):
                self._refused(call, outcome)
            else:
                self._take(account, call, outcome)
        return True

    def _placed(self) -> list[Placed]:
        """What is pending, with the accounts that it is asked of opened."""
        if any(query.place.account for query in self._pending):
            self.accounts.identify()
            self.accounts.open(query.place.account for query in self._pending)
        return [query._replace(place=self._normal(query.place)) for query in self._pending]

    def _client_for(self, call: Call) -> Any:
        """The client that makes a call; None where another account can't be asked, which is then noted."""
        clients = self.accounts.clients(call.place.account)
        if isinstance(clients, Missing):
            self._failed.update(dict.fromkeys(call.queries, clients))
            return None
        try:
            return clients.client(call.operation.service, call.place.region or self.region)
        except WhyblockedError as error:
            if call.place == HOME:
                raise
            missing = Missing(f"{call.operation.permission}{self.where(call.place)}", error.message)
            self._failed.update(dict.fromkeys(call.queries, missing))
            return None

    def where(self, place: Place) -> str:
        """Where a call is made, for whom it is not home."""
        account = f" in account {place.account}" if place.account else ""
        return f"{account} in {place.region}" if place.region else account

    def absent(self, query: Query) -> Missing:
        """How to say that AWS was asked and has no such thing, as far as these credentials see."""
        asked = [Placed(*query[:3], self._normal(place)) for place, _ in self.places.of(query)]
        refused = next((failed for placed in asked if (failed := self._failed.get(placed))), None)
        if refused is not None:  # somebody else may know
            return refused
        where = asked[0].place.region or self.region
        account = f" of account {asked[0].place.account}" if asked[0].place.account else ""
        return Missing(permission_of(query.operation), f"{query.value} not found in {where}{account}")

    def hidden(self, account: Account, vpc_id: str) -> Missing | None:  # noqa: ARG002 - the protocol's signature
        """A shared VPC whose owner can't be asked: nobody else sees the owner's interfaces."""
        owner = self.places.owner_of(vpc_id)
        place = self._normal(owner) if owner else HOME
        if not place.account:
            return None
        clients = self.accounts.clients(place.account)
        if isinstance(clients, Missing):
            return clients
        denied = ((q, m) for q, m in self._failed.items() if q.place == place)
        return next((m for q, m in denied if q.operation == "DescribeNetworkInterfaces"), None)

    def look_up(self, host: str) -> tuple[str, ...] | None:
        """The addresses of a name in DNS, as :func:`whyblocked.config.dns.look_up`; a snapshot has no such method."""
        return dns.look_up(host)

    def place_of(self, resource_id: str) -> Place:
        """The account and Region of a resource, as far as something told."""
        return self._normal(self.places.of(Query("LookupEvents", "", resource_id))[0].place)

    def hear(self, lookups: Iterable[Lookup], since: datetime | None, now: datetime) -> Trail:
        """Begin to ask CloudTrail, while something else is done: about the time since then, or the last 24 hours."""
        from whyblocked.config.trail_calls import ask

        return ask(self, lookups, since or now - DAY)

    def find_region_of(self, resource_id: str) -> tuple[str, ...]:
        """The other Regions of the account that have this instance or interface, for the way out of an error."""
        from whyblocked.config.elsewhere import regions_with

        return regions_with(self.clients, resource_id)

    @staticmethod
    def _all(query: Placed) -> Placed:
        return Placed(query.operation, "", "", query.place)

    def _batches(self, pending: list[Placed]) -> Iterator[Call]:
        """As few calls as the pending queries need: one for all values of a filter."""
        groups: dict[tuple[str, str, Place], list[Placed]] = defaultdict(list)
        for query in pending:
            groups[query.operation, query.filter, query.place].append(query)
        for (name, filter_name, _), queries in groups.items():
            operation = READ[name]
            if filter_name in operation.direct:
                for query in queries:
                    yield Call(operation, parameters(filter_name, query.value), (query,))
            elif operation.each is not None:
                for query in queries:
                    yield Call(operation, parameters(operation.each.parameter, query.value), (query,))
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
        region = call.place.region or self.region
        where = f"the answer to {call.operation.permission} in {region}"
        reader = call.place.account or self.accounts.home_id
        part = decode_response(call.operation, response, where)
        account.broken[call.operation.key] += part.broken
        if call.operation.type is r.PrefixListEntry:
            if not part.broken:
                cidrs = [entry.cidr for entry in part.resources if isinstance(entry, r.PrefixListEntry)]
                account.add_prefix_list(call.queries[0].value, cidrs)
            return
        operation = call.operation
        if (operation.each is not None and not operation.beside) or operation.name == "ListTasks":
            partial: Partial | None = "as many as fit" if part.cut else None
            account.add_details(operation.name, call.queries[0].value, part.resources, partial)
            for resource in part.resources:
                self.places.learn(resource, call.place)
        for index, resource in enumerate(part.resources):
            place = f"{where}: {call.operation.key}[{index}]"
            for one in resource.instances if isinstance(resource, r.Reservation) else (resource,):
                account.keep(call.operation.key, one, place, reader, region)
                self.places.learn(one, call.place)

    def _refused(self, call: Call, error: Exception) -> None:
        """Note why a call gave nothing; raise what ends the run."""
        operation = call.operation
        found = refusal(error, operation.permission, call.place.region or self.region)
        if isinstance(found, WhyblockedError):
            if call.place == HOME and operation.name not in MANAGED:
                raise found from None
            # What lies far off ends no run, nor does a service that a name may not even be of.
            found = Refusal("refused", found.message)
        if found.kind == "not found":
            self._loaded.update(call.queries)
            return
        if found.kind == "not offered" and operation.optional:
            self._loaded.update(call.queries)
            self._warn(f"{operation.permission}: {found.reason}; taken as a feature that is not in use")
            return
        if operation.name == "DescribeSecurityGroupRules":
            self._warn(f"{operation.permission}: {found.reason}; rules are shown without their ids")
        missing = Missing(f"{operation.permission}{self.where(call.place)}", found.reason)
        self._failed.update(dict.fromkeys(call.queries, missing))

    def _warn(self, text: str) -> None:
        if text not in self.warnings:
            self.warnings.append(text)


class _Known:
    """Which single resources the index already holds, by the filter that would ask for them."""

    def __init__(self) -> None:
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
            case "DescribeVpnGateways", "vpn-gateway-id":
                return query.value in account.vpn_gateways
            case "DescribeVpcEndpoints", "vpc-endpoint-id":
                return query.value in account.vpc_endpoints
            case "GetManagedPrefixListEntries", _:
                return query.value in account.prefix_lists
        return False

    def comes_with(self, query: Placed, pending: dict[Placed, None]) -> bool:
        """Whether a broader query of the same round brings it: for everything, or for all subnets of the VPC."""
        if query.filter and Placed(query.operation, "", "", query.place) in pending:
            return True
        if self.account is None or query[:2] != ("DescribeSubnets", "subnet-id"):
            return False
        vpcs = {i.vpc_id for i in self.account.interfaces_in.get(query.value, {}).values()}
        return any(Placed("DescribeSubnets", "vpc-id", vpc_id, query.place) in pending for vpc_id in vpcs)


def live_account(
    profiles: tuple[str, ...] = (),
    region: str | None = None,
    endpoint_url: str | None = None,
    debug: bool = False,
    role: str | None = None,
    meanwhile: Callable[[], None] | None = None,
) -> Account:
    """The account that these settings, and AWS's own, lead to. Asks nothing yet.

    The first profile is home; those after it, and ``role`` (an ARN with ``{account}`` in it), open further accounts.
    """
    home, *others = (Clients(profile, region, endpoint_url, debug) for profile in profiles or (None,))
    source = Live(Accounts(home, others, role), meanwhile)
    account = Account(source)
    source.attach(account)
    return account


def parameters(names: str, values: str) -> dict[str, Any]:
    """The parameters of a call that takes no filters: ``a,b[]`` with ``1,2,3`` is a=1 and b=[2, 3]."""
    *singles, last = names.split(",")
    texts = values.split(",")
    found: dict[str, Any] = dict(zip(singles, texts, strict=False))
    rest = texts[len(singles) :]
    return {**found, last.removesuffix("[]"): rest if last.endswith("[]") else ",".join(rest)}


def _pattern(filter_name: str, value: str) -> str:
    """``value`` as a filter takes it: ``*``, ``?`` and a backslash in the name of something are just characters.

    In ids they never occur, and there a ``*`` stands for the rest of a short one; alone, for any address.
    """
    if filter_name.endswith("-id") or (value == ANY and filter_name != "tag:Name"):
        return value
    return value.replace("\\", "\\\\").replace("*", "\\*").replace("?", "\\?")
