"""Bedrock beside chat, without a model: vectors and pictures by InvokeModel, and what a guardrail finds in a text."""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from typing import Any, cast
from urllib.parse import unquote

from pydantic_core import to_json

from agentkit.codec import HttpReply
from agentkit.errors import BadRequestError
from agentkit.providers.offline import estimate_tokens
from agentkit.providers.offline_embedding import vector
from agentkit.simulator.formats import json_object
from agentkit.simulator.http import HttpAsked
from agentkit.simulator.media import tiny_png
from agentkit.simulator.reply import Reply
from agentkit.simulator.vectors import harms_in

__all__ = ["about_bedrock", "is_beside_chat"]

Json = dict[str, Any]

_INVOKE = re.compile(
    r"/model/(?P<model>[^/]*(?P<kind>titan-embed-text|titan-embed-image|nova-2-multimodal-embeddings|cohere\.embed"
    r"|nova-canvas|titan-image|stability\.)[^/]*)/invoke$"
)
_GUARDRAIL = re.compile(r"/guardrail/(?P<id>[^/]+)/version/(?P<version>[^/]+)/apply$")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+")
_FILTERS: Mapping[str, str] = {"violence": "VIOLENCE", "harassment": "INSULTS", "self-harm": "MISCONDUCT"}
_COHERE_TYPES = ("search_document", "search_query", "classification", "clustering", "image")
_MOST_TEXTS = 96
_MOST_PICTURES = 5
_RATIO = re.compile(r"\d+:\d+")
_BLOCKED = "Sorry, the model cannot answer this question."


def is_beside_chat(path: str) -> bool:
    """Whether a request to this path is for vectors, pictures or a guardrail."""
    return _INVOKE.search(path) is not None or _GUARDRAIL.search(path) is not None


def about_bedrock(asked: HttpAsked) -> Reply | None:
    """The reply to a request for vectors, pictures or a guardrail; None for any other.

    Raises BadRequestError.
    """
    if asked.method != "POST":
        return None
    invoked, guarded = _INVOKE.search(asked.path), _GUARDRAIL.search(asked.path)
    if invoked is None and guarded is None:
        return None
    sent = json_object(asked.body)
    if sent is None:
        raise BadRequestError("Malformed input request, please reformat your input and try again.")
    if guarded is not None:
        return Reply.whole(HttpReply(200, to_json(_guardrail(sent))))
    assert invoked is not None
    model = unquote(invoked["model"])
    reply, tokens = _MAKERS[invoked["kind"]](sent, model)
    headers = (("content-type", "application/json"), ("x-amzn-bedrock-input-token-count", str(tokens)))
    return Reply.whole(HttpReply(200, to_json(reply), headers))


def _titan_text(sent: Json, model: str) -> tuple[Json, int]:
    text = _text(sent.get("inputText"), "inputText")
    is_first = "-v1" in model
    _refuse_unknown(sent, {"inputText"} if is_first else {"inputText", "dimensions", "normalize", "embeddingTypes"})
    size = 1536 if is_first else _size(sent.get("dimensions", 1024), (256, 512, 1024))
    values, tokens = vector(text, dimensions=size).tolist(), estimate_tokens(text)
    reply: Json = {"embedding": values, "inputTextTokenCount": tokens}
    return (reply if is_first else {**reply, "embeddingsByType": {"float": values}}), tokens


def _titan_image(sent: Json, model: str) -> tuple[Json, int]:
    _refuse_unknown(sent, {"inputText", "inputImage", "embeddingConfig"})
    text = str(sent.get("inputText") or "")
    seen = _seen(sent["inputImage"]) if sent.get("inputImage") else ""
    if not text and not seen:
        raise BadRequestError("Malformed input request: either inputText or inputImage is required.")
    size = _size(_object(sent.get("embeddingConfig")).get("outputEmbeddingLength", 1024), (256, 384, 1024))
    tokens = estimate_tokens(text) if text else 0
    made = vector(f"{text} {seen}".strip(), dimensions=size).tolist()
    return {"embedding": made, "inputTextTokenCount": tokens, "message": None}, tokens


def _nova_vectors(sent: Json, model: str) -> tuple[Json, int]:
    params = _object(sent.get("singleEmbeddingParams"))
    if sent.get("taskType") != "SINGLE_EMBEDDING" or not params.get("embeddingPurpose"):
        raise BadRequestError(
            "Malformed input request: taskType and singleEmbeddingParams.embeddingPurpose are required."
        )
    size = _size(params.get("embeddingDimension", 3072), (256, 384, 1024, 3072))
    if "text" in params:
        kind, text = "TEXT", _text(_object(params["text"]).get("value"), "text.value")
    else:
        kind = next((name for name in ("image", "audio", "video") if name in params), "")
        if not kind:
            raise BadRequestError("Malformed input request: one of text, image, audio, video is required.")
        text = _seen(_object(_object(params[kind]).get("source")).get("bytes"))
    row = {"embeddingType": kind.upper(), "embedding": vector(text, dimensions=size).tolist()}
    return {"embeddings": [row]}, estimate_tokens(text)


def _cohere(sent: Json, model: str) -> tuple[Json, int]:
    if sent.get("input_type") not in _COHERE_TYPES:
        raise BadRequestError(f"Malformed input request: input_type has to be one of {', '.join(_COHERE_TYPES)}")
    rows = _list(sent.get("texts") or sent.get("images") or sent.get("inputs"))
    if not 1 <= len(rows) <= _MOST_TEXTS:
        raise BadRequestError(f"Malformed input request: give from 1 to {_MOST_TEXTS} texts or images.")
    size = sent.get("output_dimension")
    default = 1536 if "v4" in model else 1024
    texts = [row if isinstance(row, str) else str(row) for row in rows]
    made = [vector(text, dimensions=default if size is None else _size(size, (256, 512, 1024, 1536))) for text in texts]
    vectors = [each.tolist() for each in made]
    is_typed = bool(sent.get("embedding_types"))
    reply: Json = {
        "id": "sim",
        "response_type": "embeddings_by_type" if is_typed else "embeddings_floats",
        "embeddings": {"float": vectors} if is_typed else vectors,
    }
    return (reply | {"texts": texts} if "texts" in sent else reply), sum(map(estimate_tokens, texts))


def _amazon_pictures(sent: Json, model: str) -> tuple[Json, int]:
    task = sent.get("taskType")
    named = _TASKS.get(str(task))
    if named is None:
        raise BadRequestError(f"Malformed input request: taskType {task!r} has to be one of {', '.join(_TASKS)}")
    params, config = _object(sent.get(named)), _object(sent.get("imageGenerationConfig"))
    prompt = str(params.get("text") or "")
    if task == "TEXT_IMAGE" and not prompt:
        raise BadRequestError("Malformed input request: textToImageParams.text is required.")
    if harms_in(prompt):
        words = "This request has been blocked by our content filters. Please adjust your text prompt."
        raise BadRequestError(words)
    count = config.get("numberOfImages", 1)
    if not isinstance(count, int) or not 1 <= count <= _MOST_PICTURES:
        raise BadRequestError(f"Malformed input request: numberOfImages has to be from 1 to {_MOST_PICTURES}.")
    for side in ("width", "height"):
        if not 320 <= config.get(side, 1024) <= 4096 or config.get(side, 1024) % 16:
            raise BadRequestError(f"Malformed input request: {side} has to be from 320 to 4096, in steps of 16.")
    return {"images": [_picture(f"{prompt or task} {number}") for number in range(count)]}, 0


def _stability(sent: Json, model: str) -> tuple[Json, int]:
    words = _text(sent.get("prompt"), "prompt")
    ratio = sent.get("aspect_ratio", "1:1")
    if not isinstance(ratio, str) or not _RATIO.fullmatch(ratio):
        raise BadRequestError(f"Malformed input request: aspect_ratio {ratio!r} is none.")
    if harms_in(words):
        return {"images": [], "seeds": [], "finish_reasons": ["Filter reason: prompt"]}, 0
    return {"images": [_picture(f"{words} 0")], "seeds": [0], "finish_reasons": [None]}, 0


def _guardrail(sent: Json) -> Json:
    if sent.get("source") not in ("INPUT", "OUTPUT"):
        raise BadRequestError("source has to be INPUT or OUTPUT")
    blocks = [_object(block) for block in _list(sent.get("content"))]
    if not blocks:
        raise BadRequestError("content has to hold at least one block")
    text = " ".join(str(_object(block.get("text")).get("text") or "") for block in blocks)
    filters = [
        {"type": _FILTERS[harm], "confidence": "HIGH", "filterStrength": "HIGH", "action": "BLOCKED", "detected": True}
        for harm in sorted(harms_in(text))
    ]
    addresses = [
        {"match": match, "type": "EMAIL", "action": "ANONYMIZED", "detected": True} for match in _EMAIL.findall(text)
    ]
    found: Json = {"contentPolicy": {"filters": filters}} if filters else {}
    if addresses:
        found["sensitiveInformationPolicy"] = {"piiEntities": addresses, "regexes": []}
    shown = _BLOCKED if filters else _EMAIL.sub("{EMAIL}", text)
    units = ("topicPolicy", "contentPolicy", "wordPolicy", "sensitiveInformationPolicy", "contextualGroundingPolicy")
    usage = {f"{name}Units": int(name != "contextualGroundingPolicy") for name in units}
    return {
        "usage": {**usage, "sensitiveInformationPolicyFreeUnits": 0},
        "action": "GUARDRAIL_INTERVENED" if found else "NONE",
        "outputs": [{"text": shown}] if found else [],
        "assessments": [found] if found else [{}],
    }


def _picture(words: str) -> str:
    return b64encode(tiny_png(words)).decode()


def _seen(encoded: Any) -> str:
    """A word for bytes: the same one for the same bytes."""
    try:
        data = b64decode(str(encoded or ""), validate=True)
    except ValueError:
        data = b""
    if not data:
        raise BadRequestError("Malformed input request: the media is no base64, or empty.")
    return hashlib.sha256(data).hexdigest()[:12]


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str) or not value:
        raise BadRequestError(f"Malformed input request: #: required key [{name}] not found or empty")
    return value


def _size(value: Any, allowed: tuple[int, ...]) -> int:
    if value not in allowed:
        raise BadRequestError(f"Malformed input request: {value} dimensions; there are {', '.join(map(str, allowed))}")
    return int(value)


def _refuse_unknown(sent: Json, known: set[str]) -> None:
    if other := sorted(sent.keys() - known):
        raise BadRequestError(f"Malformed input request: #: extraneous key [{other[0]}] is not permitted")


def _object(value: Any) -> Json:
    return cast("Json", value) if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []


_TASKS: Mapping[str, str] = {
    "TEXT_IMAGE": "textToImageParams",
    "IMAGE_VARIATION": "imageVariationParams",
    "INPAINTING": "inPaintingParams",
    "OUTPAINTING": "outPaintingParams",
    "COLOR_GUIDED_GENERATION": "colorGuidedGenerationParams",
    "BACKGROUND_REMOVAL": "backgroundRemovalParams",
}
"""What Amazon's models do with pictures, and where its parameters stand."""
_MAKERS: Mapping[str, Callable[[Json, str], tuple[Json, int]]] = {
    "titan-embed-text": _titan_text,
    "titan-embed-image": _titan_image,
    "nova-2-multimodal-embeddings": _nova_vectors,
    "cohere.embed": _cohere,
    "nova-canvas": _amazon_pictures,
    "titan-image": _amazon_pictures,
    "stability.": _stability,
}
"""What stands in a model's id -> its reply, and how many tokens were read."""
