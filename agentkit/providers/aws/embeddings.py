"""Embeddings of Bedrock: POST /model/ID/invoke with the JSON of the model's maker: Amazon Titan and Nova, Cohere.

Facts: the inference parameters of each model in Bedrock's user guide. Titan and Nova take one input a request, Cohere's
models 96. A reply of Cohere's counts its tokens in a header alone, which no codec sees.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from typing import Any, cast
from urllib.parse import quote

from agentkit.classification import object_of
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
from agentkit.errors import BadRequestError, ExchangeError, ProtocolError, UnsupportedError
from agentkit.json_bytes import json_bytes
from agentkit.media import Image, Inline
from agentkit.providers.aws.errors import decode_error, sound
from agentkit.usage import Usage, count_of

__all__ = ["InvokeEmbeddingsCodec"]

Json = dict[str, Any]

_COHERE_TYPES: Mapping[Purpose, str] = {
    "document": "search_document",
    "query": "search_query",
    "classification": "classification",
    "clustering": "clustering",
}
_NOVA_PURPOSES: Mapping[Purpose, str] = {
    "document": "GENERIC_INDEX",
    "query": "GENERIC_RETRIEVAL",
    "classification": "CLASSIFICATION",
    "clustering": "CLUSTERING",
}


class InvokeEmbeddingsCodec:
    """The client half of Bedrock's embeddings."""

    def __init__(self, provider: str = "bedrock") -> None:
        self.name = f"{provider}:embeddings"
        self._provider = provider

    def limits(self, model: str) -> EmbeddingLimits:
        """What this model takes in one request."""
        return EmbeddingLimits(items=96 if "cohere." in model else 1)

    def encode(self, asked: EmbeddingRequest) -> WireRequest:
        """The request's bytes. Raises UnsupportedError for what the model does not take, or is no model we know."""
        notes: tuple[str, ...] = ()
        if "cohere." in asked.model:
            body = self._cohere(asked)
        elif "nova-" in asked.model:
            body = self._nova(asked)
        elif "titan-embed-image" in asked.model:
            body = self._titan_image(asked)
        elif "titan-embed" in asked.model:
            body = self._titan_text(asked)
            if asked.purpose is not None:
                notes = (f"the purpose {asked.purpose!r} was left out: Titan has none",)
        else:
            raise UnsupportedError(
                f"how {self._provider}:{asked.model} is asked for embeddings is not known; amazon.titan-embed-*, "
                "amazon.nova-*-embeddings and cohere.embed-* are"
            )
        body |= (asked.settings.extra or {}).get(self._provider, {})
        return WireRequest(f"/model/{quote(asked.model, safe='')}/invoke", json_bytes(body), notes=notes)

    def decode(self, body: bytes) -> EmbeddingAnswer:
        """The vectors, in the order of the inputs."""
        fields = sound(reply_of(body, provider=self._provider), provider=self._provider)
        by_type = fields.get("embeddingsByType")
        if "embedding" in fields or isinstance(by_type, dict):
            # Titan says what it could not do in a reply of status 200.
            if fields.get("embedding") is None and (said := fields.get("message")):
                raise BadRequestError(str(said), provider=self._provider)
            found = fields.get("embedding") or object_of(cast("object", by_type)).get("float")
            vector = vector_of(found, provider=self._provider)
            return EmbeddingAnswer((vector,), Usage(count_of(fields.get("inputTextTokenCount"))))
        found = fields.get("embeddings")
        rows = cast("Json", found).get("float") if isinstance(found, dict) else found
        if not isinstance(rows, list):
            raise ProtocolError("the reply holds no embeddings ('embeddings' is missing)", provider=self._provider)
        return EmbeddingAnswer(tuple(self._vector(row) for row in cast("list[Any]", rows)))

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 200."""
        return decode_error(status, headers, body, provider=self._provider)

    def _vector(self, row: Any) -> array[float]:
        """A row of Cohere's is the vector, one of Nova's has it."""
        values = cast("Json", row).get("embedding") if isinstance(row, dict) else row
        return vector_of(values, provider=self._provider)

    def _titan_text(self, asked: EmbeddingRequest) -> Json:
        (text,) = self._texts(asked)
        body: Json = {"inputText": text}
        if asked.dimensions is not None:
            if "titan-embed-text-v2" not in asked.model:
                raise UnsupportedError(
                    f"{self._provider}:{asked.model} has one number of dimensions; leave dimensions out, or ask "
                    "amazon.titan-embed-text-v2:0 for 256, 512 or 1024"
                )
            body["dimensions"] = asked.dimensions
        return body

    def _titan_image(self, asked: EmbeddingRequest) -> Json:
        (entry,) = asked.inputs
        body: Json = {"inputText": entry} if isinstance(entry, str) else {"inputImage": self._inline(entry).base64}
        if asked.dimensions is not None:
            body["embeddingConfig"] = {"outputEmbeddingLength": asked.dimensions}
        return body

    def _nova(self, asked: EmbeddingRequest) -> Json:
        (entry,) = asked.inputs
        purpose = _NOVA_PURPOSES.get(asked.purpose or "document", "GENERIC_INDEX")
        params: Json = {"embeddingPurpose": purpose, **self._nova_medium(entry)}
        if asked.dimensions is not None:
            params["embeddingDimension"] = asked.dimensions
        return {
            "schemaVersion": "nova-multimodal-embed-v1",
            "taskType": "SINGLE_EMBEDDING",
            "singleEmbeddingParams": params,
        }

    def _nova_medium(self, entry: EmbeddingInput) -> Json:
        if isinstance(entry, str):
            return {"text": {"truncationMode": "NONE", "value": entry}}
        inline = self._inline(entry)
        format = inline.media_type.removeprefix("image/")
        return {"image": {"detailLevel": "STANDARD_IMAGE", "format": format, "source": {"bytes": inline.base64}}}

    def _cohere(self, asked: EmbeddingRequest) -> Json:
        kind = _COHERE_TYPES.get(asked.purpose or "document", "search_document")
        body: Json = {"input_type": kind, "truncate": "NONE"}
        if all(isinstance(entry, str) for entry in asked.inputs):
            body["texts"] = asked.inputs
        elif "embed-v4" not in asked.model:
            if asked.dimensions is None and all(isinstance(entry, Image) for entry in asked.inputs):
                pictures = [self._inline(entry).data_url for entry in asked.inputs if isinstance(entry, Image)]
                return {"input_type": "image", "images": pictures}
            raise UnsupportedError(
                f"{self._provider}:{asked.model} embeds pictures apart from texts, and in no other dimensions; "
                "cohere.embed-v4:0 takes both at once"
            )
        else:
            body["inputs"] = [{"content": [self._cohere_part(entry)]} for entry in asked.inputs]
        if asked.dimensions is not None:
            body["output_dimension"] = asked.dimensions
        return body

    def _cohere_part(self, entry: EmbeddingInput) -> Json:
        if isinstance(entry, str):
            return {"type": "text", "text": entry}
        return {"type": "image_url", "image_url": {"url": self._inline(entry).data_url}}

    def _texts(self, asked: EmbeddingRequest) -> Sequence[str]:
        texts = [entry for entry in asked.inputs if isinstance(entry, str)]
        if len(texts) < len(asked.inputs):
            raise UnsupportedError(
                f"{self._provider}:{asked.model} embeds texts only; an image was given. "
                "amazon.titan-embed-image-v1 and amazon.nova-2-multimodal-embeddings-v1:0 embed both"
            )
        return texts

    def _inline(self, image: Image) -> Inline:
        if isinstance(image.source, Inline):
            return image.source
        raise UnsupportedError(
            f"{self._provider} embeds images whose bytes are sent along; use Image.from_file or Image.from_bytes"
        )
