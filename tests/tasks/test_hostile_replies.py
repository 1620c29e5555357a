"""Replies whose every part was replaced by something strange give an answer or a typed error, never another one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, cast

import pytest

from agentkit.errors import AgentkitError, OverloadedError, ProtocolError, RateLimitError
from agentkit.media import Audio
from agentkit.providers.aws.comprehend import ComprehendCodec
from agentkit.providers.aws.embeddings import InvokeEmbeddingsCodec
from agentkit.providers.aws.guardrails import GuardrailCodec
from agentkit.providers.aws.rekognition import RekognitionCodec
from agentkit.providers.aws.transcribe import TranscribeCodec
from agentkit.providers.azure.content_safety import ContentSafetyCodec
from agentkit.providers.azure.language import LanguageCodec
from agentkit.providers.cohere.embeddings import EmbedCodec
from agentkit.providers.google.decisions import GeminiDecisionsCodec
from agentkit.providers.google.embeddings import EmbedContentsCodec, VertexEmbeddingsCodec
from agentkit.providers.huggingface.classification import HuggingFaceClassificationCodec
from agentkit.providers.huggingface.embeddings import FeatureExtractionCodec
from agentkit.providers.huggingface.fal import FalImagesCodec, FalSpeechCodec
from agentkit.providers.huggingface.mapping import MappingCodec
from agentkit.providers.huggingface.replicate import ReplicateImagesCodec, ReplicateSpeechCodec
from agentkit.providers.openai.decisions import DecisionsCodec
from agentkit.providers.openai.embeddings import EmbeddingsCodec
from agentkit.providers.openai.moderations import ModerationsCodec
from agentkit.providers.openai.vllm_classification import VllmClassificationCodec
from agentkit.transcription import TranscriptionAnswer, TranscriptionRequest

STRANGE: tuple[Any, ...] = (
    None, True, -1, 1e400, 10**400, "x", "", [], [1], ["x"], [None], [[]], {}, {"x": 1}, [{}], [[{}]],
)  # fmt: skip
CHOICE = {"type": "choice", "choice": "a", "probabilities": [{"value": "a", "probability": 1.0}], "confidence": 1}
USAGE = {"input_tokens": 3, "input_tokens_details": {"cached_tokens": 1}, "output_tokens_details": {"reasoning": 1}}

HEARD = TranscriptionRequest("standard", Audio.from_url("s3://a/b.mp3"), words=True, segments=True)
ITEM = {"type": "pronunciation", "start_time": "0.0", "end_time": "0.5", "alternatives": [{"content": "Hi"}]}


class Jobs(TranscribeCodec):
    """Replies about jobs."""

    def decode(self, body: bytes) -> object:
        return self.job(body)


class Transcripts(TranscribeCodec):
    """What jobs have written."""

    def decode(self, body: bytes) -> TranscriptionAnswer:
        return self.transcript(body, HEARD)


REPLIES: tuple[tuple[Any, Any], ...] = (
    (EmbeddingsCodec(), {"data": [{"index": 0, "embedding": [1.0]}, {"index": 1, "embedding": "AACAPw=="}],
                         "model": "m", "usage": {"prompt_tokens": 1}}),
    (EmbedContentsCodec(), {"embeddings": [{"values": [1.0]}], "usageMetadata": {"promptTokenCount": 1}}),
    (EmbedContentsCodec(), {"embedding": {"values": [1.0]}}),
    (VertexEmbeddingsCodec(), {"predictions": [{"embeddings": {"values": [1.0], "statistics": {"token_count": 1}}}]}),
    (EmbedCodec(), {"embeddings": {"float": [[1.0]]}, "meta": {"billed_units": {"input_tokens": 1}}}),
    (InvokeEmbeddingsCodec(), {"embeddings": [{"embedding": [1.0]}]}),
    (InvokeEmbeddingsCodec(), {"embedding": [1.0], "inputTextTokenCount": 1}),
    (FeatureExtractionCodec(), [[1.0, 2.0]]),
    (ModerationsCodec(), {"results": [{"flagged": True, "categories": {"a": True}, "category_scores": {"a": 0.5}}],
                          "model": "m", "usage": {"prompt_tokens": 1}}),
    (ModerationsCodec("mistral"), {"results": [{"a": {"scores": {"x": 1}}, "b": {"scores": {"y": 1}}}]}),
    (DecisionsCodec(), {"answers": [CHOICE], "model": "m", "usage": USAGE}),
    (DecisionsCodec(), {"answers": [{"type": "predicate", "name": "a", "probability": 0.5}], "usage": USAGE}),
    (GeminiDecisionsCodec(), {"answers": {"label": {**CHOICE, "probabilities": {"a": 1.0}}}, "usage": {}}),
    (GeminiDecisionsCodec(), {"answers": {"a": {"type": "noul", "noul": 0.5}}}),
    (HuggingFaceClassificationCodec(), [[{"label": "a", "score": 1.0}]]),
    (HuggingFaceClassificationCodec(), {"labels": ["a"], "scores": [1.0]}),
    (VllmClassificationCodec(), {"data": [{"index": 0, "label": "a", "probs": [0.5, 0.5]}],
                                 "model": "m", "usage": {"prompt_tokens": 1}}),
    (MappingCodec(), {"inferenceProviderMapping": {"a": {"providerId": "x", "task": "t", "status": "live"}}}),
    (MappingCodec(), {"inferenceProviderMapping": [{"provider": "a", "providerId": "x", "task": "t"}]}),
    (FalImagesCodec(), {"images": [{"url": "https://a.example/b"}], "has_nsfw_concepts": [False]}),
    (FalSpeechCodec(), {"text": "Hi.", "chunks": [{"text": "Hi.", "timestamp": [0.0, 1.0]}]}),
    (FalSpeechCodec(), {"output": "Hi.", "segments": [{"text": "Hi.", "start": 0.0, "end": 1.0}]}),
    (ReplicateImagesCodec(), {"id": "p", "status": "succeeded", "output": ["https://a.example/b"], "error": None}),
    (ReplicateSpeechCodec(), {"status": "succeeded", "output": [{"text": "Hi.", "detected_language": "en"}]}),
    (LanguageCodec(), {"results": {"documents": [{"id": "0", "sentiment": "x", "confidenceScores": {"x": 1.0}}],
                                   "errors": [{"id": "1", "error": {"code": "c", "innererror": {"message": "m"}}}]}}),
    (LanguageCodec(), {"results": {"documents": [{"id": "0", "detectedLanguage": {"iso6391Name": "fr"}}]}}),
    (ComprehendCodec(), {"ResultList": [{"Index": 0, "Sentiment": "POSITIVE", "SentimentScore": {"Positive": 0.9}}],
                         "ErrorList": [{"Index": 1, "ErrorCode": "c", "ErrorMessage": "m"}]}),
    (ComprehendCodec(), {"ResultList": [{"Labels": [{"Name": "INSULT", "Score": 0.9}], "Toxicity": 0.9}]}),
    (ComprehendCodec(), {"ResultList": [{"Index": 0, "Languages": [{"LanguageCode": "fr", "Score": 0.9}]}]}),
    (ComprehendCodec(), {"Classes": [{"Name": "a", "Score": 0.9}]}),
    (ComprehendCodec(), {"Classes": [], "Errors": [{"ErrorCode": "c", "ErrorMessage": "m"}]}),
    (RekognitionCodec(), {"Labels": [{"Name": "Cat", "Confidence": 90.0}], "LabelModelVersion": "3.0"}),
    (RekognitionCodec(), {"ModerationLabels": [{"Name": "Violence", "Confidence": 90.0}]}),
    (Jobs(), {"TranscriptionJob": {"TranscriptionJobName": "a", "TranscriptionJobStatus": "COMPLETED",
                                   "Transcript": {"TranscriptFileUri": "https://a.example/b"}}}),
    (Transcripts(), {"results": {"transcripts": [{"transcript": "Hi."}], "items": [ITEM, {"type": "punctuation"}]}}),
    (Transcripts(), {"results": {"transcripts": [{"transcript": "Hi."}], "audio_segments": [ITEM], "items": []}}),
    (InvokeEmbeddingsCodec(), {"embeddingsByType": {"float": [1.0]}, "inputTextTokenCount": 1}),
    (GuardrailCodec(), {"action": "NONE", "assessments": [{"topicPolicy": {"topics": [{"name": "a", "action": ""}]}}]}),
    (ContentSafetyCodec(), {"categoriesAnalysis": [{"category": "Hate", "severity": 2}], "blocklistsMatch": []}),
)  # fmt: skip


def changed(value: Any) -> Iterator[Any]:
    """The value with one of its parts, or all of it, replaced or left out."""
    yield from STRANGE
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        for name, inner in fields.items():
            yield {key: kept for key, kept in fields.items() if key != name}
            for other in changed(inner):
                yield {**fields, name: other}
    elif isinstance(value, list):
        entries = cast("list[Any]", value)
        for place, inner in enumerate(entries):
            for other in changed(inner):
                yield [*entries[:place], other, *entries[place + 1 :]]


@pytest.mark.parametrize(("codec", "reply"), REPLIES, ids=[codec.name for codec, _ in REPLIES])
def test_a_strange_reply_gives_an_answer_or_a_typed_error(codec: Any, reply: Any) -> None:
    codec.decode(json.dumps(reply).encode())
    for other in changed(reply):
        body = json.dumps(other).replace("Infinity", "1e999").encode()
        try:
            codec.decode(body)
        except AgentkitError:
            continue
        except Exception as error:
            pytest.fail(f"{body!r} gave {error!r}")


@pytest.mark.parametrize(("codec", "reply"), REPLIES, ids=[codec.name for codec, _ in REPLIES])
def test_a_reply_cut_anywhere_gives_a_typed_error(codec: Any, reply: Any) -> None:
    body = json.dumps(reply).encode()
    for cut in range(len(body)):
        with pytest.raises(AgentkitError):
            codec.decode(body[:cut])


@pytest.mark.parametrize("codec", [codec for codec, _ in REPLIES], ids=[codec.name for codec, _ in REPLIES])
@pytest.mark.parametrize(
    "body", [b'{"error": {"message": "wait a little"}}', b'{"message": "wait a little"}', b"wait a little", b""]
)
def test_the_error_of_a_reply_is_typed_whatever_its_body(codec: Any, body: bytes) -> None:
    error = codec.decode_error(429, {}, body)
    # Google says 429 also where nobody's own quota is used up.
    assert isinstance(error, RateLimitError | OverloadedError)
    assert error.provider == codec.name.partition(":")[0]


@pytest.mark.parametrize("codec", [EmbeddingsCodec(), ModerationsCodec(), DecisionsCodec(), EmbedContentsCodec()])
def test_an_error_inside_a_good_reply_is_raised(codec: Any) -> None:
    body = {"error": {"message": "wait a little", "code": 429, "status": "RESOURCE_EXHAUSTED", "type": "rate_limit"}}
    with pytest.raises(AgentkitError, match="wait a little"):
        codec.decode(json.dumps(body).encode())


@pytest.mark.parametrize(
    ("codec", "reply"),
    [
        (ModerationsCodec(), {"results": [{}]}),
        (ModerationsCodec(), {"results": [{"categories": None, "category_scores": {"hate": 0.9}}]}),
        (ModerationsCodec("mistral"), {"results": [{"intent": {"scores": {}}}]}),
        (VllmClassificationCodec(), {"data": [{"index": 0}]}),
        (VllmClassificationCodec(), {"data": [{"index": 0, "label": 3}]}),
    ],
)
def test_a_result_that_says_nothing_is_an_error_and_not_harmless(codec: Any, reply: Any) -> None:
    with pytest.raises(ProtocolError):
        codec.decode(json.dumps(reply).encode())
