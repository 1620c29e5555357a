"""Images as data: what is asked for, what comes back, and what a provider makes at a time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from agentkit.codec import TaskCodec
from agentkit.errors import MediaError, ProtocolError
from agentkit.media import Image, Inline, media_type_of
from agentkit.settings import Settings
from agentkit.task_model import TaskModel
from agentkit.usage import Cost, Usage

__all__ = [
    "GeneratedImage",
    "ImageAnswer",
    "ImageCodec",
    "ImageLimits",
    "ImageModel",
    "ImageRequest",
    "image_of_bytes",
]

_ENDINGS = {
    "image/png": (".png",),
    "image/jpeg": (".jpg", ".jpeg"),
    "image/webp": (".webp",),
    "image/gif": (".gif",),
    "image/svg+xml": (".svg",),
}


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """One request for pictures, within what the provider makes at a time."""

    model: str
    """The id as the provider spells it."""
    prompt: str
    images: tuple[Image, ...] = ()
    """Pictures to edit or to work from."""
    mask: Image | None = None
    """Transparent where the first picture may change."""
    size: str | None = None
    """Such as "1024x1024", "16:9" or "2K": what the provider knows of these; None for its own choice."""
    count: int = 1
    quality: str | None = None
    background: str | None = None
    output_format: str | None = None
    """Such as "png", "jpeg" or "webp"."""
    partial_images: int = 0
    """How many looks at the unfinished picture to send."""
    settings: Settings = Settings()

    @property
    def knobs(self) -> dict[str, str]:
        """What is asked for beside prompt, pictures and count."""
        known = {
            "size": self.size,
            "quality": self.quality,
            "background": self.background,
            "output_format": self.output_format,
        }
        return {name: value for name, value in known.items() if value is not None}


@dataclass(frozen=True, slots=True)
class GeneratedImage:
    """One picture that a model made."""

    image: Image
    """It can go into a prompt as it is."""
    revised_prompt: str = ""
    """The prompt as the provider rewrote it; empty where it did not."""

    @property
    def data(self) -> bytes:
        """The picture's bytes. Raises MediaError where the provider gave an address instead."""
        return self._inline.data

    @property
    def media_type(self) -> str:
        """Such as "image/png". Raises MediaError where the provider gave an address instead."""
        return self._inline.media_type

    @property
    def suffix(self) -> str:
        """The ending of a file with this picture, such as ".png"; empty for a type that is not known."""
        return _ENDINGS.get(self.media_type, ("",))[0]

    def fits(self, path: str | Path) -> bool:
        """Whether `save` would take this name: it has no ending, or a right one."""
        return Path(path).suffix.lower() in ("", *_ENDINGS.get(self.media_type, (Path(path).suffix.lower(),)))

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write the picture to a file and give its path, to which the right ending is added where it has none.

        Raises MediaError for an ending of another type, and for a file that is there already.
        """
        inline, wanted = self._inline, Path(path)
        if not self.fits(wanted):
            better = wanted.with_suffix(self.suffix).name
            raise MediaError(f"the picture is {inline.media_type}; save it as {better!r}, not {wanted.name!r}")
        if not wanted.suffix:
            wanted = wanted.with_name(wanted.name + self.suffix)
        try:
            with wanted.open("wb" if overwrite else "xb") as file:
                file.write(inline.data)
        except FileExistsError:
            raise MediaError(f"{str(wanted)!r} exists; choose another name, or pass overwrite=True") from None
        except OSError as error:
            raise MediaError(f"cannot write {str(wanted)!r}: {error.strerror or error}") from error
        return wanted

    @property
    def _inline(self) -> Inline:
        if isinstance(self.image.source, Inline):
            return self.image.source
        raise MediaError(f"the provider gave an address instead of bytes: fetch it from {self.image.source}")


@dataclass(frozen=True, slots=True)
class ImageAnswer:
    """The pictures, in the order of the provider."""

    images: tuple[GeneratedImage, ...]
    usage: Usage = Usage()
    model: str = ""
    """The model that answered, in the provider's words; empty where it says none."""
    cost: Cost | None = None
    """What the provider says it cost; None where it says nothing."""


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """What a provider takes in one request."""

    count: int = 1
    """Pictures that are made at a time."""


class ImageModel(TaskModel[ImageRequest, ImageAnswer], Protocol):
    """Anything that makes pictures."""

    @property
    def limits(self) -> ImageLimits:
        """What it makes at a time."""
        ...


class ImageCodec(TaskCodec[ImageRequest, ImageAnswer], Protocol):
    """The client half of an API that makes pictures."""

    def limits(self, model: str) -> ImageLimits:
        """What this model makes at a time."""
        ...


def image_of_bytes(data: bytes, *, provider: str, told: str = "") -> Image:
    """A picture by its bytes, which say its type; `told` is what the provider says, for types that bytes do not tell.

    Raises ProtocolError for what is no picture.
    """
    found = media_type_of(data) or ("image/svg+xml" if data.lstrip()[:5] in (b"<svg ", b"<?xml") else told)
    if not data or not found.startswith("image/"):
        raise ProtocolError(f"a picture of {len(data)} bytes is {found or 'of no known type'}", provider=provider)
    return Image(Inline(data, found))
