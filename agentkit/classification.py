"""Classification as data: what is asked, what became of each input, and what a provider's own endpoint offers.

Scores are those of the provider. Where it gives none there are none: they are never made up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias, cast

from agentkit.codec import TaskCodec
from agentkit.errors import AgentkitError
from agentkit.json_value import number_of
from agentkit.media import Image
from agentkit.settings import Settings
from agentkit.task_model import TaskModel
from agentkit.usage import Usage

__all__ = [
    "Classification",
    "ClassificationAnswer",
    "ClassificationCodec",
    "ClassificationInput",
    "ClassificationModel",
    "ClassificationOffer",
    "ClassificationRequest",
    "Way",
    "chosen",
    "object_of",
    "objects_of",
    "scores_of",
]

ClassificationInput: TypeAlias = str | Image
"""What can be classified; images only by models that take them."""

Way: TypeAlias = Literal["labels", "moderation", "own"]
"""Among labels of the caller's, by the provider's rules for harmful content, or among labels that the model has."""

_LIKELY = 0.5
"""From this score on a label is taken where an input may have several."""


@dataclass(frozen=True, slots=True)
class ClassificationRequest:
    """One request to classify, within what the provider takes at a time."""

    model: str
    """The id as the provider spells it."""
    inputs: tuple[ClassificationInput, ...]
    way: Way = "labels"
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    """Label -> what it means, empty where it speaks for itself; for the way "labels"."""
    is_multiple: bool = False
    """Whether an input may have several labels, or none."""
    settings: Settings = Settings()


@dataclass(frozen=True, slots=True)
class Classification:
    """What became of one input."""

    labels: tuple[str, ...] = ()
    """Its labels, the most fitting first. Of a moderation: the categories of harm that were found."""
    scores: Mapping[str, float] | None = None
    """Label -> the provider's score; None where it gives none."""
    is_flagged: bool | None = None
    """Of a moderation: whether the input is harmful; None of other classifications."""
    error: AgentkitError | None = None
    """Why this input has no labels, while others may have."""

    @property
    def label(self) -> str | None:
        """The most fitting label; None where there is none. Raises the error of an input that has one."""
        if self.error is not None:
            raise self.error
        return self.labels[0] if self.labels else None


@dataclass(frozen=True, slots=True)
class ClassificationAnswer:
    """What became of the inputs, in their order."""

    classifications: tuple[Classification, ...]
    usage: Usage = Usage()
    model: str = ""
    """The model that answered, in the provider's words."""


@dataclass(frozen=True, slots=True)
class ClassificationOffer:
    """What the provider's own endpoint does with a model."""

    ways: frozenset[Way] = frozenset()
    """Empty for a model that is asked by chat."""
    items: int = 1
    """So many texts go into one request; an image has a request of its own."""


class ClassificationModel(TaskModel[ClassificationRequest, ClassificationAnswer], Protocol):
    """Anything that classifies."""

    @property
    def offer(self) -> ClassificationOffer:
        """What it does."""
        ...


class ClassificationCodec(TaskCodec[ClassificationRequest, ClassificationAnswer], Protocol):
    """The client half of an endpoint that classifies."""

    def offer(self, model: str) -> ClassificationOffer:
        """What the endpoint does with this model."""
        ...


def chosen(scores: Mapping[str, float], *, is_multiple: bool) -> Classification:
    """The labels that scores speak for: the best one, or where several may fit those of 0.5 and more."""
    ordered = sorted(scores, key=lambda label: -scores[label])
    labels = [label for label in ordered if scores[label] >= _LIKELY] if is_multiple else ordered[:1]
    return Classification(tuple(labels), dict(scores))


def object_of(value: object) -> dict[str, Any]:
    """A JSON object; an empty one in place of anything else."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def objects_of(value: object) -> list[dict[str, Any]]:
    """The JSON objects in a list; none where it is no list."""
    entries = cast("list[object]", value) if isinstance(value, list) else []
    return [cast("dict[str, Any]", entry) for entry in entries if isinstance(entry, dict)]


def scores_of(value: object) -> dict[str, float]:
    """The entries of a JSON object whose values are numbers."""
    if not isinstance(value, Mapping):
        return {}
    fields = cast("Mapping[str, Any]", value)
    return {name: score for name, told in fields.items() if (score := number_of(told)) is not None}
