"""The rows of AWS: Bedrock with the services beside it, and SageMaker."""

from __future__ import annotations

from project.matrix_cells import Row, cell
from project.matrix_questions import (
    FAR_SOUND,
    PAPER,
    PICTURE,
    SEES,
    VIDEO,
    batch,
    batch_of,
    chat,
    embedding,
    holds,
    label,
    label_by_chat,
    many_jobs,
    no_calls,
    picture,
    refused,
    to,
    transcript,
)

from agentkit.buckets import BatchStorage
from agentkit.messages import Text

_MODEL = "bedrock:us.anthropic.claude-sonnet-4-5-20250929-v1:0"
_CLAUDE = "bedrock-invoke:us.anthropic.claude-sonnet-4-5-20250929-v1:0"
_NOVA = "bedrock:us.amazon.nova-pro-v1:0"
_HEARS = "bedrock:us.amazon.nova-2-omni-v1:0"
_TITAN = "bedrock:amazon.titan-embed-text-v2:0"
_NOVA_VECTORS = "bedrock:amazon.nova-2-multimodal-embeddings-v1:0"
_COHERE = "bedrock:cohere.embed-v4:0"
_CANVAS = "bedrock:amazon.nova-canvas-v1:0"
_STABILITY = "bedrock:stability.stable-image-core-v1:1"
_GUARD = "bedrock:guardrail/abc"
_JOBS = "aws-transcribe:standard"
_CLASSIFIER = "comprehend:arn:aws:comprehend:us-east-1:123456789012:document-classifier-endpoint/mine"
_CONVERSE = "/converse"
_STREAM = "/converse-stream"
_INVOKE = "/model/ID/invoke"
_BATCH = "POST /model-invocation-job"
_BUCKET = BatchStorage("s3://bucket/batches", role="arn:aws:iam::123456789012:role/batches")
_STARTED = {"TranscriptionJob": {"TranscriptionJobName": "ak-1", "TranscriptionJobStatus": "IN_PROGRESS"}}
_KEPT = (b"",)


BEDROCK = (
    Row(
        "AWS Bedrock",
        "chat",
        cell(
            "{} (or {})",
            chat(_MODEL, to("POST /model/ID/converse")).standing(_MODEL, "ID"),
            chat(_CLAUDE, to("POST /model/ID/invoke", words="/invoke")).standing(_CLAUDE, "ID"),
        ),
        cell("{}, event stream", chat(_MODEL, to(_STREAM), stream=True)),
        cell("{} (S3 JSONL)", batch(_MODEL, to(_BATCH), storage=_BUCKET, count=100, replies=_KEPT)),
        cell("{}", chat(_MODEL, holds('"toolConfig"'), tools=True)),
    ),
    Row(
        "AWS Bedrock",
        "embedding",
        cell(
            "{} ({}, {}, {})",
            embedding(_TITAN, to(_INVOKE), holds('"inputText"', words="Titan"), inputs=["hi"]).standing(_TITAN, "ID"),
            embedding(_NOVA_VECTORS, holds('"singleEmbeddingParams"', words="Nova"), inputs=["hi"]),
            embedding(_COHERE, holds('"texts"', words="Cohere")),
        ),
        cell("{}", refused(embedding(_TITAN, stream=True))),
        cell(
            "{}",
            batch_of(
                "embed",
                _TITAN,
                to(_BATCH, words="model-invocation-job"),
                storage=_BUCKET,
                count=100,
                replies=_KEPT,
            ),
        ),
        cell("{}", no_calls(_TITAN, "embed")),
    ),
    Row(
        "AWS Bedrock",
        "image generation",
        cell(
            "{} ({}, {})",
            picture(_CANVAS, to(_INVOKE), holds('"TEXT_IMAGE"', words="Nova Canvas")).standing(_CANVAS, "ID"),
            picture(_STABILITY, to("/invoke", '"prompt"', words="Stability")),
        ),
        cell("{}", refused(picture(_CANVAS, looks=2))),
        cell(
            "{} (model dependent)",
            batch_of(
                "generate_image",
                _CANVAS,
                to(_BATCH, words="model-invocation-job"),
                storage=_BUCKET,
                count=100,
                replies=_KEPT,
            ),
        ),
        cell("{}", no_calls(_CANVAS, "generate_image")),
    ),
    Row(
        "AWS Bedrock",
        "speech-to-text",
        cell(
            "{} + {} (asynchronous only); {} in {} for audio models",
            transcript(
                _JOBS,
                holds("Transcribe.StartTranscriptionJob", words="Transcribe StartTranscriptionJob"),
                holds("Transcribe.GetTranscriptionJob", words="poll"),
                audio=FAR_SOUND,
                language="en",
                replies=(_STARTED,),
            ),
            transcript(_HEARS, holds('"audio"', words="audio blocks"), to(_CONVERSE, words="Converse")),
        ),
        cell(
            "Transcribe streaming (HTTP/2 or WebSocket) - {} with plain HTTP/1.1",
            refused(transcript(_JOBS, audio=FAR_SOUND, stream=True), words="not"),
        ),
        cell(
            "many {}",
            many_jobs(_JOBS, holds("Transcribe.StartTranscriptionJob", words="jobs"), audio=FAR_SOUND),
        ),
        cell("{}", no_calls(_JOBS, "transcribe")),
    ),
    Row(
        "AWS Bedrock",
        "classification",
        cell(
            "Comprehend {}, {}, {}; {}; {}",
            label("comprehend:sentiment", holds("DetectSentiment"), labels=None),
            label(_CLASSIFIER, holds("ClassifyDocument"), labels=None),
            label("comprehend:toxicity", holds("DetectToxicContent"), labels="moderation"),
            label(_GUARD, to("/guardrail/.../apply"), labels="moderation").standing(":abc/version/DRAFT", "..."),
            label_by_chat(_MODEL, to(_CONVERSE, words="LLM")),
        ),
        cell("{}", refused(label("comprehend:sentiment", labels=None, stream=True))),
        cell(
            "Comprehend {}*, {}*{}",
            label(
                "comprehend:sentiment",
                holds("BatchDetectSentiment", words="BatchDetect"),
                labels=None,
                inputs=["a", "b"],
            ),
            batch_of(
                "classify",
                "comprehend:sentiment",
                holds("StartSentimentDetectionJob", words="Start"),
                holds("Job"),
                labels=None,
                storage=_BUCKET,
                replies=(b"", b""),
            ),
        ),
        cell("{}", no_calls("comprehend:sentiment", "classify")),
    ),
    Row(
        "AWS Bedrock",
        "vision",
        cell(
            "{}/{}/{} blocks; Rekognition {}",
            chat(
                _NOVA,
                holds('"image"', words="image"),
                holds('"document"'),
                holds('"video"'),
                parts=(Text("Compare."), PICTURE, PAPER, VIDEO),
            ),
            label("rekognition:labels", holds("DetectLabels"), labels=None, inputs=[PICTURE]),
        ),
        cell("{}", chat(_MODEL, to(_STREAM, '"image"', words="as chat"), parts=SEES, stream=True)),
        cell(
            "{}",
            batch(_MODEL, to(_BATCH, words="as chat"), parts=SEES, storage=_BUCKET, count=100, replies=_KEPT),
        ),
        cell("images in {}", chat(_MODEL, holds('"toolResult"', '"image"'), returned=PICTURE)),
    ),
)

_ENDPOINT = "sagemaker:my-endpoint"
_TRANSFORM = "sagemaker:transform/my-model/ml.g5.2xlarge"
_LISTED = (b"", b"<ListBucketResult></ListBucketResult>")

SAGEMAKER = (
    Row(
        "AWS SageMaker",
        "any",
        cell("{}", chat(_ENDPOINT, to("POST /endpoints/N/invocations")).standing(_ENDPOINT, "N")),
        cell("{}", chat(_ENDPOINT, to("/invocations-response-stream"), stream=True)),
        cell(
            "{}; {}",
            batch(_ENDPOINT, to("/async-invocations"), storage="s3://bucket/batches", replies=_LISTED),
            batch(_TRANSFORM, holds("CreateTransformJob"), storage="s3://bucket/batches", replies=(b"",)),
        ),
        cell("{} dependent", chat(_ENDPOINT, holds('"tools"', words="container"), tools=True)),
    ),
)

ROWS = BEDROCK + SAGEMAKER
