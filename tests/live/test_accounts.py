"""A walk that leads into other accounts and Regions reads on there, or says what would open them."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from tests.cli.programs import in_process
from tests.live import accounts
from tests.live.accounts import ARCHIVE, PATTERN, REPORTS, World
from whyblocked.api import Session, live, snapshot
from whyblocked.config.live import Live
from whyblocked.config.save import save_snapshot
from whyblocked.diagnosis.answer import Answer
from whyblocked.question.grammar import parse


def asked(question: str, role: str | None = PATTERN, profiles: tuple[str, ...] = ()) -> tuple[Answer, Live]:
    account = live(profiles, role=role)
    return Session(account).explain(parse(question)), cast(Live, account.source)


@pytest.mark.parametrize("address", ["10.9.1.20", "10.7.1.30"])
def test_a_peer_in_another_account_is_walked_through_with_the_role(world: World, address: str) -> None:
    answer, _ = asked(f"app -> {address}:5432")
    assert (answer.verdict, answer.missing) == ("allowed", [])
    answer, _ = asked(f"app -> {address}:22")
    (finding,) = answer.blocked_by
    assert (answer.verdict, finding.code) == ("blocked", "ENI_SG_RULES_MISMATCH")
    assert (finding.account_id, finding.region) in [(REPORTS, "us-east-1"), (ARCHIVE, "eu-west-1")]


def test_a_peer_in_another_region_of_the_same_account_needs_no_role(world: World) -> None:
    answer, _ = asked("app -> 10.6.1.40:22", role=None)
    assert (answer.verdict, answer.missing) == ("blocked", [])
    assert answer.blocked_by[0].region == "eu-west-1"


def test_an_account_that_nothing_opens_is_named_with_what_would(world: World) -> None:
    answer, _ = asked("app -> 10.9.1.20:5432", role=None)
    assert answer.verdict == "undetermined"
    assert any(f"account {REPORTS}" in missing and "--role-arn" in missing for missing in answer.missing)


def test_a_role_that_may_not_be_assumed_is_named(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from botocore.exceptions import ClientError
    from moto.sts.models import STSBackend

    def refuse(*_: object, **__: object) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "AssumeRole")

    monkeypatch.setattr(STSBackend, "assume_role", refuse)
    answer, _ = asked("app -> 10.9.1.20:5432")
    assert answer.verdict == "undetermined"
    role = PATTERN.format(account=REPORTS)
    assert any(f"{role} can't be assumed (AccessDenied)" in missing for missing in answer.missing)


def test_a_call_that_is_denied_far_off_is_missing_there(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from botocore.exceptions import ClientError

    from whyblocked.config import live as module
    from whyblocked.config.fetch import fetcher as real

    def fetcher(client, operation, parameters):  # type: ignore[no-untyped-def]
        if operation.name == "DescribeNetworkAcls" and client.meta.region_name == "eu-west-1":

            def denied() -> None:
                raise ClientError({"Error": {"Code": "AuthFailure", "Message": "not here"}}, operation.name)

            return denied
        return real(client, operation, parameters)

    monkeypatch.setattr(module, "fetcher", fetcher)
    answer, _ = asked("app -> 10.7.1.30:5432")
    assert answer.verdict == "undetermined"
    (missing,) = answer.missing
    assert missing.startswith(f"ec2:DescribeNetworkAcls in account {ARCHIVE} in eu-west-1: ")


def test_profiles_open_their_accounts_and_names_are_found_in_them(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = tmp_path / "config"
    role = PATTERN.format(account=REPORTS)
    config.write_text(
        "[profile shop]\ncredential_source = Environment\n"
        f"role_arn = {PATTERN.format(account=accounts.SHOP)}\n"
        f"[profile reports]\ncredential_source = Environment\nrole_arn = {role}\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    for question in ("app -> 10.9.1.20:5432", "app -> reports:5432", f"app -> {world.hosts['reports']}:5432"):
        answer, _ = asked(question, None, ("shop", "reports"))
        assert (answer.verdict, answer.missing) == ("allowed", []), question
    answer, _ = asked("app -> 10.7.1.30:5432", None, ("shop", "reports"))
    assert answer.verdict == "undetermined"
    assert any(f"account {ARCHIVE}" in missing for missing in answer.missing)


def test_a_second_profile_that_is_of_no_use_is_a_warning(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = tmp_path / "config"
    keys = "aws_access_key_id = testing\naws_secret_access_key = testing\n"
    config.write_text(f"[profile shop]\n{keys}[profile broken]\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    answer, _ = asked("app -> 10.6.1.40:22", None, ("shop", "broken"))
    assert answer.verdict == "blocked"
    assert any("profile broken is left out" in warning for warning in answer.warnings)


def test_an_arn_tells_where_an_instance_is(world: World) -> None:
    host = world.hosts["archive"]
    answer, _ = asked(f"app -> arn:aws:ec2:eu-west-1:{ARCHIVE}:instance/{host}:5432")
    assert (answer.verdict, answer.missing) == ("allowed", [])


@pytest.mark.parametrize("address", ["10.9.1.20", "10.7.1.30"])
def test_calls_and_rounds_do_not_grow_with_the_accounts(world: World, address: str) -> None:
    _, before = asked(f"app -> {address}:5432")
    for name in ("reports", "archive"):
        ec2 = world.clients[name]
        for number in range(20):
            vpc = ec2.create_vpc(CidrBlock=f"10.20{number % 10}.0.0/16")["Vpc"]["VpcId"]
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.20{number % 10}.1.0/24")
            ec2.create_security_group(GroupName="more", Description="more", VpcId=vpc)
    _, after = asked(f"app -> {address}:5432")
    assert after.calls == before.calls
    assert after.waves <= 5
    made = [(name, repr(parameters)) for name, parameters in after.calls]
    addressed = [call for call in made if address in call[1]]  # in the first account by name, then in the far one
    assert (len(made) - len(set(made)), len(addressed)) == (1, 2), made


def test_a_snapshot_holds_every_account_that_a_path_leads_to_and_answers_alike(world: World, tmp_path: Path) -> None:
    saved = save_snapshot(tmp_path, cast(Live, live(role=PATTERN).source))
    folders = {one.folder.relative_to(tmp_path).as_posix() for one in saved}
    assert folders == {
        f"{accounts.SHOP}/us-east-1",
        f"{accounts.SHOP}/eu-west-1",
        f"{REPORTS}/us-east-1",
        f"{ARCHIVE}/eu-west-1",
    }
    session = Session(snapshot(tmp_path))
    for question in ("app -> 10.9.1.20:5432", "app -> 10.7.1.30:22", "app -> 10.7.1.30:5432", "app -> 10.6.1.40:22"):
        offline, online = session.explain(parse(question)), asked(question)[0]
        assert (offline.verdict, offline.blocked_by) == (online.verdict, online.blocked_by), question
        assert (offline.forward, offline.return_) == (online.forward, online.return_), question


def test_a_snapshot_without_the_role_says_what_it_leaves_out(world: World, tmp_path: Path) -> None:
    saved = save_snapshot(tmp_path, cast(Live, live().source))
    assert {one.account_id for one in saved} == {accounts.SHOP}
    assert any(f"account {REPORTS}" in reason for reason in saved[0].skipped)


def test_the_command_line_takes_a_role_and_profiles(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    plain = ("app -> 10.9.1.20:5432", "--output", "json", "--no-flow-logs")
    status, out, err = in_process(capsys, *plain, "--role-arn", PATTERN)
    assert (status, err) == (0, "")
    status, out, err = in_process(capsys, *plain)
    assert (status, err) == (3, "")
    assert f"account {REPORTS}" in out
    status, out, err = in_process(capsys, *plain, "--role-arn", "NetworkReader")
    assert (status, out) == (2, "")
    assert "--role-arn NetworkReader: is no ARN of a role like arn:aws:iam::{account}:role/NAME" in err


@pytest.fixture
def shared(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shop's VPC belongs to the reports team, which shares its subnets with the shop."""
    from whyblocked.config import live as module
    from whyblocked.config.fetch import fetcher as real

    def fetcher(client, operation, parameters):  # type: ignore[no-untyped-def]
        def fetch():  # type: ignore[no-untyped-def]
            response = real(client, operation, parameters)()
            if operation.name in ("DescribeVpcs", "DescribeSubnets", "DescribeRouteTables", "DescribeNetworkAcls"):
                for row in response[operation.key]:
                    if row["VpcId"] == world.vpcs["app"]:
                        row["OwnerId"] = REPORTS
            return response

        return fetch

    monkeypatch.setattr(module, "fetcher", fetcher)


def test_in_a_shared_vpc_an_address_without_an_owner_is_only_free_if_the_vpcs_owner_says_so(shared: None) -> None:
    answer, _ = asked("app -> 10.0.1.99:443", role=None)
    assert answer.verdict == "undetermined"
    assert any(f"account {REPORTS}" in missing for missing in answer.missing)
    answer, source = asked("app -> 10.0.1.99:443")
    assert (answer.verdict, answer.missing) == ("allowed", [])
    assert source.accounts.home_id == accounts.SHOP


def test_in_a_shared_vpc_the_peering_connection_is_the_owners(shared: None) -> None:
    answer, _ = asked("app -> 10.9.1.20:5432", role=None)
    assert answer.verdict == "undetermined"
    assert any(f"account {REPORTS}" in missing for missing in answer.missing)
    answer, _ = asked("app -> 10.9.1.20:5432")
    assert (answer.verdict, answer.missing) == ("allowed", [])
