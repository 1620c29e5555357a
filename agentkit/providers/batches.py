"""Which providers take batches, and by which codec; loaded when the first batch is made."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeAlias, cast

from agentkit.batching import BatchCodec, BatchTask
from agentkit.buckets import BatchStorage
from agentkit.errors import ConfigurationError, UnsupportedError
from agentkit.identity import ModelIdentity
from agentkit.models import Model, identity_of
from agentkit.remote import RemoteModel
from agentkit.remote_batch import RemoteBatch
from agentkit.remote_job import RemoteJob
from agentkit.remote_task import RemoteTask
from agentkit.task_model import TaskModel

__all__ = ["BATCHES", "IN_BUCKETS", "JOBS", "connect_batch"]


Asked: TypeAlias = RemoteModel | RemoteTask[Any, Any]


@dataclass(frozen=True, slots=True)
class BatchRow:
    """A provider that takes batches."""

    module: str
    """Where its codec is."""
    codec: str
    """The codec's class."""
    tasks: tuple[BatchTask, ...] = ("chat",)
    """What it takes batches of, beside what rides on chats."""


_OPENAI = "agentkit.providers.openai.batches"
_CHAT: tuple[BatchTask, ...] = ("chat",)

BATCHES: Mapping[str, BatchRow] = {
    "openai": BatchRow(_OPENAI, "BatchesCodec", (*_CHAT, "embed", "generate_image", "classify")),
    "azure": BatchRow(_OPENAI, "BatchesCodec", (*_CHAT, "embed")),
    "anthropic": BatchRow("agentkit.providers.anthropic.batches", "MessageBatchesCodec"),
    "google": BatchRow("agentkit.providers.google.batches", "GeminiBatchesCodec", (*_CHAT, "embed")),
    "mistral": BatchRow(
        "agentkit.providers.openai.mistral_batches",
        "MistralBatchesCodec",
        (*_CHAT, "embed", "classify", "transcribe"),
    ),
    "groq": BatchRow(_OPENAI, "BatchesCodec", (*_CHAT, "transcribe")),
}
"""Provider, as spans name it -> its row."""


@dataclass(frozen=True, slots=True)
class BucketRow:
    """A provider that reads and writes batches in a bucket."""

    module: str
    """Where its `connect_batch` is."""
    tasks: tuple[BatchTask, ...] = ("chat",)
    """What it takes batches of, beside what rides on chats."""


IN_BUCKETS: Mapping[str, BucketRow] = {
    "bedrock": BucketRow("agentkit.providers.aws.batches", (*_CHAT, "embed", "generate_image")),
    "vertex": BucketRow("agentkit.providers.vertex.batches", (*_CHAT, "embed")),
    "sagemaker": BucketRow("agentkit.providers.aws.async_inference"),
    "comprehend": BucketRow("agentkit.providers.aws.comprehend_batches", ("classify",)),
}
"""Provider, as spans name it -> its row."""

JOBS: Mapping[str, BatchTask] = {"azure-language": "classify", "azure-speech": "transcribe"}
"""Service of Azure whose jobs are batches -> what they do."""

_JOBS_MODULE = "agentkit.providers.azure.batches"


class BucketModule(Protocol):
    """What the module of a provider offers that makes its batches itself."""

    def connect_batch(self, model: Any, storage: str | BatchStorage | None) -> RemoteBatch:
        """The batches of a model. Raises UnsupportedError, ConfigurationError; sends nothing."""
        ...


TASK_WORDS: Mapping[BatchTask, str] = {
    "chat": "chats",
    "embed": "embeddings",
    "generate_image": "pictures",
    "classify": "classifications",
    "transcribe": "transcripts",
}
"""What is in batches, in sentences."""

_MOST_REQUESTS: Mapping[BatchTask, int] = {"embed": 5_000, "generate_image": 50}
"""Answers are large here, and those of one batch are read as one reply."""

_ON_CHATS: Mapping[BatchTask, tuple[str, ...]] = {
    "generate_image": ("google", "vertex"),
    "transcribe": ("google", "vertex"),
}
"""Whose models that chat do a task, so that it is in batches of chats."""

_OTHER_FORMS = ("together", "xai")
"""Whose batches have a form of their own: jobs without names, and batches that are filled request by request."""

_DEPLOYMENT = re.compile(r"/deployments/[^/?]+")
_VERSION = re.compile(r"/v\d\w*$")


def connect_batch(
    model: Model | TaskModel[Any, Any], *, storage: str | BatchStorage | None = None, task: BatchTask = "chat"
) -> RemoteBatch:
    """The batches of a model; `storage` is the bucket for those that need one, `task` what is asked. Sends nothing.

    A task that rides on chats is asked of the model that chats. Raises UnsupportedError where the provider takes no
    batches of the kind, ConfigurationError for a storage that does not fit.
    """
    identity = identity_of(model) if isinstance(model, Model) else model.identity
    if isinstance(model, RemoteTask | RemoteJob) and JOBS.get(identity.provider) == task:
        return cast("BucketModule", importlib.import_module(_JOBS_MODULE)).connect_batch(model, storage)
    if not isinstance(model, RemoteModel | RemoteTask):
        raise _no_batches(identity, task)
    asked: Asked = model
    row = BATCHES.get(identity.provider) or IN_BUCKETS.get(identity.provider)
    if row is None or ("chat" if isinstance(asked, RemoteModel) else task) not in row.tasks:
        raise _no_batches(identity, task)
    if isinstance(row, BucketRow):
        return _bounded(cast("BucketModule", importlib.import_module(row.module)).connect_batch(asked, storage), task)
    if storage is not None:
        raise ConfigurationError(f"{identity.provider} keeps batches itself, in no bucket of yours; leave out storage=")
    make = cast("Callable[..., BatchCodec]", getattr(importlib.import_module(row.module), row.codec))
    inner, address = asked.codec, asked.endpoint.base_url
    more: dict[str, str] = {}
    uploads = None
    if identity.provider == "azure" and "/deployments/" in address:
        # A dated version has the deployment in the path of a chat, and in the body of a line, whose path is bare.
        more["prefix"] = ""
        asked = copy(asked)
        asked.endpoint = replace(asked.endpoint, base_url=_DEPLOYMENT.sub("", address))
    elif identity.provider == "google":
        uploads = replace(asked.endpoint, base_url=_VERSION.sub(r"/upload\g<0>", address))
    codec = make(inner, provider=identity.provider, **more)
    return _bounded(RemoteBatch(asked, codec, uploads=uploads), task)


def _bounded(remote: RemoteBatch, task: BatchTask) -> RemoteBatch:
    """The batches with no more requests in one than their answers allow."""
    limits = remote.codec.limits
    most = max(_MOST_REQUESTS.get(task, limits.requests), 2 * limits.least - 1)  # one more is split into two
    remote.codec.limits = replace(limits, requests=min(limits.requests, most))
    return remote


def _no_batches(identity: ModelIdentity, task: BatchTask) -> UnsupportedError:
    others = [name for name, row in (*BATCHES.items(), *IN_BUCKETS.items()) if task in row.tasks]
    others += [name for name, does in JOBS.items() if does == task]
    others += _ON_CHATS.get(task, ())
    what = "" if task == "chat" else f" of {TASK_WORDS[task]}"
    reason = f"{identity} takes no batches{what}"
    if identity.provider in _OTHER_FORMS:
        reason = f"{identity.provider} has batches in a form of its own, which agentkit does not speak"
    return UnsupportedError(f'{reason}; ask at once with via="requests", or use a model of one of {", ".join(others)}')
