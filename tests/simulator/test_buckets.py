"""Buckets of the simulator, and batches in them, as the vendors' own clients see them."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from agentkit.testing.simulator import SimulatorOnThread, start_simulator

MODEL = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
ROLE = "arn:aws:iam::123456789012:role/batches"


@pytest.fixture
def server() -> Iterator[SimulatorOnThread]:
    with start_simulator(batch_seconds=100) as server:
        yield server


@pytest.fixture
def client_of(server: SimulatorOnThread, caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[str], Any]]:
    caplog.set_level(logging.INFO, logger="botocore")
    boto3 = pytest.importorskip("boto3")
    config = pytest.importorskip("botocore.config").Config(
        retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}
    )
    keys = {"aws_access_key_id": "AKIDCANARY", "aws_secret_access_key": "canary"}
    made: list[Any] = []

    def client(service: str) -> Any:
        made.append(boto3.client(service, region_name="us-east-1", endpoint_url=server.url, config=config, **keys))
        return made[-1]

    yield client
    for each in made:
        each.close()


def test_boto3_puts_gets_lists_and_deletes(client_of: Callable[[str], Any]) -> None:
    s3 = client_of("s3")
    for key in ("a/1 é+&.txt", "a/2", "b/3"):
        s3.put_object(Bucket="my-bucket", Key=key, Body=f"data of {key}".encode())
    assert s3.get_object(Bucket="my-bucket", Key="a/1 é+&.txt")["Body"].read() == "data of a/1 é+&.txt".encode()
    listed = s3.list_objects_v2(Bucket="my-bucket", Prefix="a/")
    assert [entry["Key"] for entry in listed["Contents"]] == ["a/1 é+&.txt", "a/2"]
    s3.delete_object(Bucket="my-bucket", Key="a/2")
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket="my-bucket", Key="a/2")


def test_boto3_pages_through_a_large_bucket(server: SimulatorOnThread, client_of: Callable[[str], Any]) -> None:
    s3 = client_of("s3")
    objects = server.objects
    objects.update({f"s3://my-bucket/{number:04d}": b"" for number in range(1001)})
    pages = list(s3.get_paginator("list_objects_v2").paginate(Bucket="my-bucket"))
    assert [page["KeyCount"] for page in pages] == [1000, 1]


def test_boto3_makes_a_batch_and_reads_its_results(server: SimulatorOnThread, client_of: Callable[[str], Any]) -> None:
    s3, bedrock = client_of("s3"), client_of("bedrock")
    said = {"messages": [{"role": "user", "content": [{"text": "Hello"}]}]}
    records = [{"recordId": "good", "modelInput": said}, {"recordId": "bad", "modelInput": {"messages": 1}}]
    s3.put_object(Bucket="b-1", Key="in.jsonl", Body="\n".join(map(json.dumps, records)).encode())
    asked = {
        "jobName": "mine",
        "clientRequestToken": "once",
        "roleArn": ROLE,
        "modelId": MODEL,
        "modelInvocationType": "Converse",
        "inputDataConfig": {"s3InputDataConfig": {"s3Uri": "s3://b-1/in.jsonl"}},
        "outputDataConfig": {"s3OutputDataConfig": {"s3Uri": "s3://b-1/out/"}},
    }
    arn = bedrock.create_model_invocation_job(**asked)["jobArn"]
    assert bedrock.create_model_invocation_job(**asked)["jobArn"] == arn
    early = bedrock.get_model_invocation_job(jobIdentifier=arn)
    server.advance(100)
    late = bedrock.get_model_invocation_job(jobIdentifier=arn)
    listed = bedrock.list_model_invocation_jobs()["invocationJobSummaries"]
    keys = [entry["Key"] for entry in s3.list_objects_v2(Bucket="b-1", Prefix="out/")["Contents"]]
    output = s3.get_object(Bucket="b-1", Key=keys[0])["Body"].read()
    rows = {row["recordId"]: row for row in map(json.loads, output.splitlines())}

    assert (early["status"], late["status"]) == ("InProgress", "Completed")
    assert (late["successRecordCount"], late["errorRecordCount"]) == (1, 1)
    assert [job["jobName"] for job in listed] == ["mine"]
    folder = f"out/{arn.rpartition('/')[2]}"
    assert keys == [f"{folder}/in.jsonl.out", f"{folder}/manifest.json.out"]
    assert rows["good"]["modelInput"] == said
    assert rows["good"]["modelOutput"]["output"]["message"]["role"] == "assistant"
    assert rows["bad"]["error"]["errorCode"] == 400


def test_boto3_stops_a_batch(server: SimulatorOnThread, client_of: Callable[[str], Any]) -> None:
    server.objects["s3://b-1/in.jsonl"] = b'{"recordId":"1","modelInput":{}}\n'
    bedrock = client_of("bedrock")
    arn = bedrock.create_model_invocation_job(
        jobName="mine",
        roleArn=ROLE,
        modelId=MODEL,
        inputDataConfig={"s3InputDataConfig": {"s3Uri": "s3://b-1/in.jsonl"}},
        outputDataConfig={"s3OutputDataConfig": {"s3Uri": "s3://b-1/out/"}},
    )["jobArn"]
    bedrock.stop_model_invocation_job(jobIdentifier=arn)
    assert bedrock.get_model_invocation_job(jobIdentifier=arn)["status"] == "Stopped"


def test_boto3_is_refused_an_input_that_is_not_there(client_of: Callable[[str], Any]) -> None:
    bedrock = client_of("bedrock")
    with pytest.raises(bedrock.exceptions.ValidationException, match="does not exist"):
        bedrock.create_model_invocation_job(
            jobName="mine",
            roleArn=ROLE,
            modelId=MODEL,
            inputDataConfig={"s3InputDataConfig": {"s3Uri": "s3://b-1/in.jsonl"}},
            outputDataConfig={"s3OutputDataConfig": {"s3Uri": "s3://b-1/out/"}},
        )


def asked(server: SimulatorOnThread, path: str, data: bytes | None = None, method: str | None = None) -> bytes:
    headers = {"connection": "close", "authorization": "Bearer canary"}
    with urlopen(Request(server.url + path, data, headers, method=method), timeout=10) as reply:
        return reply.read()


def test_cloud_storage_is_asked_over_http(server: SimulatorOnThread) -> None:
    asked(server, "/upload/storage/v1/b/b-1/o?uploadType=media&name=a%2F1", b"data")
    listed = json.loads(asked(server, "/storage/v1/b/b-1/o?prefix=a/"))
    assert [item["name"] for item in listed["items"]] == ["a/1"]
    assert asked(server, "/storage/v1/b/b-1/o/a%2F1?alt=media") == b"data"
    assert json.loads(asked(server, "/storage/v1/b/b-1/o/a%2F1"))["size"] == "4"
    asked(server, "/storage/v1/b/b-1/o/a%2F1", method="DELETE")
    with pytest.raises(HTTPError, match="404"):
        asked(server, "/storage/v1/b/b-1/o/a%2F1?alt=media")


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [("/storage/v1/b/b-1/o", {}, 401), ("/b-1/key", {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}, 403)],
)
def test_nobody_is_let_in_without_credentials(
    server: SimulatorOnThread, path: str, headers: dict[str, str], status: int
) -> None:
    with pytest.raises(HTTPError, match=str(status)) as caught:
        urlopen(Request(server.url + path, headers={"connection": "close", **headers}), timeout=10)
    caught.value.close()


def test_google_s_client_makes_a_batch_of_vertex(server: SimulatorOnThread) -> None:
    genai = pytest.importorskip("google.genai")
    from google.oauth2.credentials import Credentials

    lines = [{"request": {"contents": [{"role": "user", "parts": [{"text": text}]}]}} for text in ("Hello", "")]
    lines.append({"request": {"contents": []}})
    server.objects["gs://b-1/in.jsonl"] = "\n".join(map(json.dumps, lines)).encode()
    where = {"project": "my-project", "location": "us-central1", "credentials": Credentials(token="canary")}
    with genai.Client(vertexai=True, http_options={"base_url": server.url}, **where) as client:
        made = client.batches.create(
            model="gemini-3.5-flash", src="gs://b-1/in.jsonl", config={"dest": "gs://b-1/out", "display_name": "mine"}
        )
        server.advance(100)
        seen = client.batches.get(name=made.name)
        listed = [job.display_name for job in client.batches.list()]
        other = client.batches.create(model="gemini-3.5-flash", src="gs://b-1/in.jsonl", config={"dest": "gs://b-1/2"})
        client.batches.cancel(name=other.name)
        stopped = client.batches.get(name=other.name)
    (results,) = [address for address in server.objects if address.startswith("gs://b-1/out/")]
    rows = [json.loads(line) for line in server.objects[results].splitlines()]

    assert (made.state.name, seen.state.name) == ("JOB_STATE_RUNNING", "JOB_STATE_SUCCEEDED")
    assert (listed, stopped.state.name) == (["mine"], "JOB_STATE_CANCELLED")
    assert sorted(bool(row["status"]) for row in rows) == [False, False, True]
    assert all(row["request"] in [line["request"] for line in lines] for row in rows)
