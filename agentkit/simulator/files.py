"""Files that were uploaded to a simulator, or that it made: OpenAI's at /files, Gemini's at /upload/.../files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, TypeAlias

from pydantic_core import to_json

from agentkit.codec import HttpReply
from agentkit.errors import BadRequestError, NotFoundError
from agentkit.simulator.formats import json_object
from agentkit.simulator.forms import form_of
from agentkit.simulator.http import HttpAsked
from agentkit.simulator.reply import Reply

__all__ = ["Files", "jsonl"]

Json: TypeAlias = dict[str, Any]

_BOUNDARY = re.compile(r'boundary="?([^";]+)"?')


class Files:
    """The files of a simulator by their ids."""

    def __init__(self) -> None:
        self._contents: dict[str, bytes] = {}

    def upload(self, asked: HttpAsked, now: float) -> Reply:
        """Keep a file that came as a form, or in one of Google's ways. Raises BadRequestError."""
        if "finalize" in asked.header("x-goog-upload-command"):  # clients name the protocol here, too
            return self._google(asked.body)
        protocol = asked.header("x-goog-upload-protocol")
        if protocol == "resumable":
            place = f"http://{asked.header('host')}{asked.path}?upload_id={len(self._contents) + 1}"
            headers = (("x-goog-upload-url", place), ("x-goog-upload-status", "active"))
            return Reply.whole(HttpReply(200, b"{}", (("content-type", "application/json"), *headers)))
        if protocol == "multipart":
            return self._google(_related(asked)[1])
        form = form_of(asked.body, asked.header("content-type"))
        files = form.files.get("file")
        if not files or not form.field("purpose"):
            raise BadRequestError("'file' and 'purpose' are required properties")
        id = f"file-sim{len(self._contents) + 1:08d}"
        self._contents[id] = files[0].data
        told = {"object": "file", "id": id, "purpose": form.field("purpose"), "filename": files[0].filename}
        return _json(told | {"bytes": len(files[0].data), "created_at": int(now), "status": "processed"})

    def content(self, id: str) -> bytes:
        """What is in a file. Raises NotFoundError."""
        if id not in self._contents:
            raise NotFoundError(f"No such File object: {id}")
        return self._contents[id]

    def keep(self, id: str, rows: Sequence[Json]) -> str:
        """Make a file of rows, and give its id."""
        self._contents[id] = jsonl(rows)
        return id

    def _google(self, data: bytes) -> Reply:
        id = f"files/sim{len(self._contents) + 1:08d}"
        self._contents[id] = data
        reply = {"file": {"name": id, "mimeType": "application/jsonl", "sizeBytes": str(len(data)), "state": "ACTIVE"}}
        headers = (("content-type", "application/json"), ("x-goog-upload-status", "final"))
        return Reply.whole(HttpReply(200, to_json(reply), headers))


def jsonl(rows: Sequence[Json]) -> bytes:
    """A row on each line."""
    return b"".join(to_json(row) + b"\n" for row in rows)


def _related(asked: HttpAsked) -> tuple[Json, bytes]:
    """What is said of a file, and the file: the two parts of a body. Raises BadRequestError."""
    found = _BOUNDARY.search(asked.header("content-type"))
    parts = asked.body.split(b"--" + found[1].encode()) if found else []
    if len(parts) != 4 or not parts[3].startswith(b"--"):
        raise BadRequestError("Bad multipart body: two parts are expected.")
    contents = [part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n") for part in parts[1:3]]
    told = json_object(contents[0])
    if told is None:
        raise BadRequestError("Bad multipart body: the first part is no JSON.")
    return told, contents[1]


def _json(value: Json) -> Reply:
    return Reply.whole(HttpReply(200, to_json(value)))
