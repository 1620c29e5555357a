"""Batches of Bedrock as data: jobs, lines and results, and where they are asked for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agentkit.batching import BatchJob, BatchLine, BatchResult
from agentkit.bucket_batch import BucketBatch
from agentkit.buckets import BatchStorage
from agentkit.codec import WireRequest
from agentkit.errors import (
    BadRequestError,
    ConfigurationError,
    ExchangeError,
    ProtocolError,
    RateLimitError,
    ServerError,
)
from agentkit.exchange import Response
from agentkit.providers import model
from agentkit.providers.aws.batches import ModelInvocationJobsCodec
from agentkit.providers.aws.converse import ConverseCodec
from agentkit.providers.aws.signing import Credentials
from agentkit.providers.batches import connect_batch

ARN = "arn:aws:bedrock:us-east-1:123456789012:model-invocation-job/abcdefghijkl"
NOVA = "amazon.nova-lite-v1:0"
ROLE = "arn:aws:iam::123456789012:role/batches"
KEYS = Credentials("AKIDEXAMPLE", "secret")


def codec() -> ModelInvocationJobsCodec:
    return ModelInvocationJobsCodec(ConverseCodec(model=NOVA), model=NOVA, role=ROLE)


def connected(**options: Any) -> BucketBatch:
    found = connect_batch(model(f"bedrock:{NOVA}", **options), storage=BatchStorage("s3://b-1/x/", role=ROLE))
    assert isinstance(found, BucketBatch)
    return found


def test_a_job_is_created_once_in_the_form_of_its_lines() -> None:
    wire = WireRequest("/model/amazon.nova-lite-v1%3A0/converse", b'{"messages":[]}')
    made = codec().create("ak-1-part-1", file="s3://b/x/ak-1-part-1/input.jsonl", lines=(), wires=(wire,))

    assert (made.method, made.path) == ("POST", "/model-invocation-job")
    assert json.loads(made.body) == {
        "jobName": "ak-1-part-1",
        "clientRequestToken": "ak-1-part-1",
        "roleArn": ROLE,
        "modelId": NOVA,
        "modelInvocationType": "Converse",
        "inputDataConfig": {
            "s3InputDataConfig": {"s3Uri": "s3://b/x/ak-1-part-1/input.jsonl", "s3InputFormat": "JSONL"}
        },
        "outputDataConfig": {"s3OutputDataConfig": {"s3Uri": "s3://b/x/ak-1-part-1/output/"}},
    }
    assert codec().line(BatchLine("ak-1-0", wire)) == b'{"recordId":"ak-1-0","modelInput":{"messages":[]}}\n'


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        ("Submitted", "running"),
        ("Validating", "running"),
        ("Scheduled", "running"),
        ("InProgress", "running"),
        ("Stopping", "running"),
        ("Completed", "ended"),
        ("PartiallyCompleted", "expired"),
        ("Expired", "expired"),
        ("Failed", "failed"),
        ("Stopped", "cancelled"),
    ],
)
def test_a_job_is_read(raw: str, status: Any) -> None:
    fields = {
        "jobArn": ARN,
        "jobName": "ak-1-part-1",
        "status": raw,
        "message": "it is so",
        "submitTime": "2026-11-23T04:00:00Z",
        "outputDataConfig": {"s3OutputDataConfig": {"s3Uri": "s3://b/x/output/"}},
        "totalRecordCount": 100,
        "processedRecordCount": 50,
        "successRecordCount": 47,
        "errorRecordCount": 3,
    }
    places = () if status == "running" else ("s3://b/x/output/abcdefghijkl/",)
    found = codec().job(json.dumps(fields).encode())

    assert found == BatchJob(ARN, status, raw, 100, 50, 3, "ak-1-part-1", 1795406400.0, places, "it is so")


def test_a_list_is_read_and_goes_on() -> None:
    body = json.dumps({"invocationJobSummaries": [{"jobArn": ARN}], "nextToken": "a/b="}).encode()
    more = codec().more(body, seen=1)

    assert [job.id for job in codec().jobs(body)] == [ARN]
    assert more is not None and more.path.endswith("&nextToken=a%2Fb%3D")
    assert codec().more(b"{}", seen=1) is None


def result_of(fields: dict[str, Any]) -> BatchResult:
    ((id, result),) = codec().results(json.dumps({"recordId": "ak-1-0", "modelInput": {}, **fields}).encode())
    assert id == "ak-1-0"
    return result


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"errorCode": 400, "errorMessage": "bad request"}, BadRequestError),
        ({"errorCode": "429", "errorMessage": "slow"}, RateLimitError),
        ({"errorCode": "ThrottlingException", "errorMessage": "slow"}, RateLimitError),
        ({"errorCode": 500, "errorMessage": "oops"}, ServerError),
        ({"errorMessage": "odd"}, BadRequestError),
    ],
)
def test_errors_of_records_are_typed(error: dict[str, Any], kind: type[Exception]) -> None:
    result = result_of({"error": error})

    assert isinstance(result, ExchangeError)
    assert (type(result), result.message) == (kind, error["errorMessage"])


def test_answers_of_records_are_read() -> None:
    message = {"role": "assistant", "content": [{"text": "4"}]}
    output = {"output": {"message": message}, "stopReason": "end_turn", "usage": {"inputTokens": 3, "outputTokens": 1}}
    result = result_of({"modelOutput": output})

    assert isinstance(result, Response)
    assert (result.text, result.usage.total) == ("4", 4)
    assert type(result_of({})) is ProtocolError
    assert type(result_of({"modelOutput": {}})) is ProtocolError


@pytest.mark.parametrize(
    ("options", "control", "store"),
    [
        (
            {"region": "eu-central-1"},
            "https://bedrock.eu-central-1.amazonaws.com",
            "https://s3.eu-central-1.amazonaws.com",
        ),
        (
            {"region": "cn-north-1"},
            "https://bedrock.cn-north-1.amazonaws.com.cn",
            "https://s3.cn-north-1.amazonaws.com.cn",
        ),
        ({"region": "us-east-1", "base_url": "http://127.0.0.1:9"}, "http://127.0.0.1:9", "http://127.0.0.1:9"),
    ],
)
def test_jobs_and_buckets_have_addresses_of_their_own(options: dict[str, Any], control: str, store: str) -> None:
    remote = connected(credentials=KEYS, **options)

    assert (remote.model.endpoint.base_url, remote.bucket.endpoint.base_url) == (control, store)
    assert repr(remote.bucket.endpoint.auth) == f"RequestSigner(s3, {options['region']})"
    assert repr(remote.model.endpoint.auth) == f"RequestSigner(bedrock, {options['region']})"


def test_other_addresses_are_those_of_aws_s_own_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK", "https://control.example")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://store.example")
    remote = connected(credentials=KEYS, region="us-east-1")

    assert remote.model.endpoint.base_url == "https://control.example"
    assert remote.bucket.endpoint.base_url == "https://store.example"


def test_a_key_of_bedrock_does_not_go_to_s3(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    remote = connected(api_key="a-key", region="us-east-1")

    assert list(remote.model.endpoint.headers) == ["authorization"]
    assert dict(remote.bucket.endpoint.headers) == {}
    assert repr(remote.bucket.endpoint.auth) == "RequestSigner(s3, us-east-1)"


def test_a_key_of_bedrock_alone_opens_no_buckets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)  # as if botocore were not installed
    with pytest.raises(ConfigurationError, match="a key of Bedrock opens no buckets"):
        connected(api_key="a-key", region="us-east-1")
