"""What was recorded of Hugging Face beside chat: what was asked is encoded as it was sent, errors are typed, and what
agentkit has no API for is listed.

Replies are decoded beside those of the other providers: in test_recordings_embeddings.py, test_recordings_media.py and
tests/tasks/test_classify.py."""

from __future__ import annotations

import json
from base64 import b64decode
from collections import Counter
from typing import Any

from conformance.recordings import FOLDER, Recorded, exchanges
from shared import needs_shared

from agentkit.classification import ClassificationRequest
from agentkit.codec import TaskCodec
from agentkit.embedding import EmbeddingRequest
from agentkit.errors import BadRequestError, ContextLengthError, ExchangeError, ModelLoadingError
from agentkit.imaging import ImageRequest
from agentkit.media import Audio, Image, Inline
from agentkit.providers.huggingface.classification import HuggingFaceClassificationCodec
from agentkit.providers.huggingface.embeddings import FeatureExtractionCodec
from agentkit.providers.huggingface.fal import FalSpeechCodec
from agentkit.providers.huggingface.images import TextToImageCodec
from agentkit.providers.huggingface.partners import PARTNERS
from agentkit.providers.huggingface.replicate import ReplicateImagesCodec
from agentkit.providers.openai.images import ImagesCodec
from agentkit.transcription import TranscriptionRequest

pytestmark = needs_shared

APIS = (
    "embeddings", "images", "transcriptions", "classification", "zero_shot_classification", "image_classification",
)  # fmt: skip
WITHOUT = (
    "image_segmentation", "inference", "question_answering", "sentence_similarity", "speech", "summarization",
    "text_generation", "token_classification", "translation",
)  # fmt: skip
"""Tasks for which agentkit has no API; their errors are read all the same."""
OLD = frozenset({"image", "options"})
"""Fields of the client of 2023."""
GONE = "/hyperbolic/"
"""A partner that the router no longer has; its pictures are decoded, it is not asked."""


def recorded_of(*apis: str) -> list[Recorded]:
    return [each for api in apis for each in exchanges(api) if each.provider == "huggingface"]


def model_in(path: str) -> str:
    """The model as a recorded path names it; the host of 2023 had other paths before it."""
    for part in ("/models/", "/pipeline/feature-extraction/"):
        if part in path:
            return path.partition(part)[2]
    return path


def asked_of(recorded: Recorded) -> tuple[TaskCodec[Any, Any], Any]:
    """Who encodes it, and what it asks for in our words."""
    sent, path = recorded.sent or {}, recorded.request["path"]
    model, parameters = model_in(path), sent.get("parameters") or {}
    if path.startswith("/replicate/"):
        return ReplicateImagesCodec(), ImageRequest(f"any/model:{sent['version']}", sent["input"]["prompt"])
    if path.startswith("/nebius/"):
        size = f"{sent['width']}x{sent['height']}"
        return (
            ImagesCodec("huggingface", rules=PARTNERS["nebius"].images),
            ImageRequest(sent["model"], sent["prompt"], size=size),
        )
    if path.startswith("/fal-ai/"):
        sound = Audio(Inline(b64decode(sent["audio_url"].partition(",")[2]), "audio/mpeg"))
        return FalSpeechCodec(), TranscriptionRequest(path.removeprefix("/fal-ai/"), sound)
    if "feature-extraction" in path:
        texts = sent["inputs"]
        return FeatureExtractionCodec(), EmbeddingRequest(model, (texts,) if isinstance(texts, str) else tuple(texts))
    if "candidate_labels" in parameters or "candidate_labels" in sent:
        labels = parameters.get("candidate_labels") or sent["candidate_labels"]
        named = labels.split(",") if isinstance(labels, str) else labels
        text = sent["inputs"] if isinstance(sent.get("inputs"), str) else ""
        given = text or Image(Inline(b64decode(sent.get("image") or sent["inputs"]["image"]), "image/png"))
        return HuggingFaceClassificationCodec(), ClassificationRequest(
            model, (given,), labels=dict.fromkeys(named, ""), is_multiple=bool(parameters.get("multi_label"))
        )
    if isinstance(sent["inputs"], list):
        return HuggingFaceClassificationCodec(), ClassificationRequest(model, tuple(sent["inputs"]), "own")
    size = f"{parameters['width']}x{parameters['height']}" if parameters else None
    return TextToImageCodec(), ImageRequest(model, sent["inputs"], size=size)


def plain(body: dict[str, Any]) -> dict[str, Any]:
    """A body without what says nothing, or what the client of 2023 said otherwise to the same end."""
    said = {name: value for name, value in body.items() if value not in (None, {}) and name not in OLD}
    parameters = dict(said.pop("parameters", {}))
    parameters.pop("multi_label", None) if parameters.get("multi_label") is False else None
    labels = parameters.get("candidate_labels", said.pop("candidate_labels", None))
    if labels is not None:
        parameters["candidate_labels"] = labels.split(",") if isinstance(labels, str) else labels
    if isinstance(texts := said.get("inputs"), list):
        said["inputs"] = texts[0]
    if "image" in body:
        said["inputs"] = body["image"]
    return {**said, "parameters": parameters}


def test_what_was_asked_is_encoded_as_it_was_sent() -> None:
    counts: Counter[str] = Counter()
    for recorded in recorded_of(*APIS):
        if GONE in recorded.request["path"]:
            continue
        assert recorded.sent is not None
        codec, asked = asked_of(recorded)
        wire = codec.encode(asked)
        assert plain(json.loads(wire.body)) == plain(recorded.sent), recorded.id
        path = recorded.request["path"]
        if recorded.request["host"].startswith("router."):  # the host of 2023 is gone, with its paths
            assert path.endswith(wire.path), (recorded.id, wire.path)
        counts[wire.path.split("/")[1] if path.startswith("/hf-inference") else path.split("/")[1]] += 1
    print(", ".join(f"{name}: {count} requests" for name, count in sorted(counts.items())))
    assert sum(counts.values()) == 15


def test_every_error_is_read() -> None:
    found = [each for each in recorded_of(*APIS, *WITHOUT) if each.expect["kind"] == "error"]
    kinds: dict[int, type[ExchangeError]] = {400: BadRequestError, 422: ContextLengthError, 503: ModelLoadingError}
    for recorded in found:
        error = TextToImageCodec().decode_error(recorded.status, recorded.response["headers"], recorded.body)
        waits = json.loads(recorded.body).get("estimated_time")
        assert (type(error), error.message, error.retry_after_seconds) == (
            kinds[recorded.status],
            recorded.expect["message"],
            waits,
        ), recorded.id
    print(f"huggingface: {len(found)} of {len(found)} error replies of tasks")
    assert len(found) == 6


def test_every_recorded_task_is_ours_or_listed() -> None:
    files = {path.name for path in (FOLDER / "huggingface").glob("*.json")}
    told = {each.path.partition("/")[2] for each in recorded_of(*APIS, *WITHOUT, "chat_completions")}
    assert told == files
    counts = Counter(each.expect["kind"] != "error" for each in recorded_of(*WITHOUT))
    print(f"huggingface: {counts[True]} replies of tasks that agentkit has no API for: {', '.join(WITHOUT)}")
    assert {api: len(recorded_of(api)) for api in APIS} == dict(zip(APIS, (3, 7, 1, 1, 3, 1), strict=True))
