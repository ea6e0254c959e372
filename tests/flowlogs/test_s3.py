"""Flow logs in S3: which objects are looked for, how they come, and what happens when they do not."""

from __future__ import annotations

import io
import tempfile
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, IncompleteReadError, ReadTimeoutError

from tests.flowlogs import buckets
from tests.flowlogs.buckets import ACCOUNT, BUCKET, LAYOUTS, REGION, Store, key, line, packed, read
from whyblocked.errors import AwsError, InputError
from whyblocked.flowlogs import fetching, objects, s3
from whyblocked.flowlogs.fetching import AT_ONCE, Fetching
from whyblocked.flowlogs.listing import Object, list_objects
from whyblocked.flowlogs.s3 import Bucket

HOUR, DAY = 3600, 86400


@pytest.fixture
def store(aws: None) -> Store:
    return buckets.store()


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "pause", 0)


@pytest.fixture
def now() -> int:
    return int(time.time())


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


# -- which objects -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["", "central/logs/"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_hour_is_found_among_years_in_every_layout(store: Store, now: int, layout: str, prefix: str) -> None:
    for port, ago in enumerate((400 * DAY, 40 * DAY, 30 * HOUR, 600, 300), 1):
        store.put(prefix + key(now - ago, layout), line(port, now - ago - 50))
    reading, sink = read(store.s3, f"s3://{BUCKET}/{prefix}")
    assert sink.ports == [4, 5]
    assert reading.scan.files == len(store.fetched) == 2
    year, month = f"{at(now - 400 * DAY):%Y}", at(now - 40 * DAY)
    partitions = [listed.removeprefix(prefix) for listed in store.listed]
    assert not any(f"/{year}/" in p or f"year={year}/" in p for p in partitions), "years ago are not listed"
    assert not any(f"/{month:%Y/%m}/" in p or f"year={month:%Y}/month={month:%m}/" in p for p in partitions)
    (note,) = reading.scan.notes
    assert "outside the last hour not read: --since begins earlier" in note


def test_accounts_and_regions_are_all_read_where_none_is_named(store: Store, now: int) -> None:
    for number, (account, region) in enumerate([("111111111111", "eu-west-1"), (ACCOUNT, "us-gov-west-1")], 1):
        store.put(key(now - 600, account=account, region=region), line(number))
    assert read(store.s3, f"s3://{BUCKET}")[1].ports == [1, 2]
    assert read(store.s3, f"s3://{BUCKET}/AWSLogs/{ACCOUNT}/")[1].ports == [2]
    assert read(store.s3, f"s3://{BUCKET}/AWSLogs/{ACCOUNT}/vpcflowlogs/us-gov-west-1")[1].ports == [2]


def test_a_window_of_days_is_listed_day_by_day_and_read_whole(store: Store, now: int) -> None:
    for port, ago in enumerate((5 * DAY, 2 * DAY, DAY, 600), 1):
        store.put(key(now - ago), line(port, now - ago - 50))
    since, until = at(now - 2 * DAY - HOUR), at(now - HOUR)
    reading, sink = read(store.s3, f"s3://{BUCKET}/", since=since, until=until)
    assert sink.ports == [2, 3]
    assert reading.scan.notes == [], "the user said which time"


def test_a_folder_is_not_its_neighbour_that_begins_alike(store: Store) -> None:
    store.put("logs/a.log.gz", line(1))
    store.put("logs-old/a.log.gz", line(2))
    assert read(store.s3, f"s3://{BUCKET}/logs")[1].ports == [1]
    assert read(store.s3, f"s3://{BUCKET}/logs/")[1].ports == [1]
    assert read(store.s3, f"s3://{BUCKET}/log")[1].ports == [2, 1], "part of a name is a prefix, as in S3"


def test_folders_of_the_user_s_own_are_read_whole(store: Store, now: int) -> None:
    store.put("incident/a.log.gz", line(1, now - 400 * DAY))
    store.put("incident/deep/er/and/deeper/b.log", body=line(2, now - DAY).encode())
    store.put("incident/", body=b"")
    store.put("incident/deep_$folder$", body=b"")
    reading, sink = read(store.s3, f"s3://{BUCKET}/incident")
    assert sink.ports == [1, 2]
    assert (reading.scan.files, reading.scan.malformed, reading.scan.notes) == (2, 0, [])
    assert read(store.s3, f"s3://{BUCKET}/incident", since=at(now - 2 * DAY))[1].ports == [2]


def test_one_object_is_a_file_whatever_its_name_tells_of_its_time(store: Store, now: int) -> None:
    name = key(now - 400 * DAY)
    store.put(name, line(1, now - 400 * DAY))
    assert read(store.s3, f"s3://{BUCKET}/{name}")[1].ports == [1]
    assert read(store.s3, f"s3://{BUCKET}/{name}", since=at(now - DAY))[1].ports == []


def test_folders_that_tell_nothing_are_listed_at_once_below_two_levels(store: Store) -> None:
    for number in range(12):
        store.put(f"a/b/c/d/{number}/e/x.log.gz", line(number))
    reading, _ = read(store.s3, f"s3://{BUCKET}/a/")
    assert store.listed == ["a/", "a/b/", "a/b/c/", "a/b/c/d/"]
    assert reading.scan.files == 12


def test_logs_of_other_services_are_not_touched(store: Store, now: int) -> None:
    store.put(key(now - 600), line(1))
    others = f"AWSLogs/{ACCOUNT}/CloudTrail/", f"AWSLogs/o-abc123/{ACCOUNT}/CloudTrail/"
    for other in others:
        store.put(f"{other}us-east-1/2026/11/23/x.json.gz", body=b"{}")
    reading, sink = read(store.s3, f"s3://{BUCKET}/")
    assert sink.ports == [1]
    assert not any(listed.startswith(others) for listed in store.listed)
    assert any("no flow logs" in note and "CloudTrail" in note for note in reading.scan.notes)


def test_every_page_is_read_and_a_page_that_comes_twice_counts_once() -> None:
    class Pages:
        meta = type("Meta", (), {"region_name": REGION})

        def __init__(self, *tokens: str) -> None:
            self.tokens = list(tokens)

        def list_objects_v2(self, *, ContinuationToken: str = "", **_: Any) -> Any:
            number = int(ContinuationToken or 0)
            found = {"Contents": [{"Key": f"{number}{n}.log", "Size": 1} for n in range(3)]}
            token = self.tokens.pop(0) if self.tokens else None
            return {**found, "IsTruncated": bool(token), **({"NextContinuationToken": token} if token else {})}

    found = list_objects(Bucket(Pages("1", "1", "2", "3"), BUCKET), "", None, None)
    assert len(found.objects) == 4 * 3
    with pytest.raises(AwsError, match="does not list s3://company-flow-logs/ to its end"):
        list_objects(Bucket(Pages(*"1111111"), BUCKET), "", None, None)


# -- what comes --------------------------------------------------------------------------------------------------------


def test_every_kind_of_file_is_read_with_its_place_in_the_bucket(store: Store, now: int, tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    names = buckets.HEADER.replace("-", "_").split()
    row = dict(zip(names, line(3, now - 600).split(), strict=True))
    parquet.write_table(pa.Table.from_pylist([row]), tmp_path / "x.parquet")
    store.put("a/1.log.gz", line(1))
    store.put("a/2.csv", body=",".join(buckets.HEADER.split()).encode() + b"\n" + line(2).replace(" ", ",").encode())
    store.put(key(now - 600, suffix=".log.parquet"), body=(tmp_path / "x.parquet").read_bytes())
    store.put("a/4.log", body=f"{buckets.HEADER}\n{line(4)}\nnot a record\n".encode())
    store.put("a/5.pdf", body=b"%PDF\0\1\2")
    reading, sink = read(store.s3, f"s3://{BUCKET}/")
    assert sink.ports == [3, 1, 2, 4]
    assert reading.scan.places[0].startswith(f"s3://{BUCKET}/a/4.log:3: ")
    assert [note for note in reading.scan.notes if "a/5.pdf" in note]
    assert reading.sources == [f"s3://{BUCKET}/"]


def test_objects_are_fetched_side_by_side_and_few_lie_on_the_disk(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(40):
        store.put(f"{number:02}.log.gz", line(number, 1))
    together = threading.Barrier(AT_ONCE)
    get = store.s3.get_object

    def get_object(**asked: Any) -> Any:
        together.wait(timeout=20)  # as many as there may be are here at once
        return get(**asked)

    monkeypatch.setattr(store.s3, "get_object", get_object)
    wanted = [Object(f"{number:02}.log.gz", 1) for number in range(40)]
    most = 0
    with Fetching(Bucket(store.s3, BUCKET), wanted) as found:
        names: list[str] = []
        for one in found:
            most = max(most, len(list(one.path.parent.iterdir())))
            assert one.path.read_bytes() == packed(line(len(names), 1))
            names.append(one.key)
            one.release()
        folder = one.path.parent
    assert names == [w.key for w in wanted]
    assert most <= AT_ONCE
    assert not folder.exists()


def test_files_that_are_kept_do_not_stop_the_others(store: Store) -> None:
    for number in range(20):
        store.put(f"{number:02}", line(number))
    with Fetching(Bucket(store.s3, BUCKET), [Object(f"{n:02}", 1) for n in range(20)]) as found:
        kept = list(found)
        assert all(one.path.exists() for one in kept)
    assert not any(one.path.exists() for one in kept)


def test_nothing_stays_on_the_disk_whatever_ends_the_reading(
    store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for number in range(9):
        store.put(f"{number}.log.gz", line(number))

    def stop(location: str, records: int) -> None:
        if records == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read(store.s3, f"s3://{BUCKET}/", progress=stop)
    assert list(tmp_path.iterdir()) == []


# -- what breaks -------------------------------------------------------------------------------------------------------

TEXT = b"\n".join([buckets.HEADER.encode(), *(line(port).encode() for port in range(100)), b""])


class Body(io.BytesIO):
    """A body that breaks off where it is told to."""

    def __init__(self, data: bytes, error: Exception | None = None) -> None:
        super().__init__(data)
        self.error = error

    def read(self, size: int | None = -1, /) -> bytes:
        if data := super().read(size):
            return data
        if self.error:
            raise self.error
        return b""


class Breaking:
    """One object whose body breaks off; ``versions`` are what each call is about, with where it breaks off."""

    meta = type("Meta", (), {"region_name": REGION})

    def __init__(self, *versions: tuple[bytes, int, Exception | None], ranges: bool = True) -> None:
        self.versions = list(versions)
        self.ranges = ranges
        self.asked: list[tuple[str | None, str | None]] = []

    def list_objects_v2(self, **_: Any) -> Any:
        return {"Contents": [{"Key": "x.log", "Size": len(TEXT)}]}

    def get_object(self, *, Range: str | None = None, IfMatch: str | None = None, **_: Any) -> Any:
        self.asked.append((Range, IfMatch))
        text, end, error = self.versions.pop(0) if len(self.versions) > 1 else self.versions[0]
        tag = f'"{hash(text)}"'
        if IfMatch not in (None, tag):
            raise refused("PreconditionFailed", 412)
        first = int(Range.removeprefix("bytes=").removesuffix("-")) if Range and self.ranges else 0
        part = {"ContentRange": f"bytes {first}-{len(text) - 1}/{len(text)}"} if Range and self.ranges else {}
        return {"Body": Body(text[first : max(first, end)], error), "ETag": tag, **part}


def refused(code: str, status: int = 403, message: str = "no", operation: str = "GetObject") -> ClientError:
    response: Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, operation)


BROKEN = IncompleteReadError(actual_bytes=1, expected_bytes=2)
TIMEOUT = ReadTimeoutError(endpoint_url="https://s3.us-east-1.amazonaws.com")


@pytest.mark.parametrize("error", [BROKEN, TIMEOUT, ConnectionResetError("reset by peer")])
def test_a_broken_body_goes_on_where_it_stopped(error: Exception) -> None:
    client = Breaking((TEXT, 1000, error), (TEXT, 5000, error), (TEXT, len(TEXT), None))
    assert read(client, f"s3://{BUCKET}/x.log")[1].ports == list(range(100))
    assert [part for part, _ in client.asked] == [None, "bytes=1000-", "bytes=5000-"]
    assert client.asked[1][1] is not None, "of the same version only"


def test_an_endpoint_that_knows_no_ranges_gives_it_again() -> None:
    client = Breaking((TEXT, 1000, BROKEN), (TEXT, len(TEXT), None), ranges=False)
    assert read(client, f"s3://{BUCKET}/x.log")[1].ports == list(range(100))


def test_an_object_that_changes_meanwhile_is_read_anew() -> None:
    other = TEXT.replace(b"192.0.2.77", b"192.0.2.78")
    client = Breaking((TEXT, 1000, BROKEN), (other, len(other), None))
    _, sink = read(client, f"s3://{BUCKET}/x.log")
    assert {record.source for record in sink.records} == {"192.0.2.78"}
    assert len(sink.records) == 100


def test_a_body_that_always_breaks_ends_the_reading() -> None:
    client = Breaking((TEXT, 0, BROKEN))
    reading, sink = read(client, f"s3://{BUCKET}/x.log")
    assert len(client.asked) == 5
    assert sink.records == []
    (failed,) = reading.failed
    assert "AWS failed on s3://company-flow-logs/x.log 5 times" in failed
    assert reading.sources == []


class Refusing:
    """A bucket of which some calls are refused."""

    def __init__(self, s3: Any, **refusals: Exception) -> None:
        self.s3, self.meta = s3, s3.meta
        self.refusals = refusals

    def list_objects_v2(self, **asked: Any) -> Any:
        if error := self.refusals.get("listing"):
            raise error
        return self.s3.list_objects_v2(**asked)

    def get_object(self, **asked: Any) -> Any:
        if error := self.refusals.get(asked["Key"], self.refusals.get("getting")):
            raise error
        return self.s3.get_object(**asked)


@pytest.fixture
def three(store: Store) -> Store:
    for number, name in enumerate("abc"):
        store.put(name, line(number))
    return store


@pytest.mark.parametrize(
    "error",
    [
        refused("SlowDown", 503),
        refused("ExpiredToken", 400),
        refused("InternalError", 500),
        EndpointConnectionError(endpoint_url="https://x"),
    ],
)
def test_what_aws_fails_at_in_the_middle_is_told_with_what_came_before(three: Store, error: Exception) -> None:
    reading, sink = read(Refusing(three.s3, b=error), f"s3://{BUCKET}/")
    assert sink.ports == [0]
    assert len(reading.failed) == 1
    assert "was not read to its end" in reading.failed[0]
    assert [missing.partition(": ")[0] for missing in reading.missing] == ["s3:GetObject"]
    reading, sink = read(Refusing(three.s3, listing=error), f"s3://{BUCKET}/")
    assert (sink.ports, len(reading.failed)) == ([], 1)
    assert [missing.partition(": ")[0] for missing in reading.missing] == ["s3:ListBucket"]


KMS = (
    "User: arn:aws:iam::1:user/x is not authorized to perform: kms:Decrypt on the resource associated with this "
    "ciphertext because the resource does not exist in this Region"
)


@pytest.mark.parametrize(
    ("error", "said", "missing"),
    [
        (refused("AccessDenied"), "not allowed (s3:GetObject: AccessDenied; if the", "s3:GetObject: AccessDenied"),
        (refused("AccessDenied", message=KMS), "encrypted with a KMS key that may", "kms:Decrypt: AccessDenied"),
        (refused("KMS.DisabledException", 400), "their KMS key can't", "s3:GetObject: KMS.DisabledException"),
        (refused("InvalidObjectState"), "archived (Glacier): restore", "s3:GetObject: InvalidObjectState"),
        (refused("NoSuchKey", 404), "deleted before they could be read", None),
        (refused("InvalidRequest", 400, "SSE-C"), "refused by AWS (InvalidReq", "s3:GetObject: InvalidRequest"),
    ],
)
def test_objects_that_can_not_be_read_are_named(three: Store, error: Exception, said: str, missing: str | None) -> None:
    reading, sink = read(Refusing(three.s3, b=error), f"s3://{BUCKET}/")
    assert sink.ports == [0, 2]
    (note,) = reading.failed
    assert reading.scan.notes == []
    assert note.startswith(f"an object of s3://{BUCKET}/ not read: {said}")
    assert note.endswith(f"(s3://{BUCKET}/b)")
    assert list(reading.missing) == ([missing] if missing else [])
    everything = Refusing(three.s3, getting=error)
    if missing is None or "Denied" not in missing:
        with pytest.raises(InputError, match="3 objects of"):
            read(everything, f"s3://{BUCKET}/")
    else:
        reading, _ = read(everything, f"s3://{BUCKET}/")
        assert (list(reading.missing), reading.sources) == ([missing], [])


def test_a_bucket_of_which_nothing_may_be_read_is_given_up_soon(store: Store) -> None:
    for number in range(60):
        store.put(f"{number:02}.log.gz", line(number))
    asked: list[str] = []

    class Denying(Refusing):
        def get_object(self, **parameters: Any) -> Any:
            asked.append(parameters["Key"])
            raise refused("AccessDenied")

    read(Denying(store.s3), f"s3://{BUCKET}/")
    assert len(asked) < 20 + AT_ONCE + 1


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (refused("NoSuchBucket", 404), "there is no bucket company-flow-logs"),
        (refused("PermanentRedirect", 301), "the bucket company-flow-logs is in another Region: name that"),
        (refused("NoSuchThing", 400), "the bucket company-flow-logs can't be listed"),
    ],
)
def test_a_bucket_that_can_not_be_read_is_an_error(three: Store, error: Exception, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read(Refusing(three.s3, listing=error), f"s3://{BUCKET}/")


def test_a_bucket_that_may_not_be_listed_names_the_permission(three: Store) -> None:
    reading, _ = read(Refusing(three.s3, listing=refused("AccessDenied")), f"s3://{BUCKET}/")
    assert list(reading.missing) == ["s3:ListBucket: AccessDenied"]
    assert "--request-payer requester" in reading.notes[0]
    reading, _ = read(Refusing(three.s3, listing=refused("AccessDenied")), f"s3://{BUCKET}/", request_payer="requester")
    assert "--request-payer" not in reading.notes[0]


@pytest.mark.parametrize(
    ("location", "said"),
    [
        (f"s3://{BUCKET}/nothing", "there is no object of this name, nor any below it"),
        ("s3://nobodys-bucket/", "there is no bucket nobodys-bucket"),
        ("s3://UPPER CASE/x", "'UPPER CASE' is no name of a bucket"),
        (f"s3://{BUCKET}/pictures", "no flow log there; not flow logs: pictures/1.png"),
    ],
)
def test_a_location_with_nothing_to_read_is_an_error(store: Store, location: str, said: str) -> None:
    store.put("pictures/1.png", body=b"\x89PNG\0\0")
    with pytest.raises(InputError, match=said):
        read(store.s3, location)


def test_who_pays_is_told_with_every_call(three: Store) -> None:
    asked: list[Any] = []
    three.s3.meta.events.register("provide-client-params.s3", lambda params, **_: asked.append(params))
    read(three.s3, f"s3://{BUCKET}/", request_payer="requester")
    assert len(asked) == 4
    assert all(parameters["RequestPayer"] == "requester" for parameters in asked)


def test_much_is_recommended_to_athena_at_once(three: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3.Bucket, "level", lambda *_, **__: s3.Level({"a": 60 * 10**9, "b": 1}, []))
    said: list[str] = []
    reading, _ = read(three.s3, f"s3://{BUCKET}/", advise=said.append)
    assert said == reading.scan.notes
    assert "60 GB in 2 objects take about 101 minutes to read here; Athena reads" in said[0]
    assert "about $0.30" in said[0]
    monkeypatch.setattr(objects, "LARGE", 10**12)
    assert read(three.s3, f"s3://{BUCKET}/")[0].scan.notes == []


def test_the_hour_before_until_is_read_where_it_alone_is_given(store: Store, now: int) -> None:
    for port, ago in enumerate((5 * HOUR, 3 * HOUR - 900, 600), 1):
        store.put(key(now - ago), line(port, now - ago - 50))
    reading, sink = read(store.s3, f"s3://{BUCKET}/", until=at(now) - timedelta(hours=2))
    assert sink.ports == [2]
    assert "outside the hour before --until" in reading.scan.notes[0]
