"""The Model protocol: anything that answers a Request; with the Sink that watches it and the Middleware around it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, runtime_checkable

from agentkit.errors import ConfigurationError, UnsupportedError
from agentkit.exchange import Delta, Request, Response
from agentkit.identity import Capabilities, ModelIdentity
from agentkit.messages import Message, Outcome

__all__ = [
    "Ask",
    "CallOffer",
    "Capabilities",
    "CountingModel",
    "Deny",
    "Middleware",
    "Model",
    "ModelCallNext",
    "ModelIdentity",
    "Sink",
    "ToolCallNext",
    "Verdict",
    "identity_of",
]


SOME_THAT_CHAT = "openai:gpt-6-luna, anthropic:claude-sonnet-5 or google:gemini-3.8-flash"
"""For errors of those who gave a model that does not."""


class Sink(Protocol):
    """Somebody who watches an answer while it comes."""

    def emit(self, deltas: Sequence[Delta]) -> bool:
        """Tell these deltas; True means that the reader is behind: await `drain` before going on."""
        ...

    async def drain(self) -> None:
        """Wait until the reader has caught up."""
        ...


@runtime_checkable
class Model(Protocol):
    """Anything that answers a Request.

    A model may also have an attribute `identity: ModelIdentity`; without one its class name stands for it.
    """

    async def respond(self, request: Request, sink: Sink | None = None) -> Response:
        """Answer; deltas go to `sink` while they come, if there is one. Raises ExchangeError."""
        ...


@runtime_checkable
class CountingModel(Protocol):
    """A Model that can tell beforehand how many tokens a prompt has; see Budget(counts_exactly=True)."""

    async def count_tokens(self, request: Request) -> int | None:
        """The tokens of instructions, messages and tools; None where it cannot tell. Raises ExchangeError."""
        ...


def identity_of(model: Model) -> ModelIdentity:
    """Who this model is; for a model without an identity, its class name and no provider's abilities assumed.

    Raises ConfigurationError for what is no model, UnsupportedError for a model that does not chat.
    """
    identity = getattr(model, "identity", None)
    is_chatting = hasattr(model, "respond")
    if isinstance(identity, ModelIdentity):
        if is_chatting:
            return identity
        raise UnsupportedError(
            f"{identity} was made for a task: it neither chats nor calls tools; use a model that does, such as "
            f"{SOME_THAT_CHAT}"
        )
    if not is_chatting:
        raise ConfigurationError(
            f"{model!r} is no model; write it as 'provider:model-id', such as 'openai:gpt-6-luna', or give an object "
            f"with `async respond(request, sink)`"
        )
    return ModelIdentity("custom", type(model).__name__, is_remote=False)


ModelCallNext: TypeAlias = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class CallOffer:
    """A call that the model made, about to be executed."""

    tool: str
    effect: str | None
    """"read", "write", "destructive", or None when undeclared."""
    arguments: Mapping[str, Any]
    """Parsed and valid."""
    call_id: str
    step: int
    history: tuple[Message, ...]
    """Everything the model has read so far, as structured data."""
    untrusted: bool = False
    """Whether the tool's results come from outside."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A person has to decide; the call becomes pending."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class Deny:
    """No, says a hook or a person; the model is told the reason."""

    reason: str = ""


Verdict: TypeAlias = Outcome | Ask | Deny
"""What a tool_call hook answers: an outcome (of `call_next`, or its own), or that a person decides, or no."""

ToolCallNext: TypeAlias = Callable[[CallOffer], Awaitable[Outcome]]


class Middleware:
    """Two hooks around what a run does. Subclass it and override either; both may change what goes in and comes out.

    class Shout(Middleware):
        async def model_call(self, request, call_next):
            return await call_next(replace(request, instructions="SHOUT"))
    """

    async def model_call(self, request: Request, call_next: ModelCallNext) -> Response:
        """Around one model call, streamed or not. To see or change deltas, wrap the Model instead."""
        return await call_next(request)

    def counted(self, request: Request) -> Request:
        """The request as its tokens are counted by the provider, who reads it: override it to keep something back."""
        return request

    async def tool_call(self, call: CallOffer, call_next: ToolCallNext) -> Verdict:
        """Around one tool call: return `await call_next(call)` to allow it, Ask() or Deny() not to."""
        return await call_next(call)
