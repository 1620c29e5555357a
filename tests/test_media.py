"""Media: read from files, bytes and addresses, and refused early when no model takes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agentkit.errors import MediaError
from agentkit.media import Audio, Document, Image, Inline, Remote, Uploaded, Video, media_type_of

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 8
SAMPLES = [
    (Image, PNG, "image/png"),
    (Image, b"\xff\xd8\xff\xe0", "image/jpeg"),
    (Image, b"GIF89a", "image/gif"),
    (Image, b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
    (Audio, b"RIFF\x00\x00\x00\x00WAVEfmt ", "audio/wav"),
    (Audio, b"ID3\x04", "audio/mpeg"),
    (Audio, b"fLaC", "audio/flac"),
    (Audio, b"OggS", "audio/ogg"),
    (Video, b"\x00\x00\x00\x18ftypmp42", "video/mp4"),
    (Video, b"\x00\x00\x00\x14ftypqt  ", "video/quicktime"),
    (Document, b"%PDF-1.7", "application/pdf"),
]


@pytest.mark.parametrize(("kind", "data", "media_type"), SAMPLES)
def test_the_type_is_read_from_the_first_bytes(kind: Any, data: bytes, media_type: str, tmp_path: Path) -> None:
    assert kind.from_bytes(data).source == Inline(data, media_type)
    path = tmp_path / "wrong.txt"
    path.write_bytes(data)
    assert kind.from_file(path).source == Inline(data, media_type)


def test_a_files_name_tells_what_its_bytes_do_not(tmp_path: Path) -> None:
    path = tmp_path / "notes.md"
    path.write_bytes(b"# Notes")
    assert Document.from_file(str(path)) == Document(Inline(b"# Notes", "text/markdown"), filename="notes.md")
    assert media_type_of(b"x", "a.unknown") is None


def test_addresses_are_left_to_the_provider_and_data_urls_are_read() -> None:
    assert Image.from_url("https://example.org/a.png") == Image(Remote("https://example.org/a.png"))
    assert Image.from_url("data:image/png;base64,aGk=").source == Inline(b"hi", "image/png")
    assert Image.from_bytes(PNG).source.data_url.startswith("data:image/png;base64,iVBORw0KGgo")  # type: ignore[union-attr]
    assert Image(Uploaded("file-1", "openai")).source == Uploaded("file-1", "openai")


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: Image.from_bytes(b""), "the given bytes is empty"),
        (lambda: Image.from_bytes(b"what?"), "the type of the given bytes is unknown; pass media_type="),
        (lambda: Image.from_bytes(b"BM123"), "is image/bmp, which models do not take as image; use image/png"),
        (lambda: Audio.from_bytes(PNG), "is image/png, which models do not take as audio"),
        (lambda: Image.from_bytes(PNG + b"0" * 20_000_000), "has 20,000,016 bytes; at most 20,000,000 can be sent"),
        (lambda: Image.from_file("/nowhere/a.png"), "cannot read image '/nowhere/a.png': No such file or directory"),
        (lambda: Image.from_url("data:image/png;base64,***"), "does not hold base64"),
        (lambda: Image.from_url("a.png"), "'a.png' is no address that a provider can fetch; use https://..., or Image"),
    ],
)  # fmt: skip
def test_what_cannot_be_sent_is_refused_with_what_to_do(make: Any, problem: str) -> None:
    with pytest.raises(MediaError) as caught:
        make()
    assert problem in str(caught.value)
