"""Azure AI Content Safety: POST /contentsafety/text:analyze and image:analyze, how harmful one text or picture is.

Facts: azure-ai-contentsafety and Azure's reference (version 2023-10-01; at most 10,000 characters). The service gives a
severity from 0 to 7 for each category, not a probability; an input is flagged from 2 on, the lowest of its four levels
beside 0.
"""

from __future__ import annotations

from collections.abc import Mapping

from agentkit.classification import (
    Classification,
    ClassificationAnswer,
    ClassificationOffer,
    ClassificationRequest,
    object_of,
    objects_of,
    scores_of,
)
from agentkit.codec import WireRequest
from agentkit.embedding import reply_of
from agentkit.errors import ExchangeError, ProtocolError, UnsupportedError
from agentkit.json_bytes import json_bytes
from agentkit.media import Inline, Remote
from agentkit.providers.openai.errors import decode_error, list_in

__all__ = ["ContentSafetyCodec"]

_VERSION = "?api-version=2023-10-01"
_HARMFUL = 2


class ContentSafetyCodec:
    """The client half of Content Safety."""

    def __init__(self, provider: str = "azure-content-safety") -> None:
        self.name = f"{provider}:analyze"
        self._provider = provider

    def offer(self, model: str) -> ClassificationOffer:
        """What the endpoint does: it moderates."""
        return ClassificationOffer(frozenset({"moderation"}))

    def encode(self, asked: ClassificationRequest) -> WireRequest:
        """The request's bytes. Raises UnsupportedError for uploaded pictures."""
        (entry,) = asked.inputs
        more = (asked.settings.extra or {}).get(self._provider, {})
        if isinstance(entry, str):
            return WireRequest(f"/contentsafety/text:analyze{_VERSION}", json_bytes({"text": entry, **more}))
        match entry.source:
            case Inline():
                image = {"content": entry.source.base64}
            case Remote(url):
                image = {"blobUrl": url}
            case _:
                raise UnsupportedError(f"{self._provider} keeps no files; pass the picture's bytes or its address")
        return WireRequest(f"/contentsafety/image:analyze{_VERSION}", json_bytes({"image": image, **more}))

    def decode(self, body: bytes) -> ClassificationAnswer:
        """How harmful the one input is. Raises ProtocolError for a reply that leaves it open."""
        fields = object_of(reply_of(body, provider=self._provider))
        rows = objects_of(list_in(fields, "categoriesAnalysis", provider=self._provider))
        severities = scores_of({str(row.get("category")): row.get("severity") for row in rows})
        harms = sorted(
            (name for name, each in severities.items() if each >= _HARMFUL), key=lambda name: -severities[name]
        )
        is_blocked = bool(fields.get("blocklistsMatch"))
        if not harms and not is_blocked and (not severities or len(severities) < len(rows)):
            raise ProtocolError(
                "the reply does not say how harmful the input is ('severity' is missing)", provider=self._provider
            )
        return ClassificationAnswer((Classification(tuple(harms), severities, bool(harms) or is_blocked),))

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 200."""
        return decode_error(status, headers, body, provider=self._provider)
