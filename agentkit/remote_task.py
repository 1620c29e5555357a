"""An API other than chat, performed: the same exchange, with the same owner of retries and deadlines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, TypeVar

from agentkit.codec import StreamDecoder, TaskCodec, WireRequest
from agentkit.embedding import EmbeddingAnswer, EmbeddingCodec, EmbeddingRequest
from agentkit.errors import ExchangeError, ProtocolError
from agentkit.exchange import Memo, Request, Response
from agentkit.messages import AssistantMessage
from agentkit.models import ModelIdentity, Sink
from agentkit.remote import Endpoint, RemoteModel
from agentkit.settings import Settings
from agentkit.task_model import TaskReply
from agentkit.transport.protocol import Transport

__all__ = ["RemoteEmbeddingModel", "RemoteTask"]

Asked = TypeVar("Asked")
Told = TypeVar("Told")


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
        self._endpoint = endpoint
        self._transport = transport
        self._settings = settings

    def __repr__(self) -> str:
        return f"RemoteTask({self.identity.provider}:{self.identity.model}, {self.codec.name}, {self._endpoint!r})"

    async def perform(self, asked: Asked, settings: Settings, sink: Sink | None = None) -> TaskReply[Told]:
        """Answer, trying again where that may help. Raises ExchangeError."""
        carrier = _Carrier(self.codec, asked)
        remote = RemoteModel(carrier, self._endpoint, self.identity, transport=self._transport, settings=self._settings)
        response = await remote.respond(Request(self.identity.model, (), settings=settings), sink)
        return TaskReply(carrier.answer, response.attempts, response.notes)


class RemoteEmbeddingModel(RemoteTask[EmbeddingRequest, EmbeddingAnswer]):
    """An EmbeddingModel that a provider serves over HTTP."""

    def __init__(
        self,
        codec: EmbeddingCodec,
        endpoint: Endpoint,
        identity: ModelIdentity,
        *,
        transport: Transport,
        settings: Settings | None = None,
    ) -> None:
        super().__init__(codec, endpoint, identity, transport=transport, settings=settings)
        self.limits = codec.limits(identity.model)
        """What it takes in one request."""


class _Carrier(Generic[Asked, Told]):
    """The codec of one exchange: it encodes the one question, whatever the request, and keeps the answer."""

    def __init__(self, codec: TaskCodec[Asked, Told], asked: Asked) -> None:
        self.name = codec.name
        self.answer: Told
        self._codec = codec
        self._asked = asked

    def encode(self, request: Request, memo: Memo | None = None) -> WireRequest:
        return self._codec.encode(self._asked)

    def decode(self, body: bytes) -> Response:
        self.answer = self._codec.decode(body)
        return Response(AssistantMessage(()))

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        return self._codec.decode_error(status, headers, body)

    def decoder(self) -> StreamDecoder:
        raise ProtocolError(f"the server streamed an answer of {self.name}, which was not asked for")
