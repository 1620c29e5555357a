"""Pictures: made from words, or from words and pictures.

made = await generate_image("openai:gpt-image-2", "a lighthouse at dawn")
made.images[0].save("lighthouse.png")
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from agentkit.budget import Budget
from agentkit.errors import ConfigurationError, ProtocolError
from agentkit.imaging import GeneratedImage, ImageAnswer, ImageModel, ImageRequest
from agentkit.media import Image
from agentkit.portal import synchronous
from agentkit.prices import PriceBook
from agentkit.settings import Settings
from agentkit.tasks.perform import Listener, TaskAccount, perform, side_by_side, task_of
from agentkit.tasks.streaming import refuse_unstreamed
from agentkit.telemetry import names
from agentkit.usage import Cost, Usage

__all__ = ["GeneratedImages", "expected_of_images", "generate_image", "generate_image_sync"]

_CONCURRENCY = 4
_BYTES_PER_TOKEN = 3
"""So few that the tokens of a request are rather over- than underestimated."""
_IMAGE_TOKENS = 1_000
_MADE_TOKENS = 4_200
"""What a square picture of high quality takes at OpenAI, of which a recording tells 4,160."""
_MOST_LOOKS = 3


@dataclass(frozen=True, slots=True)
class GeneratedImages:
    """What was made."""

    images: tuple[GeneratedImage, ...]
    """Each has `save(path)`, `data`, `media_type` and `image`, which can go into a prompt."""
    usage: Usage
    cost: Cost
    model: str
    """The model that answered, in the provider's words."""

    @property
    def revised_prompt(self) -> str:
        """The prompt of the first picture as the provider rewrote it; empty where it did not."""
        return self.images[0].revised_prompt if self.images else ""


async def generate_image(
    model: str | ImageModel,
    prompt: str,
    *,
    images: Sequence[Image] = (),
    mask: Image | None = None,
    size: str | None = None,
    count: int = 1,
    quality: str | None = None,
    background: str | None = None,
    output_format: str | None = None,
    partial_images: int = 0,
    settings: Settings | None = None,
    budget: Budget | None = None,
    prices: PriceBook | None = None,
    on_event: Listener | None = None,
) -> GeneratedImages:
    """Make `count` pictures from words; with `images`, edit those, only where `mask` is transparent if there is one.

    `size`, `quality`, `background` and `output_format` are passed on in the provider's words: sizes are such as
    "1024x1024", "16:9" or "2K". Of `partial_images` looks at the unfinished picture (1 to 3) `on_event` is told as
    PartialImage, and of failed attempts and their waits. Raises ExchangeError (ContentFilteredError for what the
    provider refuses to draw), BudgetExceededError, UnsupportedError, and what `model` raises.
    """
    _check(prompt, images, mask, count=count, partial_images=partial_images, is_heard=on_event is not None)
    chosen: ImageModel = task_of(model, "generate_image")
    account = TaskAccount.of(budget, prices)
    asked = ImageRequest(
        chosen.identity.model,
        prompt,
        tuple(images),
        mask,
        size=size,
        quality=quality,
        background=background,
        output_format=output_format,
        partial_images=partial_images,
        settings=settings or Settings(),
    )
    refuse_unstreamed("generate_image", chosen, asked, settings=asked.settings)
    counts = _counts(count, chosen.limits.count)
    answers: list[ImageAnswer | None] = [None] * len(counts)

    async def ask(position: int) -> None:
        part = replace(asked, count=counts[position])
        answers[position] = await _ask(chosen, part, account, on_event)

    jobs = [partial(ask, position) for position in range(len(counts))]
    await side_by_side(jobs, concurrency=_CONCURRENCY, account=account)
    done = [answer for answer in answers if answer is not None]
    name = next((answer.model for answer in done if answer.model), chosen.identity.model)
    return GeneratedImages(
        tuple(image for answer in done for image in answer.images), account.usage, account.cost, name
    )


async def _ask(chosen: ImageModel, asked: ImageRequest, account: TaskAccount, listener: Listener | None) -> ImageAnswer:
    reply = await perform(
        chosen,
        asked,
        operation=names.GENERATE_CONTENT,
        settings=asked.settings,
        account=account,
        expected=expected_of_images(asked),
        usage_of=_usage_of,
        model_of=_model_of,
        cost_of=_cost_of,
        listener=listener,
        attributes={names.OUTPUT_TYPE: "image"},
    )
    if not reply.answer.images:
        raise ProtocolError("the reply holds no picture", provider=chosen.identity.provider)
    return reply.answer


generate_image_sync = synchronous(generate_image)


def _check(
    prompt: str, images: Sequence[object], mask: Image | None, *, count: int, partial_images: int, is_heard: bool
) -> None:
    if not prompt.strip():
        raise ConfigurationError("the prompt is empty; say what the picture shall show")
    if count < 1:
        raise ConfigurationError(f"count is {count}; give 1 or more")
    for given in images if mask is None else (*images, mask):
        if not isinstance(given, Image):
            raise ConfigurationError(f"{given!r} is no picture to work from; write Image.from_file({given!r})")
    if mask is not None and not images:
        raise ConfigurationError("a mask says where a picture may change, and there is none: pass images=[...] too")
    if not 0 <= partial_images <= _MOST_LOOKS:
        raise ConfigurationError(f"partial_images is {partial_images}; give 0 to {_MOST_LOOKS}")
    if partial_images and not is_heard:
        raise ConfigurationError("partial_images are told to on_event; pass a function there, or leave them out")


def _counts(count: int, at_a_time: int) -> list[int]:
    """How many pictures each request makes."""
    full, rest = divmod(count, at_a_time)
    return [at_a_time] * full + ([rest] if rest else [])


def expected_of_images(asked: ImageRequest) -> Usage:
    """About what a request takes."""
    given = len(asked.images) + (asked.mask is not None)
    words = len(asked.prompt.encode()) // _BYTES_PER_TOKEN + 1
    return Usage(words + given * _IMAGE_TOKENS, output=asked.count * _MADE_TOKENS)


def _usage_of(answer: ImageAnswer) -> Usage:
    return answer.usage


def _model_of(answer: ImageAnswer) -> str:
    return answer.model


def _cost_of(answer: ImageAnswer) -> Cost | None:
    return answer.cost
