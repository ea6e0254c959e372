"""What the live answers are replayed from: ``python -m tests.benchmarks.recording FOLDER``.

Builds an account in moto, asks the questions there, and writes what was asked and answered: ``answers.json`` for the
replay server, and for each question ``NAME.rounds.json``, the calls of each round, for the script that only makes them.
"""

from __future__ import annotations

import io
import json
import os
import sys
import urllib.request
from collections.abc import Iterable
from ipaddress import IPv4Network
from pathlib import Path
from random import Random
from typing import Any

from tests.benchmarks.replay import key_of

SEED = 20261123
SUBNETS, GROUPS, RULES, INSTANCES = 12, 42, 10, 60


class Recorder:
    """A WSGI application around another one, that keeps what passes."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.answers: dict[str, str] = {}

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        body = environ["wsgi.input"].read()
        environ["wsgi.input"] = io.BytesIO(body)
        answer = b"".join(self.app(environ, start_response))
        self.answers[key_of(body)] = answer.decode()
        return [answer]


def build(ec2: Any) -> dict[str, str]:
    """One VPC, each subnet with a network ACL of its own; the questions by their names."""
    rng = Random(SEED)
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    table = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"][0]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    blocks = list(IPv4Network("10.0.0.0/16").subnets(new_prefix=24))[:SUBNETS]
    subnets = [ec2.create_subnet(VpcId=vpc, CidrBlock=str(block))["Subnet"]["SubnetId"] for block in blocks]
    for subnet in subnets:
        (old,) = ec2.describe_network_acls(Filters=[{"Name": "association.subnet-id", "Values": [subnet]}])[
            "NetworkAcls"
        ]
        (association,) = [one for one in old["Associations"] if one["SubnetId"] == subnet]
        acl = ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]["NetworkAclId"]
        for number, egress in ((100, False), (100, True)):
            ec2.create_network_acl_entry(
                NetworkAclId=acl,
                RuleNumber=number,
                Protocol="-1",
                RuleAction="allow",
                Egress=egress,
                CidrBlock="0.0.0.0/0",
            )
        ec2.replace_network_acl_association(AssociationId=association["NetworkAclAssociationId"], NetworkAclId=acl)
    groups = [
        ec2.create_security_group(GroupName=f"group-{n}", Description="made up", VpcId=vpc)["GroupId"]
        for n in range(GROUPS)
    ]
    for n, group in enumerate(groups):
        rules: list[dict[str, Any]] = []
        for port in rng.sample((22, 80, 443, 3306, 5432, 6379, 8080, 8443, 9090, 9200, 27017), RULES):
            rule: dict[str, Any] = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port}
            if rng.random() < 0.3:
                rule["UserIdGroupPairs"] = [{"GroupId": rng.choice(groups)}]
            else:
                rule["IpRanges"] = [{"CidrIp": f"10.{n}.{port % 256}.0/24"}, {"CidrIp": "10.0.0.0/20"}]
            rules.append(rule)
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=rules)
    instances = []
    for n in range(INSTANCES):
        placed: Any = {
            "DeviceIndex": 0,
            "SubnetId": subnets[n % SUBNETS],
            "Groups": rng.sample(groups, 3),
            "PrivateIpAddress": str(blocks[n % SUBNETS].network_address + 10 + n),
            "AssociatePublicIpAddress": True,
        }
        made = ec2.run_instances(ImageId="ami-1e749f67", MinCount=1, MaxCount=1, NetworkInterfaces=[placed])
        instances.append(made["Instances"][0]["InstanceId"])
    return {
        "between two instances": f"{instances[0]} -> {instances[INSTANCES // 2 + 1]}:5432",
        "from the internet": f"203.0.113.5 -> {instances[7]}:22",
    }


def rounds_of(question: str) -> tuple[list[list[Any]], str]:
    """Ask ``question`` of the account that the environment names: the calls of each round, and the verdict."""
    from whyblocked import api
    from whyblocked.config.live import Live
    from whyblocked.question.grammar import parse

    account = api.live()
    source = account.source
    assert isinstance(source, Live)
    rounds: list[list[Any]] = []

    def note(params: dict[str, Any], model: Any, **_: Any) -> None:
        from botocore import xform_name

        rounds.extend([] for _ in range(source.waves - len(rounds)))
        rounds[-1].append([xform_name(model.name), params])

    source.client("ec2").meta.events.register("provide-client-params.ec2.*", note)
    verdict = api.Session(account).explain(parse(question)).verdict
    return rounds, verdict


def main() -> None:
    """Build, ask and write."""
    import boto3

    from tests import moto_fixups
    from tests.moto_server import running

    folder = Path(sys.argv[1])
    os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"
    moto_fixups.mend()
    with running() as server:
        os.environ.update(server.environment())
        urllib.request.urlopen(f"{server.url}/moto-api/seed?a={SEED}", data=b"").close()  # the same ids each time
        questions = build(boto3.client("ec2"))
        recorder = server.app = Recorder(server.app)
        asked = {}
        for n, (name, question) in enumerate(questions.items()):
            rounds, verdict = rounds_of(question)
            file = f"{n}.rounds.json"
            (folder / file).write_text(json.dumps(rounds))
            asked[name] = {
                "question": question,
                "rounds": file,
                "calls": [len(calls) for calls in rounds],
                "verdict": verdict,
            }
        (folder / "answers.json").write_text(json.dumps(recorder.answers))
        (folder / "questions.json").write_text(json.dumps(asked))


if __name__ == "__main__":
    main()
