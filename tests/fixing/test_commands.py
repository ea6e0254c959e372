"""Commands that run as they stand: each in a real shell, with an ``aws`` that only writes down how it was called."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import jmespath  # type: ignore[import-untyped]
import pytest

from tests.builders import ANYWHERE, Network, tcp

FIXTURES = Path(__file__).parents[2] / "fixtures"
FIXED = sorted(path.parent.name for path in FIXTURES.glob("*/expected.json") if json.loads(path.read_text()).get("fix"))
ANSWERS = {
    "allocate-address": "eipalloc-0123456789abcdef0",
    "create-internet-gateway": "igw-0123456789abcdef0",
    "describe-rule-group": "told",
}


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A shell whose ``aws`` answers what makes or reads something, and else nothing."""
    return Shell(tmp_path)


class Shell:
    """Runs commands, and gives back the words of every call of ``aws``, in order."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._log = folder, folder / "calls"
        aws = folder / "aws"
        aws.write_text(
            f"#!{sys.executable}\nimport json, sys\n"
            f"print(json.dumps(sys.argv[1:]), file=open({str(self._log)!r}, 'a'))\n"
            f"print({ANSWERS!r}.get(sys.argv[2], ''))\n"
        )
        aws.chmod(0o755)

    def run(self, commands: list[str]) -> list[list[str]]:
        """The calls of these commands, of a shell that stops at the first error and at what is not set."""
        self._log.unlink(missing_ok=True)
        done = subprocess.run(
            ["bash", "-euc", "\n".join(commands)],
            env={"PATH": f"{self._folder}:/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
            cwd=self._folder,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert {path.name for path in self._folder.iterdir()} == {"aws", "calls"}
        return [json.loads(line) for line in self._log.read_text().splitlines()]


@pytest.mark.parametrize("incident", FIXED)
def test_a_shell_runs_the_commands_of_an_incident(shell: Shell, incident: str) -> None:
    commands = json.loads((FIXTURES / incident / "expected.json").read_text())["fix"]
    calls = shell.run(commands)
    assert all(call[0] in ("ec2", "elbv2", "network-firewall") for call in calls)
    changing = [call for call in calls if call[1] not in ANSWERS]
    assert [call[1] for call in changing] == [_operation(one) for one in commands if not one.startswith("igw=")]
    for call in changing:  # what was made or read before is in its place
        assert not [word for word in call if "$" in word or "new" in word.split("-")]


def _operation(command: str) -> str:
    return shlex.split(command)[2]


def test_a_plain_command_reaches_aws_word_for_word(shell: Shell) -> None:
    net = Network()
    net.internet_gateway()
    net.subnet("public", "10.0.1.0/24", routes={ANYWHERE: "igw-1"})
    net.group("sg-web", ingress=[tcp(443, ANYWHERE)])
    net.instance("web", "10.0.1.10", groups=["sg-web"], public="198.51.100.10")
    (call,) = shell.run(net.fix("203.0.113.5 -> web:22").fixes[0].commands)
    permission = "IpProtocol=tcp,FromPort=22,ToPort=22,IpRanges=[{CidrIp=203.0.113.5/32}]"
    told = ["--group-id", "sg-web", "--ip-permissions", permission, "--region", "eu-west-1"]
    assert call == ["ec2", "authorize-security-group-ingress", *told]


def test_ids_from_a_file_that_somebody_wrote_run_nothing(shell: Shell) -> None:
    """A snapshot comes from anywhere; what stands in it is words to the shell and text to Terraform."""
    net = Network()
    net.internet_gateway()
    net.subnet("public", "10.0.1.0/24", routes={ANYWHERE: "igw-1"})
    hostile = 'sg-$(touch x)`touch y`;touch z #\'"\n${file("/etc/passwd")}%{if true}'
    net.group(hostile, ingress=[])
    net.instance("web", "10.0.1.10", groups=[hostile], public="198.51.100.10")
    (fix,) = net.fix("203.0.113.5 -> web:22").fixes
    (call,) = shell.run(fix.commands)
    assert call[3] == hostile
    line = next(one for one in fix.terraform if "security_group_id" in one)
    assert line.split(" = ")[1] == ('"sg-$(touch x)`touch y`;touch z #\'\\"\\n$${file(\\"/etc/passwd\\")}%%{if true}"')
    assert fix.terraform[0].startswith('resource "aws_vpc_security_group_ingress_rule" "sg_touch_x_touch_y')


def test_a_firewall_gets_the_rule_in_front_of_those_that_it_has_and_keeps_its_options(shell: Shell) -> None:
    folder = FIXTURES / "37-firewall-without-the-port"
    (command,) = json.loads((folder / "expected.json").read_text())["fix"]
    *read, write = shell.run([command])
    assert [(call[:2], call[call.index("--output") + 1]) for call in read] == [
        (["network-firewall", "describe-rule-group"], "text"),
        (["network-firewall", "describe-rule-group"], "json"),
    ]
    assert write[:2] == ["network-firewall", "update-rule-group"]
    query = read[1][read[1].index("--query") + 1]
    arn = write[write.index("--rule-group-arn") + 1]
    before = _rule_group(folder, arn)
    after = jmespath.search(query, {"RuleGroup": before, "UpdateToken": "token"})
    rule, *rest = after["RulesSource"]["RulesString"].split("\n")
    assert rule.startswith("pass tcp 10.20.10.31/32 any -> 192.0.2.80/32 8443 ")
    assert "\n".join(rest) == before["RulesSource"]["RulesString"]
    assert {key: value for key, value in after.items() if key != "RulesSource"} == {
        key: value for key, value in before.items() if key in ("RuleVariables", "ReferenceSets", "StatefulRuleOptions")
    }


def _rule_group(folder: Path, arn: str) -> dict[str, Any]:
    for path in folder.rglob("*.json"):
        told = json.loads(path.read_text())
        if isinstance(told, dict) and told.get("RuleGroupResponse", {}).get("RuleGroupArn") == arn:
            group: dict[str, Any] = told["RuleGroup"]
            return group
    raise AssertionError(arn)
