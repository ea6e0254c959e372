"""Scripts of AWS CLI commands as changes: what is understood, and what is refused with its line."""

from __future__ import annotations

import textwrap

import pytest

from whyblocked.config import resources as r
from whyblocked.config.edits import (
    AssociateAddress,
    AuthorizeSecurityGroup,
    CreateListener,
    CreateNetworkAclEntry,
    CreateRoute,
    Edit,
    ModifyInstanceAttribute,
    ModifyNetworkInterfaceAttribute,
    ModifySecurityGroupRule,
    RegisterTargets,
    RevokeSecurityGroup,
    StartInstances,
)
from whyblocked.config.planned import read
from whyblocked.errors import EditError

SSH = AuthorizeSecurityGroup(
    group_id="sg-1",
    direction="ingress",
    permission=r.IpPermission(
        ip_protocol="tcp", from_port=22, to_port=22, ip_ranges=(r.IpRange(cidr_ip="203.0.113.5/32"),)
    ),
)


def edits(script: str) -> list[Edit]:
    return [change.edit for change in read(textwrap.dedent(script).encode(), "fix.sh").changes]


def refused(script: str) -> str:
    with pytest.raises(EditError) as raised:
        edits(script)
    return raised.value.message


# -- commands ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        "--protocol tcp --port 22 --cidr 203.0.113.5/32",
        "--protocol=tcp --port=22-22 --cidr=203.0.113.5/32 --output json --no-cli-pager",
        "--ip-permissions IpProtocol=tcp,FromPort=22,ToPort=22,IpRanges=[{CidrIp=203.0.113.5/32}]",
        "--ip-permissions 'IpProtocol=tcp, FromPort=22, ToPort=22, IpRanges=[ {CidrIp=203.0.113.5/32} ]'",
        """--ip-permissions '[{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22,
            "IpRanges": [{"CidrIp": "203.0.113.5/32"}]}]'""",
        """--ip-permissions '{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22,
            "IpRanges": [{"CidrIp": "203.0.113.5/32"}]}'""",
        "--ip-protocol tcp --from-port 22 --to-port 22 --cidr-ip 203.0.113.5/32",
    ],
)
def test_a_rule_can_be_written_in_all_the_forms_of_the_cli(options: str) -> None:
    command = "aws ec2 authorize-security-group-ingress --region eu-west-1 --group-id sg-1"
    assert edits(f"{command} {options}") == [SSH]
    as_json = '{"GroupId": "sg-1", "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": "203.0.113.5/32"}'
    assert edits(f"aws ec2 authorize-security-group-ingress --cli-input-json '{as_json}'") == [SSH]


def test_a_permission_may_name_every_kind_of_source() -> None:
    (edit,) = edits(
        """
        aws ec2 authorize-security-group-egress --group-id sg-1 --ip-permissions \\
            'IpProtocol=tcp,FromPort=443,ToPort=444,IpRanges=[{CidrIp=10.0.0.0/8,Description="office, and \\"lab\\""}],Ipv6Ranges=[{CidrIpv6=::/0}],PrefixListIds=[{PrefixListId=pl-1}],UserIdGroupPairs=[{GroupId=sg-2,UserId=123456789012}]'
        """  # noqa: E501 - one word of a script
    )
    assert edit == AuthorizeSecurityGroup(
        group_id="sg-1",
        direction="egress",
        permission=r.IpPermission(
            ip_protocol="tcp",
            from_port=443,
            to_port=444,
            ip_ranges=(r.IpRange(cidr_ip="10.0.0.0/8", description='office, and "lab"'),),
            ipv6_ranges=(r.Ipv6Range(cidr_ipv6="::/0"),),
            prefix_list_ids=(r.PrefixListId(prefix_list_id="pl-1"),),
            user_id_group_pairs=(r.UserIdGroupPair(group_id="sg-2", user_id="123456789012"),),
        ),
    )


def test_several_permissions_are_several_changes() -> None:
    found = edits(
        "aws ec2 revoke-security-group-ingress --group-id sg-1 --ip-permissions "
        "IpProtocol=tcp,FromPort=22,ToPort=22,IpRanges=[{CidrIp=10.0.0.0/8}] "
        "IpProtocol=-1,UserIdGroupPairs=[{GroupId=sg-2}]"
    )
    assert [edit.permission.ip_protocol for edit in found if isinstance(edit, RevokeSecurityGroup) and edit.permission]
    assert len(found) == 2


def test_rules_can_be_named_by_their_ids() -> None:
    found = edits(
        """
        aws ec2 revoke-security-group-egress --group-id sg-1 --security-group-rule-ids sgr-1 sgr-2
        aws ec2 modify-security-group-rules --group-id sg-1 --security-group-rules \\
          "SecurityGroupRuleId=sgr-3,SecurityGroupRule={IpProtocol=tcp,FromPort=80,ToPort=80,CidrIpv4=10.0.0.0/8}"
        """
    )
    assert found == [
        RevokeSecurityGroup(group_id="sg-1", direction="egress", rule_ids=("sgr-1", "sgr-2")),
        ModifySecurityGroupRule(
            group_id="sg-1",
            rule_id="sgr-3",
            permission=r.IpPermission(
                ip_protocol="tcp", from_port=80, to_port=80, ip_ranges=(r.IpRange(cidr_ip="10.0.0.0/8"),)
            ),
        ),
    ]


def test_entries_and_routes() -> None:
    found = edits(
        """
        aws ec2 create-network-acl-entry --network-acl-id acl-1 --ingress --rule-number 90 --protocol tcp \\
            --port-range From=22,To=22 --cidr-block 203.0.113.5/32 --rule-action allow
        aws ec2 create-network-acl-entry --network-acl-id acl-1 --egress --rule-number 90 --protocol icmp \\
            --icmp-type-code Code=-1,Type=8 --cidr-block 0.0.0.0/0 --rule-action deny
        aws ec2 create-route --route-table-id rtb-1 --destination-cidr-block 0.0.0.0/0 --gateway-id igw-1
        aws ec2 create-route --route-table-id rtb-1 --destination-ipv6-cidr-block ::/0 \\
            --egress-only-internet-gateway-id eigw-1
        """
    )
    assert found == [
        CreateNetworkAclEntry(
            network_acl_id="acl-1",
            entry=r.NetworkAclEntry(
                rule_number=90,
                cidr_block="203.0.113.5/32",
                protocol="tcp",
                rule_action="allow",
                egress=False,
                port_range=r.PortRange(from_=22, to=22),
            ),
        ),
        CreateNetworkAclEntry(
            network_acl_id="acl-1",
            entry=r.NetworkAclEntry(
                rule_number=90,
                cidr_block="0.0.0.0/0",
                protocol="icmp",
                rule_action="deny",
                egress=True,
                icmp_type_code=r.IcmpTypeCode(type=8, code=-1),
            ),
        ),
        CreateRoute(route_table_id="rtb-1", route=r.Route(destination_cidr_block="0.0.0.0/0", gateway_id="igw-1")),
        CreateRoute(
            route_table_id="rtb-1",
            route=r.Route(destination_ipv6_cidr_block="::/0", egress_only_internet_gateway_id="eigw-1"),
        ),
    ]


@pytest.mark.parametrize(
    ("command", "edit"),
    [
        (
            "ec2 modify-instance-attribute --instance-id i-1 --groups sg-1 sg-2",
            ModifyInstanceAttribute(instance_id="i-1", groups=("sg-1", "sg-2")),
        ),
        (
            "ec2 modify-instance-attribute --instance-id i-1 --no-source-dest-check",
            ModifyInstanceAttribute(instance_id="i-1", source_dest_check=False),
        ),
        (
            """ec2 modify-instance-attribute --instance-id i-1 --source-dest-check "{\\"Value\\": false}" """,
            ModifyInstanceAttribute(instance_id="i-1", source_dest_check=False),
        ),
        (
            "ec2 modify-network-interface-attribute --network-interface-id eni-1 --source-dest-check",
            ModifyNetworkInterfaceAttribute(network_interface_id="eni-1", source_dest_check=True),
        ),
        ("ec2 start-instances --instance-ids i-1 i-2", StartInstances(instance_ids=("i-1", "i-2"))),
        (
            "ec2 associate-address --instance-id i-1 --allocation-id eipalloc-1 --no-allow-reassociation",
            AssociateAddress(instance_id="i-1", allocation_id="eipalloc-1", allow_reassociation=False),
        ),
        (
            (
                'ec2 associate-address --network-interface-id eni-1 --allocation-id "$(aws ec2 allocate-address '
                '--domain vpc --query AllocationId --output text)"'
            ),
            AssociateAddress(network_interface_id="eni-1", allocation_id="eipalloc-new-1", allocated=False),
        ),
        (
            (
                "elbv2 create-listener --load-balancer-arn arn:lb --protocol HTTPS --port 443 "
                "--certificates CertificateArn=arn:c --default-actions Type=forward,TargetGroupArn=arn:tg"
            ),
            CreateListener(
                load_balancer_arn="arn:lb",
                protocol="HTTPS",
                port=443,
                default_actions=(r.Action(type="forward", target_group_arn="arn:tg"),),
            ),
        ),
        (
            "elbv2 register-targets --target-group-arn arn:tg --targets Id=i-1,Port=80 Id=i-2",
            RegisterTargets(target_group_arn="arn:tg", targets=(r.Target(id="i-1", port=80), r.Target(id="i-2"))),
        ),
    ],
)
def test_commands_of_other_kinds(command: str, edit: Edit) -> None:
    assert edits(f"aws {command}") == [edit]


def test_what_changes_nothing_about_the_network_is_passed_over() -> None:
    script = """
        aws ec2 describe-instances --instance-ids i-1
        aws ec2 create-tags --resources sg-1 --tags Key=owner,Value=web
        aws ec2 update-security-group-rule-descriptions-ingress --group-id sg-1
    """
    assert edits(script) == []


# -- the shell ---------------------------------------------------------------------------------------------------------


def test_scripts_as_people_write_them() -> None:
    script = """\
        #!/bin/bash
        set -euo pipefail
        # Let the office in (ticket NET-4711).
        export AWS_REGION=eu-west-1
        GROUP="sg-1"; office='203.0.113.5/32'
        echo "opening ${GROUP}..." && aws ec2 authorize-security-group-ingress \\
            --group-id "$GROUP" \\
            --protocol tcp --port 22 --cidr ${office} > /dev/null 2>&1   # done
    """
    assert edits(script) == [SSH]


def test_a_change_knows_its_line() -> None:
    script = "\n# one\naws ec2 start-instances \\\n  --instance-ids i-1\naws ec2 start-instances --instance-ids i-2\r\n"
    assert [change.where for change in read(script.encode(), "x.sh").changes] == ["x.sh: line 3", "x.sh: line 5"]


def test_an_address_that_is_allocated_first_can_be_associated_later() -> None:
    script = """
        ID=$(aws ec2 allocate-address --query AllocationId --output text)
        aws ec2 associate-address --instance-id i-1 --allocation-id $ID
    """
    assert edits(script) == [AssociateAddress(instance_id="i-1", allocation_id="eipalloc-new-1", allocated=False)]


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("terraform apply", "line 1: 'terraform' is no command of the AWS CLI"),
        ("\n\naws s3 ls", "line 3: aws s3: of the AWS CLI only ec2 and elbv2 can be applied"),
        ("aws ec2", "aws needs a service and a command"),
        ("aws ec2 open-everything", "aws ec2 has no command open-everything"),
        ("aws ec2 run-instances --image-id ami-1", "ec2 RunInstances is no change that can be applied"),
        ("aws ec2 create-route --route-table rtb-1", "create-route has no option --route-table"),
        ("aws ec2 create-route igw-1", "'igw-1' stands where an option should"),
        ("aws ec2 create-route --route-table-id", "--route-table-id takes one value, not 0"),
        (
            "aws ec2 create-route --route-table-id rtb-1 --destination-cidr-block 0.0.0.0/0",
            "CreateRoute: a route has one target, not 0",
        ),
        ("aws ec2 start-instances --instance-ids file://ids", "file://ids is not read: write its content here"),
        ("aws ec2 start-instances", "StartInstances needs InstanceIds"),
        ("aws ec2 start-instances --instance-ids i-1 --dry-run", "--dry-run changes nothing"),
        ("aws ec2 start-instances --instance-ids i-1 --additional-info x", "AdditionalInfo can't be applied"),
        (
            "aws ec2 authorize-security-group-ingress --group-name web --protocol tcp --port 22 --cidr 10.0.0.0/8",
            "the group is named 'web'",
        ),
        (
            (
                "aws ec2 authorize-security-group-ingress --group-id sg-1 --protocol tcp --port 22 --cidr 10.0.0.0/8 "
                "--ip-permissions IpProtocol=-1"
            ),
            "--ip-permissions goes with none of --protocol",
        ),
        (
            "aws ec2 authorize-security-group-ingress --group-id sg-1 --ip-permissions IpProtocol=tcp,Ports=22",
            "--ip-permissions: there is no Ports, only IpProtocol",
        ),
        ("aws ec2 authorize-security-group-ingress --ip-permissions [{", "--ip-permissions: is no JSON"),
        ("aws ec2 authorize-security-group-ingress --ip-permissions tcp", "is neither JSON nor Key=value"),
        (
            "aws ec2 create-network-acl-entry --network-acl-id acl-1 --ingress --rule-number ten --protocol tcp",
            "--rule-number: 'ten' is no number",
        ),
        ("aws ec2 start-instances --instance-ids $ID", "line 1: the variable ID is not set in this file"),
        ("aws ec2 start-instances --instance-ids $(cat ids)", "$(cat ids) is not run"),
        ("aws ec2 start-instances --instance-ids `cat ids`", "'`' can't be followed here"),
        ("for id in i-1 i-2; do", "'for' is no command of the AWS CLI"),
        ("aws ec2 start-instances --instance-ids i-1 | jq .", "'|' can't be followed here"),
        ("aws ec2 start-instances --instance-ids 'i-1", "a quote (') is not closed"),
        ('aws ec2 start-instances --instance-ids "i-1', 'a quote (") is not closed'),
        ("aws ec2 start-instances --instance-ids ${ID:-i-1}", "is more than the name of a variable"),
    ],
)
def test_what_cannot_be_followed_is_refused_with_its_line(script: str, says: str) -> None:
    message = refused(script)
    assert message.startswith("fix.sh: line ")
    assert says in message


@pytest.mark.parametrize("content", [b"\x80aws", b"aws\0ec2"])
def test_what_is_no_text_is_refused(content: bytes) -> None:
    with pytest.raises(EditError, match=r"fix\.sh: .*neither a shell script nor a plan"):
        read(content, "fix.sh")


def test_text_from_a_script_is_shown_without_what_a_terminal_would_obey() -> None:
    assert "\x1b" not in refused("aws ec2 \x1b[31mred")
