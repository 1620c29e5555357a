"""Questions of the matrix, each written as a user would write it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, cast

from canaries import KEY
from project.matrix_probe import Asked, Claim, Refused, Wire

from agentkit.agent import Agent
from agentkit.embedding import EmbeddingModel
from agentkit.exchange import Delta, OutputFormat, Request, ToolDefinition
from agentkit.imaging import ImageRequest
from agentkit.media import Audio, Document, Image, Video
from agentkit.messages import AssistantMessage, Media, Message, Part, Returned, Text, ToolCall, UserMessage
from agentkit.models import Model
from agentkit.providers import find_provider, model, task_model
from agentkit.providers.aws.signing import Credentials
from agentkit.providers.table import TaskKind
from agentkit.settings import Settings
from agentkit.tasks.batch import batch as run_batch
from agentkit.tasks.batch import submit_batch
from agentkit.tasks.batch_kinds import BatchKind, Classify, Embed, GenerateImage, Transcribe
from agentkit.tasks.chat_classifier import ChatClassifier
from agentkit.tasks.classify import Labels, classify
from agentkit.tasks.embed import embed
from agentkit.tasks.generate_image import generate_image
from agentkit.tasks.transcribe import transcribe
from agentkit.tools import tool

PICTURE = Image.from_bytes(b"\x89PNG\r\n\x1a\n" + bytes(20))
SOUND = Audio.from_bytes(b"RIFF\x24\0\0\0WAVEfmt " + bytes(28), "audio/wav")
WEATHER = ToolDefinition("weather", "The weather.", {"type": "object", "properties": {"city": {"type": "string"}}})
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
PAPER = Document.from_bytes(b"%PDF-1.4\n" + bytes(20), "application/pdf")
LYING = Image.from_url("gs://bucket/cat.png")
FAR_SOUND = Audio.from_url("s3://bucket/interview.mp3")
VIDEO = Video.from_bytes(bytes(4) + b"ftypmp42" + bytes(20), "video/mp4")
SEES = (Text("What is this?"), PICTURE)
STREAMED = Settings(stream=True)

_AWS: Mapping[str, Any] = {"region": "us-east-1", "credentials": Credentials("AKIDEXAMPLE", KEY)}
_AZURE: Mapping[str, Any] = {"api_key": KEY, "base_url": "https://mine.openai.azure.com"}
_FAMILIES: Mapping[str, Mapping[str, Any]] = {
    "azure": _AZURE,
    "azure-chat": _AZURE,
    "azure-foundry": {"api_key": KEY, "base_url": "https://mine.services.ai.azure.com"},
    "vertex": {"region": "us-central1", "project": "p", "credentials": KEY},
}


def options(name: str) -> dict[str, Any]:
    """With what a model of this name can be made."""
    row = find_provider(name.partition(":")[0])
    if row.name in _FAMILIES:
        return dict(_FAMILIES[row.name])
    if ".aws." in f"{row.module} {row.task_module}":
        return dict(_AWS)
    return (
        {"api_key": KEY} if row.base_url else {"api_key": KEY, "base_url": "https://mine.cognitiveservices.azure.com"}
    )


def to(line: str, *holds: str, words: str | None = None) -> Claim:
    """That a request of this address was sent, with these texts in it."""
    return Claim(line if words is None else words, line, holds)


def holds(*texts: str, words: str | None = None) -> Claim:
    """That a request was sent with these texts in it."""
    return Claim(texts[0].strip('"') if words is None else words, "", texts)


def chat(
    name: str,
    *claims: Claim,
    stream: bool = False,
    parts: tuple[Part, ...] = (Text("hi"),),
    tools: bool = False,
    output: bool = False,
    returned: Media | None = None,
    settings: Settings | None = None,
) -> Asked:
    """An agent's question to a model that chats."""
    messages: tuple[Message, ...] = (UserMessage(parts),)
    if returned is not None:
        call = ToolCall("call_1", "weather", '{"city":"Paris"}', Returned("seen", (returned,)))
        messages = (*messages, AssistantMessage((call,)))
    request = Request(
        "",
        messages,
        tools=(WEATHER,) if tools else (),
        output=OutputFormat("city", CITY) if output else None,
        settings=settings or Settings(),
        is_streamed=stream,
    )

    async def ask(wire: Wire) -> object:
        made: Model = model(name, transport=wire, **options(name))
        return await made.respond(request)

    more = (", tools=[...]" if tools or returned else "") + (", output=..." if output else "")
    given = ", ".join(f"{type(part).__name__}(...)" for part in parts if not isinstance(part, Text))
    said = f'Agent("{name}"{more}).{"stream" if stream else "run"}({given or "..."})'
    return Asked(said, ask, claims)


def task(name: str, kind: TaskKind, wire: Wire) -> Any:
    """The model of a task."""
    return task_model(name, kind, transport=wire, **options(name))


def embedding(name: str, *claims: Claim, inputs: Any = ("hi", "ho"), stream: bool = False, base_url: str = "") -> Asked:
    """A question for vectors."""

    async def ask(wire: Wire) -> object:
        where = options(name)
        if base_url:
            where["base_url"] = base_url
        made = task_model(name, "embed", transport=wire, **where)
        return await embed(cast("EmbeddingModel", made), inputs, settings=STREAMED if stream else None)

    who = f'task_model("{name}", "embed", base_url="{base_url}")' if base_url else f'"{name}"'
    return Asked(f"embed({who}, [...]{_streamed(stream)})", ask, claims)


def picture(
    name: str,
    *claims: Claim,
    images: tuple[Image, ...] = (),
    looks: int = 0,
    stream: bool = False,
    replies: tuple[Any, ...] = (),
) -> Asked:
    """A question for a picture."""

    async def ask(wire: Wire) -> object:
        return await generate_image(
            task(name, "generate_image", wire),
            "a cat",
            images=images,
            partial_images=looks,
            settings=STREAMED if stream else None,
            on_event=_listen if looks else None,
        )

    more = ", images=[...]" if images else f", partial_images={looks}, on_event=..." if looks else ""
    return Asked(f'generate_image("{name}", "..."{more}{_streamed(stream)})', ask, claims, _bodies(replies))


def transcript(
    name: str,
    *claims: Claim,
    audio: Audio = SOUND,
    stream: bool = False,
    settings: Settings | None = None,
    language: str | None = None,
    replies: tuple[Any, ...] = (),
) -> Asked:
    """A question for what is said."""
    asked = (settings or Settings()).over(STREAMED) if stream else settings

    async def ask(wire: Wire) -> object:
        return await transcribe(task(name, "transcribe", wire), audio, settings=asked, language=language)

    told = ', language="..."' if language else ""
    return Asked(f'transcribe("{name}", "..."{told}{_streamed(stream)})', ask, claims, _bodies(replies))


def label(
    name: str,
    *claims: Claim,
    labels: Any = ("a", "b"),
    inputs: Any = "hi",
    stream: bool = False,
    replies: tuple[Any, ...] = (),
) -> Asked:
    """A question for a label to the provider's own endpoint."""

    async def ask(wire: Wire) -> object:
        classifier = task(name, "classify", wire)
        return await classify(classifier, inputs, labels=labels, settings=STREAMED if stream else None)

    return Asked(
        f'classify("{name}", [...], labels={_labels(labels)}{_streamed(stream)})', ask, claims, _bodies(replies)
    )


def label_by_chat(name: str, *claims: Claim, stream: bool = False) -> Asked:
    """A question for a label to a model that chats."""

    async def ask(wire: Wire) -> object:
        made = model(name, transport=wire, **options(name))
        return await classify(made, "hi", labels=("a", "b"), settings=STREAMED if stream else None)

    return Asked(f'classify(model("{name}"), [...], labels=[...]{_streamed(stream)})', ask, claims)


def batch(
    name: str,
    *claims: Claim,
    replies: tuple[Any, ...] = (),
    parts: tuple[Part, ...] = (Text("hi"),),
    output: bool = False,
    count: int = 1,
    storage: Any = None,
    settings: Settings | None = None,
) -> Asked:
    """A batch of questions to a model that chats."""
    wanted = OutputFormat("city", CITY) if output else None
    request = Request("", (UserMessage(parts),), output=wanted, settings=settings or Settings())

    async def ask(wire: Wire) -> object:
        with tempfile.TemporaryDirectory() as folder:
            made = model(name, transport=wire, **options(name))
            state = Path(folder) / "state.json"
            return await submit_batch(made, [request] * count, state=state, storage=storage)

    given = next((f"[{type(part).__name__}(...), ...]" for part in parts if not isinstance(part, Text)), "...")
    kept = "" if storage is None else ", storage=..."
    return Asked(f'batch("{name}", [{given}, ...]{kept})', ask, claims, _bodies(replies))


def batch_of(
    kind: TaskKind,
    name: str,
    *claims: Claim,
    replies: tuple[Any, ...] = (),
    images: tuple[Image, ...] = (),
    labels: Labels = "moderation",
    audio: Audio = SOUND,
    count: int = 1,
    storage: Any = None,
) -> Asked:
    """A batch of questions of a task."""
    kinds: Mapping[TaskKind, BatchKind[Any]] = {
        "embed": Embed(),
        "classify": Classify(labels),
        "generate_image": GenerateImage(),
        "transcribe": Transcribe(),
    }
    entries: Mapping[TaskKind, Any] = {"generate_image": ImageRequest("", "a cat", images), "transcribe": audio}

    async def ask(wire: Wire) -> object:
        made = model if isinstance(labels, tuple) else partial(task_model, kind=kind)
        with tempfile.TemporaryDirectory() as folder:
            return await submit_batch(
                made(name, transport=wire, **options(name)),
                [entries.get(kind, "hi")] * count,
                kind=kinds[kind],
                state=Path(folder) / "state.json",
                storage=storage,
            )

    told = {"classify": f"Classify({_labels(labels)})"}.get(kind, f"{type(kinds[kind]).__name__}()")
    kept = "" if storage is None else ", storage=..."
    return Asked(f'batch("{name}", [...], kind={told}{kept})', ask, claims, _bodies(replies))


def many_jobs(name: str, *claims: Claim, audio: Audio) -> Asked:
    """Many transcripts at once, each of which is a job."""

    async def ask(wire: Wire) -> object:
        return await run_batch(
            task_model(name, "transcribe", transport=wire, **options(name)),
            [audio, audio],
            kind=Transcribe(language="en"),
            via="requests",
        )

    return Asked(f'batch("{name}", [...], kind=Transcribe(language="..."), via="requests")', ask, claims)


def refused(asked: Asked, *, words: str = "-") -> Refused:
    """The same question, which has to be refused."""
    return Refused(asked.said, asked.question, words)


def no_calls(name: str, kind: TaskKind, *, by_chat: bool = False) -> Refused:
    """An agent with tools around a model of a task, which calls none; `by_chat` is one that is made of a chat's."""

    @tool
    def weather(city: str) -> str:
        """The weather."""
        return city

    async def ask(wire: Wire) -> object:
        made: Any = ChatClassifier(model(name, transport=wire, **options(name))) if by_chat else task(name, kind, wire)
        return await Agent(made, tools=[weather]).run("hi")

    who = f'ChatClassifier(model("{name}"))' if by_chat else f'task_model("{name}", "{kind}")'
    return Refused(f"Agent({who}, tools=[...]).run(...)", ask)


def _listen(delta: Delta) -> None:
    """Somebody has to, for unfinished pictures to be asked for."""


def _labels(labels: Labels) -> str:
    return "[...]" if isinstance(labels, tuple) else repr(labels).replace("'", '"')


def _streamed(stream: bool) -> str:
    return ", settings=Settings(stream=True)" if stream else ""


def _bodies(replies: tuple[Any, ...]) -> tuple[bytes, ...]:
    return tuple(reply if isinstance(reply, bytes) else json.dumps(reply).encode() for reply in replies)
