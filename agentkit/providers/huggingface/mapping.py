"""Which partner serves a model, and by what name: the hub of Hugging Face is asked before the partner's first request.

Facts: huggingface_hub's client. The reply has an object of partners, or a list of the same with their names inside.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from agentkit.classification import object_of, objects_of
from agentkit.codec import WireRequest
from agentkit.embedding import EmbeddingRequest, reply_of
from agentkit.errors import ExchangeError, ModelNotFoundError, NotFoundError, UnsupportedError
from agentkit.exchange import ReplySeen, RunAccount
from agentkit.imaging import ImageRequest
from agentkit.models import Sink
from agentkit.providers.huggingface.addresses import quoted
from agentkit.providers.openai.errors import decode_error
from agentkit.remote import Endpoint
from agentkit.remote_task import LimitedCodec, LimitedTask, RemoteTask
from agentkit.settings import Settings
from agentkit.task_model import TaskReply
from agentkit.transcription import TranscriptionRequest

__all__ = ["MappingCodec", "PartnerTask", "Served"]

Asked = TypeVar("Asked", EmbeddingRequest, ImageRequest, TranscriptionRequest)
Told = TypeVar("Told")
Limits = TypeVar("Limits")


@dataclass(frozen=True, slots=True)
class Served:
    """How a partner serves a model."""

    name: str
    """The model as the partner calls it."""
    task: str
    """What for, in Hugging Face's words."""
    is_adapter: bool = False
    """Whether it is a small addition (LoRA) to another model, which partners are told in fields of their own."""


class MappingCodec:
    """The client half of the question for a model's partners; the question is the model's name."""

    def __init__(self, provider: str = "huggingface") -> None:
        self.name = f"{provider}:mapping"
        self._provider = provider

    def encode(self, asked: str) -> WireRequest:
        """The request, which has no body."""
        path = f"/api/models/{quoted(asked)}?expand%5B%5D=inferenceProviderMapping"
        return WireRequest(path, b"", "GET", headers=())

    def decode(self, body: bytes) -> dict[str, Served]:
        """Partner -> how it serves the model."""
        reply = reply_of(body, provider=self._provider)
        told = object_of(reply).get("inferenceProviderMapping")
        rows = objects_of(told) or [{"provider": name, **object_of(row)} for name, row in object_of(told).items()]
        return {
            str(row.get("provider")): Served(
                str(row.get("providerId") or ""), str(row.get("task") or ""), bool(row.get("adapterWeightsPath"))
            )
            for row in rows
        }

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 200."""
        return decode_error(status, headers, body, provider=self._provider)


class PartnerTask(LimitedTask[Asked, Told, Limits]):
    """A task of a partner, which is asked by the name that it has for the model itself."""

    def __init__(
        self,
        codec: LimitedCodec[Asked, Told, Limits],
        endpoint: Endpoint,
        mapping: RemoteTask[str, dict[str, Served]],
        *,
        wanted: str,
    ) -> None:
        """`mapping` asks the hub about the same model; `wanted` is the task in Hugging Face's words."""
        super().__init__(codec, endpoint, mapping.identity, transport=mapping.transport, settings=mapping.settings)
        self._mapping = mapping
        self._wanted = wanted
        self._name = ""  # the partner's for the model, once it is known

    async def perform(
        self,
        asked: Asked,
        settings: Settings,
        *,
        sink: Sink | None = None,
        account: RunAccount | None = None,
        observe: Callable[[ReplySeen], None] | None = None,
    ) -> TaskReply[Told]:
        """Answer; the first time the hub is asked what the partner calls the model. Raises ExchangeError,
        UnsupportedError where the partner serves the model for another task."""
        if not self._name:
            self._name = await self._found(settings, sink, account)
        named = replace(asked, model=self._name)
        try:
            return await super().perform(named, settings, sink=sink, account=account, observe=observe)
        except NotFoundError:
            self._name = ""  # the partner may call it otherwise by now: the next question asks the hub again
            raise

    async def _found(self, settings: Settings, sink: Sink | None, account: RunAccount | None) -> str:
        identity = self.identity
        model, _, partner = identity.model.partition(":")
        reply = await self._mapping.perform(model, settings, sink=sink, account=account)
        served = reply.answer.get(partner)
        who = f"{identity.provider}:{identity.model}"
        if served is None or not served.name:
            others = ", ".join(sorted(name for name, each in reply.answer.items() if each.task == self._wanted))
            raise ModelNotFoundError(
                f"{partner} does not serve {model}; " + (f"these do: {others}" if others else "no partner does"),
                provider=identity.provider,
                model=identity.model,
            )
        if served.task != self._wanted:
            raise UnsupportedError(f"{who}: {partner} serves {model} for {served.task}, not {self._wanted}")
        if served.is_adapter:
            raise UnsupportedError(f"{who} is an adapter of another model, which partners cannot be asked for here")
        return served.name
