"""The provider table: from "provider:model-id" to a Model.

Adding a provider is one folder and one row in rows.py; a server that speaks Chat Completions is one row in
compatible.py. A package of somebody else adds its own by an entry point in the group "agentkit.providers" that names a
Provider. A provider's module is loaded when its first model is made.
"""

from __future__ import annotations

import datetime
import importlib
import os
import re
import warnings
from collections.abc import Mapping, Sequence
from functools import cache, partial
from typing import Any, cast

from agentkit.catalog import editions, find_model, is_pinned, model_ids, models
from agentkit.errors import (
    ConfigurationError,
    MissingKeyError,
    UnknownModelError,
    UnknownProviderError,
    UnsupportedError,
    nearest,
)
from agentkit.messages import Message
from agentkit.models import SOME_THAT_CHAT, Capabilities, Model, identity_of
from agentkit.providers.rows import ROWS
from agentkit.providers.table import (
    OptionName,
    Options,
    Provider,
    ProviderModule,
    RetirementWarning,
    TaskKind,
    TaskModule,
    base_url_of,
    retirement,
)
from agentkit.settings import Settings
from agentkit.suitability import Able, Checking, Known
from agentkit.transport.protocol import Transport

__all__ = [
    "PROVIDERS",
    "Provider",
    "RetirementWarning",
    "TaskKind",
    "abilities",
    "all_providers",
    "find_provider",
    "model",
    "nearest_able",
    "read_history",
    "resolve",
    "task_model",
]

_REGION = re.compile(r"[a-z0-9][a-z0-9-]*")

TASK_WORDS: Mapping[TaskKind, str] = {
    "embed": "embeddings",
    "generate_image": "making of images",
    "transcribe": "speech to text",
    "classify": "classification",
}
"""What the tasks are called in sentences."""

_FIT: Mapping[TaskKind, tuple[str, str]] = {
    "embed": ("embedding", "embeddings; these embed"),
    "generate_image": ("image", "pictures; these draw"),
    "transcribe": ("transcription", "speech to text; these hear"),
}
"""Which kind of model in the catalog does a task, and how they are named; any that chats can classify."""
_MOST_NAMED = 12

_OPTION_WORDS: Mapping[OptionName, str] = {
    "region": "no regions to choose among",
    "project": "no projects to choose among",
    "credentials": "no credentials but a key",
    "format": "no formats to choose among",
}
"""What a provider has that cannot be told an option."""

PROVIDERS: Mapping[str, Provider] = {row.name: row for row in ROWS}
"""Name before the colon -> row."""


def model(
    name: str,
    *,
    settings: Settings | None = None,
    base_url: str | None = None,
    api_key: str | None = None,
    headers: Mapping[str, str] | None = None,
    transport: Transport | None = None,
    region: str | None = None,
    project: str | None = None,
    credentials: object | None = None,
    format: object | None = None,
    is_listed: bool = True,
    pin: bool | None = None,
) -> Model:
    """The model of a name such as "openai:gpt-6-luna". Nothing is sent; connections are shared by all models.

    Keys and addresses that are not given are read from the environment now. `region` and `project` are where it runs
    and who pays, where a provider has such. `credentials` are what tokens come from that end: a token, a function
    (async or not) that gives one, an object of azure-identity or google-auth. `format` is what the model behind an
    endpoint of your own speaks: "tgi", "llama-3", or a JsonForm (SageMaker, Bedrock). Raises UnknownProviderError,
    UnknownModelError (not with `base_url`, nor with is_listed=False, for models newer than agentkit's list),
    MissingKeyError, UnsupportedError for what the provider cannot be told. Warns with RetirementWarning of a model
    that is shut down within 60 days, once. pin=True, or AGENTKIT_PIN=1 in the environment, refuses names that may come
    to mean another edition of the model, and tells those that do not.
    """
    options = Options(settings, base_url, api_key, headers, transport, region, project, credentials, format)
    del base_url, api_key, headers, credentials  # the locals of a traceback are shown by many tools
    provider, id = _named(name, options)
    if not provider.module:
        offered = " and ".join(TASK_WORDS[kind] for kind in sorted(provider.tasks))
        raise UnsupportedError(f"{provider.title} does not chat; it offers {offered}; these chat: {SOME_THAT_CHAT}")
    is_at_home = _is_at_home(provider, options)
    _look_up(provider, id, is_checked=is_listed and is_at_home)
    if _is_to_be_pinned(pin):
        _refuse_moving(provider, id, made_by="model")
    loaded = cast("ProviderModule", importlib.import_module(provider.module))
    made = loaded.connect(provider, id, options)
    if isinstance(made, Checking):
        row = find_model(provider.vendor, id) if is_at_home else None
        made.known = Known(row and row.largest_prompt, partial(nearest_able, provider, id))
    return made


def task_model(
    name: str,
    kind: TaskKind,
    *,
    settings: Settings | None = None,
    base_url: str | None = None,
    api_key: str | None = None,
    headers: Mapping[str, str] | None = None,
    transport: Transport | None = None,
    region: str | None = None,
    project: str | None = None,
    credentials: object | None = None,
    pin: bool | None = None,
) -> Any:
    """The model of a name such as "openai:text-embedding-3-small" for an API that is not chat. Nothing is sent.

    `kind` is "embed", "classify", "generate_image" or "transcribe", and says what it is: an EmbeddingModel,
    ClassificationModel, ImageModel or TranscriptionModel, which a type checker takes on trust. The other options are
    those of `model`, pin=True and AGENTKIT_PIN among them. Raises UnsupportedError where the provider does not offer
    it, naming those that do, and what `model` raises.
    """
    options = Options(settings, base_url, api_key, headers, transport, region, project, credentials)
    del base_url, api_key, headers, credentials
    if kind not in TASK_WORDS:
        raise ConfigurationError(f"the task is {kind!r}; it is one of {', '.join(map(repr, TASK_WORDS))}")
    provider, id = _named(name, options)
    if kind not in provider.tasks:
        others = ", ".join(row.name for row in PROVIDERS.values() if kind in row.tasks)
        raise UnsupportedError(f"{provider.title} does not offer {TASK_WORDS[kind]}; these do: {others}")
    if kind != "classify" and _is_at_home(provider, options):
        _refuse_unfit(provider, id, kind)
    if _is_to_be_pinned(pin):
        _refuse_moving(provider, id, made_by="task_model")
    loaded = cast("TaskModule", importlib.import_module(provider.task_module))
    try:
        return loaded.connect_task(provider, kind, id, options)
    except MissingKeyError as error:
        if kind not in PROVIDERS["offline"].tasks:
            error.args = (str(error).partition("; to go on without")[0],)
        raise


def _named(name: str, options: Options) -> tuple[Provider, str]:
    """The provider and the model id of a name, when the provider can be told these options."""
    prefix, colon, id = name.partition(":")
    provider = find_provider(prefix, is_whole=not colon)
    _refuse_foreign(provider, options)
    id = id or provider.default_model
    if not id:
        example = ", such as 'openai:gpt-6-luna'" if provider.vendor == "openai" else ""
        raise ConfigurationError(f"{name!r} names no model; write {provider.name}:model-id{example}")
    return provider, id


def _refuse_unfit(provider: Provider, id: str, kind: TaskKind) -> None:
    """Raises UnsupportedError for a model that is known to do something else than this task; warns of its end."""
    row = find_model(provider.vendor, id)
    if row is None:
        return
    wanted, words = _FIT[kind]
    if kind == "transcribe" and provider.api == "generate_content":  # there, models that chat hear
        wanted = "chat"
    if row.kind not in (wanted, "other"):
        today = datetime.date.today()
        fit = [
            other.id
            for other in models(provider.vendor)
            if other.kind == wanted and (other.retires is None or other.retires > today)
        ]
        words = f"{words}: {', '.join(fit[-_MOST_NAMED:])}" if fit else words.partition(";")[0]
        raise UnsupportedError(f"{provider.name}:{id} is a model for {row.kind}, not for {words}")
    notice = retirement(row, datetime.date.today())
    if notice is not None:
        _warn_once(notice)


def read_history(items: Sequence[Any]) -> list[Message]:
    """A conversation in our own form or in one of OpenAI's; see histories.py, which is loaded when it is needed."""
    return importlib.import_module("agentkit.providers.histories").read_history(items)


def resolve(name: str | Model) -> Model:
    """The model of a name; a model stays what it is. Raises what `model` raises."""
    return model(name) if isinstance(name, str) else name


def find_provider(name: str, *, is_whole: bool = False) -> Provider:
    """The row of a provider, of this package or of an installed one. Raises UnknownProviderError.

    `is_whole` says that nothing followed the name: for what looks like a model id the error then says how to write it.
    """
    found = PROVIDERS.get(name.strip().lower()) or _installed(name.strip().lower())
    if found is not None:
        return found
    if is_whole:
        close = nearest(name, model_ids("openai"), count=1)
        example = close[0] if close else "gpt-6-luna"
        if not nearest(name, PROVIDERS):
            raise ConfigurationError(
                f"{name!r} names no provider; write it as provider:model-id, such as 'openai:{example}', "
                f"or 'offline:' to go on without a key"
            )
    meant = [row.name for row in PROVIDERS.values() if name.strip().lower() in row.title.lower().split()]
    raise UnknownProviderError(name, list(PROVIDERS), meant=meant)


def all_providers() -> list[Provider]:
    """The rows of the table, and those of installed packages. Raises ConfigurationError for one that is none."""
    import importlib.metadata  # some forty modules

    names = sorted({entry.name for entry in importlib.metadata.entry_points(group="agentkit.providers")})
    added = [_installed(name) for name in names if name not in PROVIDERS]
    return [*PROVIDERS.values(), *(row for row in added if row is not None)]


def _installed(name: str) -> Provider | None:
    """The row of a provider that an installed package brings."""
    import importlib.metadata  # some forty modules, for a name that is not in the table

    for entry in importlib.metadata.entry_points(group="agentkit.providers", name=name):
        package = entry.dist.name if entry.dist is not None else entry.module
        try:
            row = entry.load()
        except Exception as error:  # whatever the package of somebody else does when it is loaded
            raise ConfigurationError(
                f"the provider {name!r} of the package {package} cannot be loaded ({type(error).__name__}: {error}); "
                f"upgrade the package, or uninstall it"
            ) from error
        if not isinstance(row, Provider):
            raise ConfigurationError(f"the provider {name!r} of the package {package} is {row!r}, and no Provider")
        return row
    return None


def _refuse_foreign(provider: Provider, options: Options) -> None:
    """Raises UnsupportedError for an option that this provider cannot be told: to go on without it would be wrong."""
    if options.region is not None and not _REGION.fullmatch(options.region):
        raise ConfigurationError(f"region is {options.region!r}; it has to be a name such as 'eu' or 'europe-west1'")
    given: Mapping[OptionName, object] = {
        "region": options.region,
        "project": options.project,
        "credentials": options.credentials,
        "format": options.format,
    }
    for name, value in given.items():
        if value is None or name in provider.takes:
            continue
        others = ", ".join(row.name for row in PROVIDERS.values() if name in row.takes)
        raise UnsupportedError(
            f"{provider.name} has {_OPTION_WORDS[name]}: leave out {name}=, or use one that takes it ({others})"
        )


def _is_at_home(provider: Provider, options: Options) -> bool:
    """Whether the model is asked for at the provider's own address, where the list of models holds."""
    return provider.is_listed and (bool(options.region) or base_url_of(provider, options) == provider.base_url)


def _look_up(provider: Provider, id: str, *, is_checked: bool) -> None:
    row = find_model(provider.vendor, id)
    if row is None:
        if is_checked and not id.startswith("ft:"):
            raise UnknownModelError(provider.name, id, _suggested(provider))
        return
    if not is_checked:
        return
    if row.kind not in ("chat", "other"):
        raise UnsupportedError(
            f"{provider.name}:{row.id} is a model for {row.kind}; an agent needs one that chats, such as "
            f"{SOME_THAT_CHAT}"
        )
    notice = retirement(row, datetime.date.today())
    if notice is not None:
        _warn_once(notice)


@cache
def _warn_once(notice: str) -> None:
    """Once a process and model, however many agents and runs ask for it."""
    warnings.warn(notice, RetirementWarning, stacklevel=4)


def _is_to_be_pinned(pin: bool | None) -> bool:
    """What is said, else what the environment says."""
    return os.environ.get("AGENTKIT_PIN", "") not in ("", "0") if pin is None else pin


def _refuse_moving(provider: Provider, id: str, *, made_by: str) -> None:
    """Raises ConfigurationError for a name that may mean another edition tomorrow."""
    if provider.name in ("llamacpp", "offline") or is_pinned(provider.vendor, id):
        return
    today = datetime.date.today()
    names = [
        f"{provider.name}:{edition}"
        for edition in reversed(editions(provider.vendor, id))
        if (row := find_model(provider.vendor, edition)) is None or row.retires is None or row.retires > today
    ]
    advice = f"use {' or '.join(names)}" if names else f"no dated id of it is known; ask {provider.title} for one"
    raise ConfigurationError(
        f"{provider.name}:{id} may come to mean another edition of the model, and pin=True is asked for: {advice}, or "
        f"leave the check out for this model: {made_by}(..., pin=False)"
    )


def abilities(provider: Provider, id: str) -> Capabilities | None:
    """What a model can do, as its provider's module says; None where it cannot be said without an address or a key."""
    if not provider.module:
        return None
    loaded = cast("ProviderModule", importlib.import_module(provider.module))
    region = "us-east-1" if "region" in provider.takes and not provider.regional_url else None
    options = Options(base_url=provider.base_url or None, api_key="none", region=region)
    try:
        made = loaded.connect(provider, id, options)
    except ConfigurationError:
        return None
    return identity_of(made).capabilities


def nearest_able(provider: Provider, id: str, able: Able) -> list[str]:
    """Up to three models that would do, the same provider's first, those with the most similar names."""
    today = datetime.date.today()
    for row in (provider, *(PROVIDERS[name] for name in ("google", "openai", "anthropic") if name != provider.name)):
        if not row.is_listed:
            continue
        found: list[str] = []
        for other in models(row.vendor):
            if other.kind != "chat" or retirement(other, today) is not None:
                continue
            can = abilities(row, other.id)
            if can is not None and able(can, other.largest_prompt):
                found.append(other.id)
        if found:
            return [f"{row.name}:{name}" for name in (nearest(id, found) or found[-3:])]
    return []


def _suggested(provider: Provider) -> list[str]:
    """The ids worth suggesting: models that chat and are not shut down."""
    today = datetime.date.today()
    rows = {id: find_model(provider.vendor, id) for id in model_ids(provider.vendor)}
    return [
        id for id, row in rows.items() if row and row.kind == "chat" and (row.retires is None or row.retires > today)
    ]
