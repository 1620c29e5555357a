"""Forms (multipart/form-data) as servers read them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from agentkit.errors import BadRequestError

__all__ = ["Form", "SentFile", "form_of"]

_BOUNDARY = re.compile(r'boundary="?([^";]+)"?')
_NAME = re.compile(rb'[; ]name="([^"]*)"')
_FILENAME = re.compile(rb'[; ]filename="([^"]*)"')


@dataclass(frozen=True, slots=True)
class SentFile:
    """One file of a form."""

    filename: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Form:
    """What was sent; fields whose names end with [] are lists."""

    fields: Mapping[str, list[str]]
    files: Mapping[str, list[SentFile]]

    def field(self, name: str) -> str:
        """The value of a field, or nothing."""
        return self.fields.get(name, [""])[0]


def form_of(body: bytes, content_type: str) -> Form:
    """The fields and files of a body. Raises BadRequestError for what is no form."""
    found = _BOUNDARY.search(content_type)
    line = b"--" + found[1].encode() if found else b""
    if not line or not body.startswith(line) or line + b"--" not in body:
        raise BadRequestError("Could not parse multipart form")
    fields: dict[str, list[str]] = {}
    files: dict[str, list[SentFile]] = {}
    for part in (b"\r\n" + body).split(b"\r\n" + line)[1:-1]:
        head, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        name = _NAME.search(head)
        if name is None:
            raise BadRequestError("Could not parse multipart form: a part has no name")
        key = name[1].decode().removesuffix("[]")
        filename = _FILENAME.search(head)
        if filename is not None:
            files.setdefault(key, []).append(SentFile(filename[1].decode(), content))
        else:
            fields.setdefault(key, []).append(content.decode("utf-8", "replace"))
    return Form(fields, files)
