"""`agentkit image`: pictures from words, or from words and pictures, written to files."""

from __future__ import annotations

from itertools import chain
from itertools import count as count_from
from pathlib import Path

import click

from agentkit.budget import Budget
from agentkit.cli.options import debug_option, json_option
from agentkit.cli.task_json import spent_to_json
from agentkit.cli.terminal import notice, print_json
from agentkit.errors import ConfigurationError
from agentkit.exchange import AttemptFailed, Delta, PartialImage
from agentkit.imaging import GeneratedImage
from agentkit.media import Image
from agentkit.tasks.generate_image import generate_image_sync

__all__ = ["command"]

FILE = click.Path(path_type=Path, dir_okay=False)

_ENDINGS = (".png", ".jpg", ".webp", ".gif", ".svg")


@click.command("image")
@click.argument("prompt")
@click.option("-m", "--model", required=True, metavar="PROVIDER:MODEL", help="Such as openai:gpt-image-2.")
@click.option("-o", "--output", type=FILE, default=Path("image"), show_default=True, metavar="FILE",
              help="Where to write; the right ending is added, and a number when there are several.")  # fmt: skip
@click.option("--image", "images", multiple=True, metavar="PATH|URL", help="A picture to edit; may be repeated.")
@click.option("--mask", type=FILE, metavar="FILE", help="A picture, transparent where the first one may change.")
@click.option("--size", metavar="SIZE", help="Such as 1024x1024, 16:9 or 2K: what the provider knows of these.")
@click.option("--count", type=click.IntRange(min=1), default=1, metavar="N", help="How many pictures.")
@click.option("--quality", metavar="WORD", help="Such as low or high.")
@click.option("--background", metavar="WORD", help="Such as transparent.")
@click.option("--format", "output_format", metavar="WORD", help="Such as png, jpeg or webp.")
@click.option("--budget-usd", type=click.FloatRange(min=0), metavar="USD", help="Spend at most this.")
@click.option("--overwrite", is_flag=True, help="Write over files that exist.")
@json_option("Print one JSON document.")
@debug_option
def command(
    prompt: str,
    model: str,
    output: Path,
    images: tuple[str, ...],
    mask: Path | None,
    size: str | None,
    count: int,
    quality: str | None,
    background: str | None,
    output_format: str | None,
    budget_usd: float | None,
    overwrite: bool,
    json: bool,
) -> None:
    """Make pictures from PROMPT, or edit the given ones, and write them to files.

    \b
    agentkit image -m openai:gpt-image-2 -o lighthouse.png "a lighthouse at dawn"
    agentkit image -m openai:gpt-image-2 --image lighthouse.png -o night.png "the same at night"
    """
    if not output.name:
        raise ConfigurationError(f"{str(output)!r} names no file to write to; write -o lighthouse.png")
    if not overwrite:
        _refuse_known(output, count)
    made = generate_image_sync(
        model,
        prompt,
        images=[_image_of(given) for given in images],
        mask=None if mask is None else Image.from_file(mask),
        size=size,
        count=count,
        quality=quality,
        background=background,
        output_format=output_format,
        budget=None if budget_usd is None else Budget(usd=budget_usd, steps=None),
        on_event=_tell,
    )
    places = _places(output, len(made.images))
    paths = [_written(image, place, overwrite=overwrite) for image, place in zip(made.images, places, strict=True)]
    if json:
        rows = [_as_json(image, path) for image, path in zip(made.images, paths, strict=True)]
        print_json({"images": rows, "model": made.model, **spent_to_json(made.usage, made.cost)})
        return
    for path in paths:
        click.echo(str(path))
    if made.revised_prompt:
        notice(f"drawn as: {made.revised_prompt}")
    notice(f"{made.model}: {made.usage}, cost {made.cost}")


def _refuse_known(output: Path, count: int) -> None:
    """Before anything is paid for."""
    if not output.parent.is_dir():
        raise ConfigurationError(f"there is no folder {str(output.parent)!r} to write to")
    for place in _places(output, count):
        named = [place] if place.suffix else [place, *(place.with_name(place.name + ending) for ending in _ENDINGS)]
        for path in named:
            if path.exists():
                raise ConfigurationError(f"{str(path)!r} exists; choose another name with -o, or add --overwrite")


def _written(image: GeneratedImage, place: Path, *, overwrite: bool) -> Path:
    """Where the picture is: what is paid for is kept, even if it is of another type than was hoped for."""
    fitting = place if image.fits(place) and place.suffix else place.with_suffix(image.suffix)
    return image.save(fitting if overwrite else _free(fitting), overwrite=overwrite)


def _free(place: Path) -> Path:
    """The place, or one beside it when a file has come there."""
    numbered = (place.with_name(f"{place.stem}-{number}{place.suffix}") for number in count_from(2))
    return next(path for path in chain([place], numbered) if not path.exists())


def _places(output: Path, count: int) -> list[Path]:
    if count == 1:
        return [output]
    return [output.with_name(f"{output.stem}-{number}{output.suffix}") for number in range(1, count + 1)]


def _image_of(given: str) -> Image:
    is_address = given.startswith(("https://", "http://", "data:"))
    return Image.from_url(given) if is_address else Image.from_file(given)


def _tell(delta: Delta) -> None:
    if isinstance(delta, AttemptFailed):
        notice(f"attempt {delta.attempt} failed ({delta.error}); once more in {delta.wait_seconds:.3g} s")
    elif isinstance(delta, PartialImage):
        notice(f"look {delta.look + 1}")


def _as_json(image: GeneratedImage, path: Path) -> dict[str, str]:
    return {"path": str(path), "media_type": image.media_type, "revised_prompt": image.revised_prompt}
