"""Speech to text by a model that chats and hears: a question with sound in it, where there is no endpoint for that."""

from __future__ import annotations

from dataclasses import replace

from agentkit.errors import ContentFilteredError, UnsupportedError
from agentkit.exchange import Memo, Request, Response, RunAccount
from agentkit.messages import Text, UserMessage
from agentkit.models import Model, ModelIdentity, Sink, identity_of
from agentkit.settings import Settings
from agentkit.task_model import TaskReply
from agentkit.transcription import TranscriptionAnswer, TranscriptionLimits, TranscriptionRequest

__all__ = ["ChatTranscriptionModel"]

_INLINE_BYTES = 14_000_000
"""A request of Gemini's may have 20 MB, of which base64 takes a third; Bedrock takes a little more."""


class ChatTranscriptionModel:
    """A TranscriptionModel made of a Model that hears; see TranscriptionModel."""

    limits = TranscriptionLimits(bytes=_INLINE_BYTES)
    """What it listens to at a time."""

    def __init__(self, model: Model) -> None:
        self.chat = model
        """Who hears."""

    @property
    def identity(self) -> ModelIdentity:
        """Who answers."""
        return identity_of(self.chat)

    async def perform(
        self,
        asked: TranscriptionRequest,
        settings: Settings,
        *,
        sink: Sink | None = None,
        account: RunAccount | None = None,
    ) -> TaskReply[TranscriptionAnswer]:
        """Write down what is said. Raises ExchangeError, UnsupportedError."""
        request = replace(self.question(asked, settings), memo=Memo(account))
        response = await self.chat.respond(request, sink)
        return TaskReply(self.answer(response, asked), response.attempts, response.notes)

    def question(self, asked: TranscriptionRequest, settings: Settings) -> Request:
        """What is asked of the model. Raises UnsupportedError for times."""
        vendor = self.identity.provider
        if asked.words or asked.segments:
            raise UnsupportedError(
                f"{vendor}:{asked.model} writes text, and times only as it guesses them: leave words and segments "
                "out, or ask openai:whisper-1, groq or mistral"
            )
        message = UserMessage((asked.audio, Text(_instruction(asked))))
        return Request(asked.model, (message,), settings=settings, is_streamed=asked.is_streamed)

    def answer(self, response: Response, asked: TranscriptionRequest) -> TranscriptionAnswer:
        """The transcript. Raises ContentFilteredError."""
        if response.finish == "content_filter":
            reason = f"the transcript was refused ({response.finish_raw})"
            raise ContentFilteredError(reason, provider=self.identity.provider)
        return TranscriptionAnswer(
            response.text.strip(), language=asked.language or "", usage=response.usage, model=response.message.model
        )


def _instruction(asked: TranscriptionRequest) -> str:
    words = ["Write down word for word what is said in this recording. Answer with the transcript alone."]
    if asked.language:
        words.append(f"The language spoken is {asked.language!r} (ISO 639-1).")
    if asked.prompt:
        words.append(f"Names and words that may occur: {asked.prompt}")
    return " ".join(words)
