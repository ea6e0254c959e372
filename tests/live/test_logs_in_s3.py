"""Flow logs in S3 by the program, on an account behind a server: named, or found by themselves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from tests.flowlogs import buckets
from tests.flowlogs.buckets import BUCKET, Store, key
from tests.live.asking import Asked, run
from tests.live.company import Company, backend
from tests.live.test_evidence_of_accounts import OPEN, ROLE, SHUT, as_json, record
from tests.moto_server import Overlay

KEYS: Any = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
ERROR = '<?xml version="1.0" encoding="UTF-8"?><Error><Code>{}</Code><Message>{}</Message></Error>'


@contextmanager
def flow_logs(served: Company, *made: dict[str, Any]) -> Iterator[list[str]]:
    """Flow logs with these settings; they are a day old unless one says otherwise (``age``)."""
    ids: list[str] = []
    for settings in made:
        settings = {"ResourceIds": [served.vpc], "ResourceType": "VPC", "TrafficType": "ALL", **settings}
        age = settings.pop("age", timedelta(days=1))
        attributes = {"creation_time": datetime.now(UTC).replace(tzinfo=None) - age, **settings.pop("attributes", {})}
        if settings.get("LogDestination"):  # moto looks for a bucket with the folder in its name
            attributes["log_destination"] = settings["LogDestination"]
            settings["LogDestination"] = f"arn:aws:s3:::{BUCKET}"
        ids += served.ec2.create_flow_logs(**settings)["FlowLogIds"]
        for name, value in attributes.items():
            setattr(backend().flow_logs[ids[-1]], name, value)
    try:
        yield ids
    finally:
        served.ec2.delete_flow_logs(FlowLogIds=ids)


def to_s3(prefix: str = "", **more: Any) -> dict[str, Any]:
    return {"LogDestinationType": "s3", "LogDestination": f"arn:aws:s3:::{BUCKET}{prefix}", **more}


def to_group(group: str = "vpc-flow", **more: Any) -> dict[str, Any]:
    return {
        "LogDestinationType": "cloud-watch-logs",
        "LogGroupName": group,
        "DeliverLogsPermissionArn": ROLE,
        **more,
    }


@pytest.fixture
def group(server: Overlay, served: Company) -> Iterator[Any]:
    """Puts records of an interface into the log group ``vpc-flow``."""
    logs: Any = boto3.client("logs", region_name="us-east-1", endpoint_url=server.url, **KEYS)
    logs.create_log_group(logGroupName="vpc-flow")

    def put(interface: str, *lines: str) -> None:
        logs.create_log_stream(logGroupName="vpc-flow", logStreamName=f"{interface}-all")
        events = [{"timestamp": int(text.split()[10]) * 1000, "message": text} for text in lines]
        logs.put_log_events(logGroupName="vpc-flow", logStreamName=f"{interface}-all", logEvents=events)

    yield put
    logs.delete_log_group(logGroupName="vpc-flow")


UNREAD = "could not be read: "


def rejects(server: Overlay, *options: str, **variables: Any) -> tuple[int, Any, str]:
    """Exit status, document, and standard error; what that says of the reading stands beside the groups."""
    asked: Asked = run(server, "rejects", "--output", "json", *options, **variables)
    if not asked.out:
        return asked.status, None, asked.err
    told = [line.removeprefix("whyblocked: ") for line in asked.err.splitlines()]
    missing = [line.removeprefix(UNREAD) for line in told if line.startswith(UNREAD)]
    warnings = [line for line in told if not line.startswith(UNREAD)]
    return asked.status, {**json.loads(asked.out), "warnings": warnings, "missing": missing}, asked.err


def refusal(interface: str, start: int, port: int = 22, client: int = 40000, action: str = "REJECT") -> str:
    return record(interface, "192.0.2.77", "10.0.1.10", (client, port), action, start)


# -- found by themselves -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", buckets.LAYOUTS)
@pytest.mark.parametrize("prefix", ["", "/central/"])
def test_rejects_and_a_question_read_what_a_flow_log_delivers_to_s3(
    server: Overlay, served: Company, store: Store, now: int, layout: str, prefix: str
) -> None:
    eni, start = served.web_interface, now - 900
    with flow_logs(served, to_s3(prefix)) as (log,):
        folder = prefix.removeprefix("/")
        store.put(folder + key(start + 50, layout, log=log), refusal(eni, start), refusal(eni, start, 80))
        store.put(folder + key(start + 50, layout, log="fl-0someoneelse"), refusal(eni, start, 1))
        store.put(folder + key(start + 50, layout, log=log, region="eu-west-1"), refusal(eni, start, 2))
        store.put(folder + key(start + 50, layout, log=log, account="999999999999"), refusal(eni, start, 3))
        store.put(folder + key(start - 86400, layout, log=log), refusal(eni, start - 86400, 4))
        status, found, err = rejects(server)
        assert (status, [group["destination_port"] for group in found["groups"]]) == (1, [22, 80])
        assert found["scanned"]["records"] == 2
        assert (found["missing"], err) == ([], "")
        evidence = as_json(server, SHUT).answer["evidence"]
    assert (evidence["status"], evidence["rejected"], evidence["packets"]) == ("confirms", 1, 3)
    assert evidence["sources"] == [f"s3://{BUCKET}{prefix}".rstrip("/")]


def test_accepted_records_in_s3_are_counted(server: Overlay, served: Company, store: Store, now: int) -> None:
    with flow_logs(served, to_s3()) as (log,):
        store.put(key(now - 850, log=log), refusal(served.web_interface, now - 900, action="ACCEPT"))
        status, found, _ = rejects(server)
    assert (status, found["scanned"]["accepted"], found["warnings"]) == (0, 1, [])


@pytest.mark.parametrize(("until", "codes"), [("20m", ["NOTHING_ARRIVES"]), ("0m", [])], ids=["settled", "too early"])
def test_a_question_that_left_nothing_in_a_complete_log_did_not_arrive(
    server: Overlay, served: Company, store: Store, now: int, until: str, codes: list[str]
) -> None:
    with flow_logs(served, to_s3()) as (log,):
        store.put(key(now - 3550, log=log), refusal(served.web_interface, now - 3600, 443, action="ACCEPT"))
        asked = as_json(server, OPEN, "--since", "2h", "--until", until)
    assert (asked.status, asked.answer["evidence"]["status"]) == (0, "silent")
    assert [finding["code"] for finding in asked.answer["blocked_by"]] == codes


def test_a_narrower_log_is_not_read_where_a_broader_one_has_it_all(
    server: Overlay, served: Company, store: Store, group: Any, now: int
) -> None:
    eni, start = served.web_interface, now - 900
    group(eni, refusal(eni, start))
    narrow = to_s3(ResourceType="NetworkInterface", ResourceIds=[eni])
    with flow_logs(served, narrow, to_group()) as (inner, _outer):
        store.put(key(start + 50, log=inner), refusal(eni, start))
        status, found, _ = rejects(server)
        assert (status, [g["records"] for g in found["groups"]]) == (1, [1])
        assert any(f"flow log {inner} of {eni} was not read: " in warning for warning in found["warnings"])
        evidence = as_json(server, SHUT).answer["evidence"]
    assert (evidence["rejected"], evidence["sources"]) == (1, ["cloudwatch:vpc-flow"])
    assert not any(operation.startswith(f"GET /{BUCKET}/") for operation in server.log)


def test_a_broader_log_that_may_not_be_read_leaves_the_narrower_one(
    server: Overlay, served: Company, store: Store, group: Any, now: int
) -> None:
    eni, start = served.web_interface, now - 900
    narrow = to_s3(ResourceType="NetworkInterface", ResourceIds=[eni])
    server.add(
        "FilterLogEvents",
        400,
        '{"__type":"AccessDeniedException","message":"no"}',
        "application/x-amz-json-1.1",
    )
    with flow_logs(served, narrow, to_group()) as (inner, _):
        store.put(key(start + 50, log=inner), refusal(eni, start))
        status, found, _ = rejects(server)
    assert (status, [g["records"] for g in found["groups"]]) == (1, [1])
    assert any(missing.startswith("logs:") for missing in found["missing"])


def test_a_younger_log_hides_nothing_of_an_older_one_and_is_named(
    server: Overlay, served: Company, store: Store, now: int
) -> None:
    eni, old, new = served.web_interface, now - 3000, now - 900
    narrow = to_s3("/narrow", ResourceType="NetworkInterface", ResourceIds=[eni])
    with flow_logs(served, to_s3("/broad", age=timedelta(seconds=1800)), narrow) as (outer, inner):
        store.put("narrow/" + key(old + 50, log=inner), refusal(eni, old))
        store.put("narrow/" + key(new + 50, log=inner), refusal(eni, new))
        store.put("broad/" + key(new + 50, log=outer), refusal(eni, new), refusal(served.app_interface, new, 23))
        _, found, _ = rejects(server)
        assert {g["destination_port"]: g["records"] for g in found["groups"]} == {22: 2, 23: 1}
        assert any(f"flow log {outer} of {served.vpc} is younger than the window" in w for w in found["warnings"])
        evidence = as_json(server, SHUT).answer["evidence"]
    assert evidence["rejected"] == 2


def test_logs_as_old_as_their_records_are_compared_record_by_record(
    server: Overlay, served: Company, store: Store, group: Any, now: int
) -> None:
    eni, start = served.web_interface, now - 900
    same = [refusal(eni, start), refusal(eni, start, client=40001)]
    group(eni, *same)
    young: dict[str, Any] = {"age": timedelta(0)}
    narrow = to_s3("/eni", ResourceType="NetworkInterface", ResourceIds=[eni], **young)
    with flow_logs(served, narrow, to_s3("/vpc", **young), to_group(**young)) as (inner, outer, _):
        store.put("eni/" + key(start + 50, log=inner), *same, refusal(eni, start, client=40002))
        store.put("vpc/" + key(start + 50, log=outer), *same)
        _, found, _ = rejects(server)
        assert [g["records"] for g in found["groups"]] == [3]
        assert "4 records found in several flow logs, counted once" in found["warnings"]
        evidence = as_json(server, SHUT).answer["evidence"]
    assert evidence["rejected"] == 3


def test_two_logs_into_one_group_are_one_stream(server: Overlay, served: Company, group: Any, now: int) -> None:
    eni, start = served.web_interface, now - 900
    group(eni, refusal(eni, start), refusal(eni, start), refusal(eni, start, client=40001))
    narrow = to_group(ResourceType="NetworkInterface", ResourceIds=[eni])
    with flow_logs(served, to_group(), narrow):
        _, found, _ = rejects(server)
        evidence = as_json(server, SHUT).answer["evidence"]
    assert [g["records"] for g in found["groups"]] == [2]
    assert evidence["rejected"] == 2


def test_equal_records_of_one_log_are_all_counted(server: Overlay, served: Company, store: Store, now: int) -> None:
    eni, start = served.web_interface, now - 900
    with flow_logs(served, to_s3()) as (log,):
        store.put(key(start + 50, log=log), refusal(eni, start), refusal(eni, start))
        assert [g["records"] for g in rejects(server)[1]["groups"]] == [2]


def test_logs_of_accepted_and_of_rejected_traffic_complement_one_another(
    server: Overlay, served: Company, store: Store, now: int
) -> None:
    eni, start = served.web_interface, now - 900
    logs = [to_s3("/yes", TrafficType="ACCEPT"), to_s3("/no", TrafficType="REJECT")]
    with flow_logs(served, *logs) as (yes, no):
        store.put("yes/" + key(start + 50, log=yes), refusal(eni, start, client=40001, action="ACCEPT"))
        store.put("no/" + key(start + 50, log=no), refusal(eni, start))
        evidence = as_json(server, SHUT).answer["evidence"]
        assert (evidence["accepted"], evidence["rejected"]) == (1, 1)
        _, found, _ = rejects(server)
    assert [g["records"] for g in found["groups"]] == [1]
    assert any("records accepted traffic only" in warning for warning in found["warnings"])


def test_a_log_of_a_transit_gateway_is_read_for_its_losses(
    server: Overlay, served: Company, store: Store, now: int
) -> None:
    header = (
        "version resource-type account-id tgw-id tgw-attachment-id srcaddr dstaddr srcport dstport protocol packets "
        "bytes start end log-status packets-lost-no-route packets-lost-blackhole"
    )
    text = (
        f"{header}\n6 TransitGateway 1 tgw-1 tgw-attach-0123456789abcdef0 10.0.0.1 10.1.0.1 1 2 6 3 180 {now - 700} "
        f"{now - 650} OK 3 0"
    )
    form = " ".join(f"${{{name}}}" for name in header.split())
    with flow_logs(served, to_s3(LogFormat=form, attributes={"resource_id": "tgw-1", "traffic_type": None})) as (log,):
        store.put(key(now - 650, log=log), body=text.encode())
        status, found, _ = rejects(server)
        named, alone, _ = rejects(server, "--interface", "tgw-attach-0123456789abcdef0")
    (group,) = found["groups"]
    assert (status, group["interface_id"], group["packets"]) == (1, "tgw-attach-0123456789abcdef0", 3)
    assert group["cause"]["code"] == "TGW_RTB_NO_ROUTE_TO_TGW_ATTACHMENT"
    assert (named, alone["groups"]) == (1, [group])


def test_an_interface_that_is_gone_is_found_in_the_logs_of_the_vpc(
    server: Overlay, served: Company, store: Store, group: Any, now: int
) -> None:
    gone, start = "eni-0d44444444444444d", now - 900
    with flow_logs(served, to_s3()) as (log,):
        store.put(key(start + 50, log=log), refusal(gone, start), refusal(served.web_interface, start))
        status, found, _ = rejects(server, "--interface", gone)
    assert (status, [(g["interface_id"], g["status"]) for g in found["groups"]]) == (1, [(gone, "unknown-interface")])
    group(gone, refusal(gone, start))
    with flow_logs(served, to_group()):
        status, found, _ = rejects(server, "--interface", gone)
    assert (status, [g["interface_id"] for g in found["groups"]]) == (1, [gone])


def test_a_regional_nat_gateway_is_found_though_its_records_name_no_interface(
    server: Overlay, served: Company, group: Any, now: int
) -> None:
    nat, start = "nat-0123456789abcdef0", now - 900
    form = f"{' '.join(f'${{{name}}}' for name in buckets.HEADER.split())} ${{resource-id}}"
    group("nat", f"{refusal('-', start)} {nat}", f"{refusal(served.web_interface, start)} -")
    with flow_logs(served, to_group(LogFormat=form)):
        status, found, _ = rejects(server, "--interface", nat)
    assert (status, [g["interface_id"] for g in found["groups"]]) == (1, [nat])


def test_what_a_log_can_not_deliver_is_told(server: Overlay, served: Company, store: Store) -> None:
    failing = {"deliver_logs_status": "FAILED", "deliver_logs_error_message": "Access error"}
    with flow_logs(served, to_s3(attributes=failing)) as (log,):
        status, found, _ = rejects(server)
    assert status == 0
    assert f"flow log {log} of {served.vpc} can't deliver its records (Access error)" in found["warnings"]
    assert any(f"flow log {log} has no file of the window in s3://{BUCKET}/" in w for w in found["warnings"])


# -- faults ------------------------------------------------------------------------------------------------------------


def test_a_server_that_throttles_is_asked_again(server: Overlay, served: Company, store: Store, now: int) -> None:
    store.put("x.log", refusal(served.web_interface, now - 900))
    server.add(f"GET /{BUCKET}/x.log", 503, ERROR.format("SlowDown", "Please reduce your request rate."), times=2)
    status, found, _ = rejects(server, "--flow-logs", f"s3://{BUCKET}/x.log")
    assert (status, found["scanned"]["records"]) == (1, 1)


@pytest.mark.parametrize("code", ["SlowDown", "ExpiredToken", "InternalError"])
def test_what_fails_for_good_ends_with_4_and_what_was_read(
    server: Overlay, served: Company, store: Store, now: int, code: str
) -> None:
    for number in range(3):
        store.put(f"{number}.log", refusal(served.web_interface, now - 900, client=40000 + number))
    status = 400 if code == "ExpiredToken" else 503
    server.add(f"GET /{BUCKET}/1.log", status, ERROR.format(code, "no"))
    status, found, err = rejects(server, "--flow-logs", f"s3://{BUCKET}/", AWS_MAX_ATTEMPTS="1")
    assert (status, [g["records"] for g in found["groups"]]) == (4, [1])
    assert "was not read to its end" in err
    assert "Traceback" not in err


DENIED, KMS = "Access Denied", "not authorized to perform: kms:Decrypt on the resource associated with this ciphertext"


@pytest.mark.parametrize(
    ("code", "status", "message", "said", "missing"),
    [
        ("AccessDenied", 403, DENIED, "not allowed (s3:GetObject: AccessDenied", ["s3:GetObject: AccessDenied"]),
        ("AccessDenied", 403, KMS, "encrypted with a KMS key that may not", ["kms:Decrypt: AccessDenied"]),
        ("KMS.DisabledException", 400, "", "their KMS key can't be used", ["s3:GetObject: KMS.DisabledException"]),
        ("InvalidObjectState", 403, "", "archived (Glacier): restore them", ["s3:GetObject: InvalidObjectState"]),
        ("NoSuchKey", 404, "", "deleted before they could be read", []),
    ],
)
def test_one_object_that_can_not_be_read_ends_with_4_and_what_the_others_hold(
    server: Overlay, served: Company, store: Store, now: int, code: str, status: int, message: str, said: str,
    missing: list[str],
) -> None:  # fmt: skip
    for number in range(3):
        store.put(f"{number}.log", refusal(served.web_interface, now - 900, client=40000 + number))
    server.add(f"GET /{BUCKET}/1.log", status, ERROR.format(code, message))
    ended, found, err = rejects(server, "--flow-logs", f"s3://{BUCKET}/")
    assert (ended, [g["records"] for g in found["groups"]], found["missing"]) == (4, [2], missing)
    assert f"incomplete: an object of s3://{BUCKET}/ not read: {said}" in err
    evidence = as_json(server, SHUT, "--flow-logs", f"s3://{BUCKET}/").answer
    assert evidence["evidence"]["rejected"] == 2
    assert evidence["missing"] == missing
    assert any(said in note for note in evidence["evidence"]["notes"])


def test_a_listing_that_fails_is_not_put_on_the_permission_to_read(
    server: Overlay, served: Company, store: Store, now: int
) -> None:
    store.put("1.log", refusal(served.web_interface, now - 900))
    server.add(f"GET /{BUCKET}", 503, ERROR.format("SlowDown", "Please reduce your request rate."))
    asked = run(server, SHUT, "--output", "json", "--flow-logs", f"s3://{BUCKET}/", AWS_MAX_ATTEMPTS="1")
    assert [missing.partition(": ")[0] for missing in asked.answer["missing"]] == ["s3:ListBucket"]


def test_a_body_that_is_cut_is_taken_up_again(
    server: Overlay, served: Company, store: Store, now: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [refusal(served.web_interface, now - 900, client=port) for port in range(2000, 6000)]
    store.put("x.log", body="\n".join([buckets.HEADER, *lines, ""]).encode())
    app = server.app
    asked: list[str | None] = []

    def cutting(environ: dict[str, Any], start_response: Any) -> Any:
        answer = app(environ, start_response)
        if environ["PATH_INFO"] != f"/{BUCKET}/x.log" or len(asked) >= 2:
            return answer
        asked.append(environ.get("HTTP_RANGE"))
        return [b"".join(answer)[:100_000]]  # fewer bytes than the header Content-Length promised

    monkeypatch.setattr(server, "app", cutting)
    status, found, _ = rejects(server, "--flow-logs", f"s3://{BUCKET}/x.log")
    assert (status, found["scanned"]["rejected"], found["scanned"]["malformed"]) == (1, 4000, 0)
    assert asked == [None, "bytes=100000-"]


def test_a_bucket_in_another_region_is_read_there(
    server: Overlay, served: Company, store: Store, now: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put("x.log", refusal(served.web_interface, now - 900))
    app = server.app
    signed: list[str] = []

    def elsewhere(environ: dict[str, Any], start_response: Any) -> Any:
        region = environ.get("HTTP_AUTHORIZATION", "").split("/")[2:3]
        if not environ["PATH_INFO"].startswith(f"/{BUCKET}"):
            return app(environ, start_response)
        signed.extend(region)
        if region == ["eu-west-1"]:
            return app(environ, start_response)
        start_response("301 Moved", [("Content-Type", "text/xml"), ("x-amz-bucket-region", "eu-west-1")])
        return [ERROR.format("PermanentRedirect", "elsewhere").encode()]

    monkeypatch.setattr(server, "app", elsewhere)
    status, found, _ = rejects(server, "--flow-logs", f"s3://{BUCKET}/x.log")
    assert (status, found["scanned"]["records"]) == (1, 1)
    assert signed == ["us-east-1", "eu-west-1", "eu-west-1"]


@pytest.mark.parametrize(
    ("operation", "missing"), [(f"GET /{BUCKET}", "s3:ListBucket"), (f"GET /{BUCKET}/x.log", "s3:GetObject")]
)
def test_what_may_not_be_read_is_undetermined(
    server: Overlay, served: Company, store: Store, now: int, operation: str, missing: str
) -> None:
    store.put("x.log", refusal(served.web_interface, now - 900))
    server.add(operation, 403, ERROR.format("AccessDenied", "Access Denied"))
    asked = run(server, "rejects", "--flow-logs", f"s3://{BUCKET}/x.log")
    assert asked.status == 3
    assert f"{missing}: AccessDenied" in asked.err
    assert asked.err.count("\n") == 1
    evidence = as_json(server, SHUT, "--flow-logs", f"s3://{BUCKET}/x.log").answer
    assert evidence["evidence"]["status"] == "unavailable"
    assert f"{missing}: AccessDenied" in evidence["missing"]


def test_who_pays_for_somebody_else_s_bucket_may_be_said(
    server: Overlay, served: Company, store: Store, now: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put("x.log", refusal(served.web_interface, now - 900))
    app = server.app

    def paid(environ: dict[str, Any], start_response: Any) -> Any:
        if environ["PATH_INFO"].startswith(f"/{BUCKET}") and environ.get("HTTP_X_AMZ_REQUEST_PAYER") != "requester":
            start_response("403 Forbidden", [("Content-Type", "text/xml")])
            return [ERROR.format("AccessDenied", "Access Denied").encode()]
        return app(environ, start_response)

    with monkeypatch.context() as patch:
        patch.setattr(server, "app", paid)
        options = ("--flow-logs", f"s3://{BUCKET}/x.log")
        asked = run(server, "rejects", *options)
        assert (asked.status, "add --request-payer requester" in asked.err) == (3, True)
        assert rejects(server, *options, "--request-payer", "requester")[0] == 1
        assert run(server, SHUT, *options, "--request-payer", "requester").status == 1


def test_a_bucket_that_does_not_exist_is_bad_input(server: Overlay, served: Company) -> None:
    asked = run(server, "rejects", "--flow-logs", "s3://nobodys-bucket/x")
    assert (asked.status, asked.out) == (2, "")
    assert asked.err == "whyblocked: --flow-logs s3://nobodys-bucket/x: there is no bucket nobodys-bucket\n"


def test_s3_is_read_beside_a_snapshot(server: Overlay, served: Company, store: Store, now: int, tmp_path: Any) -> None:
    store.put("x.log", refusal(served.web_interface, now - 900))
    assert run(server, "snapshot", "save", str(tmp_path / "s")).status == 0
    status, found, _ = rejects(server, "--flow-logs", f"s3://{BUCKET}/x.log", "--snapshot", str(tmp_path / "s"))
    assert (status, found["groups"][0]["status"]) == (1, "explained")
