"""What a batch asks for in a shell: the options that say it, inputs of each kind, and results as lines of JSON."""

from __future__ import annotations

import json as json_text
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, get_args

import click

from agentkit.catalog import find_model
from agentkit.classification import Classification
from agentkit.cli.classify import labels_said
from agentkit.embedding import Purpose
from agentkit.errors import ConfigurationError, ExchangeError, UnknownProviderError
from agentkit.exchange import Response
from agentkit.media import Audio, Image
from agentkit.providers import find_provider
from agentkit.tasks.batch import BatchKind, BatchResults, Classify, Embed, GenerateImage, Transcribe
from agentkit.tasks.classify import Classifications
from agentkit.tasks.embed import Embeddings
from agentkit.tasks.generate_image import GeneratedImages
from agentkit.tasks.transcribe import Transcription

__all__ = ["WishedKind", "asks_kind", "entry_of", "rows_of"]

Function = TypeVar("Function", bound=Callable[..., Any])

_KINDS = ("chat", "embed", "classify", "image", "transcribe")
_LONGEST_NAME = 100
_OF_MODELS = {"embedding": "embed", "image": "image", "transcription": "transcribe", "moderation": "classify"}
"""Kind of a model in the catalog -> what it is asked for."""
_ONLY_FOR = {"dimensions": "embed", "purpose": "embed", "size": "image", "language": "transcribe"}
"""Option -> the one kind that it is for."""


@dataclass(frozen=True, slots=True)
class WishedKind:
    """What the options say of a kind."""

    kind: str | None = None
    labels: tuple[str, ...] = ()
    moderation: bool = False
    multi: bool = False
    dimensions: int | None = None
    purpose: Purpose | None = None
    size: str | None = None
    language: str | None = None

    def of(self, model: str) -> BatchKind[Any] | None:
        """The kind; without one, what the model is known to do, and chats otherwise. Raises UsageError."""
        name = self.kind or ("classify" if self.labels or self.moderation else _detected(model))
        if name != "classify" and (self.labels or self.moderation or self.multi):
            raise click.UsageError(f"--label, --moderation and --multi are for --kind classify, not {name}")
        for field, kind in _ONLY_FOR.items():
            if getattr(self, field) is not None and name != kind:
                raise click.UsageError(f"--{field} is for --kind {kind}, not {name}")
        match name:
            case "embed":
                return Embed(self.dimensions, self.purpose)
            case "classify":
                is_moderation = self.moderation or (not self.labels and "moderation" in model)
                return Classify("moderation" if is_moderation else labels_said(self.labels), self.multi)
            case "image":
                return GenerateImage(self.size)
            case "transcribe":
                return Transcribe(self.language)
            case _:
                return None


def asks_kind(function: Function) -> Function:
    """Give a command the options of kinds; it is passed them as one, `wished`."""

    @wraps(function)
    def collected(**options: Any) -> Any:
        wished = WishedKind(**{name: options.pop(name) for name in WishedKind.__dataclass_fields__})
        return function(wished=wished, **options)

    command: Any = collected
    for option in reversed(
        (
            click.option("--kind", type=click.Choice(_KINDS), help="What is asked for; else what the model does."),
            click.option(
                "-l",
                "--label",
                "labels",
                multiple=True,
                metavar="LABEL[=MEANING]",
                help="A label to choose from, to classify; repeat it for each.",
            ),
            click.option("--moderation", is_flag=True, help="Classify by the provider's rules for harmful content."),
            click.option("--multi", is_flag=True, help="Allow an input several labels, or none."),
            click.option("--dimensions", type=click.IntRange(min=1), metavar="N", help="Numbers of a vector."),
            click.option("--purpose", type=click.Choice(get_args(Purpose)), help="What vectors are for."),
            click.option("--size", metavar="SIZE", help="Of pictures, such as 1024x1024, 16:9 or 2K."),
            click.option("--language", metavar="CODE", help="What is spoken, such as en."),
        )
    ):
        command = option(command)
    return command


def entry_of(line: str, number: int, kind: BatchKind[Any] | None) -> tuple[str, Any]:
    """The id and the input of a line: text, or JSON with "prompt" or "input", "image" or "audio".

    Raises ConfigurationError, MediaError.
    """
    if not line.startswith("{"):
        return str(number), Audio.from_url(line) if _is_sound_address(line, kind) else line
    try:
        fields = json_text.loads(line)
    except json_text.JSONDecodeError as error:
        raise ConfigurationError(
            f"it begins as JSON and is none ({error.msg} at character {error.colno}); "
            'write {"id": "...", "prompt": "..."}, or plain text'
        ) from None
    id = str(fields.get("id", number))
    for name, medium in (("image", Image), ("audio", Audio)):
        if isinstance(place := fields.get(name), str) and kind is not None:
            is_address = place.startswith(("https://", "http://", "data:"))
            return id, medium.from_url(place) if is_address else medium.from_file(place)
    text = fields.get("prompt", fields.get("input"))
    if not isinstance(text, str):
        raise ConfigurationError('it has no "prompt" of text; write {"id": "...", "prompt": "..."}')
    return id, text


def rows_of(done: BatchResults[Any], folder: Path) -> list[dict[str, Any]]:
    """A row for each input, in their order; pictures are written into a folder. Raises MediaError, OSError."""
    names: set[str] = set()
    return [{"id": id, **_row(id, result, folder, names)} for id, result in done.items()]


def _row(id: str, result: Any, folder: Path, names: set[str]) -> dict[str, Any]:
    told: dict[str, Any]
    match result:
        case ExchangeError():
            return {"error": {"type": type(result).__name__, "message": str(result)}}
        case Response():
            calls = [{"name": call.name, "arguments": call.arguments} for call in result.calls]
            more = {"calls": calls} if calls else {}
            return {"text": result.text, **more, "finish": result.finish, "usage": asdict(result.usage)}
        case Embeddings():
            vectors = [vector.tolist() for vector in result]
            told = {"embedding": vectors[0]} if len(vectors) == 1 else {"embeddings": vectors}
        case Classifications():
            (each,) = result.classifications if len(result) == 1 else (Classification(),)
            told = {"labels": list(each.labels), "scores": each.scores}
            if each.is_flagged is not None:
                told["is_flagged"] = each.is_flagged
            if each.error is not None:
                return {"error": {"type": type(each.error).__name__, "message": str(each.error)}}
        case GeneratedImages():
            told = {"images": _saved(id, result, folder, names)}
        case Transcription():
            told = {"text": result.text, "language": result.language, "duration_seconds": result.duration_seconds}
        case _:
            told = {"result": str(result)}
    return {**told, "usage": asdict(result.usage)}


def _saved(id: str, made: GeneratedImages, folder: Path, names: set[str]) -> list[str]:
    """Where the pictures of an input are; `names` are those of the files that were written before."""
    folder.mkdir(parents=True, exist_ok=True)
    places: list[str] = []
    for number, image in enumerate(made.images):
        stem = re.sub(r"[^\w-]", "_", id)[:_LONGEST_NAME] + (f"-{number}" if number else "")
        while stem.casefold() in names:  # of another id that is written the same way
            stem += "_"
        names.add(stem.casefold())
        places.append(str(image.save(folder / stem, overwrite=True)))
    return places


def _detected(model: str) -> str:
    prefix, _, id = model.partition(":")
    try:
        row = find_model(find_provider(prefix).vendor, id)
    except (UnknownProviderError, ConfigurationError):  # said again, and better, when the model is made
        return "chat"
    return _OF_MODELS.get(row.kind, "chat") if row is not None else "chat"


def _is_sound_address(line: str, kind: BatchKind[Any] | None) -> bool:
    return isinstance(kind, Transcribe) and line.startswith(("https://", "http://"))
