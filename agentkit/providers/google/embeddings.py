"""Google's embeddings: embedContent and batchEmbedContents of the Gemini API; embedContent and predict of Vertex AI.

Facts: the API references of both (at most 100 contents in a batch; of Vertex's own models 250 texts and 20,000 tokens,
of its Gemini models one content a request). gemini-embedding-2 has no task types: it wants the purpose in words before
the text, as its guide spells them; the models before it take `taskType`. Vectors shorter than the model's own are not
normalised by gemini-embedding-001, nor here.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from typing import Any, cast

from agentkit.codec import WireRequest
from agentkit.embedding import (
    EmbeddingAnswer,
    EmbeddingInput,
    EmbeddingLimits,
    EmbeddingRequest,
    Purpose,
    reply_of,
    vector_of,
)
from agentkit.errors import ExchangeError, ProtocolError, UnsupportedError
from agentkit.json_bytes import json_bytes
from agentkit.media import Image
from agentkit.providers.google.errors import decode_error, error_in_reply
from agentkit.providers.google.media import source_part
from agentkit.usage import Usage, count_of

__all__ = ["EmbedContentsCodec", "VertexEmbeddingsCodec"]

Json = dict[str, Any]

_TASK_TYPES: Mapping[Purpose, str] = {
    "document": "RETRIEVAL_DOCUMENT",
    "query": "RETRIEVAL_QUERY",
    "classification": "CLASSIFICATION",
    "clustering": "CLUSTERING",
    "similarity": "SEMANTIC_SIMILARITY",
}
_PREFIXES: Mapping[Purpose, str] = {
    "document": "title: none | text: ",
    "query": "task: search result | query: ",
    "classification": "task: classification | query: ",
    "clustering": "task: clustering | query: ",
    "similarity": "task: sentence similarity | query: ",
}


class EmbedContentsCodec:
    """The client half of the Gemini API's embedContent, for one input, and batchEmbedContents, for several."""

    def __init__(self, provider: str = "google") -> None:
        self.name = f"{provider}:embed_contents"
        self._provider = provider

    def limits(self, model: str) -> EmbeddingLimits:
        """What this model takes in one request."""
        return EmbeddingLimits(items=100)

    def encode(self, asked: EmbeddingRequest) -> WireRequest:
        """The request's bytes. Raises UnsupportedError for images that lie at another provider."""
        requests = self._requests(asked)
        if len(requests) == 1:
            return WireRequest(f"/models/{asked.model}:embedContent", json_bytes(requests[0]))
        return WireRequest(f"/models/{asked.model}:batchEmbedContents", json_bytes({"requests": requests}))

    def encode_line(self, asked: EmbeddingRequest) -> WireRequest:
        """The one input as it stands in a batch, by embedContent. Raises UnsupportedError for several inputs."""
        if len(asked.inputs) != 1:
            raise UnsupportedError(
                f"in a batch of {self._provider}:{asked.model} each request embeds one input, and this one has "
                f"{len(asked.inputs)}; make a request of each"
            )
        return self.encode(asked)

    def decode(self, body: bytes) -> EmbeddingAnswer:
        """The vectors, in the order of the inputs."""
        reply = _object_of(body, self._provider)
        found = reply.get("embeddings", [reply["embedding"]] if "embedding" in reply else None)
        vectors = tuple(_values(each, self._provider) for each in _list_of(found, "embeddings", self._provider))
        return EmbeddingAnswer(vectors, _usage(reply))

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 200."""
        return decode_error(status, headers, body, provider=self._provider)

    def _requests(self, asked: EmbeddingRequest) -> list[Json]:
        name = f"models/{asked.model}"
        shared: Json = {"model": name}
        if (task_type := _task_type(asked)) is not None:
            shared["taskType"] = task_type
        if asked.dimensions is not None:
            shared["outputDimensionality"] = asked.dimensions
        shared |= (asked.settings.extra or {}).get(self._provider, {})
        return [{**shared, "content": _content(entry, asked, self._provider)} for entry in asked.inputs]


class VertexEmbeddingsCodec:
    """The client half of Vertex AI's embeddings: embedContent for Gemini's models but the first, predict for others."""

    def __init__(self, provider: str = "vertex") -> None:
        self.name = f"{provider}:embeddings"
        self._provider = provider

    def limits(self, model: str) -> EmbeddingLimits:
        """What this model takes in one request."""
        return EmbeddingLimits(items=1) if "gemini" in model else EmbeddingLimits(items=250, tokens=20_000)

    def encode(self, asked: EmbeddingRequest) -> WireRequest:
        """The request's bytes. Raises UnsupportedError for images that this model, or this provider, cannot read."""
        body = self._embed_content(asked) if _is_embed_content(asked.model) else self._predict(asked)
        function = "embedContent" if _is_embed_content(asked.model) else "predict"
        body |= (asked.settings.extra or {}).get(self._provider, {})
        return WireRequest(f"/models/{asked.model}:{function}", json_bytes(body))

    def decode(self, body: bytes) -> EmbeddingAnswer:
        """The vectors, in the order of the inputs."""
        reply = _object_of(body, self._provider)
        if "embedding" in reply:
            return EmbeddingAnswer((_values(reply["embedding"], self._provider),), _usage(reply))
        vectors: list[array[float]] = []
        tokens = 0
        for prediction in _list_of(reply.get("predictions"), "predictions", self._provider):
            found = _dict_of(_dict_of(prediction).get("embeddings"))
            vectors.append(_values(found, self._provider))
            tokens += count_of(_dict_of(found.get("statistics")).get("token_count"))
        return EmbeddingAnswer(tuple(vectors), Usage(tokens))

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 200."""
        return decode_error(status, headers, body, provider=self._provider)

    def _embed_content(self, asked: EmbeddingRequest) -> Json:
        (entry,) = asked.inputs
        config: Json = {}
        if (task_type := _task_type(asked)) is not None:
            config["taskType"] = task_type
        if asked.dimensions is not None:
            config["outputDimensionality"] = asked.dimensions
        content = _content(entry, asked, self._provider)
        return {"content": content, "embedContentConfig": config} if config else {"content": content}

    def _predict(self, asked: EmbeddingRequest) -> Json:
        if not all(isinstance(entry, str) for entry in asked.inputs):
            raise UnsupportedError(
                f"{self._provider}:{asked.model} embeds texts only; an image was given. gemini-embedding-2 embeds both"
            )
        kind = {} if asked.purpose is None else {"task_type": _TASK_TYPES[asked.purpose]}
        body: Json = {"instances": [{"content": entry, **kind} for entry in asked.inputs]}
        if asked.dimensions is not None:
            body["parameters"] = {"outputDimensionality": asked.dimensions}
        return body


def _is_embed_content(model: str) -> bool:
    return ("gemini" in model and not model.startswith("gemini-embedding-001")) or "maas" in model


def _is_told_in_words(model: str) -> bool:
    """Whether the model wants its purpose before the text. Its preview took task types instead."""
    return model.startswith("gemini-embedding-2") and "preview" not in model


def _task_type(asked: EmbeddingRequest) -> str | None:
    if asked.purpose is None or _is_told_in_words(asked.model):
        return None
    return _TASK_TYPES[asked.purpose]


def _content(entry: EmbeddingInput, asked: EmbeddingRequest, provider: str) -> Json:
    if isinstance(entry, Image):
        return {"parts": [source_part(entry.source, provider=provider)]}
    is_told = asked.purpose is not None and _is_told_in_words(asked.model)
    return {"parts": [{"text": f"{_PREFIXES[asked.purpose]}{entry}" if is_told and asked.purpose else entry}]}


def _object_of(body: bytes, provider: str) -> Json:
    reply = reply_of(body, provider=provider)
    if not isinstance(reply, dict):
        raise ProtocolError(f"the reply is a JSON {type(reply).__name__}, not an object", provider=provider)
    found = cast("Json", reply)
    if found.get("error"):
        raise error_in_reply(found, provider=provider)
    return found


def _list_of(value: object, name: str, provider: str) -> list[object]:
    if not isinstance(value, list):
        raise ProtocolError(f"the reply holds no embeddings ({name!r} is missing)", provider=provider)
    return cast("list[object]", value)


def _dict_of(value: object) -> Json:
    return cast("Json", value) if isinstance(value, dict) else {}


def _values(value: object, provider: str) -> array[float]:
    return vector_of(_dict_of(value).get("values"), provider=provider)


def _usage(reply: Json) -> Usage:
    return Usage(count_of(_dict_of(reply.get("usageMetadata")).get("promptTokenCount")))
