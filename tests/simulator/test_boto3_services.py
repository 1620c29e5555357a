"""boto3 asks the simulator for AWS's services beside chat; botocore's data checks what it sends and what it gets."""

from __future__ import annotations

import json
import logging
import urllib.request
from base64 import b64decode
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from agentkit.providers.offline_embedding import vector
from agentkit.simulator.media import tiny_png
from agentkit.simulator.status_faults import Status
from agentkit.testing.simulator import SimulatorOnThread, start_simulator

ENDPOINT = "arn:aws:comprehend:us-east-1:123456789012:document-classifier-endpoint/mine"
MEDIA = {"MediaFileUri": "s3://my-bucket/talk.mp3"}
JOB_SECONDS = 100.0


@pytest.fixture
def server() -> Iterator[SimulatorOnThread]:
    with start_simulator(batch_seconds=JOB_SECONDS) as server:
        yield server


@pytest.fixture
def client(server: SimulatorOnThread, caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[str], Any]]:
    caplog.set_level(logging.INFO, logger="botocore")
    boto3 = pytest.importorskip("boto3")
    config = pytest.importorskip("botocore.config").Config(retries={"total_max_attempts": 1})
    made: list[Any] = []

    def make(service: str) -> Any:
        made.append(
            boto3.client(
                service,
                region_name="us-east-1",
                endpoint_url=server.url,
                aws_access_key_id="AKIDCANARY",
                aws_secret_access_key="canary",
                config=config,
            )
        )
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_comprehend_tells_sentiment_language_toxicity_and_classes(client: Callable[[str], Any]) -> None:
    comprehend = client("comprehend")
    told = comprehend.detect_sentiment(Text="I love it, but it is broken", LanguageCode="en")
    assert (told["Sentiment"], told["SentimentScore"]["Mixed"]) == ("MIXED", 0.94)
    told = comprehend.batch_detect_sentiment(TextList=["great", "x" * 5001, "sad"], LanguageCode="en")
    assert [(row["Index"], row["Sentiment"]) for row in told["ResultList"]] == [(0, "POSITIVE"), (2, "NEGATIVE")]
    assert [(row["Index"], row["ErrorCode"]) for row in told["ErrorList"]] == [(1, "TEXT_SIZE_LIMIT_EXCEEDED")]
    told = comprehend.batch_detect_dominant_language(TextList=["Das ist gut", "C'est une idée", "Fine"])
    assert [row["Languages"][0]["LanguageCode"] for row in told["ResultList"]] == ["de", "fr", "en"]
    told = comprehend.detect_toxic_content(TextSegments=[{"Text": "I kill you"}, {"Text": "hi"}], LanguageCode="en")
    assert [row["Toxicity"] for row in told["ResultList"]] == [0.9, 0.02]
    told = comprehend.classify_document(Text="It is broken", EndpointArn=ENDPOINT)
    assert told["Classes"][0] == {"Name": "COMPLAINT", "Score": 0.9}


def test_rekognition_tells_what_a_picture_is_and_whether_it_harms(client: Callable[[str], Any]) -> None:
    rekognition = client("rekognition")
    told = rekognition.detect_labels(Image={"Bytes": tiny_png("a")}, MinConfidence=70)
    assert [(row["Name"], row["Confidence"]) for row in told["Labels"]] == [("Picture", 99.0), ("PNG", 88.0)]
    assert len(rekognition.detect_labels(Image={"Bytes": tiny_png("a")}, MaxLabels=1)["Labels"]) == 1
    told = rekognition.detect_moderation_labels(Image={"S3Object": {"Bucket": "pictures", "Name": "kill-bill.png"}})
    assert [row["Name"] for row in told["ModerationLabels"]] == ["Violence"]
    assert rekognition.detect_moderation_labels(Image={"Bytes": tiny_png("a")})["ModerationLabels"] == []


def test_a_transcription_job_takes_its_time_and_its_transcript_is_served(
    server: SimulatorOnThread, client: Callable[[str], Any]
) -> None:
    transcribe = client("transcribe")
    speakers = {"ShowSpeakerLabels": True, "MaxSpeakerLabels": 2}
    asked = {"TranscriptionJobName": "monday", "Media": MEDIA, "LanguageCode": "en-US", "Settings": speakers}
    assert transcribe.start_transcription_job(**asked)["TranscriptionJob"]["TranscriptionJobStatus"] == "IN_PROGRESS"

    def job() -> dict[str, Any]:
        return transcribe.get_transcription_job(TranscriptionJobName="monday")["TranscriptionJob"]

    assert (job()["TranscriptionJobStatus"], "Transcript" in job()) == ("QUEUED", False)
    server.advance(JOB_SECONDS / 2)
    assert job()["TranscriptionJobStatus"] == "IN_PROGRESS"
    server.advance(JOB_SECONDS / 2)
    done = job()
    assert (done["TranscriptionJobStatus"], (done["CompletionTime"] - done["CreationTime"]).total_seconds()) == (
        "COMPLETED",
        JOB_SECONDS,
    )
    address = done["Transcript"]["TranscriptFileUri"]
    with urllib.request.urlopen(address) as reply:
        results = json.load(reply)["results"]
    assert results["transcripts"] == [{"transcript": "This recording is called talk. It lies in my-bucket."}]
    assert [row["speaker_label"] for row in results["audio_segments"]] == ["spk_0", "spk_1"]
    listed = transcribe.list_transcription_jobs(Status="COMPLETED")["TranscriptionJobSummaries"]
    assert [row["TranscriptionJobName"] for row in listed] == ["monday"]
    with pytest.raises(transcribe.exceptions.ConflictException):
        transcribe.start_transcription_job(**asked)
    server.advance(1_000)
    with pytest.raises(OSError, match="403"):  # the signature of its address is no longer good
        urllib.request.urlopen(address)
    transcribe.delete_transcription_job(TranscriptionJobName="monday")
    with pytest.raises(transcribe.exceptions.BadRequestException, match="couldn't be found"):
        job()


def test_vectors_of_every_maker(client: Callable[[str], Any]) -> None:
    bedrock = client("bedrock-runtime")

    def invoke(model: str, **body: Any) -> dict[str, Any]:
        return json.load(bedrock.invoke_model(modelId=model, body=json.dumps(body))["body"])

    wanted = pytest.approx(vector("a cat", dimensions=256).tolist())
    titan = invoke("amazon.titan-embed-text-v2:0", inputText="a cat", dimensions=256)
    assert (titan["embedding"], titan["embeddingsByType"]["float"], titan["inputTextTokenCount"]) == (wanted, wanted, 2)
    assert len(invoke("amazon.titan-embed-text-v1", inputText="a cat")["embedding"]) == 1536
    params = {"embeddingPurpose": "GENERIC_INDEX", "embeddingDimension": 256, "text": {"value": "a cat"}}
    nova = "amazon.nova-2-multimodal-embeddings-v1:0"
    made = invoke(nova, taskType="SINGLE_EMBEDDING", singleEmbeddingParams=params)["embeddings"]
    assert made == [{"embeddingType": "TEXT", "embedding": wanted}]
    made = invoke("cohere.embed-english-v3", texts=["a cat", "a dog"], input_type="search_query")
    assert [len(row) for row in made["embeddings"]] == [1024, 1024]
    typed = {"input_type": "search_query", "output_dimension": 256, "embedding_types": ["float"]}
    assert invoke("us.cohere.embed-v4:0", texts=["a cat"], **typed)["embeddings"] == {"float": [wanted]}


def test_pictures_of_every_maker(client: Callable[[str], Any]) -> None:
    bedrock = client("bedrock-runtime")

    def invoke(model: str, **body: Any) -> dict[str, Any]:
        return json.load(bedrock.invoke_model(modelId=model, body=json.dumps(body))["body"])

    config = {"numberOfImages": 2, "width": 512, "height": 512}
    prompt = {"text": "a cat"}
    made = invoke(
        "amazon.nova-canvas-v1:0", taskType="TEXT_IMAGE", textToImageParams=prompt, imageGenerationConfig=config
    )
    assert [b64decode(text) for text in made["images"]] == [tiny_png("a cat 0"), tiny_png("a cat 1")]
    made = invoke("stability.stable-image-core-v1:1", prompt="a cat", aspect_ratio="16:9")
    assert (b64decode(made["images"][0]), made["finish_reasons"]) == (tiny_png("a cat 0"), [None])
    assert invoke("stability.sd3-5-large-v1:0", prompt="kill")["finish_reasons"] == ["Filter reason: prompt"]


def test_a_guardrail_finds_harm_and_addresses(client: Callable[[str], Any]) -> None:
    bedrock = client("bedrock-runtime")

    def apply(text: str) -> dict[str, Any]:
        content = [{"text": {"text": text}}]
        return bedrock.apply_guardrail(guardrailIdentifier="abc", guardrailVersion="1", source="INPUT", content=content)

    found = apply("I kill you, write to ada@example.com")
    assert found["action"] == "GUARDRAIL_INTERVENED"
    assert [row["type"] for row in found["assessments"][0]["contentPolicy"]["filters"]] == ["VIOLENCE"]
    assert apply("ada@example.com")["outputs"] == [{"text": "{EMAIL}"}]
    assert (apply("hello")["action"], apply("hello")["outputs"]) == ("NONE", [])


GUARDED: tuple[tuple[dict[str, Any], str], ...] = (
    ({"source": "SIDE", "content": [{"text": {"text": "a"}}]}, "source has to be"),
    ({"source": "INPUT", "content": []}, "at least one block"),
)
REFUSALS: list[tuple[str, str, dict[str, Any], str]] = [
    ("comprehend", "detect_sentiment", {"Text": "x" * 5001, "LanguageCode": "en"}, "TextSizeLimitExceededException"),
    ("comprehend", "detect_sentiment", {"Text": "a", "LanguageCode": "xx"}, "UnsupportedLanguageException"),
    ("comprehend", "batch_detect_sentiment", {"TextList": ["a"] * 26, "LanguageCode": "en"}, "BatchSizeLimitExceeded"),
    (
        "comprehend",
        "detect_toxic_content",
        {"TextSegments": [{"Text": "a"}] * 11, "LanguageCode": "en"},
        "InvalidRequest",
    ),
    ("comprehend", "classify_document", {"Text": "a", "EndpointArn": "arn:aws:x"}, "InvalidRequestException"),
    ("comprehend", "list_endpoints", {}, "UnknownOperationException"),
    ("rekognition", "detect_labels", {"Image": {"Bytes": b"GIF8"}}, "InvalidImageFormatException"),
    (
        "transcribe",
        "start_transcription_job",
        {"TranscriptionJobName": "a", "Media": MEDIA},
        "exactly one of LanguageCode",
    ),
    (
        "transcribe",
        "start_transcription_job",
        {"TranscriptionJobName": "a b", "Media": MEDIA, "IdentifyLanguage": True},
        "failed to satisfy",
    ),
    (
        "transcribe",
        "start_transcription_job",
        {
            "TranscriptionJobName": "a",
            "Media": MEDIA,
            "IdentifyLanguage": True,
            "Settings": {"ShowSpeakerLabels": True},
        },
        "needs MaxSpeakerLabels",
    ),
    ("bedrock-runtime", "invoke_model", {"modelId": "amazon.titan-embed-text-v2:0", "body": "{}"}, "inputText"),
    (
        "bedrock-runtime",
        "invoke_model",
        {"modelId": "amazon.titan-embed-text-v1", "body": '{"inputText": "a", "dimensions": 256}'},
        "extraneous key",
    ),
    ("bedrock-runtime", "invoke_model", {"modelId": "amazon.nova-canvas-v1:0", "body": "{}"}, "taskType"),
    *(
        ("bedrock-runtime", "invoke_model", {"modelId": model, "body": body}, words)
        for model, body, words in (
            ("amazon.titan-embed-text-v2:0", "no JSON", "Malformed input request, please"),
            ("amazon.titan-embed-text-v2:0", '{"inputText": "a", "dimensions": 7}', "7 dimensions; there are 256, 512"),
            ("amazon.titan-embed-image-v1", "{}", "either inputText or inputImage"),
            ("amazon.titan-embed-image-v1", '{"inputImage": "!"}', "the media is no base64"),
            ("amazon.nova-2-multimodal-embeddings-v1:0", "{}", "taskType and singleEmbeddingParams"),
            (
                "amazon.nova-2-multimodal-embeddings-v1:0",
                '{"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": {"embeddingPurpose": "GENERIC_INDEX"}}',
                "one of text, image, audio, video",
            ),
            ("cohere.embed-v4:0", '{"texts": [], "input_type": "search_query"}', "from 1 to 96 texts"),
            ("amazon.nova-canvas-v1:0", '{"taskType": "TEXT_IMAGE"}', "textToImageParams.text"),
            (
                "amazon.nova-canvas-v1:0",
                '{"taskType": "BACKGROUND_REMOVAL", "imageGenerationConfig": {"numberOfImages": 6}}',
                "numberOfImages has to be from 1 to 5",
            ),
            (
                "amazon.nova-canvas-v1:0",
                '{"taskType": "BACKGROUND_REMOVAL", "imageGenerationConfig": {"width": 333}}',
                "in steps of 16",
            ),
            ("stability.sd3-5-large-v1:0", '{"prompt": "a", "aspect_ratio": "wide"}', "aspect_ratio 'wide' is none"),
        )
    ),
    *(
        ("bedrock-runtime", "apply_guardrail", {"guardrailIdentifier": "a", "guardrailVersion": "1", **asked}, words)
        for asked, words in GUARDED
    ),
    *(
        (
            "transcribe",
            "start_transcription_job",
            {"TranscriptionJobName": "a", "IdentifyLanguage": True, **asked},
            words,
        )
        for asked, words in (
            ({"Media": {"MediaFileUri": "https://x.example/a"}}, "doesn't point to an S3 object"),
            ({"Media": MEDIA, "MediaFormat": "aiff"}, "The media format has to be one of"),
        )
    ),
    ("rekognition", "detect_labels", {"Image": {"Bytes": bytes(5_242_881)}}, "ImageTooLarge|less than or equal|length"),
    (
        "comprehend",
        "detect_toxic_content",
        {"TextSegments": [{"Text": "a" * 1025}], "LanguageCode": "en"},
        "TextSizeLimit",
    ),
    ("comprehend", "classify_document", {"Text": "a" * 5001, "EndpointArn": ENDPOINT}, "TextSizeLimitExceeded"),
    (
        "comprehend",
        "start_sentiment_detection_job",
        {
            "InputDataConfig": {"S3Uri": "s3://my-bucket/a"},
            "OutputDataConfig": {"S3Uri": "s3://my-bucket/b"},
            "DataAccessRoleArn": "arn:aws:iam::1:no-role",
            "LanguageCode": "en",
        },
        "no role that can be assumed",
    ),
    ("bedrock-runtime", "invoke_model", {"modelId": "cohere.embed-v4:0", "body": '{"texts": ["a"]}'}, "input_type"),
]


@pytest.mark.parametrize(("service", "operation", "asked", "words"), REFUSALS, ids=range(len(REFUSALS)))
def test_what_a_service_would_refuse_is_refused(
    client: Callable[[str], Any], service: str, operation: str, asked: dict[str, Any], words: str
) -> None:
    error = pytest.importorskip("botocore.exceptions").ClientError
    with pytest.raises(error, match=words):
        getattr(client(service), operation)(**asked)


@pytest.mark.parametrize(
    ("service", "operation", "asked"),
    [
        ("comprehend", "detect_sentiment", {"Text": "a", "LanguageCode": "en"}),
        ("rekognition", "detect_labels", {"Image": {"Bytes": tiny_png("a")}}),
        ("transcribe", "get_transcription_job", {"TranscriptionJobName": "a"}),
        ("bedrock-runtime", "invoke_model", {"modelId": "amazon.titan-embed-text-v2:0", "body": '{"inputText": "a"}'}),
    ],
    ids=["comprehend", "rekognition", "transcribe", "bedrock"],
)
def test_faults_become_errors_that_have_names(
    server: SimulatorOnThread, client: Callable[[str], Any], service: str, operation: str, asked: dict[str, Any]
) -> None:
    failed = pytest.importorskip("botocore.exceptions").ClientError
    for status, name in ((429, "ThrottlingException"), (400, "ValidationException"), (500, "InternalServerException")):
        server.suffer(Status(status))
        with pytest.raises(failed) as caught:
            getattr(client(service), operation)(**asked)
        assert (
            caught.value.response["Error"]["Code"],
            caught.value.response["ResponseMetadata"]["HTTPStatusCode"],
        ) == (
            name,
            status,
        )
