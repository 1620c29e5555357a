"""Speech to text.

heard = await transcribe("openai:whisper-1", "interview.mp3", words=True)
heard.text, heard.words[0].start
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from anyio import to_thread

from agentkit.budget import Budget
from agentkit.errors import MediaError
from agentkit.media import Audio, Inline, type_of_file
from agentkit.models import ModelIdentity
from agentkit.portal import synchronous
from agentkit.prices import PriceBook
from agentkit.settings import Settings
from agentkit.tasks.perform import Listener, TaskAccount, perform, side_by_side, task_of
from agentkit.tasks.streaming import refuse_unstreamed
from agentkit.telemetry import names
from agentkit.transcription import (
    Segment,
    TranscriptionAnswer,
    TranscriptionLimits,
    TranscriptionModel,
    TranscriptionRequest,
    Word,
    wav_seconds,
)
from agentkit.usage import Cost, Usage

__all__ = ["Transcription", "expected_of_transcription", "transcribe", "transcribe_sync"]

_BYTES_PER_TOKEN = 3
_BYTES_PER_SECOND = 8_000
"""Of sound at 64 kbit/s: few, so that its length is rather over- than underestimated."""
_TOKENS_PER_SECOND = 32
"""What Gemini takes; OpenAI takes 10."""
_WORDS_PER_SECOND = 4
_SOUNDS = ("audio/", "video/mp4", "video/webm", "video/mpeg")
"""Containers of video may hold sound alone."""
_ENDINGS = {"audio/mpeg": "mp3", "audio/mp4": "m4a", "video/mp4": "mp4", "audio/aiff": "aiff", "video/mpeg": "mpeg"}


@dataclass(frozen=True, slots=True)
class Transcription:
    """What was said."""

    text: str
    segments: tuple[Segment, ...]
    """Stretches of speech with times, and speakers where the model tells them apart; empty unless asked for."""
    words: tuple[Word, ...]
    """Words with times; empty unless asked for."""
    language: str
    """In the provider's words; empty where it says none."""
    duration_seconds: float | None
    """How long the sound is; None where neither the provider nor the file says it."""
    usage: Usage
    cost: Cost
    model: str
    """The model that answered, in the provider's words."""

    def __str__(self) -> str:
        return self.text


async def transcribe(
    model: str | TranscriptionModel,
    audio: str | Path | Audio,
    *,
    language: str | None = None,
    prompt: str | None = None,
    words: bool = False,
    segments: bool = False,
    settings: Settings | None = None,
    budget: Budget | None = None,
    prices: PriceBook | None = None,
    on_event: Listener | None = None,
) -> Transcription:
    """Write down what is said in a file, at an address ("https://...", "s3://...") or in an Audio.

    `language` is the ISO 639-1 code of what is spoken, `prompt` helps to spell names. `words` and `segments` ask for
    times. `on_event` is told the text as it comes (TextDelta) where the model streams it, and failed attempts. Raises
    ExchangeError, BudgetExceededError, MediaError (no sound, or more of it than the model takes at a time: nothing is
    cut off), UnsupportedError, and what `model` raises.
    """
    chosen: TranscriptionModel = task_of(model, "transcribe")
    if isinstance(audio, str) and "://" in audio:
        audio = Audio.from_url(audio)
    if isinstance(audio, Audio):
        sound, filename = audio, "audio"
    else:
        path = Path(audio)
        sound, filename = await to_thread.run_sync(_read, path, chosen.limits, chosen.identity), path.name
    seconds = _checked_seconds(sound, chosen.limits, chosen.identity)
    known = settings or Settings()
    asked = TranscriptionRequest(
        chosen.identity.model,
        sound,
        _named(filename, sound),
        language=language,
        prompt=prompt,
        words=words,
        segments=segments,
        is_streamed=on_event is not None if known.stream is None else known.stream,
        settings=known,
    )
    refuse_unstreamed("transcribe", chosen, asked, settings=known)
    account = TaskAccount.of(budget, prices)
    answers: list[TranscriptionAnswer] = []

    async def ask() -> None:
        answers.append(await _ask(chosen, asked, seconds, account, on_event))

    await side_by_side([ask], concurrency=1, account=account)
    answer = answers[0]
    return Transcription(
        answer.text,
        answer.segments,
        answer.words,
        answer.language,
        seconds if answer.duration_seconds is None else answer.duration_seconds,
        account.usage,
        account.cost,
        answer.model or chosen.identity.model,
    )


async def _ask(
    chosen: TranscriptionModel,
    asked: TranscriptionRequest,
    seconds: float | None,
    account: TaskAccount,
    listener: Listener | None,
) -> TranscriptionAnswer:
    reply = await perform(
        chosen,
        asked,
        operation=names.GENERATE_CONTENT,
        settings=asked.settings,
        account=account,
        expected=expected_of_transcription(asked, seconds),
        usage_of=_usage_of,
        model_of=_model_of,
        cost_of=_cost_of,
        listener=listener,
        attributes={names.OUTPUT_TYPE: "text"},
    )
    return reply.answer


transcribe_sync = synchronous(transcribe)


def _read(path: Path, limits: TranscriptionLimits, who: ModelIdentity) -> Audio:
    """The sound of a file, looked at before it is read: a film need not come into memory to be refused."""
    try:
        size = path.stat().st_size
        if limits.bytes is not None and size > limits.bytes:
            raise _too_large(str(path), size, limits.bytes, who)
        data = path.read_bytes()
    except OSError as error:
        raise MediaError(f"cannot read audio {str(path)!r}: {error.strerror or error}") from error
    if not data:
        raise MediaError(f"{str(path)!r} is empty; there is nothing to hear")
    found = type_of_file(data, path.name)
    if found is None or not found.startswith(_SOUNDS):
        raise MediaError(f"{str(path)!r} is {found or 'of no known type'}, not sound; use {', '.join(Audio.accepted)}")
    return Audio(Inline(data, found))


def _checked_seconds(audio: Audio, limits: TranscriptionLimits, who: ModelIdentity) -> float | None:
    """How long the sound is, where its file says that. Raises MediaError for more than the model takes at a time."""
    if not isinstance(audio.source, Inline):
        return None
    size = len(audio.source.data)
    if limits.bytes is not None and size > limits.bytes:
        raise _too_large("the sound", size, limits.bytes, who)
    seconds = wav_seconds(audio.source.data)
    if seconds is not None and limits.seconds is not None and seconds > limits.seconds:
        raise MediaError(
            f"the sound lasts {seconds:,.0f} s; {who.provider}:{who.model} takes {limits.seconds:,.0f} s at a time: "
            "cut it where nobody speaks and join the texts; nothing was sent"
        )
    return seconds


def _too_large(what: str, size: int, allowed: int, who: ModelIdentity) -> MediaError:
    return MediaError(
        f"{what} has {size:,} bytes; {who.provider}:{who.model} takes {allowed:,} at a time: save it as MP3 or OGG at "
        "a lower rate, or cut it where nobody speaks and join the texts; nothing was sent"
    )


def _named(filename: str, audio: Audio) -> str:
    """A name with an ending, from which providers read the type."""
    if Path(filename).suffix or not isinstance(audio.source, Inline):
        return filename
    media_type = audio.source.media_type
    return f"{filename}.{_ENDINGS.get(media_type) or media_type.rpartition('/')[2]}"


def expected_of_transcription(asked: TranscriptionRequest, seconds: float | None = None) -> Usage:
    """About what a request takes, by the length of its sound or else by its bytes."""
    source = asked.audio.source
    if seconds is None and isinstance(source, Inline):
        seconds = len(source.data) / _BYTES_PER_SECOND
    length = int(seconds or 0) + 1
    words = len((asked.prompt or "").encode()) // _BYTES_PER_TOKEN
    return Usage(words + length * _TOKENS_PER_SECOND, output=length * _WORDS_PER_SECOND)


def _usage_of(answer: TranscriptionAnswer) -> Usage:
    return answer.usage


def _model_of(answer: TranscriptionAnswer) -> str:
    return answer.model


def _cost_of(answer: TranscriptionAnswer) -> Cost | None:
    return answer.cost
