"""Policies for the APIs beside chat: a TaskModel in the guise of a Model, and a policy of it as a TaskModel again.

    slow = limited(task_model("openai:text-embedding-3-small", "embed"), requests_per_minute=60)
    await embed(slow, texts)

A policy needs to know of a question only how large it is and for which model, and of an answer what it took. So the
question travels inside a Request without messages, and its answer inside a Response: each policy is there once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import fields, replace
from typing import Any, Generic, TypeAlias, TypeVar, cast

from agentkit.classification import ClassificationAnswer, ClassificationOffer
from agentkit.embedding import EmbeddingAnswer, EmbeddingLimits
from agentkit.errors import ConfigurationError
from agentkit.exchange import Memo, Request, Response, RunAccount
from agentkit.frozen import frozen
from agentkit.imaging import ImageAnswer, ImageLimits
from agentkit.media import Inline
from agentkit.messages import AssistantMessage
from agentkit.models import Model, ModelIdentity, Sink, identity_of
from agentkit.remote_task import RemoteTask
from agentkit.settings import Settings
from agentkit.task_model import TaskModel, TaskReply
from agentkit.transcription import TranscriptionLimits
from agentkit.usage import Usage

__all__ = ["TaskAsModel", "TaskPolicy", "TaskRequest", "TaskResponse", "guise_of", "policy_of_tasks"]

Asked = TypeVar("Asked")
Told = TypeVar("Told")

Bounds: TypeAlias = EmbeddingLimits | ImageLimits | TranscriptionLimits | ClassificationOffer
"""What a task model takes in one request; its class tells which task it is for."""


@frozen
class TaskRequest(Request):
    """A question that is not a chat, as policies see it."""

    asked: Any = None
    expected: Usage = Usage()
    """About what it takes."""


@frozen
class TaskResponse(Response):
    """An answer that is not a chat's, as policies see it."""

    answer: Any = None
    is_whole: bool = True
    """Whether it answers all that was asked, and will still do so later."""


class TaskAsModel:
    """A Model that answers the question inside a TaskRequest."""

    def __init__(self, task: TaskModel[Any, Any]) -> None:
        self.task = task
        settings: object = getattr(task, "settings", None)
        self.settings = settings if isinstance(settings, Settings) else None
        """Lie under the settings of a question, as the task model's own."""

    def __repr__(self) -> str:
        return repr(self.task)

    @property
    def identity(self) -> ModelIdentity:
        """Who answers."""
        return self.task.identity

    async def respond(self, request: Request, sink: Sink | None = None) -> Response:
        """Answer. Raises ExchangeError, ConfigurationError for a request of a chat."""
        if not isinstance(request, TaskRequest):
            raise ConfigurationError(f"{self.task!r} does not chat; give an agent a model that does")
        account = None if request.memo is None else request.memo.account
        asked, settings = _asked_of(request.asked, self.identity.model), request.settings
        if isinstance(self.task, RemoteTask):
            reply = await self.task.perform(asked, settings, sink=sink, account=account, observe=request.observe)
        else:
            reply = await self.task.perform(asked, settings, sink=sink, account=account)
        answer: Any = reply.answer
        # Where a provider counts nothing, limits and budgets go by what was expected.
        usage = answer.usage if answer.usage.total else request.expected
        return TaskResponse(
            AssistantMessage((), answer.model, usage=usage),
            attempts=reply.attempts,
            notes=reply.notes,
            answer=answer,
            is_whole=_is_whole(answer, asked),
        )


class TaskPolicy(Generic[Asked, Told]):
    """A TaskModel whose questions go through a policy."""

    def __init__(self, model: Model, bounds: Bounds) -> None:
        self.model = model
        """The policy, around task models in the guise of Models."""
        self._bounds = bounds

    def __repr__(self) -> str:
        return repr(self.model)

    @property
    def identity(self) -> ModelIdentity:
        """Who answers, or is asked first."""
        return identity_of(self.model)

    @property
    def limits(self) -> Any:
        """What it takes in one request, whichever model answers."""
        return self._bounds

    @property
    def offer(self) -> Any:
        """What it does, whichever model answers, when it classifies."""
        return self._bounds

    async def perform(
        self,
        asked: Asked,
        settings: Settings,
        *,
        sink: Sink | None = None,
        account: RunAccount | None = None,
        expected: Usage | None = None,
    ) -> TaskReply[Told]:
        """Answer as the policy has it; `expected` is about what it takes. Raises ExchangeError."""
        name = self.identity.model
        request = TaskRequest(
            name, (), settings=settings, memo=Memo(account), asked=asked, expected=expected or Usage()
        )
        response = await self.model.respond(request, sink)
        assert isinstance(response, TaskResponse)  # what answers a TaskRequest
        return TaskReply(
            response.answer,
            response.attempts,
            response.notes,
            answered_by=response.answered_by,
            failed_over=response.failed_over,
            is_from_cache=response.saved is not None,
        )


def guise_of(task: TaskModel[Any, Any]) -> Model:
    """The task model as a Model, for a policy to wrap."""
    return task.model if isinstance(task, TaskPolicy) else TaskAsModel(task)


def policy_of_tasks(tasks: Sequence[TaskModel[Any, Any]], make: Callable[[list[Model]], Model]) -> TaskPolicy[Any, Any]:
    """The policy that `make` makes of these, as a task model. Raises ConfigurationError for models of several tasks."""
    bounds = [_bounds_of(task) for task in tasks]
    for task, other in zip(tasks, bounds, strict=True):
        if type(other) is not type(bounds[0]):
            raise ConfigurationError(f"{task!r} and {tasks[0]!r} are for different tasks; give models of one task")
    common = bounds[0]
    for other in bounds[1:]:
        common = _common(common, other)
    return TaskPolicy(make([guise_of(task) for task in tasks]), common)


def _bounds_of(task: TaskModel[Any, Any]) -> Bounds:
    if isinstance(task, TaskPolicy):
        return task.limits
    found: object = getattr(task, "limits", None) or getattr(task, "offer", None)
    if isinstance(found, Bounds):
        return found
    if not hasattr(task, "perform"):
        identity_of(cast("Model", task))  # which says how a model is written; callers without type checkers
    raise ConfigurationError(
        f"{task!r} is neither a model that chats nor one of a task; make one with task_model('openai:...', 'embed')"
    )


def _common(one: Bounds, other: Bounds) -> Bounds:
    """What both take, so that a part of a question may go to either."""
    if isinstance(one, ClassificationOffer) and isinstance(other, ClassificationOffer):
        return ClassificationOffer(one.ways & other.ways, min(one.items, other.items))
    least: dict[str, Any] = {}
    for field in fields(one):
        known = [value for each in (one, other) if (value := getattr(each, field.name)) is not None]
        least[field.name] = min(known, default=None)
    return replace(one, **least)


def _is_whole(answer: Any, asked: Any) -> bool:
    """Whether each input has what was asked for, and pictures are here: addresses of them end within hours."""
    match answer:
        case ClassificationAnswer(found):
            return len(found) == len(asked.inputs) and all(each.error is None for each in found)
        case EmbeddingAnswer(vectors):
            sizes = {len(vector) for vector in vectors}
            wanted = {asked.dimensions} if asked.dimensions is not None else sizes
            return len(vectors) == len(asked.inputs) and len(sizes) == 1 and 0 not in sizes and sizes == wanted
        case ImageAnswer(images):
            return bool(images) and all(isinstance(each.image.source, Inline) for each in images)
        case _:
            return True


def _asked_of(asked: Any, model: str) -> Any:
    """The question, for the model of this id."""
    if asked.model == model:
        return asked
    own = copy(asked)
    object.__setattr__(own, "model", model)
    return own
