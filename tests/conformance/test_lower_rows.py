"""The rows of the matrix below the six big providers: each cell beside chat, as it is asked and as it is read."""

from __future__ import annotations

import json
from array import array
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import pytest
from conformance.wires import InTurn
from shared import SHARED, needs_shared

from agentkit.classification import Classification
from agentkit.exchange import Delta, TextDelta
from agentkit.media import Audio, Image, Inline
from agentkit.providers import find_provider, task_model
from agentkit.providers.table import TaskKind
from agentkit.simulator.forms import form_of
from agentkit.simulator.media import tiny_png
from agentkit.tasks.classify import Labels, classify
from agentkit.tasks.embed import embed
from agentkit.tasks.generate_image import generate_image
from agentkit.tasks.transcribe import transcribe

pytestmark = pytest.mark.anyio

PNG = tiny_png("any")
PICTURE = Image(Inline(PNG, "image/png"))
ENCODED = b64encode(PNG).decode()
SOUND = Audio(Inline(b"ID3", "audio/mpeg"))
NUMBERS = {"data": [{"index": 0, "embedding": [0.5, 1.0]}], "usage": {"prompt_tokens": 2, "total_tokens": 2}}
PACKED = {"data": [{"index": 0, "embedding": b64encode(array("f", [0.5, 1.0]).tobytes()).decode()}]}
DRAWN = {"data": [{"b64_json": ENCODED}]}
HEARD = {"text": "Hello."}


@dataclass(frozen=True)
class Cell:
    """What goes out for a task of a model, and what comes back."""

    name: str
    url: str
    sent: Mapping[str, Any]
    """The JSON body, or the fields of the form, without the text, the prompt and the sound."""
    reply: Any

    def wire(self) -> InTurn:
        return InTurn([self.reply if isinstance(self.reply, bytes) else json.dumps(self.reply).encode()])

    def model(self, kind: TaskKind, wire: InTurn) -> Any:
        return task_model(self.name, kind, api_key="k", transport=wire)


EMBED = [
    Cell(
        "mistral:mistral-embed",
        "https://api.mistral.ai/v1/embeddings",
        {"model": "mistral-embed", "encoding_format": "base64", "output_dimension": 2},
        PACKED,
    ),
    Cell(
        "together:BAAI/bge-large-en-v1.5",
        "https://api.together.xyz/v1/embeddings",
        {"model": "BAAI/bge-large-en-v1.5", "dimensions": 2},
        NUMBERS,
    ),
    Cell(
        "openrouter:openai/text-embedding-3-small",
        "https://openrouter.ai/api/v1/embeddings",
        {"model": "openai/text-embedding-3-small", "encoding_format": "base64", "dimensions": 2},
        PACKED,
    ),
    Cell(
        "ollama:nomic-embed-text",
        "http://localhost:11434/v1/embeddings",
        {"model": "nomic-embed-text", "dimensions": 2},
        NUMBERS,
    ),
    Cell(
        "vllm:BAAI/bge-m3",
        "http://localhost:8000/v1/embeddings",
        {"model": "BAAI/bge-m3", "encoding_format": "base64", "dimensions": 2},
        PACKED,
    ),
    Cell(
        "llamacpp-server:any",
        "http://localhost:8080/v1/embeddings",
        {"model": "any", "encoding_format": "base64", "dimensions": 2},
        PACKED,
    ),
    Cell("lmstudio:any", "http://localhost:1234/v1/embeddings", {"model": "any", "dimensions": 2}, NUMBERS),
]

IMAGES = [
    Cell(
        "together:black-forest-labs/FLUX.1-schnell",
        "https://api.together.xyz/v1/images/generations",
        {"model": "black-forest-labs/FLUX.1-schnell", "response_format": "base64"},
        DRAWN,
    ),
    Cell(
        "xai:grok-imagine-image",
        "https://api.x.ai/v1/images/generations",
        {"model": "grok-imagine-image", "response_format": "b64_json"},
        DRAWN,
    ),
    Cell(
        "openrouter:google/gemini-3-pro-image",
        "https://openrouter.ai/api/v1/images",
        {"model": "google/gemini-3-pro-image"},
        DRAWN,
    ),
]

SPEECH = [
    Cell(
        "groq:whisper-large-v3",
        "https://api.groq.com/openai/v1/audio/transcriptions",
        {"model": ["whisper-large-v3"], "response_format": ["json"]},
        HEARD,
    ),
    Cell(
        "together:openai/whisper-large-v3",
        "https://api.together.xyz/v1/audio/transcriptions",
        {"model": ["openai/whisper-large-v3"], "response_format": ["json"]},
        HEARD,
    ),
    Cell(
        "mistral:voxtral-mini-2602",
        "https://api.mistral.ai/v1/audio/transcriptions",
        {"model": ["voxtral-mini-2602"]},
        HEARD,
    ),
    Cell(
        "vllm:openai/whisper-large-v3",
        "http://localhost:8000/v1/audio/transcriptions",
        {"model": ["openai/whisper-large-v3"], "response_format": ["json"]},
        HEARD,
    ),
]


def events(*each: Mapping[str, Any]) -> bytes:
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in each)


STREAMED = [
    Cell(
        SPEECH[2].name,
        SPEECH[2].url,
        {**SPEECH[2].sent, "stream": ["true"]},
        events(
            {"type": "transcription.language", "audio_language": "en"},
            {"type": "transcription.text.delta", "text": "Hel"},
            {"type": "transcription.text.delta", "text": "lo."},
            {"type": "transcription.done", "text": "Hello.", "model": "voxtral-mini-2602", "usage": {}},
        ),
    ),
    Cell(
        SPEECH[3].name,
        SPEECH[3].url,
        {**SPEECH[3].sent, "stream": ["true"]},
        events(
            {"object": "transcription.chunk", "choices": [{"delta": {"content": "Hel"}}]},
            {"object": "transcription.chunk", "choices": [{"delta": {"content": "lo."}, "finish_reason": "stop"}]},
        )
        + b"data: [DONE]\n\n",
    ),
]

HARMFUL = {"results": [{"categories": {"hate": True, "pii": False}, "category_scores": {"hate": 0.9, "pii": 0.1}}]}
CLASSIFY: list[tuple[Cell, Labels, Classification]] = [
    (
        Cell("mistral:mistral-moderation-2411", "https://api.mistral.ai/v1/moderations",
             {"model": "mistral-moderation-2411", "input": ["hello"]}, HARMFUL),
        "moderation",
        Classification(("hate",), {"hate": 0.9, "pii": 0.1}, is_flagged=True),
    ),
    (
        Cell("mistral:ft:classifier:ministral-3b-latest:x", "https://api.mistral.ai/v1/classifications",
             {"model": "ft:classifier:ministral-3b-latest:x", "input": ["hello"]},
             {"results": [{"intent": {"scores": {"buy": 0.2, "ask": 0.8}}}]}),
        None,
        Classification(("ask",), {"buy": 0.2, "ask": 0.8}),
    ),
    (
        Cell("vllm:jason9693/Qwen2.5-1.5B-apeach", "http://localhost:8000/classify",
             {"model": "jason9693/Qwen2.5-1.5B-apeach", "input": ["hello"]},
             {"data": [{"index": 0, "label": "Spoiled", "probs": [0.25, 0.75], "num_classes": 2}],
              "usage": {"prompt_tokens": 3}}),
        None,
        Classification(("Spoiled",), {"Spoiled": 0.75}),
    ),
]  # fmt: skip


def name_of(cell: Any) -> str | None:
    return cell.name if isinstance(cell, Cell) else ""


@pytest.fixture(autouse=True)
def addresses_of_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OLLAMA", "VLLM", "LLAMACPP", "LMSTUDIO"):
        monkeypatch.delenv(f"{name}_BASE_URL", raising=False)


@pytest.mark.parametrize("cell", EMBED, ids=name_of)
async def test_embeddings(cell: Cell) -> None:
    wire = cell.wire()
    found = await embed(cell.model("embed", wire), "hello", dimensions=2)
    assert (wire.sent[0].url, wire.body()) == (cell.url, {**cell.sent, "input": ["hello"]})
    assert list(found) == [array("f", [0.5, 1.0])]


@pytest.mark.parametrize("cell", IMAGES, ids=name_of)
async def test_images(cell: Cell) -> None:
    wire = cell.wire()
    found = await generate_image(cell.model("generate_image", wire), "a cat")
    assert (wire.sent[0].url, wire.body()) == (cell.url, {**cell.sent, "prompt": "a cat"})
    assert [image.image for image in found.images] == [PICTURE]


@pytest.mark.parametrize("cell", SPEECH, ids=name_of)
async def test_speech_to_text(cell: Cell) -> None:
    wire = cell.wire()
    heard = await transcribe(cell.model("transcribe", wire), SOUND)
    form = form_of(wire.sent[0].body, dict(wire.sent[0].headers)["content-type"])
    assert (wire.sent[0].url, form.fields, form.files["file"][0].data) == (cell.url, cell.sent, b"ID3")
    assert heard.text == "Hello."


@pytest.mark.parametrize("cell", STREAMED, ids=name_of)
async def test_streamed_speech_to_text(cell: Cell) -> None:
    wire = cell.wire()
    told: list[Delta] = []
    heard = await transcribe(cell.model("transcribe", wire), SOUND, on_event=told.append)
    form = form_of(wire.sent[0].body, dict(wire.sent[0].headers)["content-type"])
    assert (wire.sent[0].url, form.fields) == (cell.url, cell.sent)
    assert (heard.text, told) == ("Hello.", [TextDelta("Hel"), TextDelta("lo.")])


@pytest.mark.parametrize(("cell", "labels", "expected"), CLASSIFY, ids=name_of)
async def test_classification(cell: Cell, labels: Labels, expected: Classification) -> None:
    wire = cell.wire()
    found = await classify(cell.model("classify", wire), "hello", labels=labels)
    assert (wire.sent[0].url, wire.body()) == (cell.url, cell.sent)
    assert list(found) == [expected]


WORDS: Mapping[str, TaskKind] = {
    "embedding": "embed",
    "image": "generate_image",
    "STT": "transcribe",
    "classification": "classify",
}
TITLES: Mapping[str, tuple[str, ...]] = {
    "Mistral": ("mistral",),
    "Groq": ("groq",),
    "Together": ("together",),
    "xAI": ("xai",),
    "DeepSeek, Cerebras": ("deepseek", "cerebras"),
    "OpenRouter": ("openrouter",),
    "Ollama": ("ollama",),
    "vLLM": ("vllm",),
    "llama.cpp, LM Studio": ("llamacpp-server", "lmstudio"),
}


@needs_shared
def test_each_cell_of_the_matrix_is_offered_and_tried_here() -> None:
    tables = {"embed": EMBED, "generate_image": IMAGES, "transcribe": SPEECH, "classify": [row[0] for row in CLASSIFY]}
    tried = {(cell.name.partition(":")[0], cast("TaskKind", kind)) for kind, cells in tables.items() for cell in cells}
    wanted: set[tuple[str, TaskKind]] = set()
    title = ""
    for line in (SHARED / "wire" / "matrix.md").read_text(encoding="utf-8").splitlines():
        _, first, categories, *_ = [cell.strip() for cell in line.split("|")] if line.startswith("|") else ["", "", ""]
        title = first or title
        for name in TITLES.get(title, ()):
            words = [word.strip() for word in categories.replace("/", ",").split(",")]
            wanted |= {(name, WORDS[word]) for word in words if word in WORDS}
    assert wanted <= tried, sorted(wanted - tried)
    assert all(kind in find_provider(name).tasks for name, kind in tried)
    assert len(wanted) == 15
