"""Strange replies about jobs in buckets, and strange results, are typed errors or read as far as they can be."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tasks.test_hostile_replies import changed

from agentkit.batching import BatchJob
from agentkit.bucket_batch import BucketBatch
from agentkit.errors import AgentkitError, ExchangeError, ProtocolError
from agentkit.providers import model
from agentkit.providers.aws.async_inference import AsyncInferenceCodec
from agentkit.providers.aws.batches import ModelInvocationJobsCodec
from agentkit.providers.aws.converse import ConverseCodec
from agentkit.providers.aws.sagemaker import SageMakerCodec
from agentkit.providers.batches import connect_batch
from agentkit.providers.google.embeddings import VertexEmbeddingsCodec
from agentkit.providers.google.generate_content import GenerateContentCodec
from agentkit.providers.vertex.embedding_batches import EmbeddingJobsCodec
from agentkit.providers.vertex.prediction_jobs import BatchPredictionJobsCodec
from agentkit.providers.vertex.storage import CloudStorageCodec

BEDROCK = ModelInvocationJobsCodec(ConverseCodec(), model="amazon.nova-lite-v1:0")
VERTEX = BatchPredictionJobsCodec(GenerateContentCodec("vertex"))
VECTORS = EmbeddingJobsCodec(VertexEmbeddingsCodec())
MESSAGE = {"role": "assistant", "content": [{"text": "4"}]}
CANDIDATE = {"content": {"parts": [{"text": "4"}], "role": "model"}, "finishReason": "STOP"}
BEDROCK_JOB = {
    "jobArn": "arn:x/1",
    "jobName": "a",
    "status": "Completed",
    "message": "m",
    "submitTime": "2026-11-23T04:00:00Z",
    "outputDataConfig": {"s3OutputDataConfig": {"s3Uri": "s3://b/x/"}},
    "totalRecordCount": 2,
    "processedRecordCount": 2,
    "errorRecordCount": 1,
}
VERTEX_JOB = {
    "name": "projects/p/locations/l/batchPredictionJobs/1",
    "displayName": "a",
    "state": "JOB_STATE_SUCCEEDED",
    "createTime": "2026-11-23T04:00:00Z",
    "outputInfo": {"gcsOutputDirectory": "gs://b/x"},
    "completionStats": {"successfulCount": "1", "failedCount": "1"},
    "error": {"message": "m"},
}
CASES: tuple[tuple[str, Any, Any], ...] = (
    ("bedrock job", BEDROCK.job, BEDROCK_JOB),
    ("bedrock jobs", BEDROCK.jobs, {"invocationJobSummaries": [BEDROCK_JOB], "nextToken": "t"}),
    ("bedrock answer", BEDROCK.results, {"recordId": "a", "modelOutput": {"output": {"message": MESSAGE}}}),
    ("bedrock error", BEDROCK.results, {"recordId": "a", "error": {"errorCode": 400, "errorMessage": "m"}}),
    ("vertex job", VERTEX.job, VERTEX_JOB),
    ("vertex jobs", VERTEX.jobs, {"batchPredictionJobs": [VERTEX_JOB], "nextPageToken": "t"}),
    (
        "vertex answer",
        VERTEX.results,
        {"request": {"labels": {"agentkit": "a"}}, "response": {"candidates": [CANDIDATE]}},
    ),
    ("vertex error", VERTEX.results, {"custom_id": "a", "response": {}, "status": "Bad Request: {}"}),
    ("vertex failure", VERTEX.results, {"custom_id": "a", "error": {"code": 429, "message": "m"}}),
    (
        "vertex vector",
        VECTORS.results,
        {"instance": {"content": "a"}, "predictions": [{"embeddings": {"values": [1.0]}}], "status": ""},
    ),
    ("storage page", CloudStorageCodec().page, {"items": [{"name": "a"}], "nextPageToken": "t"}),
    ("sagemaker answer", AsyncInferenceCodec(SageMakerCodec()).answer, {"choices": [{"message": {"content": "4"}}]}),
    ("sagemaker failure", AsyncInferenceCodec(SageMakerCodec()).failure, {"ErrorMessage": "(500)"}),
)


@pytest.mark.parametrize(("read", "reply"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_strange_reply_is_read_or_a_typed_error(read: Any, reply: Any) -> None:
    read(json.dumps(reply).encode())
    for other in changed(reply):
        body = json.dumps(other).replace("Infinity", "1e999").encode()
        try:
            read(body)
        except AgentkitError:
            continue
        except Exception as error:
            pytest.fail(f"{body!r} gave {error!r}")


@pytest.mark.parametrize("more", [BEDROCK.more, VERTEX.more])
def test_a_strange_page_is_followed_or_the_last(more: Any) -> None:
    for other in changed({"nextToken": "t", "nextPageToken": "t"}):
        body = json.dumps(other).replace("Infinity", "1e999").encode()
        try:
            more(body, seen=1)
        except AgentkitError:
            continue


@pytest.mark.anyio
async def test_results_at_no_place_are_a_typed_error() -> None:
    chosen = model("vertex:gemini-3.5-flash", project="p", region="us-central1", credentials="t")
    remote = connect_batch(chosen, storage="gs://my-bucket")
    assert isinstance(remote, BucketBatch)
    with pytest.raises(ExchangeError, match="results are at 'bq://x/'") as caught:
        await remote.results(BatchJob("1", "ended", results=("bq://x/?signature=secret",)))
    assert type(caught.value) is ProtocolError
    assert "secret" not in str(caught.value)
