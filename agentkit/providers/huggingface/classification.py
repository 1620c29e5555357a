"""Hugging Face's classification: of texts and images, by labels of the model's own or of the caller's (zero-shot).

Facts: huggingface_hub's client and recorded replies. Scores come flat or one list deeper, newer servers answer
zero-shot with a list of labels, older ones with lists of labels and scores side by side. One input a request.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import zip_longest
from typing import Any, cast

from agentkit.classification import (
    ClassificationAnswer,
    ClassificationInput,
    ClassificationOffer,
    ClassificationRequest,
    chosen,
    objects_of,
)
from agentkit.codec import WireRequest
from agentkit.embedding import reply_of
from agentkit.errors import ExchangeError, ProtocolError, UnsupportedError
from agentkit.json_bytes import json_bytes
from agentkit.json_value import number_of
from agentkit.media import Inline
from agentkit.providers.huggingface.addresses import own_path
from agentkit.providers.openai.errors import decode_error, error_in_stream

__all__ = ["HuggingFaceClassificationCodec"]

Json = dict[str, Any]


class HuggingFaceClassificationCodec:
    """The client half of four tasks: text, image, zero-shot and zero-shot image classification."""

    def __init__(self, provider: str = "huggingface", *, is_router: bool = True, is_predict: bool = False) -> None:
        """`is_router` is False for a server of one model, which answers at its own address; `is_predict` says that this
        is /predict of Text Embeddings Inference, which knows texts and labels of the model's own."""
        self.name = f"{provider}:classification"
        self._provider = provider
        self._is_router = is_router
        self._is_predict = is_predict

    def offer(self, model: str) -> ClassificationOffer:
        """What the endpoint does with a model, which is not known from its name."""
        return ClassificationOffer(frozenset({"own"} if self._is_predict else {"labels", "own"}))

    def encode(self, asked: ClassificationRequest) -> WireRequest:
        """The request's bytes. Raises UnsupportedError for images that are no bytes."""
        (entry,) = asked.inputs
        if self._is_predict:
            return self._prediction(asked, entry)
        if not isinstance(entry, str) and not isinstance(entry.source, Inline):
            raise UnsupportedError(
                f"{self._provider} classifies images whose bytes are sent along; use Image.from_file or from_bytes"
            )
        parameters: Json = dict((asked.settings.extra or {}).get(self._provider, {}))
        if asked.way == "labels":
            parameters = {"candidate_labels": list(asked.labels), **parameters}
            if asked.is_multiple:
                parameters["multi_label"] = True
        body: Json = {"inputs": entry if isinstance(entry, str) else cast("Inline", entry.source).base64}
        if parameters:
            body["parameters"] = parameters
        notes = ("the meanings of the labels were left out: the model reads the labels alone",)
        return WireRequest(
            own_path(asked.model) if self._is_router else "",
            json_bytes(body),
            notes=notes if any(asked.labels.values()) else (),
        )

    def _prediction(self, asked: ClassificationRequest, entry: ClassificationInput) -> WireRequest:
        """Parameters (`truncate`, `raw_scores`) stand beside the text there."""
        if not isinstance(entry, str):
            raise UnsupportedError(f"{self._provider}:{asked.model} reads texts only; an image was given")
        return WireRequest("", json_bytes({"inputs": entry, **(asked.settings.extra or {}).get(self._provider, {})}))

    def decode(self, body: bytes) -> ClassificationAnswer:
        """What became of the one input: its best label, with the scores of all."""
        reply = reply_of(body, provider=self._provider)
        if isinstance(reply, dict):
            fields = cast("Json", reply)
            if fields.get("error"):
                raise error_in_stream(fields, provider=self._provider)
            labels, scores = fields.get("labels"), fields.get("scores")
            if not isinstance(labels, list) or not isinstance(scores, list):
                raise ProtocolError("the reply holds no labels with scores", provider=self._provider)
            pairs = zip_longest(cast("list[Any]", labels), cast("list[Any]", scores))
            rows: Any = [{"label": label, "score": score} for label, score in pairs]
        else:
            rows = reply
        if isinstance(rows, list) and rows and isinstance(rows[0], list):
            rows = cast("list[Any]", rows[0])
        return ClassificationAnswer((chosen(self._scores(rows), is_multiple=False),))

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 200."""
        return decode_error(status, headers, body, provider=self._provider)

    def _scores(self, rows: Any) -> dict[str, float]:
        told = cast("list[Any]", rows) if isinstance(rows, list) else []
        found = {
            str(row["label"]): score
            for row in objects_of(told)
            if row.get("label") is not None and (score := number_of(row.get("score"))) is not None
        }
        if not found or len(found) != len(told):
            raise ProtocolError("the reply holds no labels with scores", provider=self._provider)
        return found
