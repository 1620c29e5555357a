"""Deepgram's speech to text: POST /listen, the sound as it is, everything else in the query.

Facts: replies recorded in August 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urlencode

from agentkit.codec import WireRequest
from agentkit.errors import ExchangeError, ProtocolError, UnsupportedError
from agentkit.json_bytes import json_bytes
from agentkit.json_value import number_of
from agentkit.media import Inline, Remote
from agentkit.providers.openai.errors import decode_error, error_in_stream
from agentkit.providers.openai.task_events import object_of
from agentkit.transcription import Segment, TranscriptionAnswer, TranscriptionLimits, TranscriptionRequest, Word

__all__ = ["ListenCodec"]

Json = dict[str, Any]


class ListenCodec:
    """The client half of /listen."""

    def __init__(self, provider: str = "deepgram") -> None:
        self.name = f"{provider}:listen"
        self._provider = provider

    def limits(self, model: str) -> TranscriptionLimits:
        """What this model listens to at a time."""
        return TranscriptionLimits(bytes=2 * 2**30)

    def encode(self, asked: TranscriptionRequest) -> WireRequest:
        """The request's bytes. Raises UnsupportedError for uploaded files."""
        query: list[tuple[str, str]] = [("model", asked.model), ("smart_format", "true")]
        if asked.segments:
            query.append(("utterances", "true"))
        query.append(("language", asked.language) if asked.language else ("detect_language", "true"))
        if asked.prompt:
            query += [("keyterm", term.strip()) for term in asked.prompt.split(",")]
        for name, value in (asked.settings.extra or {}).get(self._provider, {}).items():
            query.append((name, ("true" if value else "false") if isinstance(value, bool) else str(value)))
        path = f"/listen?{urlencode(query)}"
        match asked.audio.source:
            case Inline(data, media_type):
                return WireRequest(path, data, headers=(("content-type", media_type),))
            case Remote(url):
                return WireRequest(path, json_bytes({"url": url}))
            case _:
                raise UnsupportedError(f"{self._provider} keeps no files; pass a path, bytes or an address")

    def decode(self, body: bytes) -> TranscriptionAnswer:
        """The transcript of the first channel."""
        reply = object_of(body, self._provider)
        results, metadata = _object(reply.get("results")), _object(reply.get("metadata"))
        channel = _first(results.get("channels"))
        alternative = _first(channel.get("alternatives"))
        if "transcript" not in alternative:
            if "err_code" in reply or "error" in reply:
                raise error_in_stream(reply, provider=self._provider)
            raise ProtocolError("the reply holds no transcript ('results' is missing)", provider=self._provider)
        models = [str(_object(model).get("name", "")) for model in _object(metadata.get("model_info")).values()]
        return TranscriptionAnswer(
            str(alternative["transcript"]),
            tuple(_segment(row) for row in _rows(results.get("utterances"))),
            tuple(_word(row) for row in _rows(alternative.get("words"))),
            str(channel.get("detected_language") or ""),
            number_of(metadata.get("duration")),
            model=models[0] if models else "",
        )

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 200."""
        return decode_error(status, headers, body, provider=self._provider)


def _object(value: Any) -> Json:
    return cast("Json", value) if isinstance(value, dict) else {}


def _rows(value: Any) -> list[Json]:
    return [_object(row) for row in cast("list[Any]", value)] if isinstance(value, list) else []


def _first(value: Any) -> Json:
    rows = _rows(value)
    return rows[0] if rows else {}


def _segment(row: Json) -> Segment:
    return Segment(str(row.get("transcript") or ""), _seconds(row, "start"), _seconds(row, "end"), _speaker(row))


def _word(row: Json) -> Word:
    text = row.get("punctuated_word") or row.get("word") or ""
    return Word(str(text), _seconds(row, "start"), _seconds(row, "end"), _speaker(row))


def _seconds(row: Json, name: str) -> float:
    return number_of(row.get(name)) or 0.0


def _speaker(row: Json) -> str:
    speaker = row.get("speaker")
    return "" if speaker is None else str(speaker)
