"""Vectors, moderations and decisions without a model: made of words, as the offline model makes them.

They are what clients expect of OpenAI at /embeddings, /moderations and /decisions, of Gemini at batchEmbedContents,
embedContent and /decisions, and of Cohere at /v2/embed.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from pydantic_core import to_json

from agentkit.classification import objects_of
from agentkit.codec import HttpReply
from agentkit.errors import BadRequestError
from agentkit.providers.offline import estimate_tokens
from agentkit.providers.offline_embedding import vector
from agentkit.simulator.formats import json_object
from agentkit.simulator.http import HttpAsked
from agentkit.simulator.reply import Reply

__all__ = ["about_vectors", "harms_in", "label_scores"]

Json = dict[str, Any]

_MOST_INPUTS = 2048
_SIZES = {"text-embedding-3-small": 1536, "text-embedding-3-large": 3072, "text-embedding-ada-002": 1536}
_WORDS: Mapping[str, str] = {
    "harassment": r"\b(?:idiot|stupid|loser)\b",
    "self-harm": r"\b(?:hurt|harm|kill) myself\b",
    "violence": r"\b(?:kill|murder|stab|shoot)\b",
}
"""What the simulator takes for harm."""
_CATEGORIES = (
    "harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent", "self-harm",
    "self-harm/instructions", "self-harm/intent", "sexual", "sexual/minors", "violence", "violence/graphic",
)  # fmt: skip


def about_vectors(asked: HttpAsked) -> Reply | None:
    """The reply to a request for vectors or for what a text is; None for any other. Raises BadRequestError."""
    if asked.method != "POST":
        return None
    for path, answer in _PATHS:
        if path.search(asked.path):
            sent = json_object(asked.body)
            if sent is None:
                raise BadRequestError("We could not parse the JSON body of your request.")
            return Reply.whole(HttpReply(200, to_json(answer(sent))))
    return None


def harms_in(text: str) -> set[str]:
    """What the simulator takes for harm in a text: names of OpenAI's categories."""
    return {name for name, words in _WORDS.items() if re.search(words, text, re.IGNORECASE)}


def _embeddings(sent: Json) -> Json:
    texts, model = _texts_of(sent.get("input")), sent.get("model")
    if not isinstance(model, str):
        raise BadRequestError("you must provide a model parameter")
    size = _size(sent.get("dimensions", sent.get("output_dimension"))) or _SIZES.get(model)
    is_base64 = sent.get("encoding_format") == "base64"
    rows: list[Json] = []
    for place, text in enumerate(texts):
        made = vector(text, dimensions=size)
        rows.append(
            {
                "object": "embedding",
                "index": place,
                "embedding": b64encode(made.tobytes()).decode() if is_base64 else made.tolist(),
            }
        )
    tokens = sum(map(estimate_tokens, texts))
    return {
        "object": "list",
        "data": rows,
        "model": model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def _cohere(sent: Json) -> Json:
    if not sent.get("input_type"):
        raise BadRequestError("invalid request: valid input_type must be provided with the provided model")
    texts = _texts_of(sent.get("texts"))
    size = _size(sent.get("output_dimension"))
    return {
        "id": "sim",
        "texts": texts,
        "embeddings": {"float": [vector(text, dimensions=size).tolist() for text in texts]},
        "meta": {"billed_units": {"input_tokens": sum(map(estimate_tokens, texts))}},
    }


def _batch_contents(sent: Json) -> Json:
    requests = sent.get("requests")
    if not isinstance(requests, list) or not requests:
        raise BadRequestError("* BatchEmbedContentsRequest.requests: at least one request is required")
    each = [cast("Json", request) for request in cast("list[Any]", requests)]
    return {"embeddings": [_contents(request)["embedding"] for request in each]}


def _contents(sent: Json) -> Json:
    content: Json = sent.get("content") or {}
    parts: list[Json] = content.get("parts") or []
    text = " ".join(str(part.get("text", "")) for part in parts)
    if not text.strip():
        raise BadRequestError("* EmbedContentRequest.content: contents is not specified")
    return {"embedding": {"values": vector(text, dimensions=_size(sent.get("outputDimensionality"))).tolist()}}


def _predictions(sent: Json) -> Json:
    """Vectors of Vertex AI."""
    instances = cast("list[Any]", sent["instances"]) if isinstance(sent.get("instances"), list) else []
    parameters: Json = sent.get("parameters") or {}
    size = _size(parameters.get("outputDimensionality"))
    rows: list[Json] = []
    for text in _texts_of([each.get("content") for each in instances]):
        counted = {"token_count": estimate_tokens(text), "truncated": False}
        rows.append({"embeddings": {"values": vector(text, dimensions=size).tolist(), "statistics": counted}})
    return {"predictions": rows}


def _moderations(sent: Json) -> Json:
    given = sent.get("input")
    if isinstance(given, list) and given and isinstance(given[0], dict):  # parts of one input
        texts = [" ".join(str(part.get("text", "")) for part in cast("list[Json]", given))]
    else:
        texts = _texts_of(given)
    model = sent.get("model") or "omni-moderation-latest"
    return {"id": "modr-sim", "model": model, "results": [_moderation(text) for text in texts]}


def _moderation(text: str) -> Json:
    found = harms_in(text)
    return {
        "flagged": bool(found),
        "categories": {name: name in found for name in _CATEGORIES},
        "category_scores": {name: 0.9 if name in found else 0.001 for name in _CATEGORIES},
        "category_applied_input_types": {name: ["text"] for name in _CATEGORIES},
    }


def _decisions(sent: Json) -> Json:
    text = str(sent.get("input"))
    questions: Any = sent.get("questions")
    if isinstance(questions, dict):  # Gemini's
        named = cast("dict[str, Json]", questions)
        return {"answers": {name: _gemini_answer(text, name, asked) for name, asked in named.items()}}
    wanted = objects_of(questions)
    if not wanted:
        raise BadRequestError("Missing required parameter: 'questions'.")
    answers = [_openai_answer(text, asked) for asked in wanted]
    tokens = estimate_tokens(text)
    usage = {"input_tokens": tokens, "output_tokens": 0, "total_tokens": tokens}
    return {"answers": answers, "model": sent.get("model"), "usage": usage}


def _openai_answer(text: str, asked: Json) -> Json:
    if asked.get("type") != "choice":
        name = str(asked.get("name") or "")
        return {"type": "predicate", "name": name, "probability": 0.95 if _is_said(text, name) else 0.05}
    values = [str(choice.get("value")) for choice in asked.get("choices") or ()]
    scores = label_scores(text, values)
    best = max(values, key=lambda value: scores[value])
    rows = [{"value": value, "probability": scores[value]} for value in values]
    return {"type": "choice", "choice": best, "confidence": scores[best], "probabilities": rows}


def _gemini_answer(text: str, name: str, asked: Json) -> Json:
    if asked.get("type") != "choice":
        score = 0.95 if _is_said(text, name) else 0.05
        return {"type": "noul", "noul": score, "confidence": max(score, 1 - score)}
    values = list(asked.get("criteria") or ())
    scores = label_scores(text, values)
    best = max(values, key=lambda value: scores[value])
    return {"type": "choice", "choice": best, "confidence": scores[best], "probabilities": scores}


def label_scores(text: str, values: Sequence[str]) -> dict[str, float]:
    """The label that the text says has most of the score, the first one where it says none."""
    said = next((value for value in values if _is_said(text, value)), values[0] if values else "")
    rest = 0.1 / max(1, len(values) - 1)
    return {value: 0.9 if value == said else rest for value in values}


def _is_said(text: str, label: str) -> bool:
    return label.casefold() in text.casefold()


def _texts_of(given: Any) -> list[str]:
    entries = [given] if isinstance(given, str) else cast("list[Any]", given) if isinstance(given, list) else []
    if not entries or not all(isinstance(entry, str) and entry for entry in entries):
        raise BadRequestError("'$.input' is invalid. Please check the API reference.")
    if len(entries) > _MOST_INPUTS:
        raise BadRequestError(f"'$.input' is invalid: at most {_MOST_INPUTS} inputs, {len(entries)} came.")
    return entries


def _size(value: Any) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or not 1 <= value <= 4096:
        raise BadRequestError(f"Invalid value for 'dimensions' = {value}. Must be between 1 and 4096.")
    return value


_PATHS: tuple[tuple[re.Pattern[str], Callable[[Json], Json]], ...] = (
    (re.compile(r"/v2/embed$"), _cohere),
    (re.compile(r"/embeddings$"), _embeddings),
    (re.compile(r"/moderations$"), _moderations),
    (re.compile(r"/decisions$"), _decisions),
    (re.compile(r":batchEmbedContents$"), _batch_contents),
    (re.compile(r":embedContent$"), _contents),
    (re.compile(r"/models/(?!imagen)[^/:]*embedding[^/:]*:predict$"), _predictions),
)
