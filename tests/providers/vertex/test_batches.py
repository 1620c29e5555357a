"""Batches of Vertex AI as data: jobs, lines and results, and where they are asked for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agentkit.batching import BatchJob, BatchLine, BatchResult
from agentkit.bucket_batch import BucketBatch
from agentkit.buckets import BucketPage, Place
from agentkit.codec import WireRequest
from agentkit.errors import (
    BadRequestError,
    ExchangeError,
    NotFoundError,
    ProtocolError,
    RateLimitError,
    ServerError,
)
from agentkit.exchange import Response
from agentkit.providers import model
from agentkit.providers.batches import connect_batch
from agentkit.providers.google.generate_content import GenerateContentCodec
from agentkit.providers.vertex.prediction_jobs import BatchPredictionJobsCodec
from agentkit.providers.vertex.storage import CloudStorageCodec

PATH = "/publishers/google/models/gemini-3.5-flash:generateContent"
NAME = "projects/123/locations/us-central1/batchPredictionJobs/456"


def codec() -> BatchPredictionJobsCodec:
    return BatchPredictionJobsCodec(GenerateContentCodec("vertex"))


def connected(**options: Any) -> BucketBatch:
    found = connect_batch(model("vertex:gemini-3.5-flash", project="my-project", **options), storage="gs://b-1/x")
    assert isinstance(found, BucketBatch)
    return found


def test_a_job_is_created_of_a_file() -> None:
    wire = WireRequest(PATH, b'{"contents":[]}')
    made = codec().create("ak-1-part-1", file="gs://b/x/ak-1-part-1/input.jsonl", lines=(), wires=(wire,))

    assert (made.method, made.path) == ("POST", "/batchPredictionJobs")
    assert json.loads(made.body) == {
        "displayName": "ak-1-part-1",
        "model": "publishers/google/models/gemini-3.5-flash",
        "inputConfig": {"instancesFormat": "jsonl", "gcsSource": {"uris": ["gs://b/x/ak-1-part-1/input.jsonl"]}},
        "outputConfig": {
            "predictionsFormat": "jsonl",
            "gcsDestination": {"outputUriPrefix": "gs://b/x/ak-1-part-1/output"},
        },
    }


@pytest.mark.parametrize(
    ("wire", "line"),
    [
        (WireRequest(PATH, b'{"contents":[]}'), {"request": {"contents": [], "labels": {"agentkit": "ak-1-0"}}}),
        (
            WireRequest(PATH, b'{"labels":{"a":"b"},"contents":[]}'),
            {"request": {"contents": [], "labels": {"a": "b", "agentkit": "ak-1-0"}}},
        ),
        (
            WireRequest("/publishers/anthropic/models/claude-sonnet-5:rawPredict", b'{"messages":[]}'),
            {"custom_id": "ak-1-0", "request": {"messages": []}},
        ),
    ],
)
def test_a_line_has_its_id_where_it_comes_back(wire: WireRequest, line: dict[str, Any]) -> None:
    written = codec().line(BatchLine("ak-1-0", wire))

    assert json.loads(written) == line
    assert written.endswith(b"\n")
    answered = json.dumps({**line, "response": {}, "status": "odd"}).encode()
    assert [id for id, _ in codec().results(answered)] == ["ak-1-0"]


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        ("JOB_STATE_QUEUED", "running"),
        ("JOB_STATE_PENDING", "running"),
        ("JOB_STATE_RUNNING", "running"),
        ("JOB_STATE_CANCELLING", "running"),
        ("JOB_STATE_PAUSED", "running"),
        ("JOB_STATE_SUCCEEDED", "ended"),
        ("JOB_STATE_PARTIALLY_SUCCEEDED", "ended"),
        ("JOB_STATE_FAILED", "failed"),
        ("JOB_STATE_CANCELLED", "cancelled"),
        ("JOB_STATE_EXPIRED", "expired"),
    ],
)
def test_a_job_is_read(raw: str, status: Any) -> None:
    fields = {
        "name": NAME,
        "displayName": "ak-1-part-1",
        "state": raw,
        "createTime": "2026-11-23T04:00:00Z",
        "outputInfo": {"gcsOutputDirectory": "gs://b/x/output/prediction-1"},
        "completionStats": {"successfulCount": "47", "failedCount": "3", "incompleteCount": "50"},
        "error": {"code": 9, "message": "it is so"},
    }
    places = () if status == "running" else ("gs://b/x/output/prediction-1/",)
    found = codec().job(json.dumps(fields).encode())

    assert found == BatchJob("456", status, raw, 100, 50, 3, "ak-1-part-1", 1795406400.0, places, "it is so")


def test_a_list_is_read_and_goes_on() -> None:
    body = json.dumps({"batchPredictionJobs": [{"name": NAME}], "nextPageToken": "a/b="}).encode()
    more = codec().more(body, seen=1)

    assert [job.id for job in codec().jobs(body)] == ["456"]
    assert more is not None and more.path == "/batchPredictionJobs?pageSize=100&pageToken=a%2Fb%3D"
    assert codec().more(b"{}", seen=1) is None


def result_of(fields: dict[str, Any]) -> BatchResult:
    ((_, result),) = codec().results(json.dumps({"request": {}, **fields}).encode())
    return result


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        ('Bad Request: {"error": {"code": 400, "message": "too odd"}}', BadRequestError, "too odd"),
        ("Bad Request: odd", BadRequestError, "Bad Request: odd"),
        ("Too Many Requests: quota exceeded", RateLimitError, "Too Many Requests: quota exceeded"),
        ("Something else {", ServerError, "Something else {"),
        ({"code": 429, "message": "Quota exceeded"}, RateLimitError, "Quota exceeded"),
    ],
)
def test_errors_of_lines_are_typed(status: Any, kind: type[Exception], said: str) -> None:
    result = result_of({"response": {}, "status": status})

    assert isinstance(result, ExchangeError)
    assert (type(result), result.message) == (kind, said)


def test_answers_of_lines_are_read() -> None:
    answer = {"candidates": [{"content": {"parts": [{"text": "4"}], "role": "model"}, "finishReason": "STOP"}]}
    result = result_of({"response": answer, "status": ""})

    assert isinstance(result, Response)
    assert result.text == "4"
    assert type(result_of({"response": {}, "status": ""})) is ProtocolError


@pytest.mark.parametrize(
    ("options", "store"),
    [
        ({"region": "us-central1", "credentials": "a-token"}, "https://storage.googleapis.com"),
        ({"region": "eu", "credentials": "a-token"}, "https://storage.googleapis.com"),
        ({"base_url": "http://127.0.0.1:9/v1", "credentials": "a-token"}, "http://127.0.0.1:9"),
    ],
)
def test_the_bucket_is_opened_with_the_credentials_of_the_model(options: dict[str, Any], store: str) -> None:
    remote = connected(**options)

    assert remote.bucket.endpoint.base_url == store
    assert dict(remote.bucket.endpoint.headers) == {"authorization": "Bearer a-token"}


def test_another_address_of_cloud_storage_stands_in_google_s_own_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "localhost:9023")
    assert connected(credentials="a-token").bucket.endpoint.base_url == "http://localhost:9023"


def test_objects_are_asked_for_by_their_encoded_names() -> None:
    storage, place = CloudStorageCodec(), Place("gs", "b-1", "x/a b.jsonl")

    assert storage.put(place, b"1").path == "/upload/storage/v1/b/b-1/o?uploadType=media&name=x%2Fa+b.jsonl"
    assert storage.get(place).path == "/storage/v1/b/b-1/o/x%2Fa%20b.jsonl?alt=media"
    assert storage.listing(place, after="t/").path == "/storage/v1/b/b-1/o?prefix=x%2Fa+b.jsonl&pageToken=t%2F"
    assert storage.page(b'{"items":[{"name":"a"}],"nextPageToken":"t"}') == BucketPage(("a",), "t")
    assert storage.page(b"{}") == BucketPage(())
    with pytest.raises(ProtocolError, match="not JSON"):
        storage.page(b"<html>")
    error = storage.decode_error(404, {}, b'{"error":{"code":404,"message":"No such object: b-1/x"}}')
    assert (type(error), error.message) == (NotFoundError, "No such object: b-1/x")
