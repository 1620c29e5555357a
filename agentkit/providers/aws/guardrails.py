"""Guardrails of Bedrock as moderation: POST /guardrail/ID/version/VERSION/apply, by the rules of one's own guardrail.

Facts: botocore's model of ApplyGuardrail. What a guardrail finds has names and actions; confidences are words, so that
there are no scores.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from agentkit.classification import (
    Classification,
    ClassificationAnswer,
    ClassificationOffer,
    ClassificationRequest,
    object_of,
    objects_of,
)
from agentkit.codec import WireRequest
from agentkit.embedding import reply_of
from agentkit.errors import ExchangeError, ProtocolError, UnsupportedError
from agentkit.json_bytes import json_bytes
from agentkit.media import Inline
from agentkit.providers.aws.errors import decode_error, sound

__all__ = ["GuardrailCodec"]

Json = dict[str, Any]

_PREFIX = "guardrail/"
_GUARDRAIL = re.compile(r"guardrail/(?P<id>arn:[^/]+/[^./]+|[^./]+)(?:/(?P<version>[0-9]+|DRAFT))?")
_FORMATS = {"image/png": "png", "image/jpeg": "jpeg"}
_FINDINGS = (
    ("contentPolicy", "filters", "type"),
    ("topicPolicy", "topics", "name"),
    ("wordPolicy", "managedWordLists", "type"),
    ("wordPolicy", "customWords", "match"),
    ("sensitiveInformationPolicy", "piiEntities", "type"),
    ("sensitiveInformationPolicy", "regexes", "name"),
    ("contextualGroundingPolicy", "filters", "type"),
)
"""Policy, its list, and what names an entry of it."""


class GuardrailCodec:
    """The client half of ApplyGuardrail. A model is "guardrail/ID" or "guardrail/ID/VERSION"; an ARN is an id."""

    def __init__(self, provider: str = "bedrock") -> None:
        self.name = f"{provider}:guardrail"
        self._provider = provider

    def offer(self, model: str) -> ClassificationOffer:
        """What the endpoint does with this model: a guardrail moderates, all others chat. Raises UnsupportedError."""
        if not model.startswith(_PREFIX):
            return ClassificationOffer(frozenset())
        self._path(model)
        return ClassificationOffer(frozenset({"moderation"}))

    def encode(self, asked: ClassificationRequest) -> WireRequest:
        """The request's bytes. Raises UnsupportedError for pictures other than PNG and JPEG, or without their bytes."""
        (entry,) = asked.inputs
        if isinstance(entry, str):
            content: Json = {"text": {"text": entry}}
        elif isinstance(entry.source, Inline) and entry.source.media_type in _FORMATS:
            content = {"image": {"format": _FORMATS[entry.source.media_type], "source": {"bytes": entry.source.base64}}}
        else:
            raise UnsupportedError(f"{self._provider} looks at PNG and JPEG pictures whose bytes are sent along")
        more = dict((asked.settings.extra or {}).get(self._provider, {}))
        return WireRequest(self._path(asked.model), json_bytes({"source": "INPUT", "content": [content], **more}))

    def decode(self, body: bytes) -> ClassificationAnswer:
        """What the guardrail found in the one input."""
        reply = sound(reply_of(body, provider=self._provider), provider=self._provider)
        action = reply.get("action")
        if not isinstance(action, str):
            raise ProtocolError("the reply does not say what the guardrail did ('action')", provider=self._provider)
        found = dict.fromkeys(
            label for assessment in objects_of(reply.get("assessments")) for label in _found(assessment)
        )
        return ClassificationAnswer((Classification(tuple(found), None, action == "GUARDRAIL_INTERVENED"),))

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 200."""
        return decode_error(status, headers, body, provider=self._provider)

    def _path(self, model: str) -> str:
        found = _GUARDRAIL.fullmatch(model)
        if found is None:
            raise UnsupportedError(
                f"{self._provider}:{model} names no guardrail; write guardrail/ID or guardrail/ID/VERSION, "
                "whose version is a number or DRAFT"
            )
        return f"/guardrail/{quote(found['id'], safe='')}/version/{found['version'] or 'DRAFT'}/apply"


def _found(assessment: Json) -> Iterator[str]:
    """The names of what was found, whatever was done about it."""
    for policy, entries, name in _FINDINGS:
        for row in objects_of(object_of(assessment.get(policy)).get(entries)):
            if row.get("action") != "NONE" or row.get("detected") is True:
                yield str(row.get(name) or policy)
