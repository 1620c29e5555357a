"""Transcripts as data: what is asked for, what comes back, and what a provider listens to at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from agentkit.codec import TaskCodec
from agentkit.media import Audio
from agentkit.settings import Settings
from agentkit.task_model import TaskModel
from agentkit.usage import Cost, Usage

__all__ = [
    "Segment",
    "TranscriptionAnswer",
    "TranscriptionCodec",
    "TranscriptionLimits",
    "TranscriptionModel",
    "TranscriptionRequest",
    "Word",
    "wav_seconds",
]


@dataclass(frozen=True, slots=True)
class Word:
    """One spoken word and when it was spoken, in seconds from the beginning."""

    text: str
    start: float
    end: float
    speaker: str = ""
    """Empty where the provider does not tell speakers apart."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of speech, mostly a sentence, in seconds from the beginning."""

    text: str
    start: float
    end: float
    speaker: str = ""
    """Empty where the provider does not tell speakers apart."""


@dataclass(frozen=True, slots=True)
class TranscriptionRequest:
    """One request to write down what is said."""

    model: str
    """The id as the provider spells it."""
    audio: Audio
    filename: str = "audio"
    """Without its folder; providers read the type of the sound from its ending."""
    language: str | None = None
    """ISO 639-1 code of the language that is spoken, such as "en"; None to let the model find out."""
    prompt: str | None = None
    """What helps to spell: names, words of the trade."""
    words: bool = False
    segments: bool = False
    is_streamed: bool = False
    """Whether somebody listens to the text as it comes."""
    settings: Settings = Settings()


@dataclass(frozen=True, slots=True)
class TranscriptionAnswer:
    """What was said."""

    text: str
    segments: tuple[Segment, ...] = ()
    words: tuple[Word, ...] = ()
    language: str = ""
    """In the provider's words: a code or a name; empty where it says none."""
    duration_seconds: float | None = None
    """How long the sound is; None where the provider does not say."""
    usage: Usage = Usage()
    model: str = ""
    """The model that answered, in the provider's words; empty where it says none."""
    cost: Cost | None = None
    """What the provider says it cost; None where it says nothing."""


@dataclass(frozen=True, slots=True)
class TranscriptionLimits:
    """What a provider listens to in one request; None is without bound."""

    bytes: int | None = None
    seconds: float | None = None


class TranscriptionModel(TaskModel[TranscriptionRequest, TranscriptionAnswer], Protocol):
    """Anything that writes down what is said."""

    @property
    def limits(self) -> TranscriptionLimits:
        """What it listens to at a time."""
        ...


class TranscriptionCodec(TaskCodec[TranscriptionRequest, TranscriptionAnswer], Protocol):
    """The client half of an API for speech."""

    def limits(self, model: str) -> TranscriptionLimits:
        """What this model listens to at a time."""
        ...


def wav_seconds(data: bytes) -> float | None:
    """How long a WAV file is by its own head; None for other files, and for heads that do not tell."""
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        return None
    place, rate = 12, 0
    while place + 8 <= len(data):
        name, size = data[place : place + 4], int.from_bytes(data[place + 4 : place + 8], "little")
        if name == b"fmt ":
            rate = int.from_bytes(data[place + 16 : place + 20], "little")  # bytes per second
        elif name == b"data":
            # Recorders that cannot go back write no size: then the sound goes on to the end of the file.
            return min(size, len(data) - place - 8) / rate if rate else None
        place += 8 + size + size % 2
    return None
