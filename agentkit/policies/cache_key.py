"""The key of a cached answer: a digest of everything that decides what a model answers, and of nothing else.

Into it go who answers (provider, model, address, format), instructions, messages, tools, declared output and settings.
Left out are the ids that providers give to calls and answers, what an answer took, how often and how long to try, and
credentials: the same question asked with another key is the same question.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, cast

from agentkit.exchange import Request
from agentkit.json_bytes import json_bytes
from agentkit.messages import Message, messages_to_json
from agentkit.models import Model, identity_of
from agentkit.policies.limits import LimitedModel
from agentkit.policies.tasks import TaskAsModel, TaskRequest
from agentkit.remote import RemoteModel
from agentkit.remote_job import RemoteJob
from agentkit.remote_task import RemoteTask
from agentkit.settings import Settings
from agentkit.transport.redact import is_secret_header, redacted_url

__all__ = ["fingerprint", "key_of"]

KEY_VERSION = 1
"""Part of every key: a change of what goes into keys makes old answers unreachable, and never wrong."""

_NOT_ASKED = frozenset({"stream", "attempts", "deadlines", "headers"})
"""Settings that do not change what is asked; of headers see below."""

_TOLD_BESIDE = frozenset({"model", "settings", "is_streamed", "partial_images"})
"""Of a question that is not a chat; how it is streamed does not change the answer."""


@dataclass(frozen=True, slots=True)
class _Digested:
    """The digest of a conversation so far, kept in a run's memo: the next step continues it."""

    messages: tuple[Message, ...]
    digest: Any


def fingerprint(model: Model) -> list[Any]:
    """What decides a model's answers beside the request, as JSON without secrets; of policies, all below them."""
    if isinstance(model, LimitedModel):  # when an answer comes does not change it
        return fingerprint(model.model)
    identity, speaker = identity_of(model), model.task if isinstance(model, TaskAsModel) else model
    told: list[Any] = [type(speaker).__qualname__, identity.provider, identity.model, identity.api]
    path: object = getattr(model, "path", None)
    if isinstance(path, Path):  # served by a process of our own, at a port that changes
        told += [str(path), *_file_marks(path), repr(getattr(model, "options", None))]
    else:
        told += [identity.address, identity.port]
    if isinstance(speaker, RemoteModel | RemoteTask | RemoteJob):
        told += [speaker.codec.name, redacted_url(speaker.endpoint.base_url), _headers(speaker.endpoint.headers)]
    settings = getattr(model, "settings", None)
    told.append(_settings(settings) if isinstance(settings, Settings) else None)
    told += [fingerprint(below) for below in _below(speaker)]
    return told


def key_of(request: Request, *, model: str, of_model: bytes, memo_key: str) -> bytes:
    """The key of what this request asks of the model of this id; `of_model` is the fingerprint, as bytes."""
    about: list[Any] = [
        KEY_VERSION,
        model,
        request.instructions,
        [[tool.name, tool.description, tool.parameters, tool.strict] for tool in request.tools],
        None,
        _settings(request.settings),
    ]
    output = request.output
    if output is not None:
        about[4] = [output.name, output.schema, output.strict, output.description]
    if isinstance(request, TaskRequest):
        about.append(_question(request.asked))
    digest = hashlib.sha256(of_model)
    digest.update(json_bytes(about))
    digest.update(_conversation(request, memo_key).digest())
    return digest.digest()


def _conversation(request: Request, memo_key: str) -> Any:
    """The digest of all messages. Those that were there at the last step are not read again."""
    messages, memo = request.messages, request.memo
    known = memo.kept.get(memo_key) if memo is not None else None
    if isinstance(known, _Digested) and messages[: len(known.messages)] == known.messages:
        digest, rest = known.digest.copy(), messages[len(known.messages) :]
    else:
        digest, rest = hashlib.sha256(), messages
    for told in _told(rest):
        digest.update(json_bytes(told))
    if memo is not None:
        memo.kept[memo_key] = _Digested(messages, digest.copy())
    return digest


def _told(messages: Sequence[Message]) -> Iterator[dict[str, Any]]:
    """Messages without the ids of calls and answers, and without what they took."""
    for message in cast("list[dict[str, Any]]", messages_to_json(messages)["messages"]):
        for name in ("response_id", "usage"):
            message.pop(name, None)
        for part in message["parts"]:
            if part["kind"] == "tool_call":
                part.pop("id", None)
        yield message


def _question(value: Any) -> Any:
    """A question that is not a chat as JSON. Its model and settings are told beside it; bytes by their digest."""
    if is_dataclass(value):
        known = {entry.name: getattr(value, entry.name) for entry in fields(value) if entry.name not in _TOLD_BESIDE}
        return [type(value).__name__, {name: _question(each) for name, each in known.items()}]
    match value:
        case bytes():
            return hashlib.sha256(value).hexdigest()
        case Mapping():
            return [[name, _question(each)] for name, each in cast("Mapping[str, Any]", value).items()]
        case tuple() | list():
            return [_question(each) for each in cast("Sequence[Any]", value)]
        case _:
            return value


def _settings(settings: Settings) -> dict[str, Any]:
    said = {entry.name: getattr(settings, entry.name) for entry in fields(settings) if entry.name not in _NOT_ASKED}
    told: dict[str, Any] = {name: value for name, value in said.items() if value is not None}
    if settings.extra:
        told["extra"] = {name: settings.extra[name] for name in sorted(settings.extra)}
    if headers := _headers(settings.headers or {}):
        told["headers"] = headers
    return told


def _headers(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    """Headers may switch on features; those that are secret only say who asks."""
    return sorted((name.lower(), value) for name, value in headers.items() if not is_secret_header(name))


def _file_marks(path: Path) -> list[int]:
    """What changes when another model is put into the same file."""
    try:
        found = path.stat()
    except OSError:
        return []
    return [found.st_size, found.st_mtime_ns]


def _below(model: object) -> list[Model]:
    """The models that a policy wraps, or a task model asks."""
    wrapped: object = next(
        (found for name in ("models", "model", "chat") if (found := getattr(model, name, None))), None
    )
    found = cast("Sequence[object]", wrapped) if isinstance(wrapped, (tuple, list)) else [wrapped]
    return [each for each in found if isinstance(each, Model)]
