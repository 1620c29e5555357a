"""Classification: which label fits, whether a text is harmful, or what a classifier of one's own says.

found = await classify("openai:gpt-6-luna", ["Where is my parcel?"], labels=["delivery", "payment", "other"])
found[0].label                 # "delivery"
found[0].scores                # the provider's, None where it gives none

checked = await classify("openai:omni-moderation-latest", texts, labels="moderation")
checked[0].is_flagged
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, TypeAlias, overload

from agentkit.budget import Budget
from agentkit.classification import (
    Classification,
    ClassificationAnswer,
    ClassificationInput,
    ClassificationModel,
    ClassificationRequest,
    Way,
    chosen,
)
from agentkit.errors import ConfigurationError, ProtocolError, UnsupportedError
from agentkit.media import Image
from agentkit.models import Model
from agentkit.portal import synchronous
from agentkit.prices import PriceBook
from agentkit.providers import find_provider
from agentkit.providers import model as chat_model
from agentkit.settings import Settings
from agentkit.tasks.chat_classifier import ChatClassifier
from agentkit.tasks.perform import Listener, TaskAccount, about_tokens, perform, side_by_side, task_of
from agentkit.tasks.streaming import refuse_unstreamed
from agentkit.telemetry import names
from agentkit.usage import Cost, Usage

__all__ = ["Classifications", "Labels", "classify", "classify_sync", "expected_of_classification", "labels_of"]

Labels: TypeAlias = Sequence[str] | Mapping[str, str] | Literal["moderation"] | None
"""Labels, labels with what they mean, "moderation", or None for the labels that the model has."""

_CONCURRENCY = 4
_ANSWER_TOKENS = 50
"""Of an answer that is a label, for what is reserved of a budget."""


@dataclass(frozen=True, slots=True, repr=False)
class Classifications(Sequence[Classification]):
    """What became of the inputs, in their order."""

    classifications: tuple[Classification, ...]
    usage: Usage
    cost: Cost
    model: str
    """The model that answered, in the provider's words."""
    notes: tuple[str, ...] = ()
    """What could not be sent as it was asked."""

    @overload
    def __getitem__(self, index: int) -> Classification: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Classification, ...]: ...
    def __getitem__(self, index: int | slice) -> Classification | tuple[Classification, ...]:
        return self.classifications[index]

    def __len__(self) -> int:
        return len(self.classifications)

    def __iter__(self) -> Iterator[Classification]:
        return iter(self.classifications)

    def __repr__(self) -> str:
        failed = sum(each.error is not None for each in self.classifications)
        errors = f", {failed} with errors" if failed else ""
        return f"Classifications({len(self)} inputs{errors}, {self.model!r}, {self.usage}, {self.cost})"


async def classify(
    model: str | Model | ClassificationModel,
    inputs: ClassificationInput | Sequence[ClassificationInput],
    *,
    labels: Labels,
    multi: bool = False,
    settings: Settings | None = None,
    budget: Budget | None = None,
    prices: PriceBook | None = None,
    concurrency: int = _CONCURRENCY,
    on_event: Listener | None = None,
) -> Classifications:
    """What each of these inputs is, in their order.

    A name is asked through the provider's own endpoint where it has one for that; otherwise, and always for a Model
    that is given as an object, the model chats and is held to the labels. `multi` allows an input several labels, or
    none. Scores are the provider's, or None. An input that failed while others did not has an `error`.
    Raises ExchangeError, BudgetExceededError, UnsupportedError (no such classification by this model), and what
    `model` raises.
    """
    given = (inputs,) if isinstance(inputs, str | Image) else tuple(inputs)
    for position, entry in enumerate(given):
        if isinstance(entry, str) and not entry.strip():
            raise ConfigurationError(f"input {position} is an empty text; there is nothing to classify")
    way, meanings = labels_of(labels, is_multiple=multi)
    classifier = _classifier(model, way)
    known = settings or Settings()
    refuse_unstreamed("classify", classifier, None, settings=known)
    account = TaskAccount.of(budget, prices)
    question = ClassificationRequest(classifier.identity.model, (), way, meanings, multi, known)
    parts = _split(given, classifier.offer.items)
    answers: list[ClassificationAnswer | None] = [None] * len(parts)
    notes: dict[str, None] = {}

    async def ask(position: int) -> None:
        asked = replace(question, inputs=parts[position])
        reply = await perform(
            classifier,
            asked,
            operation=names.CHAT if isinstance(classifier, ChatClassifier) else names.GENERATE_CONTENT,
            settings=known,
            account=account,
            expected=expected_of_classification(asked),
            usage_of=_usage_of,
            model_of=_model_of,
            listener=on_event,
        )
        notes.update(dict.fromkeys(reply.notes))
        answers[position] = _whole(reply.answer, asked, provider=classifier.identity.provider)

    await side_by_side(
        [partial(ask, position) for position in range(len(parts))], concurrency=concurrency, account=account
    )
    done = [answer for answer in answers if answer is not None]
    found = tuple(each for answer in done for each in answer.classifications)
    name = next((answer.model for answer in done if answer.model), classifier.identity.model)
    return Classifications(found, account.usage, account.cost, name, tuple(notes))


classify_sync = synchronous(classify)


def labels_of(labels: Labels, *, is_multiple: bool) -> tuple[Way, dict[str, str]]:
    """How labels are meant, and label -> meaning. Raises ConfigurationError."""
    if labels is None or labels == "moderation":
        if is_multiple:
            raise ConfigurationError("multi=True is for labels of your own: labels=[...]")
        return ("own" if labels is None else "moderation"), {}
    if isinstance(labels, str):
        raise ConfigurationError(f"labels={labels!r} is one text; give several, labels=[{labels!r}, ...]")
    meanings = dict(labels) if isinstance(labels, Mapping) else dict.fromkeys(labels, "")
    if len(meanings) < len(labels):
        raise ConfigurationError(f"a label stands twice in {list(labels)}")
    if blank := [label for label in meanings if label != label.strip() or not label]:
        raise ConfigurationError(f"the label {blank[0]!r} is empty or has blanks around it")
    least = 1 if is_multiple else 2
    if len(meanings) < least:
        raise ConfigurationError(f"nothing is to be chosen among {list(meanings)}; give {least} labels or more")
    return "labels", meanings


def _classifier(model: str | Model | ClassificationModel, way: Way) -> ClassificationModel:
    """Who classifies. Raises UnsupportedError."""
    if isinstance(model, str):
        prefix, colon, _ = model.partition(":")
        provider = find_provider(prefix, is_whole=not colon)
        if "classify" in provider.tasks:
            found: ClassificationModel = task_of(model, "classify")
            if way in found.offer.ways:
                return found
            if way != "labels" or not provider.module:
                raise UnsupportedError(_lacks(model, way, found.offer.ways))
        if way == "labels":
            return ChatClassifier(chat_model(model))
        raise UnsupportedError(_lacks(model, way))
    if isinstance(model, Model):
        if way != "labels":
            raise UnsupportedError(_lacks("a model that chats", way))
        return ChatClassifier(model)
    given: ClassificationModel = task_of(model, "classify")
    if way not in given.offer.ways:
        raise UnsupportedError(_lacks(f"{given.identity.provider}:{given.identity.model}", way, given.offer.ways))
    return given


def _lacks(who: str, way: Way, ways: Collection[Way] = ()) -> str:
    """That a model does not classify so, and how it does, if it does at all, or who else."""
    offered = [words for other, words in _OFFERS.items() if other in ways and "labels" not in ways]
    return f"{who} {' and '.join(offered)}" if offered else f"{who} {_LACKS[way]}"


_OFFERS: Mapping[Way, str] = {
    "own": "has labels of its own, and takes no others: labels=None",
    "moderation": 'moderates, and has no other labels: labels="moderation"',
}


_LACKS: Mapping[Way, str] = {
    "labels": "does not classify by labels of yours",
    "moderation": (
        "does not moderate; openai:omni-moderation-latest, mistral:mistral-moderation-latest and azure-content-safety: "
        "do, or give labels of your own: labels=[...]"
    ),
    "own": (
        "has no labels of its own; give some: labels=[...]. azure-language:sentiment, classifiers of huggingface and "
        "those that you trained at mistral have their own"
    ),
}


def _split(inputs: Sequence[ClassificationInput], items: int) -> list[tuple[ClassificationInput, ...]]:
    """The inputs in parts that the provider takes at a time, in order; each image alone."""
    parts: list[list[ClassificationInput]] = []
    for entry in inputs:
        is_alone = isinstance(entry, Image)
        if is_alone or not parts or len(parts[-1]) >= items or isinstance(parts[-1][0], Image):
            parts.append([])
        parts[-1].append(entry)
    return [tuple(part) for part in parts]


def expected_of_classification(asked: ClassificationRequest) -> Usage:
    """About what a request takes."""
    shared = sum(about_tokens(f"{label} {meaning}") for label, meaning in asked.labels.items()) + _ANSWER_TOKENS
    return Usage(sum(map(about_tokens, asked.inputs)) + shared, output=_ANSWER_TOKENS * len(asked.inputs))


def _usage_of(answer: ClassificationAnswer) -> Usage:
    return answer.usage


def _model_of(answer: ClassificationAnswer) -> str:
    return answer.model


def _whole(answer: ClassificationAnswer, asked: ClassificationRequest, *, provider: str) -> ClassificationAnswer:
    """The answer, when every input has its own, with labels by the rule that was asked for. Raises ProtocolError."""
    got = len(answer.classifications)
    if got != len(asked.inputs):
        raise ProtocolError(f"{len(asked.inputs)} inputs were sent, {got} answers came back", provider=provider)
    if not asked.is_multiple:
        return answer
    found = [each if each.scores is None else chosen(each.scores, is_multiple=True) for each in answer.classifications]
    return replace(answer, classifications=tuple(found))
