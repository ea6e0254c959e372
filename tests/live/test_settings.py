"""AWS's own settings: profiles, roles, Regions and endpoints, as every other tool takes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.live.asking import run
from tests.live.company import WEB, Company
from tests.moto_server import Overlay

OPEN = "203.0.113.5 -> i-abc:22"
QUIET = ("--output", "json", "--no-flow-logs")
KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
CONFIG = """
[profile base]
aws_access_key_id = testing
aws_secret_access_key = testing

[profile keys]
aws_access_key_id = testing
aws_secret_access_key = testing
region = us-east-1

[profile ops]
role_arn = arn:aws:iam::123456789012:role/ops
source_profile = base
region = us-east-1

[profile elsewhere]
role_arn = arn:aws:iam::210987654321:role/ops
source_profile = base
region = us-east-1
"""


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "config"
    path.write_text(CONFIG)
    return str(path)


def test_a_profile_takes_the_role_that_it_names(server: Overlay, served: Company, config: str) -> None:
    nothing = (*KEYS, "AWS_DEFAULT_REGION")
    asked = run(server, OPEN, *QUIET, "--profile", "ops", without=nothing, AWS_CONFIG_FILE=config)
    assert (asked.status, asked.verdict, asked.err) == (0, "allowed", "")
    assert server.log.count("AssumeRole") == 1


def test_a_profile_of_another_account_sees_that_account(server: Overlay, served: Company, config: str) -> None:
    asked = run(server, "10.0.1.10 -> i-abc:22", *QUIET, "--profile", "elsewhere", without=KEYS, AWS_CONFIG_FILE=config)
    assert asked.status == 2
    assert "no instance i-abc in us-east-1" in asked.err


def test_aws_profile_is_heeded_and_profile_wins(server: Overlay, served: Company, config: str) -> None:
    nothing = (*KEYS, "AWS_DEFAULT_REGION")
    asked = run(server, OPEN, *QUIET, without=nothing, AWS_CONFIG_FILE=config, AWS_PROFILE="keys")
    assert (asked.status, asked.verdict) == (0, "allowed")
    unknown = {"AWS_CONFIG_FILE": config, "AWS_PROFILE": "nobody"}
    assert run(server, OPEN, *QUIET, without=nothing, **unknown).status == 2
    assert run(server, OPEN, *QUIET, "--profile", "keys", without=nothing, **unknown).status == 0


def test_an_unknown_profile_is_bad_usage(server: Overlay, served: Company, config: str) -> None:
    asked = run(server, OPEN, "--profile", "nobody", AWS_CONFIG_FILE=config)
    assert (asked.status, asked.out) == (2, "")
    assert "(nobody) could not be found" in asked.err
    assert server.log == []


def test_no_region_is_bad_usage(server: Overlay, served: Company) -> None:
    asked = run(server, OPEN, without=("AWS_DEFAULT_REGION",))
    assert (asked.status, asked.out) == (2, "")
    assert asked.err.startswith("whyblocked: no Region: add --region")


def test_the_region_of_the_command_line_wins(server: Overlay, served: Company) -> None:
    asked = run(server, OPEN, *QUIET, "--region", "us-east-1", AWS_DEFAULT_REGION="eu-west-1")
    assert (asked.status, asked.answer["question"]["destination"]) == (0, WEB)


def test_no_credentials_are_said_before_any_call(server: Overlay, served: Company) -> None:
    asked = run(server, OPEN, without=KEYS)
    assert (asked.status, asked.out) == (4, "")
    assert "no AWS credentials" in asked.err
    assert server.log == []


def test_a_role_that_may_not_be_taken_is_said(server: Overlay, served: Company, config: str) -> None:
    server.refuse("AssumeRole", "AccessDenied", message="not authorized to perform: sts:AssumeRole")
    asked = run(server, OPEN, "--profile", "ops", without=KEYS, AWS_CONFIG_FILE=config)
    assert (asked.status, asked.out) == (4, "")
    assert "AccessDenied on AssumeRole" in asked.err
    assert asked.err.count("\n") == 1


def test_an_endpoint_that_nobody_listens_at_is_given_up_on(server: Overlay, served: Company) -> None:
    asked = run(server, OPEN, AWS_ENDPOINT_URL="http://127.0.0.1:9")
    assert (asked.status, asked.out) == (4, "")
    assert "Could not connect" in asked.err
    assert asked.err.count("\n") == 1


def test_the_endpoint_of_the_command_line_wins(server: Overlay, served: Company) -> None:
    there = ("--endpoint-url", server.url)
    asked = run(server, OPEN, *QUIET, *there, AWS_ENDPOINT_URL="http://127.0.0.1:9")
    assert (asked.status, asked.verdict) == (0, "allowed")
