"""An API other than chat, performed: the same exchange, with the same owner of retries and deadlines."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from copy import copy
from typing import Generic, Protocol, TypeAlias, TypeVar

from agentkit.classification import (
    ClassificationAnswer,
    ClassificationCodec,
    ClassificationRequest,
)
from agentkit.codec import HeadReader, StreamDecoder, StreamedTaskCodec, TaskCodec, TaskStreamDecoder, WireRequest
from agentkit.embedding import EmbeddingAnswer, EmbeddingLimits, EmbeddingRequest
from agentkit.errors import ExchangeError, ProtocolError
from agentkit.exchange import Memo, ReplySeen, Request, Response, RunAccount
from agentkit.imaging import ImageAnswer, ImageLimits, ImageRequest
from agentkit.messages import AssistantMessage
from agentkit.models import ModelIdentity, Sink
from agentkit.remote import Endpoint, RemoteModel
from agentkit.retention import unretained
from agentkit.settings import Settings
from agentkit.task_model import TaskReply
from agentkit.transcription import TranscriptionAnswer, TranscriptionLimits, TranscriptionRequest
from agentkit.transport.protocol import Transport

__all__ = [
    "LimitedCodec",
    "LimitedTask",
    "RemoteClassificationModel",
    "RemoteEmbeddingModel",
    "RemoteImageModel",
    "RemoteTask",
    "RemoteTranscriptionModel",
]

Asked = TypeVar("Asked")
Told = TypeVar("Told")
Limits = TypeVar("Limits")
Taken = TypeVar("Taken", contravariant=True)
Given = TypeVar("Given", covariant=True)
Bound = TypeVar("Bound", covariant=True)


class RemoteTask(Generic[Asked, Told]):
    """A TaskModel that a provider serves over HTTP: a codec, an endpoint and a transport put together."""

    def __init__(
        self,
        codec: TaskCodec[Asked, Told],
        endpoint: Endpoint,
        identity: ModelIdentity,
        *,
        transport: Transport,
        settings: Settings | None = None,
    ) -> None:
        self.codec = codec
        self.identity = identity
        self.random: Callable[[], float] = random.random
        """Gives numbers from 0 to 1, for waits."""
        self.wall_clock: Callable[[], float] = time.time
        """Seconds since 1970, for dates that providers ask to wait for."""
        self.endpoint = endpoint
        self.transport = transport
        self.settings = settings
        """Lie under the settings of a question."""

    def __repr__(self) -> str:
        return f"RemoteTask({self.identity.provider}:{self.identity.model}, {self.codec.name}, {self.endpoint!r})"

    async def perform(
        self,
        asked: Asked,
        settings: Settings,
        *,
        sink: Sink | None = None,
        account: RunAccount | None = None,
        observe: Callable[[ReplySeen], None] | None = None,
    ) -> TaskReply[Told]:
        """Answer, trying again where that may help; `observe` is told of every request on the wire, for policies.

        Raises ExchangeError.
        """
        settings = settings.over(self.settings)
        if settings.retain is False:
            settings = unretained(settings, self.identity)
        carrier = _Carrier(self.codec, _with_settings(asked, settings))
        remote = RemoteModel(
            carrier,
            self.endpoint,
            self.identity,
            transport=self.transport,
            random=self.random,
            wall_clock=self.wall_clock,
        )
        request = Request(
            self.identity.model,
            (),
            settings=settings,
            is_streamed=carrier.is_streamed,
            memo=Memo(account),
            observe=carrier.observing(observe),
        )
        response = await remote.respond(request, sink)
        return TaskReply(carrier.answer, response.attempts, response.notes)


class LimitedCodec(TaskCodec[Taken, Given], Protocol[Taken, Given, Bound]):
    """The client half of an API that takes so much in one request."""

    def limits(self, model: str) -> Bound:
        """What this model takes in one request."""
        ...


class LimitedTask(RemoteTask[Asked, Told], Generic[Asked, Told, Limits]):
    """A RemoteTask of an API that takes so much in one request."""

    def __init__(
        self,
        codec: LimitedCodec[Asked, Told, Limits],
        endpoint: Endpoint,
        identity: ModelIdentity,
        *,
        transport: Transport,
        settings: Settings | None = None,
    ) -> None:
        super().__init__(codec, endpoint, identity, transport=transport, settings=settings)
        self.limits: Limits = codec.limits(identity.model)
        """What it takes in one request."""


RemoteEmbeddingModel: TypeAlias = LimitedTask[EmbeddingRequest, EmbeddingAnswer, EmbeddingLimits]
"""An EmbeddingModel that a provider serves over HTTP."""

RemoteImageModel: TypeAlias = LimitedTask[ImageRequest, ImageAnswer, ImageLimits]
"""An ImageModel that a provider serves over HTTP."""

RemoteTranscriptionModel: TypeAlias = LimitedTask[TranscriptionRequest, TranscriptionAnswer, TranscriptionLimits]
"""A TranscriptionModel that a provider serves over HTTP."""


class RemoteClassificationModel(RemoteTask[ClassificationRequest, ClassificationAnswer]):
    """A ClassificationModel that a provider serves over HTTP."""

    def __init__(
        self,
        codec: ClassificationCodec,
        endpoint: Endpoint,
        identity: ModelIdentity,
        *,
        transport: Transport,
        settings: Settings | None = None,
    ) -> None:
        super().__init__(codec, endpoint, identity, transport=transport, settings=settings)
        self.offer = codec.offer(identity.model)
        """What the endpoint does with the model."""


def _with_settings(asked: Asked, settings: Settings) -> Asked:
    """The question with these settings where it has room for some: its codec reads `extra` in them."""
    if getattr(asked, "settings", settings) is settings:
        return asked
    completed = copy(asked)
    object.__setattr__(completed, "settings", settings)  # not dataclasses.replace: any class may be a question
    return completed


class _Carrier(Generic[Asked, Told]):
    """The codec of one exchange: it encodes the one question, whatever the request, and keeps the answer."""

    def __init__(self, codec: TaskCodec[Asked, Told], asked: Asked) -> None:
        self.name = codec.name
        self._codec = codec
        self._streamed = codec if isinstance(codec, StreamedTaskCodec) else None
        self._asked = asked
        self._decoded: list[Told] = []
        self._decoder: TaskStreamDecoder[Told] | None = None

    @property
    def is_streamed(self) -> bool:
        return self._streamed is not None and self._streamed.is_streamed(self._asked)

    @property
    def answer(self) -> Told:
        """The answer of the attempt that was the last one."""
        return self._decoded[-1] if self._decoder is None else self._decoder.answer

    def observing(self, outer: Callable[[ReplySeen], None] | None) -> Callable[[ReplySeen], None] | None:
        """What is told of every request on the wire: `outer`, and a codec that reads heads."""
        codec = self._codec
        if not isinstance(codec, HeadReader):
            return outer

        def observe(seen: ReplySeen) -> None:
            codec.read_head(seen.headers)
            if outer is not None:
                outer(seen)

        return observe

    def encode(self, request: Request, memo: Memo | None = None) -> WireRequest:
        return self._codec.encode(self._asked)

    def decode(self, body: bytes) -> Response:
        self._decoded.append(self._codec.decode(body))
        self._decoder = None
        return Response(AssistantMessage(()))

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        return self._codec.decode_error(status, headers, body)

    def decoder(self) -> StreamDecoder:
        if self._streamed is None:
            raise ProtocolError(f"the server streamed an answer of {self.name}, which was not asked for")
        self._decoder = self._streamed.decoder(self._asked)
        return self._decoder
