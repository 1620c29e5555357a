"""Amazon Comprehend: sentiment, language, toxicity, and classifiers of one's own, as classifications.

Facts: botocore's model of the service (25 texts a batch, 10 segments for toxicity; a text can fail inside a reply of
status 200 whose other texts have their answers) and its guide (the language of the texts has to be said for all but the
finding of it: English unless Settings(extra={"comprehend": {"LanguageCode": "de"}}) says another).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from agentkit.classification import (
    Classification,
    ClassificationAnswer,
    ClassificationOffer,
    ClassificationRequest,
    Way,
    chosen,
    objects_of,
    scores_of,
)
from agentkit.codec import WireRequest
from agentkit.embedding import reply_of
from agentkit.errors import BadRequestError, ExchangeError, ProtocolError, ServerError, UnsupportedError
from agentkit.providers.aws.errors import decode_error, sound
from agentkit.providers.aws.json_protocol import operation

__all__ = ["SERVICE", "ComprehendCodec", "classified_row"]

Json = dict[str, Any]

SERVICE = "Comprehend_20171127"
"""The service as its operations name it."""
_HARMFUL = 0.5
_ENGLISH = {"LanguageCode": "en"}


@dataclass(frozen=True, slots=True)
class _Operation:
    """One thing that the service does."""

    name: str
    items: int
    way: Way
    body: Callable[[ClassificationRequest], Json]


_OPERATIONS: Mapping[str, _Operation] = {
    "sentiment": _Operation(
        "BatchDetectSentiment", 25, "own", lambda asked: {"TextList": list(asked.inputs), **_ENGLISH}
    ),
    "language": _Operation("BatchDetectDominantLanguage", 25, "own", lambda asked: {"TextList": list(asked.inputs)}),
    "toxicity": _Operation(
        "DetectToxicContent",
        10,
        "moderation",
        lambda asked: {"TextSegments": [{"Text": entry} for entry in asked.inputs], **_ENGLISH},
    ),
}
_CLASSIFIER = _Operation(
    "ClassifyDocument", 1, "own", lambda asked: {"Text": asked.inputs[0], "EndpointArn": asked.model}
)


class ComprehendCodec:
    """The client half of Comprehend. A model is "sentiment", "language", "toxicity", or the ARN of an endpoint."""

    def __init__(self, provider: str = "comprehend") -> None:
        self.name = f"{provider}:json"
        self.provider = provider

    def offer(self, model: str) -> ClassificationOffer:
        """What the endpoint does with this model. Raises UnsupportedError for one that is none."""
        wanted = self._operation(model)
        return ClassificationOffer(frozenset({wanted.way}), wanted.items)

    def encode(self, asked: ClassificationRequest) -> WireRequest:
        """The request's bytes. Raises UnsupportedError for images."""
        if not all(isinstance(entry, str) for entry in asked.inputs):
            raise UnsupportedError(f"{self.provider}:{asked.model} reads texts only; an image was given")
        wanted = self._operation(asked.model)
        body = wanted.body(asked) | dict((asked.settings.extra or {}).get(self.provider, {}))
        return operation(SERVICE, wanted.name, body)

    def decode(self, body: bytes) -> ClassificationAnswer:
        """What became of the texts, in their order: some may have an error."""
        reply = sound(reply_of(body, provider=self.provider), provider=self.provider)
        if "ResultList" not in reply:
            rows = objects_of(reply.get("Classes")) or objects_of(reply.get("Labels"))
            if not rows and (errors := objects_of(reply.get("Errors"))):  # of a page of the document
                return ClassificationAnswer((self.failure(errors[0]),))
            if not rows:
                raise ProtocolError("the reply holds no results ('ResultList' is missing)", provider=self.provider)
            # Classes exclude each other, labels do not.
            return ClassificationAnswer((chosen(_named(rows, "Name"), is_multiple="Labels" in reply),))
        results = objects_of(reply.get("ResultList"))
        found = {_place(row, place): classified_row(row) for place, row in enumerate(results)}
        found |= {_place(row, -1): self.failure(row) for row in objects_of(reply.get("ErrorList"))}
        if sorted(found) != list(range(len(found))):
            raise ProtocolError("the reply does not say which text each result is of", provider=self.provider)
        return ClassificationAnswer(tuple(found[place] for place in sorted(found)))

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 200."""
        return decode_error(status, headers, body, provider=self.provider)

    def _operation(self, model: str) -> _Operation:
        if model.startswith("arn:"):
            return _CLASSIFIER
        if (found := _OPERATIONS.get(model)) is None:
            raise UnsupportedError(
                f"{self.provider} has no {model!r}; it has {', '.join(_OPERATIONS)}, and classifiers of your own "
                "by the ARN of their endpoint"
            )
        return found

    def failure(self, row: Json) -> Classification:
        """What became of a text that could not be analysed."""
        message, code = str(row.get("ErrorMessage") or "the text was not analysed"), str(row.get("ErrorCode") or "")
        kind = ServerError if code.startswith("INTERNAL") else BadRequestError
        return Classification(error=kind(message, provider=self.provider, code=code))


def _place(row: Json, place: int) -> int:
    index = row.get("Index", place)
    return index if isinstance(index, int) else place


def classified_row(row: Json) -> Classification:
    """What one result says of its text."""
    if "Toxicity" in row:
        scores = _named(objects_of(row.get("Labels")), "Name")
        harms = chosen(scores, is_multiple=True).labels
        toxicity = scores_of({"all": row.get("Toxicity")}).get("all", 0.0)
        return Classification(harms, scores, bool(harms) or toxicity >= _HARMFUL)
    if "Languages" in row:
        return chosen(_named(objects_of(row.get("Languages")), "LanguageCode"), is_multiple=False)
    if not isinstance(row.get("Sentiment"), str):
        return Classification(error=ProtocolError("a result names no sentiment ('Sentiment' is missing)"))
    scores = {name.upper(): score for name, score in scores_of(row.get("SentimentScore")).items()}
    return Classification((row["Sentiment"],), scores or None)


def _named(rows: list[Json], name: str) -> dict[str, float]:
    return scores_of({str(row.get(name)): row.get("Score") for row in rows})
