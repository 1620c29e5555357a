"""Amazon Rekognition: what a picture shows, and whether it is harmful, as classifications.

Facts: botocore's model of the service (pictures of 5 MiB at most; confidences from 0 to 100), its guide (PNG and JPEG).
What it is less sure of than `MinConfidence` it leaves out: 55 for labels and 50 for moderation, unless
Settings(extra={"rekognition": {"MinConfidence": 80}}) says another. A label and what it is a kind of are both told.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agentkit.classification import (
    Classification,
    ClassificationAnswer,
    ClassificationInput,
    ClassificationOffer,
    ClassificationRequest,
    Way,
    chosen,
    objects_of,
    scores_of,
)
from agentkit.codec import WireRequest
from agentkit.embedding import reply_of
from agentkit.errors import ExchangeError, MediaError, ProtocolError, UnsupportedError
from agentkit.media import Inline, Remote
from agentkit.providers.aws.errors import decode_error, sound
from agentkit.providers.aws.json_protocol import operation

__all__ = ["RekognitionCodec"]

Json = dict[str, Any]

_SERVICE = "RekognitionService"
_MOST_BYTES = 5 * 2**20
_PICTURES = ("image/png", "image/jpeg")
_OBJECT = re.compile(r"s3://([^/]+)/(.+)")


@dataclass(frozen=True, slots=True)
class _Operation:
    """One thing that the service does."""

    name: str
    way: Way


_OPERATIONS: Mapping[str, _Operation] = {
    "labels": _Operation("DetectLabels", "own"),
    "moderation": _Operation("DetectModerationLabels", "moderation"),
}


class RekognitionCodec:
    """The client half of Rekognition. A model is "labels" or "moderation"."""

    def __init__(self, provider: str = "rekognition") -> None:
        self.name = f"{provider}:json"
        self._provider = provider

    def offer(self, model: str) -> ClassificationOffer:
        """What the endpoint does with this model. Raises UnsupportedError for one that is none."""
        return ClassificationOffer(frozenset({self._operation(model).way}))

    def encode(self, asked: ClassificationRequest) -> WireRequest:
        """The request's bytes. Raises UnsupportedError for what is no picture, MediaError for one that is too large."""
        (entry,) = asked.inputs
        body: Json = {"Image": self._image(entry, asked.model)}
        body |= dict((asked.settings.extra or {}).get(self._provider, {}))
        return operation(_SERVICE, self._operation(asked.model).name, body)

    def decode(self, body: bytes) -> ClassificationAnswer:
        """What the picture shows, or which harm it shows."""
        reply = sound(reply_of(body, provider=self._provider), provider=self._provider)
        if isinstance(reply.get("ModerationLabels"), list):
            found = chosen(_scores(reply["ModerationLabels"]), is_multiple=True)
            found = Classification(found.labels, found.scores, is_flagged=bool(found.labels))
            return ClassificationAnswer((found,), model=str(reply.get("ModerationModelVersion") or ""))
        if isinstance(reply.get("Labels"), list):
            found = chosen(_scores(reply["Labels"]), is_multiple=True)
            return ClassificationAnswer((found,), model=str(reply.get("LabelModelVersion") or ""))
        raise ProtocolError("the reply holds no labels ('Labels' is missing)", provider=self._provider)

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 200."""
        return decode_error(status, headers, body, provider=self._provider)

    def _operation(self, model: str) -> _Operation:
        if (found := _OPERATIONS.get(model)) is None:
            raise UnsupportedError(f"{self._provider} has no {model!r}; it has {', '.join(_OPERATIONS)}")
        return found

    def _image(self, entry: ClassificationInput, model: str) -> Json:
        who = f"{self._provider}:{model}"
        if isinstance(entry, str):
            raise UnsupportedError(f"{who} looks at pictures only; a text was given. comprehend: reads texts")
        match entry.source:
            case Inline(data, media_type) if media_type in _PICTURES:
                if len(data) > _MOST_BYTES:
                    raise MediaError(
                        f"the picture has {len(data):,} bytes; {who} takes {_MOST_BYTES:,}: make it smaller, or put it "
                        'into S3 and pass Image.from_url("s3://bucket/name")'
                    )
                return {"Bytes": entry.source.base64}
            case Remote(url) if found := _OBJECT.fullmatch(url):
                return {"S3Object": {"Bucket": found[1], "Name": found[2]}}
            case _:
                raise UnsupportedError(
                    f"{who} looks at PNG and JPEG pictures, whose bytes are sent along or which lie in S3: "
                    'Image.from_file("x.png"), Image.from_url("s3://bucket/x.png")'
                )


def _scores(rows: object) -> dict[str, float]:
    """Label -> confidence, from 0 to 1."""
    found = scores_of({str(row.get("Name")): row.get("Confidence") for row in objects_of(rows)})
    return {name: confidence / 100 for name, confidence in found.items()}
