"""``snapshot save``: what it writes, how, and that it answers as the live account does."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from tests.config import cloud
from tests.moto_server import Overlay
from whyblocked.config.account import Account, Missing
from whyblocked.config.live import Live, live_account
from whyblocked.config.save import Saved, save_snapshot
from whyblocked.config.snapshot import load_snapshot
from whyblocked.errors import AwsError, InputError


def save(folder: Path) -> Saved:
    return save_snapshot(folder, cast(Live, live_account().source))[0]


def everything(account: Account, made: cloud.Cloud) -> list[object]:
    """All that a walk would look up, as plain data."""

    def once() -> list[object]:
        subnet = account.subnet(made.subnet)
        placed = [] if isinstance(subnet, Missing) else [account.network_acl_of(subnet), account.route_table_of(subnet)]
        return [
            account.instance(made.instance),
            account.interfaces_of(made.instance),
            account.vpc(made.vpc),
            account.subnets_of(made.vpc),
            account.security_group(made.group),
            account.rules_of(made.group),
            account.prefix_list(made.prefix_list),
            account.internet_gateway_of(made.vpc),
            account.block_public_access("vpc-1"),
            account.exclusions(),
            account.account_id_of(made.vpc),
            account.account_id_of(made.interface),
            account.region_of(made.vpc),
            *placed,
        ]

    found = once()
    while account.advance():
        found = once()
    return cast(list[object], msgspec.to_builtins(found))


@pytest.mark.usefixtures("small_pages", "aws")
def test_a_saved_account_tells_the_same_as_the_live_one(tmp_path: Path) -> None:
    made = cloud.build()
    save(tmp_path / "snap")
    live = everything(live_account(), made)
    assert everything(load_snapshot(tmp_path / "snap"), made) == live
    assert not any("Missing" in str(value) or "reason" in str(value) for value in live)


@pytest.mark.usefixtures("aws")
def test_files_lie_by_account_and_region_and_are_named_as_the_aws_cli_names_calls(tmp_path: Path) -> None:
    made = cloud.build()
    saved = save(tmp_path)
    assert saved.folder == tmp_path / "123456789012" / "us-east-1"
    names = {file.name for file in saved.files}
    assert {
        "describe-security-groups.json",
        "describe-vpc-block-public-access-options.json",
        f"get-managed-prefix-list-entries.{made.prefix_list}.json",
        "describe-db-instances.json",
    } <= names
    assert {path.name for path in saved.folder.iterdir()} == names


@pytest.mark.usefixtures("aws")
def test_a_file_holds_the_response_as_the_aws_cli_prints_it(tmp_path: Path) -> None:
    made = cloud.build()
    content: dict[str, Any] = json.loads((save(tmp_path).folder / "describe-instances.json").read_text())
    assert set(content) == {"Reservations"}
    (instance,) = content["Reservations"][0]["Instances"]
    assert instance["InstanceId"] == made.instance
    assert instance["LaunchTime"].endswith("+00:00")
    assert "UserData" not in json.dumps(content)


@pytest.mark.usefixtures("aws")
def test_only_the_owner_can_read_what_was_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    saved = save(tmp_path / "deep" / "snap")
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "deep").rglob("*")}
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755
    assert saved.files


@pytest.mark.usefixtures("aws")
def test_saving_again_replaces_the_files_and_removes_what_is_gone(tmp_path: Path) -> None:
    folder = save(tmp_path).folder
    (folder / "get-managed-prefix-list-entries.pl-0gone.json").write_text('{"Entries": []}')
    (folder / "notes.json").write_text("{}")
    (folder / "describe-vpcs.json").write_text("old")
    save(tmp_path)
    assert json.loads((folder / "describe-vpcs.json").read_text())["Vpcs"]
    assert not (folder / "get-managed-prefix-list-entries.pl-0gone.json").exists()
    assert (folder / "notes.json").exists()


@pytest.mark.usefixtures("aws")
def test_user_data_and_environments_are_never_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = {"Attribute": {"UserData": "c2VjcmV0", "Environment": {"Variables": {"TOKEN": "c2VjcmV0"}}}}
    monkeypatch.setattr("whyblocked.config.save.fetcher", lambda *_: lambda: {"Vpcs": [secret]})
    saved = save(tmp_path)
    assert not any("c2VjcmV0" in file.read_text() for file in saved.files)


@pytest.mark.usefixtures("aws")
def test_a_folder_that_can_not_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(InputError, match="taken"):
        save(tmp_path / "taken")


def test_what_may_not_be_read_is_skipped_and_named(
    moto_server: Overlay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in moto_server.environment().items():
        monkeypatch.setenv(name, value)
    moto_server.refuse("DescribeNetworkAcls", "UnauthorizedOperation")
    moto_server.refuse("DescribeDBInstances", "AccessDenied")
    moto_server.refuse("GetCallerIdentity", "AccessDenied")
    saved = save(tmp_path)
    denied = [reason for reason in saved.skipped if "not offered" not in reason]  # moto lacks some services' calls
    assert denied == ["ec2:DescribeNetworkAcls: AccessDenied", "rds:DescribeDBInstances: AccessDenied"]
    assert saved.folder.parent.name == "123456789012"
    account = load_snapshot(tmp_path)
    subnet = next(iter(account.subnets.values()))
    assert str(account.network_acl_of(subnet)) == "ec2:DescribeNetworkAcls: not in the snapshot"


def test_nothing_is_written_where_aws_fails(
    moto_server: Overlay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in moto_server.environment().items():
        monkeypatch.setenv(name, value)
    moto_server.refuse("DescribeNetworkAcls", "ExpiredToken")
    with pytest.raises(AwsError):
        save(tmp_path / "snap")
    assert not (tmp_path / "snap").exists()
