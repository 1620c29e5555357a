"""Files and pictures that go along with a prompt."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from agentkit.media import Audio, Document, Image, Video, media_type_of
from agentkit.messages import Part, Prompt

__all__ = ["with_attachments"]

_FIRST_BYTES = 64


def with_attachments(prompt: str, *, images: Sequence[str], files: Sequence[str]) -> Prompt:
    """The prompt with pictures (paths or URLs) and files (paths) after it. Raises MediaError."""
    if not images and not files:
        return prompt
    return [prompt, *map(_image, images), *map(_file, files)]


def _image(place: str) -> Image:
    is_url = place.startswith(("http://", "https://", "data:"))
    return Image.from_url(place) if is_url else Image.from_file(place)


def _file(place: str) -> Part:
    """A file as what it is: sound, film and pictures as such, all else as a document."""
    path = Path(place)
    if not path.is_file():
        return Document.from_file(path)  # says what is wrong
    with path.open("rb") as opened:
        media_type = media_type_of(opened.read(_FIRST_BYTES), path.name) or ""
    kinds = {"image": Image, "audio": Audio, "video": Video}
    return kinds.get(media_type.partition("/")[0], Document).from_file(path)
