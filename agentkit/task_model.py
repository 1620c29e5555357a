"""The TaskModel protocol: anything that answers one kind of question that is not a chat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar, runtime_checkable

from agentkit.exchange import Request, Response, RunAccount
from agentkit.models import Model, ModelIdentity, Sink
from agentkit.settings import Settings

__all__ = ["ChatTask", "TaskModel", "TaskReply"]

Asked = TypeVar("Asked", contravariant=True)
Told = TypeVar("Told", covariant=True)


@dataclass(frozen=True, slots=True)
class TaskReply(Generic[Told]):
    """What became of one exchange."""

    answer: Told
    attempts: int = 1
    """How many requests it took."""
    notes: tuple[str, ...] = ()
    """What could not be sent as it was asked."""
    answered_by: ModelIdentity | None = None
    """Who answered, where a policy chose among several models; None: the model that was asked."""
    failed_over: tuple[str, ...] = ()
    """The models that were to answer before it and did not, each with the class of its error."""
    is_from_cache: bool = False
    """Whether nothing was consumed now."""


class TaskModel(Protocol[Asked, Told]):
    """Anything that answers one kind of question: embeddings, images, transcriptions, classifications."""

    @property
    def identity(self) -> ModelIdentity:
        """Who answers: for spans, prices and errors."""
        ...

    async def perform(
        self, asked: Asked, settings: Settings, *, sink: Sink | None = None, account: RunAccount | None = None
    ) -> TaskReply[Told]:
        """Answer; failed attempts are told to the sink, requests sent again booked in the account.

        Raises ExchangeError.
        """
        ...


@runtime_checkable
class ChatTask(TaskModel[Asked, Told], Protocol[Asked, Told]):
    """A TaskModel that asks a model that chats, so that its questions can go wherever those of chats go."""

    @property
    def chat(self) -> Model:
        """Who is asked."""
        ...

    def question(self, asked: Asked, settings: Settings, /) -> Request:
        """What is asked of the model that chats. Raises UnsupportedError."""
        ...

    def answer(self, response: Response, asked: Asked, /) -> Told:
        """What its answer says; of `asked` only what all questions share is looked at. Raises ExchangeError."""
        ...
