"""OpenAI's speech to text: POST /audio/transcriptions, which many compatible servers offer too.

Facts: the API references of OpenAI, Groq and Mistral, and replies recorded in 2024 to 2026. The models differ: whisper
knows words and segments, the gpt-4o models text alone, the diarizing one segments with speakers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

from agentkit.codec import WireRequest
from agentkit.errors import ExchangeError, ProtocolError, UnsupportedError
from agentkit.exchange import Delta, ResponseFinished, TextDelta
from agentkit.json_bytes import json_bytes
from agentkit.json_value import number_of
from agentkit.media import Inline, Remote
from agentkit.multipart import FilePart, FormField, multipart
from agentkit.providers.openai.errors import decode_error, error_in_stream
from agentkit.providers.openai.task_events import TaskEvents, object_of
from agentkit.transcription import Segment, TranscriptionAnswer, TranscriptionLimits, TranscriptionRequest, Word
from agentkit.usage import Cost, Usage, count_of

__all__ = ["TranscriptionRules", "TranscriptionsCodec", "TranscriptionsDecoder"]

Json = dict[str, Any]

_LIMITS = TranscriptionLimits(bytes=25 * 2**20)


@dataclass(frozen=True, slots=True)
class TranscriptionRules:
    """How the speech to text of a server differs from OpenAI's."""

    path: str = "/audio/transcriptions"
    times: Literal["verbose_json", "granularities", "always", "none"] = "verbose_json"
    """How words and segments are asked for: by a format and granularities, by granularities alone, not at all since
    they always come, or not at all since they never do."""
    streams: bool = True
    whisper_streams: bool = False
    takes_prompt: bool = True
    needs_language: bool = False
    names_model: bool = True
    url_field: str = ""
    """The field for an address that the server fetches; empty where it fetches none."""
    limits: TranscriptionLimits = _LIMITS


class TranscriptionsCodec:
    """The client half of OpenAI's speech to text."""

    def __init__(self, provider: str = "openai", *, rules: TranscriptionRules | None = None) -> None:
        self.name = f"{provider}:transcriptions"
        self._provider = provider
        self._rules = rules or TranscriptionRules()

    def limits(self, model: str) -> TranscriptionLimits:
        """What this model listens to at a time."""
        limits = self._rules.limits
        return TranscriptionLimits(limits.bytes, 1500) if "gpt-4o" in model else limits

    def is_streamed(self, asked: TranscriptionRequest) -> bool:
        """Whether the text is asked for as it comes: where the model can, and nothing is asked that it then omits."""
        rules = self._rules
        if not asked.is_streamed or not rules.streams or asked.words:
            return False
        if "whisper" in asked.model and not rules.whisper_streams:
            return False
        return not asked.segments or _tells_speakers(asked.model)

    def encode(self, asked: TranscriptionRequest) -> WireRequest:
        """The request's bytes, a form. Raises UnsupportedError for what the model does not offer."""
        fields: list[FormField | FilePart] = [*self._fields(asked)]
        if self.is_streamed(asked):
            fields.append(FormField("stream", "true"))
        for name, value in (asked.settings.extra or {}).get(self._provider, {}).items():
            values = cast("list[Any]", value) if isinstance(value, list) else [value]
            fields += [FormField(f"{name}[]" if isinstance(value, list) else name, _word(entry)) for entry in values]
        match asked.audio.source:
            case Inline(data, media_type):
                fields.append(FilePart("file", asked.filename, data, media_type))
            case Remote(url) if self._rules.url_field:
                fields.append(FormField(self._rules.url_field, url))
            case _:
                raise UnsupportedError(
                    f"{self._provider}:{asked.model} takes the sound itself, not where it lies: pass a path or bytes"
                )
        body = multipart(fields)
        return WireRequest(self._rules.path, body.data, headers=(("content-type", body.content_type),))

    def encode_line(self, asked: TranscriptionRequest) -> WireRequest:
        """The request as it stands in a batch: JSON with the address of the sound. Raises UnsupportedError."""
        source = asked.audio.source
        if not isinstance(source, Remote) or not self._rules.url_field:
            raise UnsupportedError(
                f"{self._provider}:{asked.model} takes sound by its address in a batch, which lies on a server: pass "
                'Audio.from_url(...), or ask at once with via="requests"'
            )
        fields: Json = {self._rules.url_field: source.url}
        for entry in self._fields(asked):
            if entry.name.startswith("timestamp_granularities"):
                fields.setdefault("timestamp_granularities", []).append(entry.value)
            else:
                fields[entry.name] = entry.value
        fields |= (asked.settings.extra or {}).get(self._provider, {})
        return WireRequest(self._rules.path, json_bytes(fields))

    def decode(self, body: bytes) -> TranscriptionAnswer:
        """The transcript of a whole reply."""
        reply = object_of(body, self._provider)
        if not isinstance(reply.get("text"), str):
            if reply.get("error"):
                raise error_in_stream(reply, provider=self._provider)
            raise ProtocolError("the reply holds no transcript ('text' is missing)", provider=self._provider)
        return _answer_of(reply)

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 200."""
        return decode_error(status, headers, body, provider=self._provider)

    def decoder(self, asked: TranscriptionRequest) -> TranscriptionsDecoder:
        """A decoder for one streamed reply."""
        return TranscriptionsDecoder(self._provider)

    def _fields(self, asked: TranscriptionRequest) -> list[FormField]:
        self._refuse_unknown(asked)
        fields = [FormField("model", asked.model)] if self._rules.names_model else []
        if asked.language:
            fields.append(FormField("language", asked.language))
        if asked.prompt:
            fields.append(FormField("prompt", asked.prompt))
        return fields + self._format(asked)

    def _format(self, asked: TranscriptionRequest) -> list[FormField]:
        """The fields that say how the answer shall look."""
        times = self._rules.times
        if _tells_speakers(asked.model):  # it refuses files over 30 seconds without a strategy
            return [FormField("response_format", "diarized_json"), FormField("chunking_strategy", "auto")]
        wanted = [name for name, is_wanted in (("word", asked.words), ("segment", asked.segments)) if is_wanted]
        if times == "verbose_json" and wanted:
            grains = [FormField("timestamp_granularities[]", name) for name in wanted]
            return [FormField("response_format", "verbose_json"), *grains]
        if times == "verbose_json":
            return [FormField("response_format", "json")]
        if times == "granularities":
            return [FormField("timestamp_granularities", name) for name in wanted]
        return []

    def _refuse_unknown(self, asked: TranscriptionRequest) -> None:
        rules, who = self._rules, f"{self._provider}:{asked.model}"
        if _tells_speakers(asked.model) and asked.words:
            raise UnsupportedError(f"{who} tells segments and speakers, not words; openai:whisper-1 tells words")
        times_missing = rules.times == "none" or (rules.times == "verbose_json" and _is_text_only(asked.model))
        if times_missing and (asked.words or asked.segments):
            what = "words" if asked.words else "segments"
            raise UnsupportedError(f"{who} writes text without times; leave {what} out, or ask openai:whisper-1")
        if rules.times == "always" and asked.segments:
            raise UnsupportedError(f"{who} tells the times of words, not of segments; pass words=True")
        if asked.prompt and (not rules.takes_prompt or _tells_speakers(asked.model)):
            raise UnsupportedError(f"{who} takes no prompt beside the sound; leave it out")
        if rules.needs_language and not asked.language:
            raise UnsupportedError(f"{who} has to be told the language: pass language='en'")


class TranscriptionsDecoder:
    """Decodes one streamed reply; see TaskStreamDecoder."""

    __slots__ = ("_done", "_events", "_language", "_provider", "_segments", "_texts")

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._events = TaskEvents(provider)
        self._texts: list[str] = []
        self._segments: list[Segment] = []
        self._language = ""
        self._done: Json | None = None

    @property
    def events(self) -> int:
        """How many events were decoded so far."""
        return self._events.count

    @property
    def answer(self) -> TranscriptionAnswer:
        """The whole transcript: that of the last event, else what the pieces give."""
        done = {"text": "".join(self._texts), "language": self._language, **(self._done or {})}
        answer = _answer_of(done)
        return answer if answer.segments else replace(answer, segments=tuple(self._segments))

    def feed(self, chunk: bytes) -> list[Delta]:
        """The text of some more bytes."""
        return self._events.feed(chunk, self._told_by)

    def finish(self) -> list[Delta]:
        """What is left when the bytes have ended. Raises ProtocolError when the transcript is cut."""
        deltas = self._events.finish(self._told_by)
        if self._done is None:
            raise ProtocolError("the stream ended before the transcript was complete", provider=self._provider)
        return deltas

    def _told_by(self, event: Json) -> list[Delta]:
        """OpenAI's names of events begin with transcript, Mistral's with transcription."""
        kind = str(event.get("type", ""))
        if kind.endswith("text.delta"):
            text = event.get("delta", event.get("text"))
            return self._text(text if isinstance(text, str) else "")
        if kind.endswith(".segment"):
            segment = _segment_of(event)
            has_text = bool(self._texts) and not self._segments
            self._segments.append(segment)
            return [] if has_text else self._text(segment.text)
        if kind.endswith(".language"):
            self._language = str(event.get("audio_language") or event.get("language") or "")
        if kind.endswith(".done"):
            self._done = {name: value for name, value in event.items() if value is not None}
            return [ResponseFinished("stop", usage=_usage(event.get("usage")))]
        choices = event.get("choices")
        return self._choice(cast("list[Any]", choices)) if isinstance(choices, list) else []

    def _choice(self, choices: list[Any]) -> list[Delta]:
        """vLLM streams transcripts as it streams chats."""
        choice = cast("Json", choices[0]) if choices and isinstance(choices[0], dict) else {}
        delta: Any = choice.get("delta")
        text = cast("Json", delta).get("content") if isinstance(delta, dict) else None
        deltas = self._text(text) if isinstance(text, str) else []
        if choice.get("finish_reason"):
            self._done = {}
            return [*deltas, ResponseFinished("stop")]
        return deltas

    def _text(self, text: str) -> list[Delta]:
        if not text:
            return []
        self._texts.append(text)
        return [TextDelta(text)]


def _is_text_only(model: str) -> bool:
    return "transcribe" in model and model.startswith("gpt-") and not _tells_speakers(model)


def _tells_speakers(model: str) -> bool:
    return "transcribe-diarize" in model


def _word(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _answer_of(reply: Json) -> TranscriptionAnswer:
    usage: Any = reply.get("usage")
    told = cast("Json", usage) if isinstance(usage, dict) else {}
    cost = number_of(told.get("cost"))
    return TranscriptionAnswer(
        str(reply.get("text") or ""),
        tuple(_segment_of(row) for row in _rows(reply.get("segments") or reply.get("chunks"))),
        tuple(_word_of(row) for row in _rows(reply.get("words"))),
        str(reply.get("language") or ""),
        number_of(reply.get("duration")),
        _usage(told),
        str(reply.get("model") or ""),
        None if cost is None else Cost(cost),
    )


def _rows(value: Any) -> list[Json]:
    rows = cast("list[Any]", value) if isinstance(value, list) else []
    return [cast("Json", row) for row in rows if isinstance(row, dict)]


def _segment_of(row: Json) -> Segment:
    start, end = _times(row)
    return Segment(str(row.get("text") or ""), start, end, str(row.get("speaker") or row.get("speaker_id") or ""))


def _word_of(row: Json) -> Word:
    start, end = _times(row)
    return Word(str(row.get("word", row.get("text")) or ""), start, end, str(row.get("speaker") or ""))


def _times(row: Json) -> tuple[float, float]:
    both: Any = row.get("timestamp")
    pair = cast("list[Any]", both) if isinstance(both, list) else [row.get("start"), row.get("end")]
    start, end = (*pair, None, None)[:2]
    first = number_of(start) or 0.0
    return first, number_of(end) or first


def _usage(value: Any) -> Usage:
    usage = cast("Json", value) if isinstance(value, dict) else {}
    prompt, output = count_of(usage.get("input_tokens")), count_of(usage.get("output_tokens"))
    if prompt or output:
        return Usage(prompt, output=output)
    # Mistral leaves the tokens of the sound out of the prompt's, and counts them in the total alone.
    output = count_of(usage.get("completion_tokens"))
    return Usage(max(count_of(usage.get("prompt_tokens")), count_of(usage.get("total_tokens")) - output), output=output)
