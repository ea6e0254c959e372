"""The rules and routes of an account made ready for evaluation, kept from one question to the next."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from whyblocked.config.account import Account, Missing
from whyblocked.config.resources import NetworkInterface, RouteTable, SecurityGroup, Subnet
from whyblocked.network.packets import Interval, span
from whyblocked.network.rules import AclRule, Direction, GroupRule, acl_rules, group_rules

if TYPE_CHECKING:
    from whyblocked.network.routes import Table
    from whyblocked.network.transit import Table as TransitTable


class Rulebook:
    """Rules and routes made ready for evaluation, once for all questions about an account."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._version = account.version
        self._kept: dict[tuple[object, ...], Any] = {}

    def _keep(self, key: tuple[object, ...], make: Callable[[], Any]) -> Any:
        if self._version != self._account.version:
            self._kept.clear()
            self._version = self._account.version
        found = self._kept.get(key)
        if found is None:
            found = self._kept[key] = make()
        return found

    def made(self, key: tuple[object, ...], make: Callable[[], Any]) -> Any:
        """Whatever else is made ready for evaluation, by a key of its own."""
        return self._keep(key, make)

    def table(self, table: RouteTable, version: int) -> Table:
        """The route table for look-ups of one IP version."""
        found: Table = self._keep(("table", table.route_table_id, version), lambda: self._compiled(table, version))
        return found

    def _compiled(self, table: RouteTable, version: int) -> Table:
        from whyblocked.network.routes import compile_table  # which flow logs need not

        return compile_table(table, version, self._account)

    def spans(self, subnet: Subnet, version: int) -> list[Interval]:
        """The addresses of a subnet in one IP version."""
        found: list[Interval] = self._keep(
            ("spans", subnet.subnet_id, version), lambda: [span(n) for n in subnet.networks if n.version == version]
        )
        return found

    def transit(self, gateway_id: str, table_id: str, version: int) -> TransitTable | Missing:
        """The route table of a transit gateway for look-ups of one IP version."""
        found: TransitTable | Missing = self._keep(
            ("transit", table_id, version), lambda: self._compiled_transit(gateway_id, table_id, version)
        )
        return found

    def _compiled_transit(self, gateway_id: str, table_id: str, version: int) -> TransitTable | Missing:
        from whyblocked.network.transit import compile_table

        return compile_table(self._account, gateway_id, table_id, version)

    def acl(self, subnet: Subnet, direction: Direction, version: int) -> tuple[str, list[AclRule]] | Missing:
        """The id and rules of the network ACL of a subnet."""
        acl = self._account.network_acl_of(subnet)
        if isinstance(acl, Missing):
            return acl
        rules: list[AclRule] = self._keep(
            ("acl", acl.network_acl_id, direction, version), lambda: acl_rules(acl, direction, version)
        )
        return acl.network_acl_id, rules

    def groups(
        self, interface: NetworkInterface, direction: Direction
    ) -> tuple[tuple[GroupRule, ...], tuple[Missing, ...]]:
        """The rules of all groups of an interface together, and what could not be read of them."""
        ids = tuple(sorted(group.group_id for group in interface.groups))
        found: tuple[tuple[GroupRule, ...], tuple[Missing, ...]] = self._keep(
            ("groups", ids, direction), lambda: self._group_rules(ids, direction)
        )
        return found

    def references(self, interface: NetworkInterface, direction: Direction) -> list[GroupRule]:
        """Those of these rules that name a prefix list or a group."""
        found: list[GroupRule] = []
        for group_id in sorted(group.group_id for group in interface.groups):
            group = self._account.security_groups.get(group_id)
            if group is not None:
                found += self._keep(("references", group_id, direction), partial(self._named, group, direction))
        return found

    def _named(self, group: SecurityGroup, direction: Direction) -> list[GroupRule]:
        return [rule for rule in self._rules_of(group, direction) if rule.kind != "cidr"]

    def _group_rules(
        self, ids: tuple[str, ...], direction: Direction
    ) -> tuple[tuple[GroupRule, ...], tuple[Missing, ...]]:
        rules: list[GroupRule] = []
        missing: list[Missing] = []
        for group_id in ids:
            group = self._account.security_group(group_id)
            if isinstance(group, Missing):
                self._account.rules_of(group_id)
                missing.append(group)
            else:
                rules += self._rules_of(group, direction)
        return tuple(rules), tuple(missing)

    def _rules_of(self, group: SecurityGroup, direction: Direction) -> list[GroupRule]:
        found: list[GroupRule] = self._keep(
            ("group", group.group_id, direction),
            lambda: group_rules(group, self._account.rules_of(group.group_id), direction),
        )
        return found
