"""What a row of the provider table says, and what is asked of a provider when a model is made."""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias
from urllib.parse import urlsplit

from agentkit.catalog import ModelRow
from agentkit.errors import ConfigurationError, MissingKeyError
from agentkit.models import Model
from agentkit.providers.openai.chat_rules import ChatRules
from agentkit.settings import Settings
from agentkit.task_model import TaskModel
from agentkit.transport.layer import is_offline
from agentkit.transport.protocol import Transport
from agentkit.transport.redact import Secret, redacted_url

__all__ = [
    "Connect",
    "OptionName",
    "Options",
    "Provider",
    "ProviderModule",
    "RetirementWarning",
    "TaskKind",
    "TaskModule",
    "base_url_of",
    "host_and_port",
    "key_of",
    "retirement",
    "value_of",
]

TaskKind: TypeAlias = Literal["embed", "generate_image", "transcribe", "classify"]
"""The APIs beside chat."""

OptionName: TypeAlias = Literal["region", "project", "credentials", "format"]
"""What only some providers can be told beside the model's name."""

_SOON = datetime.timedelta(days=60)


class RetirementWarning(UserWarning):
    """The named model is shut down by its provider within 60 days, or has been already."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the user said beside the model's name."""

    settings: Settings | None = None
    base_url: str | None = field(default=None, repr=False)
    api_key: str | None = field(default=None, repr=False)
    headers: Mapping[str, str] | None = field(default=None, repr=False)
    transport: Transport | None = None
    region: str | None = None
    """Where the model is to run, as the provider spells its regions."""
    project: str | None = None
    """The project that is charged, at providers who have such."""
    credentials: object | None = field(default=None, repr=False)
    """What tokens come from: a token, something that gives one, or an object of the vendor's own library."""
    format: object | None = None
    """What the model behind an address speaks, where that differs from model to model: a name, or a form."""


@dataclass(frozen=True, slots=True)
class Provider:
    """One row of the provider table."""

    name: str
    """As users write it before the colon."""
    title: str
    """As its vendor writes it."""
    module: str
    """Where its `connect` is; loaded when the first model is made. Empty where nothing chats."""
    base_url: str = ""
    """Empty where every user has their own."""
    base_url_variables: tuple[str, ...] = ()
    """Environment variables that may hold another address."""
    key_variables: tuple[str, ...] = ()
    """Environment variables that may hold the key, the usual one first."""
    needs_key: bool = True
    api: str = "chat_completions"
    """The wire format: "responses" or "chat_completions"."""
    family: str = ""
    """Whose name stands in spans, prices and provider data, where one vendor has several rows."""
    otel_name: str = ""
    """The name in OpenTelemetry's conventions, where it differs."""
    rules: ChatRules | None = None
    """How its Chat Completions differ from OpenAI's."""
    is_listed: bool = False
    """Whether the catalog knows all of its models, so that a mistyped one can be told."""
    is_local: bool = False
    """Whether it runs on machines of the user's own."""
    tasks: frozenset[TaskKind] = frozenset()
    """The APIs beside chat that it offers."""
    task_module: str = ""
    """Where its `connect_task` is; loaded when the first model of a task is made."""
    default_model: str = ""
    """The model of a name that ends with the colon."""
    model_form: str = "model-id"
    """What stands behind the colon, as people are told."""
    takes: frozenset[OptionName] = frozenset()
    """Which options it can be told beside a key and an address."""
    regional_url: str = ""
    """The address of a region, with "{region}" in its place."""

    @property
    def vendor(self) -> str:
        """The name in spans, prices and provider data."""
        return self.family or self.name


Connect: TypeAlias = Callable[[Provider, str, Options], Model]


class ProviderModule(Protocol):
    """What a provider's module offers."""

    def connect(self, provider: Provider, model: str, options: Options) -> Model:
        """A model of this provider. Raises MissingKeyError, ConfigurationError; sends nothing."""
        ...


class TaskModule(Protocol):
    """What the module of a provider's tasks offers."""

    def connect_task(self, provider: Provider, kind: TaskKind, model: str, options: Options) -> TaskModel[Any, Any]:
        """A model for one of the tasks of the row. Raises MissingKeyError, ConfigurationError; sends nothing."""
        ...


def key_of(provider: Provider, options: Options) -> str | None:
    """The key: as said, else from the environment. Raises MissingKeyError where one is needed.

    An address of the user's own may need none, so none is demanded for it, nor while a recording is replayed.
    """
    found = options.api_key or value_of(provider.key_variables)
    if found is None and provider.needs_key and options.base_url is None and not is_offline():
        raise MissingKeyError(provider.name, provider.key_variables)
    return Secret(found.strip()) if found else None


def base_url_of(provider: Provider, options: Options) -> str:
    """The address: as said, else from the environment, else the provider's. Raises ConfigurationError without one."""
    if options.region and provider.regional_url:
        if options.base_url:
            raise ConfigurationError(f"give {provider.name} base_url or region, not both: either is an address")
        return provider.regional_url.format(region=options.region)
    found = options.base_url or value_of(provider.base_url_variables) or provider.base_url
    if not found:
        where = f" or set {' or '.join(provider.base_url_variables)}" if provider.base_url_variables else ""
        raise ConfigurationError(
            f"{provider.name} needs the address of your server: pass model('{provider.name}:...', base_url=...){where}"
        )
    return found.rstrip("/")


def host_and_port(base_url: str) -> tuple[str, int]:
    """Of an address. Raises ConfigurationError for one that is none."""
    try:
        parts = urlsplit(base_url)
        host, port = parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        host, port = None, 0
    if not host:
        raise ConfigurationError(
            f"base_url is {redacted_url(base_url)!r}; it has to be an address such as http://localhost:8000/v1"
        )
    return host, port


def retirement(row: ModelRow, today: datetime.date) -> str | None:
    """What to tell a user of a model that is shut down soon or has been; None where there is nothing to tell."""
    if row.retires is None or row.retires - today > _SOON:
        return None
    name = f"{row.provider}:{row.id}"
    if row.retires <= today:
        return f"{name} was shut down on {row.retires}; choose another model (`agentkit models {row.provider}`)"
    return f"{name} is shut down on {row.retires}; move to another model (`agentkit models {row.provider}`)"


def value_of(variables: tuple[str, ...]) -> str | None:
    """The first of these environment variables that is set; empty ones are not."""
    return next((value for name in variables if (value := os.environ.get(name, "").strip())), None)
