"""The TaskModel protocol: anything that answers one kind of question that is not a chat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from agentkit.exchange import RunAccount
from agentkit.models import ModelIdentity, Sink
from agentkit.settings import Settings

__all__ = ["TaskModel", "TaskReply"]

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
