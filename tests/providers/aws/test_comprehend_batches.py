"""Jobs of Comprehend: each text has its label or its error under its id, and nothing is started twice."""

from __future__ import annotations

import gzip
import io
import json
import logging
import tarfile
from dataclasses import replace
from typing import Any

import pytest
from conformance.wires import InTurn

from agentkit.batching import BatchJob, BatchLine
from agentkit.buckets import BatchStorage
from agentkit.classification import ClassificationAnswer, ClassificationRequest
from agentkit.errors import BadRequestError, ConfigurationError, ExchangeError, ProtocolError, UnsupportedError
from agentkit.providers import task_model
from agentkit.providers.aws.comprehend_batches import ComprehendJobsCodec, ComprehendLineCodec
from agentkit.providers.aws.signing import Credentials
from agentkit.providers.batches import connect_batch
from agentkit.settings import Settings
from agentkit.simulator.connection_faults import Reset
from agentkit.simulator.plan import Rule
from agentkit.simulator.server import Simulator, simulate
from agentkit.tasks.batch import batch
from agentkit.tasks.batch_kinds import Classify
from agentkit.testing.simulator import start_simulator

ROLE = "arn:aws:iam::123456789012:role/batches"
STORAGE = BatchStorage("s3://my-bucket/texts", role=ROLE)
OWN = Classify(None)


def model_at(server: Simulator, name: str = "comprehend:sentiment", settings: Settings | None = None) -> Any:
    keys = Credentials("AKIDEXAMPLE", "some-secret")
    return task_model(name, "classify", base_url=server.url, region="us-east-1", credentials=keys, settings=settings)


def operations(server: Simulator) -> list[str]:
    return [seen.asked.header("x-amz-target").rpartition(".")[2] or seen.asked.method for seen in server.requests]


@pytest.mark.anyio
async def test_each_text_has_its_label_or_its_error_under_its_id() -> None:
    texts = {"b": "I love it", "a": "x" * 5001, "d": "terrible", "c": "two\nlines"}
    async with simulate() as server:
        done = await batch(model_at(server), texts, kind=OWN, storage=STORAGE, poll_seconds=0)
        assert operations(server)[:3] == ["PUT", "PUT", "StartSentimentDetectionJob"]
        kept = {address.rpartition("/")[2]: data for address, data in server.objects.items()}
    assert {id: found[0].label for id, found in done.responses.items()} == {
        "b": "POSITIVE",
        "d": "NEGATIVE",
        "c": "NEUTRAL",
    }
    assert done.responses["b"][0].scores == {"POSITIVE": 0.94, "NEGATIVE": 0.02, "NEUTRAL": 0.02, "MIXED": 0.02}
    assert [(id, type(error)) for id, error in done.errors.items()] == [("a", BadRequestError)]
    assert kept["texts.txt"].splitlines()[3] == b"two lines"


@pytest.mark.anyio
async def test_the_language_of_texts_is_found_by_jobs_too() -> None:
    async with simulate() as server:
        model = model_at(server, "comprehend:language")
        done = await batch(model, ["Das ist es", "Fine"], kind=OWN, storage=STORAGE, poll_seconds=0)
        started = next(seen.json for seen in server.requests if "Start" in seen.asked.header("x-amz-target"))
    assert [found[0].label for found in done.responses.values()] == ["de", "en"]
    assert "LanguageCode" not in started


@pytest.mark.anyio
async def test_a_lost_reply_starts_no_second_job() -> None:
    async with simulate(faults=[Rule((Reset(),), at=(3,))]) as server:
        done = await batch(model_at(server), ["good", "bad"], kind=OWN, storage=STORAGE, poll_seconds=0)
        starts = [seen.json for seen in server.requests if ".Start" in seen.asked.header("x-amz-target")]
    assert [found[0].label for found in done.responses.values()] == ["POSITIVE", "NEGATIVE"]
    assert len({start["ClientRequestToken"] for start in starts}) == 1


@pytest.mark.anyio
async def test_what_jobs_need_and_do_not_do_is_said_before_anything_is_sent() -> None:
    async with simulate() as server:
        for name, storage, error, words in (
            ("comprehend:sentiment", None, ConfigurationError, 'storage="s3://bucket/prefix"'),
            ("comprehend:sentiment", "s3://my-bucket", ConfigurationError, "in the name of a role of yours"),
            ("comprehend:language", "gs://my-bucket", ConfigurationError, "from s3://bucket/prefix"),
        ):
            with pytest.raises(error, match=words):
                await batch(model_at(server, name), ["a"], kind=OWN, storage=storage)
        with pytest.raises(UnsupportedError, match="comprehend:toxicity has no jobs; sentiment and language have"):
            moderation = Classify("moderation")
            await batch(model_at(server, "comprehend:toxicity"), ["a"], kind=moderation, storage=STORAGE)
        assert server.count == 0


def test_a_line_says_its_language() -> None:
    german = Settings(extra={"comprehend": {"LanguageCode": "de"}})
    wire = ComprehendLineCodec().encode_line(
        ClassificationRequest("sentiment", ("Das ist\ngut",), "own", settings=german)
    )
    assert json.loads(wire.body) == {"Text": "Das ist gut", "LanguageCode": "de"}
    codec = ComprehendJobsCodec("sentiment", role=ROLE)
    assert json.loads(codec.line(BatchLine("ak-1-0", wire))) == {"id": "ak-1-0", "text": "Das ist gut"}
    started = codec.create("ak-1", file="s3://b/ak-1/texts.txt", lines=(), wires=(wire,))
    assert (dict(started.headers)["x-amz-target"], json.loads(started.body)["LanguageCode"]) == (
        "Comprehend_20171127.StartSentimentDetectionJob",
        "de",
    )


def archive(data: bytes) -> bytes:
    kept = io.BytesIO()
    with tarfile.open(fileobj=kept, mode="w:gz") as file:
        head = tarfile.TarInfo("output")
        head.size = len(data)
        file.addfile(head, io.BytesIO(data))
    return kept.getvalue()


def test_archives_are_read_and_what_is_none_is_a_typed_error() -> None:
    codec = ComprehendJobsCodec("sentiment")
    rows = b'{"Line": 1, "ErrorCode": "c", "ErrorMessage": "m"}\n{"Line": 0, "Sentiment": "MIXED"}\n'
    (failed, error), (whole, answer) = codec.results(archive(rows))
    assert (failed, str(error), whole) == ("1", "m (comprehend, c)", "0")
    assert isinstance(answer, ClassificationAnswer)
    assert answer.classifications[0].label == "MIXED"
    good = archive(rows)
    for strange in (
        b"",
        b"no archive",
        good[:-9],
        gzip.compress(b"no tar"),
        archive(b"no json"),
        good[:40] + good[50:],
    ):
        with pytest.raises(ProtocolError):
            codec.results(strange)


@pytest.mark.anyio
async def test_results_that_lie_nowhere_or_belong_to_no_line_are_no_crash() -> None:
    rows = archive(b'{"Line": "%s", "Sentiment": "MIXED"}\n{"Line": 0, "Sentiment": "MIXED"}\n' % (b"9" * 5000))
    wire = InTurn([b'["a"]', rows])
    more: dict[str, Any] = {"region": "us-east-1", "credentials": Credentials("AKIDEXAMPLE", "some-secret")}
    sentiment = task_model("comprehend:sentiment", "classify", transport=wire, **more)
    remote = connect_batch(sentiment, storage=STORAGE, task="classify")
    job = BatchJob("j", "ended", results=("s3://my-bucket/output.tar.gz", "s3://my-bucket/x/texts.txt"))
    assert [id for id, _ in await remote.results(job)] == ["a"]
    with pytest.raises(ProtocolError, match="which is no place in a bucket"):
        await remote.results(replace(job, results=("nowhere", "s3://my-bucket/x/texts.txt")))


@pytest.mark.parametrize("body", [b"{}", b"[]", b"nothing", b'{"SentimentDetectionJobProperties": {"JobId": 7}}'])
def test_a_reply_that_names_no_job_is_a_typed_error(body: bytes) -> None:
    with pytest.raises(ExchangeError):
        ComprehendJobsCodec("sentiment").job(body)


def test_boto3_starts_such_jobs_at_the_simulator(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="botocore")
    boto3 = pytest.importorskip("boto3")
    with start_simulator(batch_seconds=60) as server:
        server.objects["s3://my-bucket/in.txt"] = b"great\nawful\n"
        client = boto3.client(
            "comprehend",
            region_name="us-east-1",
            endpoint_url=server.url,
            aws_access_key_id="AKIDCANARY",
            aws_secret_access_key="canary",
        )
        asked = {
            "InputDataConfig": {"S3Uri": "s3://my-bucket/in.txt", "InputFormat": "ONE_DOC_PER_LINE"},
            "OutputDataConfig": {"S3Uri": "s3://my-bucket/out"},
            "DataAccessRoleArn": ROLE,
            "LanguageCode": "en",
        }
        job = client.start_sentiment_detection_job(**asked)["JobId"]

        def told() -> Any:
            return client.describe_sentiment_detection_job(JobId=job)["SentimentDetectionJobProperties"]

        assert told()["JobStatus"] == "SUBMITTED"
        server.advance(60)
        address = told()["OutputDataConfig"]["S3Uri"]
        assert (told()["JobStatus"], address in server.objects) == ("COMPLETED", True)
        listed = client.list_sentiment_detection_jobs()["SentimentDetectionJobPropertiesList"]
        assert [row["JobId"] for row in listed] == [job]
        missing = {**asked, "InputDataConfig": {"S3Uri": "s3://my-bucket/gone.txt"}}
        job = client.start_sentiment_detection_job(**missing)["JobId"]
        server.advance(60)
        assert told()["JobStatus"] == "FAILED"
        job = client.start_sentiment_detection_job(**asked)["JobId"]
        client.stop_sentiment_detection_job(JobId=job)
        assert told()["JobStatus"] == "STOPPED"
        with pytest.raises(client.exceptions.JobNotFoundException):
            client.describe_sentiment_detection_job(JobId="0" * 32)
        client.close()
