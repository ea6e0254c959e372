"""Records of CloudTrail's, with the field names and casing that AWS writes (lists under ``items``, ``_return``)."""

from __future__ import annotations

import json
import uuid
from typing import Any

from tests.builders import ACCOUNT, REGION, Json

DEPLOY = {
    "type": "AssumedRole",
    "principalId": "AROAEXAMPLE:alice",
    "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/deploy/alice",
    "accountId": ACCOUNT,
    "accessKeyId": "ASIAEXAMPLE",
    "sessionContext": {
        "sessionIssuer": {
            "type": "Role",
            "principalId": "AROAEXAMPLE",
            "arn": f"arn:aws:iam::{ACCOUNT}:role/deploy",
            "accountId": ACCOUNT,
            "userName": "deploy",
        },
        "attributes": {"creationDate": "2026-11-23T08:00:00Z", "mfaAuthenticated": "false"},
    },
}
TERRAFORM = "APN/1.0 HashiCorp/1.0 Terraform/1.9.5 (+https://www.terraform.io) terraform-provider-aws/5.70.0"


def record(name: str, time: str, request: Json, response: Json | None = None, **more: Any) -> Json:
    """One record; ``ids`` are what ``lookup-events`` would list as its resources."""
    ids = more.pop("ids", None)
    if ids is None:
        ids = [value for key, value in request.items() if key.endswith("Id") and isinstance(value, str)]
    found: Json = {
        "eventVersion": "1.09",
        "userIdentity": DEPLOY,
        "eventTime": time,
        "eventSource": "ec2.amazonaws.com",
        "eventName": name,
        "awsRegion": REGION,
        "sourceIPAddress": "198.51.100.7",
        "userAgent": TERRAFORM,
        "requestParameters": request,
        "responseElements": response or {"requestId": "59dbff89-35bd-4eac-99ed-be587EXAMPLE", "_return": True},
        "requestID": "59dbff89-35bd-4eac-99ed-be587EXAMPLE",
        "eventID": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{name} {time} {json.dumps(request)}")),
        "readOnly": False,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": ACCOUNT,
        "eventCategory": "Management",
        "-resources": [{"ResourceType": "AWS::EC2::Any", "ResourceName": one} for one in ids],
    }
    return {**found, **more}


def permissions(protocol: str, port: int | None, *cidrs: str, groups: tuple[str, ...] = ()) -> Json:
    """``ipPermissions`` of a request."""
    one: Json = {
        "ipProtocol": protocol,
        "groups": {"items": [{"groupId": group, "userId": ACCOUNT} for group in groups]} if groups else {},
        "ipRanges": {"items": [{"cidrIp": cidr} for cidr in cidrs]} if cidrs else {},
        "ipv6Ranges": {},
        "prefixListIds": {},
    }
    if port is not None:
        one |= {"fromPort": port, "toPort": port}
    return {"items": [one]}


def revoked(group: str, time: str, protocol: str, port: int | None, *cidrs: str, **more: Any) -> Json:
    """``RevokeSecurityGroupIngress`` by what the rule is."""
    request = {"groupId": group, "ipPermissions": permissions(protocol, port, *cidrs)}
    return record("RevokeSecurityGroupIngress", time, request, **more)


def authorized(group: str, time: str, protocol: str, port: int | None, *cidrs: str, **more: Any) -> Json:
    """``AuthorizeSecurityGroupIngress``, with the rules that it made in its answer."""
    request = {"groupId": group, "ipPermissions": permissions(protocol, port, *cidrs)}
    made = [
        {
            "groupOwnerId": ACCOUNT,
            "groupId": group,
            "securityGroupRuleId": f"sgr-0{number:016x}",
            "isEgress": False,
            "ipProtocol": protocol,
            "fromPort": port,
            "toPort": port,
            "cidrIpv4": cidr,
        }
        for number, cidr in enumerate(cidrs, 1)
    ]
    response = {"requestId": "1", "_return": True, "securityGroupRuleSet": {"items": made}}
    return record("AuthorizeSecurityGroupIngress", time, request, response, **more)


def entry(name: str, acl: str, time: str, number: int, action: str | None = None, **more: Any) -> Json:
    """An event about a numbered rule; ``action`` None as when it is deleted."""
    egress = more.pop("egress", False)
    request: Json = {"networkAclId": acl, "ruleNumber": number, "egress": egress}
    if action is not None:
        port = more.pop("port", None)
        request |= {
            "ruleAction": action,
            "icmpTypeCode": {},
            "portRange": {} if port is None else {"from": port, "to": port},
            "aclProtocol": more.pop("protocol", "-1"),
            "cidrBlock": more.pop("cidr", "0.0.0.0/0"),
        }
    return record(name, time, request, **more)


def printed(*records: Json) -> Json:
    """What ``aws cloudtrail lookup-events`` prints of them."""
    events = [
        {
            "EventId": one["eventID"],
            "EventName": one["eventName"],
            "ReadOnly": "false",
            "AccessKeyId": "ASIAEXAMPLE",
            "EventTime": one["eventTime"].replace("Z", "+00:00"),
            "EventSource": one["eventSource"],
            "Username": "alice",
            "Resources": one["-resources"],
            "CloudTrailEvent": json.dumps({key: value for key, value in one.items() if not key.startswith("-")}),
        }
        for one in records
    ]
    return {"Events": events}


def logged(*records: Json) -> Json:
    """What stands in a log file of CloudTrail's."""
    return {"Records": [{key: value for key, value in one.items() if not key.startswith("-")} for one in records]}
