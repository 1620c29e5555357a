"""Forms as bytes: read back by an independent parser, the same for the same parts."""

from __future__ import annotations

from email.parser import BytesParser
from email.policy import HTTP

from hypothesis import given
from hypothesis import strategies as st

from agentkit.multipart import FilePart, FormField, multipart
from agentkit.simulator.forms import SentFile, form_of


def test_is_read_back_by_the_parser_of_python() -> None:
    body = multipart([FormField("model", "whisper-1"), FilePart("file", "näme.mp3", b"ID3abc", "audio/mpeg")])
    message = BytesParser(policy=HTTP).parsebytes(
        b"Content-Type: " + body.content_type.encode() + b"\r\n\r\n" + body.data
    )
    first, second = message.iter_parts()
    assert (first.get_param("name", header="content-disposition"), first.get_content()) == ("model", "whisper-1")
    assert (second.get_content_type(), second.get_content()) == ("audio/mpeg", b"ID3abc")


def test_is_the_same_for_the_same_parts_and_another_for_others() -> None:
    parts = [FormField("a", "1"), FilePart("f", "x.bin", b"\0\1", "application/octet-stream")]
    assert multipart(parts) == multipart(parts)
    assert multipart(parts).content_type != multipart(parts[:1]).content_type


def test_names_cannot_break_out_of_their_quotes() -> None:
    body = multipart([FilePart("file", 'a"; name="model\r\nX: y', b"1", "audio/wav")])
    assert b'name="file"; filename="a%22; name=%22model%0D%0AX: y"\r\n' in body.data
    assert form_of(body.data, body.content_type).fields == {}


def test_does_not_show_what_it_holds() -> None:
    body = multipart([FormField("prompt", "SECRET"), FilePart("file", "a.wav", b"SECRET", "audio/wav")])
    assert "SECRET" not in repr(body)
    assert "SECRET" not in repr(FilePart("file", "a.wav", b"SECRET", "audio/wav"))


@given(st.lists(st.binary(max_size=64), max_size=4), st.text(max_size=20))
def test_carries_any_bytes(contents: list[bytes], text: str) -> None:
    files = [FilePart("image[]", f"{place}.png", data, "image/png") for place, data in enumerate(contents)]
    body = multipart([FormField("prompt", text), *files])
    form = form_of(body.data, body.content_type)
    assert form.field("prompt").encode() == text.encode()
    sent = [SentFile(f"{place}.png", data) for place, data in enumerate(contents)]
    assert form.files == ({"image": sent} if sent else {})
