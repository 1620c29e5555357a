"""What became of a batch: exactly one answer or error for each of its inputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic

from typing_extensions import TypeVar

from agentkit.batching import BatchAnswer, BatchResult
from agentkit.errors import ExchangeError
from agentkit.exchange import Response
from agentkit.models import ModelIdentity
from agentkit.prices import PriceBook
from agentkit.tasks.batch_kinds import BatchKind
from agentkit.usage import Cost, Usage

__all__ = ["BatchResults", "gathered"]

Answer = TypeVar("Answer", covariant=True, default=Response)


@dataclass(frozen=True, slots=True)
class BatchResults(Mapping[str, "Answer | ExchangeError"], Generic[Answer]):
    """What `batch` gives: exactly one answer or ExchangeError for each input, by its id, in the inputs' order.

    An answer is a Response, or of another kind of batch what the function of that task gives: Embeddings,
    Classifications, GeneratedImages, a Transcription.
    """

    results: Mapping[str, Answer | ExchangeError] = field(repr=False)
    usage: Usage = Usage()
    cost: Cost = Cost.zero
    """At batch prices, where it was one."""
    model: str = ""
    notes: tuple[str, ...] = ()
    """What could not be sent as it was asked."""

    def __getitem__(self, id: str) -> Answer | ExchangeError:
        return self.results[id]

    def __iter__(self) -> Iterator[str]:
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)

    @property
    def responses(self) -> dict[str, Answer]:
        """The answers alone."""
        return {id: result for id, result in self.results.items() if not isinstance(result, ExchangeError)}

    @property
    def errors(self) -> dict[str, ExchangeError]:
        """The errors alone."""
        return {id: result for id, result in self.results.items() if isinstance(result, ExchangeError)}


def gathered(
    kind: BatchKind[Any],
    identity: ModelIdentity,
    *,
    results: Mapping[str, BatchResult],
    prices: PriceBook,
    factor: float = 1.0,
    notes: Sequence[str] = (),
) -> BatchResults[Any]:
    """The results as callers get them; a token costs `factor` of its usual price."""
    found: dict[str, Any] = {}
    usage, cost = Usage(), Cost.zero
    for id, result in results.items():
        if isinstance(result, ExchangeError):
            found[id] = result
            continue
        each = _cost_of(result, identity, prices, factor)
        usage += result.usage
        cost += each
        try:
            found[id] = kind.given(result, each)
        except ExchangeError as error:
            error.provider, error.model = identity.provider, identity.model
            found[id] = error
    return BatchResults(found, usage, cost, str(identity), tuple(notes))


def _cost_of(answer: BatchAnswer, identity: ModelIdentity, prices: PriceBook, factor: float) -> Cost:
    each = prices.cost_of(identity.provider, identity.model, answer.usage)
    return Cost(each.usd * factor, each.is_known)
