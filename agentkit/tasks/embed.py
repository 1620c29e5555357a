"""Embeddings: texts (and images, where a model takes them) become vectors.

found = await embed("openai:text-embedding-3-small", ["a cat", "a dog"])
found[0]                       # array("f") of 1,536 numbers
numpy.asarray(found.matrix)    # all of them, without a copy
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import get_args, overload

from agentkit.budget import Budget
from agentkit.embedding import (
    EmbeddingAnswer,
    EmbeddingInput,
    EmbeddingLimits,
    EmbeddingModel,
    EmbeddingRequest,
    Purpose,
)
from agentkit.errors import ConfigurationError, ProtocolError, UnsupportedError
from agentkit.media import Image
from agentkit.portal import synchronous
from agentkit.prices import PriceBook
from agentkit.settings import Settings
from agentkit.tasks.perform import Listener, TaskAccount, about_tokens, perform, side_by_side, task_of
from agentkit.tasks.streaming import refuse_unstreamed
from agentkit.telemetry import names
from agentkit.usage import Cost, Usage

__all__ = ["Embeddings", "embed", "embed_sync"]

_CONCURRENCY = 4


@dataclass(frozen=True, slots=True, repr=False)
class Embeddings(Sequence["array[float]"]):
    """Vectors in the order of the inputs."""

    vectors: tuple[array[float], ...]
    """Each an array of type "f": 32-bit floats."""
    usage: Usage
    cost: Cost
    model: str
    """The model that answered, in the provider's words."""
    notes: tuple[str, ...] = ()
    """What could not be sent as it was asked."""

    @overload
    def __getitem__(self, index: int) -> array[float]: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[array[float], ...]: ...
    def __getitem__(self, index: int | slice) -> array[float] | tuple[array[float], ...]:
        return self.vectors[index]

    def __len__(self) -> int:
        return len(self.vectors)

    def __iter__(self) -> Iterator[array[float]]:
        return iter(self.vectors)

    @property
    def dimensions(self) -> int:
        """How many numbers a vector has; 0 where there is none."""
        return len(self.vectors[0]) if self.vectors else 0

    @property
    def matrix(self) -> memoryview[float]:
        """All vectors as one memory of shape (inputs, dimensions) and format "f", made anew at each look.

        numpy.asarray(embeddings.matrix) takes it without a copy. Raises ConfigurationError without any vector.
        """
        if not self.dimensions:
            raise ConfigurationError("there is no matrix of no vectors")
        joined = array("f")
        for vector in self.vectors:
            joined.extend(vector)
        shape = (len(self.vectors), self.dimensions)
        return memoryview(joined).cast("B").cast("f", shape)

    def __repr__(self) -> str:
        return f"Embeddings({len(self.vectors)} x {self.dimensions}, {self.model!r}, {self.usage}, {self.cost})"


async def embed(
    model: str | EmbeddingModel,
    inputs: EmbeddingInput | Sequence[EmbeddingInput],
    *,
    dimensions: int | None = None,
    purpose: Purpose | None = None,
    settings: Settings | None = None,
    budget: Budget | None = None,
    prices: PriceBook | None = None,
    concurrency: int = _CONCURRENCY,
    on_event: Listener | None = None,
) -> Embeddings:
    """The vectors of these inputs, in their order.

    Inputs beyond what the provider takes at a time are split over requests, of which `concurrency` run side by side.
    `on_event` is told failed attempts and their waits. A purpose that the provider has no word for is left out and told
    in `notes`. Raises ExchangeError, BudgetExceededError, UnsupportedError (dimensions, images or a stream that this
    model does not have), and what `model` raises.
    """
    given = (inputs,) if isinstance(inputs, str | Image) else tuple(inputs)
    _check(given, dimensions, purpose)
    chosen: EmbeddingModel = task_of(model, "embed")
    account = TaskAccount.of(budget, prices)
    known = settings or Settings()
    refuse_unstreamed("embed", chosen, None, settings=known)
    attributes = {} if dimensions is None else {names.EMBEDDINGS_DIMENSIONS: dimensions}
    parts = _split(given, chosen.limits)
    answers: list[EmbeddingAnswer | None] = [None] * len(parts)
    notes: dict[str, None] = {}
    makers: set[str] = set()

    async def ask(position: int) -> None:
        asked = EmbeddingRequest(chosen.identity.model, parts[position], dimensions, purpose, known)
        reply = await perform(
            chosen,
            asked,
            operation=names.EMBEDDINGS,
            settings=known,
            account=account,
            expected=Usage(sum(map(about_tokens, asked.inputs))),
            usage_of=_usage_of,
            model_of=_model_of,
            listener=on_event,
            attributes=attributes,
        )
        notes.update(dict.fromkeys(reply.notes))
        makers.add((reply.answered_by or chosen.identity).model)
        if len(makers) > 1:
            raise UnsupportedError(
                f"some of the vectors are made by {' and some by '.join(sorted(makers))}, and those of different "
                "models cannot be compared: embed all of the inputs again, with one model"
            )
        answers[position] = _checked(reply.answer, asked, provider=chosen.identity.provider)

    await side_by_side(
        [partial(ask, position) for position in range(len(parts))], concurrency=concurrency, account=account
    )
    done = [answer for answer in answers if answer is not None]
    vectors = tuple(vector for answer in done for vector in answer.vectors)
    name = next((answer.model for answer in done if answer.model), chosen.identity.model)
    return Embeddings(vectors, account.usage, account.cost, name, tuple(notes))


embed_sync = synchronous(embed)


def _check(inputs: Sequence[object], dimensions: int | None, purpose: str | None) -> None:
    """Raises ConfigurationError for what no model takes."""
    for position, entry in enumerate(inputs):
        if not isinstance(entry, str | Image):
            raise ConfigurationError(f"input {position} is a {type(entry).__name__}; give texts, or Images")
        if isinstance(entry, str) and not entry.strip():
            raise ConfigurationError(
                f"input {position} is an empty text, of which no provider makes a vector: leave it out"
            )
    if dimensions is not None and dimensions < 1:
        raise ConfigurationError(f"dimensions is {dimensions}; give 1 or more, or leave it out")
    if purpose is not None and purpose not in get_args(Purpose):
        raise ConfigurationError(f"the purpose is {purpose!r}; it is one of {', '.join(map(repr, get_args(Purpose)))}")


def _split(inputs: Sequence[EmbeddingInput], limits: EmbeddingLimits) -> list[tuple[EmbeddingInput, ...]]:
    """The inputs in parts that the provider takes at a time, in order."""
    parts: list[list[EmbeddingInput]] = []
    tokens = 0
    for entry in inputs:
        size = about_tokens(entry)
        is_full = not parts or (limits.items is not None and len(parts[-1]) >= limits.items)
        if is_full or (limits.tokens is not None and tokens + size > limits.tokens):
            parts.append([])
            tokens = 0
        parts[-1].append(entry)
        tokens += size
    return [tuple(part) for part in parts]


def _usage_of(answer: EmbeddingAnswer) -> Usage:
    return answer.usage


def _model_of(answer: EmbeddingAnswer) -> str:
    return answer.model


def _checked(answer: EmbeddingAnswer, asked: EmbeddingRequest, *, provider: str) -> EmbeddingAnswer:
    """The answer, when there is a vector for each input, all as long as was asked. Raises ProtocolError,
    UnsupportedError."""
    got, sizes = len(answer.vectors), {len(vector) for vector in answer.vectors}
    if got != len(asked.inputs):
        raise ProtocolError(f"{len(asked.inputs)} inputs were sent, {got} vectors came back", provider=provider)
    if len(sizes) > 1 or 0 in sizes:
        raise ProtocolError(f"the vectors have different sizes: {sorted(sizes)}", provider=provider)
    if asked.dimensions is not None and sizes != {asked.dimensions}:
        raise UnsupportedError(
            f"{asked.dimensions} numbers a vector were asked for and {min(sizes)} came: {provider}:{asked.model} "
            "does not shorten its vectors; leave dimensions out"
        )
    return answer
