"""What a snapshot folder may look like, and what it says of what it does not hold (contract part 6)."""

from __future__ import annotations

import codecs
import json
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from tests.config.shapes import acl, interface, put, subnet, vpc
from whyblocked.config.account import Account, Missing, Query
from whyblocked.config.resources import NetworkAcl, Subnet
from whyblocked.config.snapshot import Snapshot, load_snapshot
from whyblocked.errors import InputError

# -- what is read ------------------------------------------------------------------------------------------------


def test_files_are_known_by_their_keys_at_any_depth_whatever_their_name(tmp_path: Path) -> None:
    put(tmp_path, a={"Vpcs": [vpc()]}, deep__er__still__b={"Subnets": [subnet()]})
    account = load_snapshot(tmp_path)
    assert set(account.vpcs) == {"vpc-1"}
    assert set(account.subnets) == {"subnet-1"}


def test_one_file_may_hold_several_kinds(tmp_path: Path) -> None:
    account = load_snapshot(put(tmp_path, all={"Vpcs": [vpc()], "Subnets": [subnet()], "NetworkAcls": [acl()]}))
    assert (len(account.vpcs), len(account.subnets), len(account.network_acls)) == (1, 1, 1)


def test_lists_of_several_files_are_joined_and_the_first_of_an_id_stays(tmp_path: Path) -> None:
    first, again = vpc(CidrBlock="10.0.0.0/16"), vpc(CidrBlock="10.9.0.0/16")
    account = load_snapshot(put(tmp_path, a={"Vpcs": [first]}, b={"Vpcs": [again, vpc("vpc-2")]}))
    assert {v.vpc_id: v.cidr_block for v in account.vpcs.values()} == {"vpc-1": "10.0.0.0/16", "vpc-2": "10.0.0.0/16"}


def test_two_snapshots_in_one_folder_are_told(tmp_path: Path) -> None:
    first, again = vpc(CidrBlock="10.0.0.0/16"), vpc(CidrBlock="10.9.0.0/16")
    account = load_snapshot(put(tmp_path, a={"Vpcs": [first], "Subnets": [subnet()]}, b={"Vpcs": [again]}))
    assert isinstance(account.source, Snapshot)
    assert "tells of vpc-1 more than once" in account.source.warnings[0]


@pytest.mark.parametrize("again", [{}, {"Tags": [{"Key": "Name", "Value": "as another account calls it"}]}])
def test_what_is_told_twice_in_the_same_way_is_no_second_snapshot(tmp_path: Path, again: Any) -> None:
    account = load_snapshot(put(tmp_path, a={"Vpcs": [vpc()]}, b={"Vpcs": [vpc(**again)]}))
    assert isinstance(account.source, Snapshot)
    assert account.source.warnings == []


def test_pages_that_were_put_together_are_read_in_their_order(tmp_path: Path) -> None:
    pages = [{"Vpcs": [vpc()], "NextToken": "more"}, {"Vpcs": [vpc(CidrBlock="10.9.0.0/16"), vpc("vpc-2")]}]
    account = load_snapshot(put(tmp_path, vpcs=pages, subnets=[{"Subnets": [subnet()]}]))
    assert {v.vpc_id: v.cidr_block for v in account.vpcs.values()} == {"vpc-1": "10.0.0.0/16", "vpc-2": "10.0.0.0/16"}
    assert set(account.subnets) == {"subnet-1"}


def test_lists_that_stand_alone_are_known_by_what_is_in_them(tmp_path: Path) -> None:
    group = {"GroupId": "sg-1", "VpcId": "vpc-1", "IpPermissions": [], "IpPermissionsEgress": []}
    lists: dict[str, object] = {
        "vpcs": [vpc(DhcpOptionsId="dopt-1")],
        "subnets": [subnet(AvailableIpAddressCount=250)],
        "acls": [acl()],
        "enis": [interface(TagSet=[])],
    }
    account = load_snapshot(put(tmp_path, **lists, groups=[group], mixed=[group, {"VpcId": "vpc-9"}]))
    found = (account.vpcs, account.subnets, account.network_acls, account.interfaces, account.security_groups)
    assert [len(kind) for kind in found] == [1, 1, 1, 1, 1]
    assert not any(account.broken.values())


def test_what_placebo_recorded_is_read(tmp_path: Path) -> None:
    # https://github.com/garnaat/placebo: boto3's answers, with the times taken apart
    def recorded(response: dict[str, object]) -> dict[str, object]:
        return {"status_code": 200, "data": {**response, "ResponseMetadata": {"HTTPStatusCode": 200}}}

    made = {"__class__": "datetime", "year": 2026, "month": 11, "day": 23, "hour": 9, "minute": 4, "second": 0}
    log = {"FlowLogId": "fl-1", "ResourceId": "vpc-1", "CreationTime": {**made, "microsecond": 0}}
    odd = {"FlowLogId": "fl-2", "ResourceId": "vpc-1", "CreationTime": {"__class__": "datetime", "year": 99999}}
    account = load_snapshot(put(tmp_path, v=recorded({"Vpcs": [vpc()]}), f=recorded({"FlowLogs": [log, odd]})))
    assert set(account.vpcs) == {"vpc-1"}
    times = {found.flow_log_id: found.creation_time for found in account.flow_logs.values()}
    assert times == {"fl-1": datetime(2026, 11, 23, 9, 4, tzinfo=UTC), "fl-2": None}
    assert not any(account.broken.values())


def test_what_np_guards_collector_wrote_is_read(tmp_path: Path) -> None:
    group: dict[str, object] = {"GroupId": "sg-1", "VpcId": "vpc-1", "IpPermissions": [], "IpPermissionsEgress": []}
    gateway = {"InternetGatewayId": "igw-1", "Attachments": [{"State": "available", "VpcId": "vpc-1"}]}
    inside = {"NetworkInterfaceId": "eni-1", "VpcId": "vpc-1", "SubnetId": "subnet-1", "Groups": [{"GroupId": "sg-1"}]}
    instance = {
        "InstanceId": "i-1",
        "VpcId": "vpc-1",
        "SubnetId": "subnet-1",
        "State": {"Name": "running"},
        "NetworkInterfaces": [{**inside, "PrivateIpAddress": "10.0.1.10", "Association": None}],
    }
    lists = {
        "vpcs": [vpc()],
        "subnets": [subnet()],
        "network_acls": [acl()],
        "security_groups": [{**group, "Tags": None}],
        "internet_gateways": [gateway],
        "instances": [instance, None],
    }
    account = load_snapshot(put(tmp_path, dump={"collector_version": "0.14.0", "provider": "aws", **lists}))
    found = (account.vpcs, account.subnets, account.security_groups, account.internet_gateways, account.instances)
    assert [set(kind) for kind in found] == [{"vpc-1"}, {"subnet-1"}, {"sg-1"}, {"igw-1"}, {"i-1"}]
    assert (len(account.network_acls), set(account.interfaces)) == (1, {"eni-1"})
    assert not any(account.broken.values())
    with pytest.raises(InputError, match="holds a known API response"):
        load_snapshot(put(tmp_path / "ibm", dump={"collector_version": "0.14.0", "provider": "ibm", **lists}))


@pytest.mark.parametrize("several", [True, False])
def test_instances_that_stand_alone_are_no_responses_with_groups_and_interfaces(tmp_path: Path, several: bool) -> None:
    inside = {"NetworkInterfaceId": "eni-1", "VpcId": "vpc-1", "SubnetId": "subnet-1", "Groups": [{"GroupId": "sg-1"}]}
    instance = {
        "InstanceId": "i-1",
        "VpcId": "vpc-1",
        "SubnetId": "subnet-1",
        "State": {"Name": "running"},
        "SecurityGroups": [{"GroupId": "sg-1", "GroupName": "web"}],
        "NetworkInterfaces": [{**inside, "PrivateIpAddress": "10.0.1.10", "Attachment": {"DeviceIndex": 0}}],
    }
    account = load_snapshot(put(tmp_path, first=[instance] if several else instance, vpcs={"Vpcs": [vpc()]}))
    found = account.interfaces["eni-1"]
    assert (set(account.instances), found.attachment and found.attachment.instance_id) == ({"i-1"}, "i-1")
    assert not account.security_groups


@pytest.mark.parametrize(
    "other",
    [
        *({"Buckets": []}, [], 7, None, "text", [[{"Vpcs": [vpc()]}]], [{"VpcId": "vpc-1"}], {}),
        {"Entries": [{"Id": "of another API"}]},
        {"status_code": 200, "data": [{"Vpcs": [vpc()]}]},
        {"status_code": 200, "data": None},
    ],
    ids=repr,
)
def test_what_is_something_else_is_left_alone(tmp_path: Path, other: object) -> None:
    account = load_snapshot(put(tmp_path, vpcs={"Vpcs": [vpc()]}, other=json.dumps(other)))
    assert set(account.vpcs) == {"vpc-1"}
    assert not account.broken


def test_hidden_files_folders_and_other_endings_are_left_alone(tmp_path: Path) -> None:
    put(tmp_path, vpcs={"Vpcs": [vpc()]}, **{".hidden": "no json", ".git__config": "no json"})
    (tmp_path / "notes.txt").write_text("no json")
    assert load_snapshot(tmp_path).vpcs


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [(codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")],
)
def test_files_as_powershell_redirects_them_are_read(tmp_path: Path, mark: bytes, encoding: str) -> None:
    text = json.dumps({"Vpcs": [vpc(Tags=[{"Key": "Name", "Value": "größe"}])]}, ensure_ascii=False)
    account = load_snapshot(put(tmp_path, vpcs=mark + text.encode(encoding)))
    assert account.vpcs["vpc-1"].tags[0].value == "größe"


def test_null_means_absent_and_numbers_may_be_texts(tmp_path: Path) -> None:
    row = {"RuleNumber": "90", "Protocol": "6", "RuleAction": "deny", "Egress": "true", "CidrBlock": "0.0.0.0/0"}
    loose = acl(Entries=[{**row, "Ipv6CidrBlock": None, "PortRange": {"From": "22", "To": "22"}}], Tags=None)
    account = load_snapshot(put(tmp_path, acls={"NetworkAcls": [loose, None], "Vpcs": None}))
    (entry,) = account.network_acls["acl-1"].entries
    assert (entry.rule_number, entry.egress, entry.port_range and entry.port_range.from_) == (90, True, 22)
    assert not account.broken


def test_a_group_without_its_rules_is_fine_where_its_rules_stand_by_themselves(tmp_path: Path) -> None:
    rule = {"SecurityGroupRuleId": "sgr-1", "GroupId": "sg-1", "IsEgress": False, "IpProtocol": "tcp"}
    account = load_snapshot(
        put(tmp_path, g={"SecurityGroups": [{"GroupId": "sg-1"}]}, r={"SecurityGroupRules": [rule]})
    )
    group = account.security_group("sg-1")
    assert not isinstance(group, Missing)
    assert group.ip_permissions is None
    assert [rule.security_group_rule_id for rule in account.rules_of("sg-1")] == ["sgr-1"]


# -- prefix lists ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["pl-0a1", "managed-prefix-list-entries.pl-0a1", "a.b.pl-0a1"])
def test_entries_belong_to_the_list_that_their_file_is_named_after(tmp_path: Path, name: str) -> None:
    account = load_snapshot(put(tmp_path, **{name: {"Entries": [{"Cidr": "10.0.0.0/8"}, {"Cidr": "192.0.2.0/24"}]}}))
    assert account.prefix_list("pl-0a1") == ("10.0.0.0/8", "192.0.2.0/24")


def test_entries_of_several_pages_are_joined(tmp_path: Path) -> None:
    put(tmp_path, **{"1__pl-0a1": {"Entries": [{"Cidr": "10.0.0.0/8"}]}, "2__pl-0a1": {"Entries": [{"Cidr": "::/0"}]}})
    assert load_snapshot(tmp_path).prefix_list("pl-0a1") == ("10.0.0.0/8", "::/0")


@pytest.mark.parametrize("key", ["PrefixLists", "ManagedPrefixLists"])
def test_lists_with_their_blocks_need_no_entries(tmp_path: Path, key: str) -> None:
    lists = [{"PrefixListId": "pl-1", "Cidrs": ["192.0.2.0/24"]}, {"PrefixListId": "pl-2"}]
    account = load_snapshot(put(tmp_path, lists={key: lists}))
    assert account.prefix_list("pl-1") == ("192.0.2.0/24",)
    assert str(account.prefix_list("pl-2")) == "ec2:GetManagedPrefixListEntries: pl-2 is not in the snapshot"


# -- instances ---------------------------------------------------------------------------------------------------

SHOWN = {
    "NetworkInterfaceId": "eni-9",
    "VpcId": "vpc-1",
    "SubnetId": "subnet-1",
    "Groups": [{"GroupId": "sg-1"}],
    "PrivateIpAddress": "10.0.1.9",
    "Attachment": {"DeviceIndex": 1, "Status": "attached"},
    "OwnerId": "111122223333",
}
INSTANCE: dict[str, object] = {"InstanceId": "i-9", "NetworkInterfaces": [SHOWN]}
RESERVATION: dict[str, object] = {"OwnerId": "111122223333", "Instances": [INSTANCE]}


def test_instances_stand_in_for_a_missing_list_of_interfaces(tmp_path: Path) -> None:
    account = load_snapshot(put(tmp_path, instances={"Reservations": [RESERVATION]}))
    found = account.interfaces_of("i-9")
    assert not isinstance(found, Missing)
    assert [(i.network_interface_id, i.private_ip_address) for i in found] == [("eni-9", "10.0.1.9")]
    assert account.account_id_of("eni-9") == "111122223333"


def test_instances_add_the_interfaces_that_the_list_lacks(tmp_path: Path) -> None:
    account = load_snapshot(
        put(tmp_path, i={"Reservations": [RESERVATION]}, n={"NetworkInterfaces": [interface("eni-1")]})
    )
    assert set(account.interfaces) == {"eni-1", "eni-9"}


def test_instances_of_a_scrubbed_capture_share_no_interface(tmp_path: Path) -> None:
    twin: dict[str, object] = {"InstanceId": "i-8", "NetworkInterfaces": [SHOWN | {"PrivateIpAddress": "10.0.1.8"}]}
    reservation = RESERVATION | {"Instances": [INSTANCE, twin]}
    account = load_snapshot(put(tmp_path, instances={"Reservations": [reservation]}))
    found = [account.interfaces_of(instance_id) for instance_id in ("i-9", "i-8")]
    assert [[i.private_ip_address for i in these] for these in found if not isinstance(these, Missing)] == [
        ["10.0.1.9"],
        ["10.0.1.8"],
    ]


# -- account and Region ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["111122223333__eu-west-1__x", "configs__aws_configs__111122223333__eu-west-1__x", "eu-west-1__x", "x"],
)
def test_account_and_region_come_from_the_path_else_from_the_resources(tmp_path: Path, path: str) -> None:
    own = subnet(OwnerId="111122223333", AvailabilityZone="eu-west-1b")
    account = load_snapshot(put(tmp_path, **{path: {"Subnets": [own]}}))
    assert (account.account_id_of("vpc-1"), account.region_of("vpc-1")) == ("111122223333", "eu-west-1")


def test_the_named_folder_itself_may_be_the_one_of_a_region(tmp_path: Path) -> None:
    put(tmp_path, **{"111122223333__eu-west-1__x": {"Subnets": [subnet()]}})
    account = load_snapshot(tmp_path / "111122223333" / "eu-west-1")
    assert (account.account_id_of("vpc-1"), account.region_of("vpc-1")) == ("111122223333", "eu-west-1")


def test_the_owner_that_aws_tells_beats_the_account_that_read_it(tmp_path: Path) -> None:
    put(tmp_path, **{"111122223333__eu-west-1__x": {"Vpcs": [vpc(OwnerId="444455556666")]}})
    assert load_snapshot(tmp_path).account_id_of("vpc-1") == "444455556666"


@pytest.mark.parametrize(
    ("zone", "region"),
    [("eu-west-1a", "eu-west-1"), ("us-west-2-lax-1a", "us-west-2"), ("us-gov-east-1a", "us-gov-east-1")],
)
def test_local_zones_lie_in_their_region(tmp_path: Path, zone: str, region: str) -> None:
    account = load_snapshot(put(tmp_path, x={"Subnets": [subnet(AvailabilityZone=zone)]}))
    assert account.region_of("vpc-1") == region


def test_only_the_asked_region_is_loaded(tmp_path: Path) -> None:
    put(
        tmp_path,
        **{
            "eu-west-1__x": {"Vpcs": [vpc("vpc-1")]},
            "us-east-1__x": {"Vpcs": [vpc("vpc-2")]},
            "y": {"Subnets": [subnet("subnet-3", "vpc-3", AvailabilityZone="us-east-1a"), subnet("subnet-4", "vpc-4")]},
            "z": {"Vpcs": [vpc("vpc-3")]},
        },
    )
    account = load_snapshot(tmp_path, "eu-west-1")
    assert set(account.vpcs) == {"vpc-1"}
    assert set(account.subnets) == {"subnet-4"}


def test_a_region_that_the_snapshot_lacks_is_an_error_that_names_those_it_has(tmp_path: Path) -> None:
    put(tmp_path, **{"eu-west-1__x": {"Vpcs": [vpc()]}})
    with pytest.raises(InputError, match="nothing of Region sa-east-1, only eu-west-1"):
        load_snapshot(tmp_path, "sa-east-1")


# -- what is not there -------------------------------------------------------------------------------------------


@pytest.fixture
def small(tmp_path: Path) -> Account:
    return load_snapshot(put(tmp_path, x={"Subnets": [subnet()], "Vpcs": [vpc()], "NetworkInterfaces": [interface()]}))


def test_a_list_that_no_file_holds_is_missing_with_its_permission(small: Account) -> None:
    found = small.network_acl_of(small.subnets["subnet-1"])
    assert str(found) == "ec2:DescribeNetworkAcls: not in the snapshot"


def test_a_resource_that_its_list_lacks_is_missing_by_its_id(small: Account) -> None:
    assert str(small.subnet("subnet-9")) == "ec2:DescribeSubnets: subnet-9 is not in the snapshot"


def test_what_older_captures_lack_means_that_the_feature_is_not_in_use(small: Account) -> None:
    assert small.block_public_access("vpc-1") is None
    assert small.exclusions() == ()
    assert small.rules_of("sg-1") == ()
    assert small.internet_gateway_of("vpc-1") is None


def test_an_address_that_no_interface_has_is_known_to_have_no_owner(small: Account) -> None:
    assert small.owners(ip_address("10.0.1.77")) == ()
    assert small.public_owner(ip_address("198.51.100.7")) is None
    assert small.members("sg-77") == ()


def test_flow_logs_that_were_not_captured_are_missing(small: Account) -> None:
    assert str(small.flow_logs_of(["vpc-1"])) == "ec2:DescribeFlowLogs: not in the snapshot"


def test_there_is_nothing_to_fetch(small: Account) -> None:
    assert small.source.ask(Query("DescribeNetworkAcls", "vpc-id", "vpc-1")) is not None
    assert small.advance() is False


# -- broken resources --------------------------------------------------------------------------------------------


def broken_acl(tmp_path: Path) -> Account:
    bad = acl("acl-2", subnets=("subnet-2",))
    del bad["Entries"]
    return load_snapshot(
        put(tmp_path, acls={"NetworkAcls": [acl(), bad]}, subnets={"Subnets": [subnet(), subnet("subnet-2")]})
    )


def test_a_resource_without_a_needed_key_is_an_error_with_file_place_and_key(tmp_path: Path) -> None:
    account = broken_acl(tmp_path)
    with pytest.raises(InputError) as caught:
        account.network_acl_of(account.subnets["subnet-2"])
    assert caught.value.message == f'{tmp_path}/acls.json: NetworkAcls[1] has no key "Entries"'
    assert caught.value.status == 2


def test_a_broken_resource_that_no_question_needs_does_no_harm(tmp_path: Path) -> None:
    account = broken_acl(tmp_path)
    assert isinstance(account.network_acl_of(account.subnets["subnet-1"]), NetworkAcl)
    assert isinstance(account.subnet("subnet-1"), Subnet)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"Subnets": [subnet(CidrBlock=7)]}, "Subnets[0].CidrBlock: Expected str, got int"),
        ({"Subnets": [subnet(CidrBlock="here")]}, "Subnets[0]: 'here' does not appear to be an IPv4 or IPv6 network"),
        ({"Subnets": ["subnet-1"]}, "Subnets[0]: Expected object, got str"),
        ({"Subnets": {"SubnetId": "subnet-1"}}, "Subnets is not a list"),
        ({"Subnets": [{"SubnetId": "subnet-1", "VpcId": "vpc-1"}]}, 'Subnets[0] has no key "CidrBlock"'),
    ],
)
def test_each_way_to_be_broken_is_named_at_its_place(tmp_path: Path, content: object, said: str) -> None:
    account = load_snapshot(put(tmp_path, x=content))
    with pytest.raises(InputError) as caught:
        account.subnet("subnet-1")
    assert caught.value.message == f"{tmp_path}/x.json: {said}"


def test_an_entry_deep_inside_is_named_with_its_index(tmp_path: Path) -> None:
    bad = acl()
    bad["Entries"] = [*bad["Entries"], {"RuleNumber": 110}]
    account = load_snapshot(put(tmp_path, x={"NetworkAcls": [bad], "Subnets": [subnet()]}))
    with pytest.raises(InputError, match=r'x\.json: NetworkAcls\[0\]\.Entries\[1\] has no key "Protocol"'):
        account.network_acl_of(account.subnets["subnet-1"])


@pytest.mark.parametrize(
    "bad", [interface(address="10.0.1.999"), interface(Ipv6Addresses=[{"Ipv6Address": "::g"}])], ids=["ipv4", "ipv6"]
)
def test_an_interface_whose_address_is_none_is_broken_not_half_known(tmp_path: Path, bad: dict[str, object]) -> None:
    account = load_snapshot(put(tmp_path, x={"NetworkInterfaces": [interface("eni-0", "10.0.1.4"), bad]}))
    with pytest.raises(
        InputError, match=r"x\.json: NetworkInterfaces\[1\]: '.*' does not appear to be an IPv4 or IPv6"
    ):
        account.interface("eni-1")
    assert set(account.interfaces) == {"eni-0"}


def test_an_instance_is_named_inside_its_reservation(tmp_path: Path) -> None:
    reservation = {"Instances": [{"InstanceId": "i-1"}, {"InstanceId": "i-2", "Tags": 5}]}
    account = load_snapshot(put(tmp_path, x={"Reservations": [reservation]}))
    with pytest.raises(InputError, match=r"x\.json: Reservations\[0\]\.Instances\[1\]\.Tags: Expected array, got int"):
        account.instance("i-2")
    assert set(account.instances) == {"i-1"}


def test_half_a_prefix_list_is_never_used(tmp_path: Path) -> None:
    account = load_snapshot(put(tmp_path, **{"pl-1": {"Entries": [{"Cidr": "10.0.0.0/8"}, {"Cidr": "nonsense"}]}}))
    with pytest.raises(InputError, match=r"pl-1\.json: Entries\[1\]: 'nonsense' does not appear"):
        account.prefix_list("pl-1")


# -- files that can't be read ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty, not JSON"),
        (b" \n\n", "the file is empty, not JSON"),
        (b'{"Vpcs": [{"VpcId": ', "not JSON: it ends too early"),
        (b"<html>", "not JSON: line 1: invalid character"),
        (b'{"Vpcs": [],\n"Subnets": ]}', "not JSON: line 2: "),
        (b'{"Vpcs": []}\n{"Vpcs": []}', "not JSON: line 2: trailing characters"),
        (b'{"Vpcs": [{"VpcId": "\xff"}]}', "not JSON: the text is not UTF-8"),
        (b"\xff\xfe\x00", "not UTF-16 text"),
        (b"[" * 200_000, "not an API response: nested too deeply"),
        (b'{"x":' * 200_000, "not an API response: nested too deeply"),
    ],
)
def test_a_file_that_is_not_json_is_one_line_with_its_name(tmp_path: Path, content: bytes, said: str) -> None:
    put(tmp_path, good={"Vpcs": [vpc()]}, sub__bad=content)
    with pytest.raises(InputError) as caught:
        load_snapshot(tmp_path)
    assert caught.value.message.startswith(f"{tmp_path}/sub/bad.json: {said}")
    assert "\n" not in caught.value.message


def test_a_file_is_named_as_the_user_named_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, snap__bad="nope")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"^snap/bad\.json: not JSON"):
        load_snapshot(Path("snap"))


def test_a_hostile_file_name_can_not_write_to_the_terminal(tmp_path: Path) -> None:
    put(tmp_path, **{"\x1b[31mred\n": "nope"})
    with pytest.raises(InputError) as caught:
        load_snapshot(tmp_path)
    assert caught.value.message.isprintable()


def test_a_folder_that_is_not_there_or_no_folder_or_holds_nothing_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        load_snapshot(tmp_path / "nowhere")
    put(tmp_path, x={"Buckets": []})
    with pytest.raises(InputError, match="not a folder"):
        load_snapshot(tmp_path / "x.json")
    with pytest.raises(InputError, match="no file in this folder holds a known API response"):
        load_snapshot(tmp_path)
