"""Azure AI Language: POST /language/:analyze-text, of which sentiment and the language of a text are classifications.

Facts: azure-ai-textanalytics and Azure's reference (version 2023-04-01; at most 10 documents a request of 5,120
characters each). A document can fail inside a reply of status 200 whose other documents have their answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from agentkit.classification import (
    Classification,
    ClassificationAnswer,
    ClassificationOffer,
    ClassificationRequest,
    chosen,
    object_of,
    objects_of,
    scores_of,
)
from agentkit.codec import WireRequest
from agentkit.embedding import reply_of
from agentkit.errors import BadRequestError, ExchangeError, ProtocolError, UnsupportedError
from agentkit.json_bytes import json_bytes
from agentkit.providers.openai.errors import decode_error, error_in_stream
from agentkit.usage import Usage

__all__ = ["LanguageCodec"]

Json = dict[str, Any]

_PATH = "/language/:analyze-text?api-version=2023-04-01"
_KINDS = {"sentiment": "SentimentAnalysis", "language": "LanguageDetection"}
_DOCUMENTS = 10


class LanguageCodec:
    """The client half of two of Azure's analyses, named "sentiment" and "language"."""

    def __init__(self, provider: str = "azure-language") -> None:
        self.name = f"{provider}:analyze_text"
        self._provider = provider

    def offer(self, model: str) -> ClassificationOffer:
        """What the endpoint does with this model: it has labels of its own."""
        return ClassificationOffer(frozenset({"own"}) if model in _KINDS else frozenset(), _DOCUMENTS)

    def encode(self, asked: ClassificationRequest) -> WireRequest:
        """The request's bytes. Raises UnsupportedError for images."""
        if not all(isinstance(entry, str) for entry in asked.inputs):
            raise UnsupportedError(f"{self._provider}:{asked.model} reads texts only; an image was given")
        documents = [{"id": str(place), "text": entry} for place, entry in enumerate(asked.inputs)]
        more = dict((asked.settings.extra or {}).get(self._provider, {}))
        language = more.pop("language", None)
        if language is not None:
            documents = [{**document, "language": language} for document in documents]
        body: Json = {
            "kind": _KINDS.get(asked.model, asked.model),
            "parameters": {"modelVersion": "latest", **more},
            "analysisInput": {"documents": documents},
        }
        return WireRequest(_PATH, json_bytes(body))

    def decode(self, body: bytes) -> ClassificationAnswer:
        """What became of the documents, in their order: some may have an error."""
        reply = reply_of(body, provider=self._provider)
        fields = object_of(reply)
        results = fields.get("results")
        if not isinstance(results, dict):
            if fields.get("error"):
                raise error_in_stream(fields, provider=self._provider)
            raise ProtocolError("the reply holds no results ('results' is missing)", provider=self._provider)
        said = object_of(cast("object", results))
        found = {str(row.get("id")): _classification(row) for row in objects_of(said.get("documents"))}
        found |= {str(row.get("id")): self._failure(row) for row in objects_of(said.get("errors"))}
        ordered = sorted(found, key=lambda id: (len(id), id))
        return ClassificationAnswer(tuple(found[id] for id in ordered), Usage(), str(said.get("modelVersion") or ""))

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 200."""
        return decode_error(status, headers, body, provider=self._provider)

    def _failure(self, row: Json) -> Classification:
        details = object_of(row.get("error"))
        deepest = object_of(details.get("innererror")) or details
        message = str(deepest.get("message") or details.get("message") or "the document was not analysed")
        return Classification(
            error=BadRequestError(message, provider=self._provider, code=str(deepest.get("code") or ""))
        )


def _classification(row: Json) -> Classification:
    if language := object_of(row.get("detectedLanguage")):
        return chosen(
            scores_of({str(language.get("iso6391Name") or ""): language.get("confidenceScore")}), is_multiple=False
        )
    label = str(row.get("sentiment") or "")
    return Classification((label,), scores_of(row.get("confidenceScores")))  # "mixed" is a label without a score
