"""What no client of AWS's services would send is refused by the simulator, and does not end it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from agentkit.simulator.server import simulate

pytestmark = pytest.mark.anyio

ODD: tuple[Any, ...] = (None, 5, "x", [], {}, [5], [None], {"a": 1}, True)
COMPREHEND = "Comprehend_20171127."
OPERATIONS: dict[str, dict[str, Any]] = {
    "Transcribe.StartTranscriptionJob": {
        "TranscriptionJobName": "a",
        "Media": {"MediaFileUri": "s3://b/c.mp3"},
        "MediaFormat": "mp3",
        "IdentifyLanguage": True,
        "Settings": {"ShowSpeakerLabels": True},
    },
    "Transcribe.GetTranscriptionJob": {"TranscriptionJobName": "a"},
    f"{COMPREHEND}BatchDetectSentiment": {"TextList": ["a"], "LanguageCode": "en"},
    f"{COMPREHEND}DetectToxicContent": {"TextSegments": [{"Text": "a"}], "LanguageCode": "en"},
    f"{COMPREHEND}ClassifyDocument": {"Text": "a", "EndpointArn": "arn:x:document-classifier-endpoint/x"},
    f"{COMPREHEND}StartSentimentDetectionJob": {
        "InputDataConfig": {"S3Uri": "s3://b/t"},
        "OutputDataConfig": {"S3Uri": "s3://b/o"},
        "DataAccessRoleArn": "arn:aws:iam::123456789012:role/x",
        "LanguageCode": "en",
        "ClientRequestToken": "t",
    },
    "RekognitionService.DetectLabels": {"Image": {"Bytes": "eA=="}, "MaxLabels": 1, "MinConfidence": 50},
    "RekognitionService.DetectModerationLabels": {"Image": {"S3Object": {"Name": "a"}}},
}
PATHS: dict[str, dict[str, Any]] = {
    "/model/amazon.titan-embed-text-v2:0/invoke": {"inputText": "a", "dimensions": 256},
    "/model/amazon.nova-canvas-v1:0/invoke": {
        "taskType": "TEXT_IMAGE",
        "textToImageParams": {"text": "a"},
        "imageGenerationConfig": {"width": 512},
    },
    "/guardrail/a/version/1/apply": {"source": "INPUT", "content": [{"text": {"text": "a"}}]},
    "/model-invocation-job": {
        "jobName": "a",
        "roleArn": "r",
        "modelId": "m",
        "inputDataConfig": {"s3InputDataConfig": {"s3Uri": "s3://b/x"}},
        "outputDataConfig": {"s3OutputDataConfig": {"s3Uri": "s3://b/o"}},
    },
    "/model/amazon.nova-lite-v1:0/invoke": {"messages": [{"role": "user", "content": [{"text": "a"}]}]},
    "/model/meta.llama3-8b/invoke": {"prompt": "a", "max_gen_len": 3, "temperature": 0.5},
    "/endpoints/a-tgi/invocations": {"inputs": "a", "parameters": {"stop": ["a"]}},
}


def oddly(sent: dict[str, Any]) -> Iterator[Any]:
    """The request with something odd in the place of each of its fields, and of itself."""
    for odd in ODD:
        yield odd
        for name, value in sent.items():
            yield {**sent, name: odd}
            if isinstance(value, dict):
                yield from ({**sent, name: {**value, inner: odd}} for inner in value)
            elif isinstance(value, list):
                yield {**sent, name: [odd]}


async def test_odd_requests_have_a_reply_each() -> None:
    async with simulate() as simulator, httpx.AsyncClient(base_url=simulator.url) as client:
        for target, sent in OPERATIONS.items():
            for odd in oddly(sent):
                reply = await client.post("/", json=odd, headers={"x-amz-target": target})
                assert (target, odd, reply.status_code < 500) == (target, odd, True)
        for path, sent in PATHS.items():
            for odd in oddly(sent):
                assert (path, odd, (await client.post(path, json=odd)).status_code < 500) == (path, odd, True)


@pytest.mark.parametrize("config", [5, "x", [5]])
async def test_odd_knobs_of_nova_are_refused(config: Any) -> None:
    async with simulate() as simulator, httpx.AsyncClient(base_url=simulator.url) as client:
        sent = {"messages": [{"role": "user", "content": [{"text": "a"}]}], "inferenceConfig": config}
        reply = await client.post("/model/amazon.nova-lite-v1:0/invoke", json=sent)
    assert (reply.status_code, reply.json()["message"]) == (400, "inferenceConfig has to be an object")


async def test_a_page_and_chunks_that_cannot_be_read_are_refused() -> None:
    signed = {"x-amz-content-sha256": "x", "authorization": "a"}
    async with simulate() as simulator, httpx.AsyncClient(base_url=simulator.url, headers=signed) as client:
        listed = await client.get("/b", params={"list-type": "2", "continuation-token": "zz"})
        put = await client.put("/b/k", content=b"no size", headers={"content-encoding": "aws-chunked"})
    for reply in (listed, put):
        assert (reply.status_code, "<Code>InvalidArgument</Code>" in reply.text) == (400, True)
