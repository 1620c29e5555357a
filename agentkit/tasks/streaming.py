"""Settings(stream=True) in a task: refused where the answer comes whole, with those whose answers come in pieces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentkit.codec import StreamedTaskCodec
from agentkit.errors import UnsupportedError
from agentkit.providers.table import TaskKind
from agentkit.remote_task import RemoteTask
from agentkit.settings import Settings
from agentkit.task_model import TaskModel

__all__ = ["refuse_unstreamed"]

_STREAMED: Mapping[TaskKind, str] = {
    "generate_image": "openai, azure, google and vertex stream pictures",
    "transcribe": "openai, azure (their gpt-4o models), google, vertex, mistral and vllm stream transcripts",
    "embed": "no provider streams embeddings",
    "classify": "no provider streams labels",
}


def refuse_unstreamed(kind: TaskKind, model: TaskModel[Any, Any], asked: object, *, settings: Settings) -> None:
    """Raises UnsupportedError where streaming is demanded and the answer would come whole."""
    if not settings.stream or _may_stream(kind, model, asked):
        return
    who = f"{model.identity.provider}:{model.identity.model}"
    raise UnsupportedError(f"{who} answers in one piece; {_STREAMED[kind]}: leave out Settings(stream=True)")


def _may_stream(kind: TaskKind, model: TaskModel[Any, Any], asked: object) -> bool:
    if kind in ("embed", "classify"):
        return False
    if not isinstance(model, RemoteTask):  # one that chats, one of somebody else, or one that says that it cannot
        return not getattr(model, "comes_whole", False)
    codec: object = model.codec
    return isinstance(codec, StreamedTaskCodec) and codec.is_streamed(asked)
