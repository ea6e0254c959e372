"""What AWS may answer instead of what was asked for, and what each means for the run."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
from moto.core import set_initial_no_auth_action_count

from tests.config import cloud
from tests.moto_server import Overlay
from whyblocked.config.account import Account, Missing
from whyblocked.config.live import Live, live_account
from whyblocked.errors import AwsError, UsageError, WhyblockedError


@pytest.fixture
def server(moto_server: Overlay, monkeypatch: pytest.MonkeyPatch) -> Overlay:
    for name, value in moto_server.environment().items():
        monkeypatch.setenv(name, value)
    return moto_server


def look(account: Account) -> dict[str, Any]:
    """Look a few things up and fetch them."""

    def once() -> dict[str, Any]:
        return {
            "vpc": account.vpc("vpc-0nowhere"),
            "groups": account.security_group("sg-0nowhere"),
            "rules": account.rules_of("sg-0nowhere"),
            "block": account.block_public_access("vpc-1"),
        }

    once()
    account.advance()
    return once()


def source(account: Account) -> Live:
    return cast(Live, account.source)


# -- one call refused, the others go on ----------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["UnauthorizedOperation", "AccessDenied", "AccessDeniedException"])
def test_a_call_that_is_not_allowed_is_missing_and_the_others_go_on(server: Overlay, code: str) -> None:
    server.refuse("DescribeSecurityGroups", code)
    found = look(live_account())
    assert found["groups"] == Missing("ec2:DescribeSecurityGroups", "AccessDenied")
    assert str(found["vpc"]) == "ec2:DescribeVpcs: vpc-0nowhere not found in us-east-1"


def test_a_call_that_was_refused_is_not_made_again(server: Overlay) -> None:
    server.refuse("DescribeSecurityGroups", "UnauthorizedOperation")
    account = live_account()
    look(account)
    look(account)
    assert server.log.count("DescribeSecurityGroups") == 1


def test_iam_refuses_what_the_policy_does_not_allow(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    import boto3

    iam = boto3.client("iam")
    iam.create_user(UserName="oncall")
    key = iam.create_access_key(UserName="oncall")["AccessKey"]
    document = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2:DescribeVpcs","Resource":"*"}]}'
    iam.put_user_policy(UserName="oncall", PolicyName="some", PolicyDocument=document)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])

    @set_initial_no_auth_action_count(0)
    def asked() -> dict[str, Any]:
        return look(live_account())

    found = asked()
    assert found["groups"] == Missing("ec2:DescribeSecurityGroups", "AccessDenied")
    assert "not found" in str(found["vpc"])


def test_rule_ids_that_may_not_be_read_are_a_warning(server: Overlay) -> None:
    server.refuse("DescribeSecurityGroupRules", "UnauthorizedOperation")
    account = live_account()
    assert look(account)["rules"] == ()
    assert source(account).warnings == [
        "ec2:DescribeSecurityGroupRules: AccessDenied; rules are shown without their ids"
    ]


@pytest.mark.parametrize("code", ["InvalidAction", "UnsupportedOperation"])
def test_a_feature_that_the_endpoint_does_not_know_is_not_in_use(server: Overlay, code: str) -> None:
    server.refuse("DescribeVpcBlockPublicAccessOptions", code)
    account = live_account()
    assert look(account)["block"] is None
    (warning,) = source(account).warnings
    assert warning.startswith("ec2:DescribeVpcBlockPublicAccessOptions: not offered by this endpoint")


def test_a_page_of_html_means_that_the_call_is_not_known(server: Overlay) -> None:
    for operation in ("DescribeVpcBlockPublicAccessOptions", "DescribeVpcs"):
        server.add(operation, 500, "<!doctype html><title>500 Internal Server Error</title>", "text/html")
    found = look(live_account())
    assert found["block"] is None
    assert found["vpc"] == Missing("ec2:DescribeVpcs", "not offered by this endpoint")


def test_what_moto_has_not_implemented_is_not_offered(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from moto.ec2.responses import EC2Response

    def missing(self: Any) -> None:
        raise NotImplementedError

    monkeypatch.setattr(EC2Response, "describe_vpc_block_public_access_options", missing)
    assert look(live_account())["block"] is None


@pytest.mark.parametrize("code", ["InvalidVpcID.NotFound", "InvalidVpcID.Malformed", "NatGatewayNotFound"])
def test_an_id_that_is_not_known_is_just_not_found(server: Overlay, code: str) -> None:
    server.refuse("DescribeVpcs", code)
    assert str(look(live_account())["vpc"]) == "ec2:DescribeVpcs: vpc-0nowhere not found in us-east-1"


def test_a_refusal_of_another_kind_is_missing_with_its_reason(server: Overlay) -> None:
    server.refuse("DescribeVpcs", "InvalidParameterValue", message="odd\nfilter")
    assert str(look(live_account())["vpc"]) == "ec2:DescribeVpcs: InvalidParameterValue: odd\ufffdfilter"


# -- retries -----------------------------------------------------------------------------------------------------


def test_a_call_that_is_throttled_is_tried_again(server: Overlay) -> None:
    server.refuse("DescribeVpcs", "RequestLimitExceeded", times=2)
    assert "not found" in str(look(live_account())["vpc"])
    assert server.log.count("DescribeVpcs") == 3


def test_throttling_past_the_retries_ends_the_run(server: Overlay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    server.refuse("DescribeVpcs", "RequestLimitExceeded")
    with pytest.raises(AwsError, match="because of too many requests") as caught:
        look(live_account())
    assert "AWS_MAX_ATTEMPTS" in caught.value.message
    assert server.log.count("DescribeVpcs") == 1


def test_the_users_own_retry_settings_are_kept(server: Overlay, monkeypatch: pytest.MonkeyPatch) -> None:
    def retries() -> dict[str, Any]:
        return source(live_account()).client("ec2").meta.config.retries

    assert retries() == {"mode": "standard", "total_max_attempts": 6}
    monkeypatch.setenv("AWS_RETRY_MODE", "adaptive")
    assert retries() == {"mode": "adaptive", "total_max_attempts": 6}
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    assert retries() == {"mode": "adaptive", "total_max_attempts": 2}


# -- the end of the run --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["AuthFailure", "InvalidClientTokenId", "ExpiredToken", "RequestExpired"])
def test_credentials_that_aws_does_not_accept_end_the_run(server: Overlay, code: str) -> None:
    server.refuse("DescribeVpcs", code)
    with pytest.raises(AwsError, match=rf"does not accept the credentials \({code}") as caught:
        look(live_account())
    assert "--profile" in caught.value.message


def test_a_role_that_may_not_be_taken_ends_the_run(
    server: Overlay, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = tmp_path / "config"
    config.write_text(
        "[profile ops]\nregion = us-east-1\nrole_arn = arn:aws:iam::123456789012:role/ops\nsource_profile = base\n"
        "[profile base]\naws_access_key_id = a\naws_secret_access_key = b\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    server.refuse("AssumeRole", "AccessDenied", message="not authorized to perform: sts:AssumeRole")
    with pytest.raises(AwsError, match=r"does not accept the credentials \(AccessDenied on AssumeRole"):
        look(live_account(("ops",)))


def test_an_error_on_aws_side_ends_the_run(server: Overlay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    server.refuse("DescribeVpcs", "InternalError")
    with pytest.raises(AwsError, match=r"AWS failed on ec2:DescribeVpcs in us-east-1 \(InternalError, HTTP 500\)"):
        look(live_account())


def test_no_credentials_end_the_run_before_any_call(server: Overlay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(AwsError, match="no AWS credentials"):
        look(live_account())
    assert not any(operation.startswith("Describe") for operation in server.log)


def test_half_a_pair_of_keys_is_said(server: Overlay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(AwsError, match="credentials are incomplete"):
        look(live_account())


def test_an_sso_session_that_ran_out_is_said(server: Overlay, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("HOME", str(tmp_path))
    config = tmp_path / "config"
    config.write_text(
        "[profile sso]\nregion = us-east-1\nsso_start_url = https://example.awsapps.com/start\n"
        "sso_region = us-east-1\nsso_account_id = 123456789012\nsso_role_name = ops\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    with pytest.raises(AwsError, match="aws sso login"):
        look(live_account(("sso",)))


def test_an_endpoint_that_nobody_listens_at_is_given_up_on_soon(server: Overlay) -> None:
    with pytest.raises(AwsError, match=r'Could not connect to the endpoint URL: "http://127\.0\.0\.1:9') as caught:
        look(live_account(endpoint_url="http://127.0.0.1:9"))
    assert "us-east-1" in caught.value.message


# -- bad settings --------------------------------------------------------------------------------------------------


def wrong(profile: str | None = None, region: str | None = None, endpoint_url: str | None = None) -> WhyblockedError:
    with pytest.raises(WhyblockedError) as caught:
        look(live_account((profile,) if profile else (), region, endpoint_url))
    assert "\n" not in caught.value.message
    return caught.value


def test_an_unknown_profile_is_bad_usage(server: Overlay) -> None:
    error = wrong(profile="nobody")
    assert isinstance(error, UsageError)
    assert "nobody" in error.message


def test_no_region_is_bad_usage_that_names_the_ways_to_give_one(
    server: Overlay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    error = wrong()
    assert isinstance(error, UsageError)
    assert "--region" in error.message


def test_the_region_may_come_from_aws_region_as_in_the_aws_cli(
    server: Overlay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert source(live_account()).region == "eu-west-1"
    assert source(live_account(region="eu-west-2")).region == "eu-west-2"


@pytest.mark.parametrize("region", ["not a region", "a/b", "-"])
def test_a_region_that_can_not_be_one_is_bad_usage(server: Overlay, region: str) -> None:
    assert isinstance(wrong(region=region), UsageError)


@pytest.mark.parametrize("url", ["nonsense", "://", "http://"])
def test_an_endpoint_that_is_no_url_is_bad_usage(server: Overlay, url: str) -> None:
    assert isinstance(wrong(endpoint_url=url), UsageError)


def test_an_aws_configuration_that_does_not_parse_is_bad_usage(
    server: Overlay, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "config").write_text("[profile x\nregion")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    error = wrong()
    assert isinstance(error, UsageError)
    assert "config" in error.message


def test_a_ca_bundle_that_is_not_there_is_said(server: Overlay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", "no/such/bundle.pem")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://127.0.0.1:9")
    assert isinstance(wrong(), WhyblockedError)


def test_one_vpc_takes_one_round_through_the_wire(server: Overlay) -> None:
    made = cloud.build(endpoint_url=server.url)
    server.log.clear()
    account = live_account()
    account.vpc(made.vpc)
    account.subnets_of(made.vpc)
    account.advance()
    assert sorted(server.log) == ["DescribeSubnets", "DescribeVpcs"]
    assert not isinstance(account.vpc(made.vpc), Missing)
