"""The rows of the Gemini API and of Vertex AI."""

from __future__ import annotations

from project.matrix_cells import Row, cell
from project.matrix_questions import (
    LYING,
    PICTURE,
    SEES,
    batch,
    batch_of,
    chat,
    embedding,
    holds,
    label,
    label_by_chat,
    no_calls,
    picture,
    refused,
    to,
    transcript,
)

from agentkit.messages import Text
from agentkit.settings import Settings

_MODEL = "google:gemini-3.8-flash"
_VECTORS = "google:gemini-embedding-2"
_PAINTER = "google:gemini-3.1-flash-image-preview"
_DECIDES = "google:gemini-decisions-001"
_HEARD = Settings(extra={"google": {"generationConfig": {"audioTranscriptionConfig": {"mode": "VERBATIM"}}}})
_ENUM = {"responseMimeType": "text/x.enum", "responseSchema": {"type": "STRING", "enum": ["a", "b"]}}
_CHOOSES = Settings(extra={"google": {"generationConfig": _ENUM}})
_CHAT = ":generateContent"
_STREAM = ":streamGenerateContent?alt=sse"
_BATCH = ":batchGenerateContent"

GEMINI = (
    Row(
        "Gemini API",
        "chat",
        cell("{}", chat(_MODEL, to("POST models/M:generateContent")).standing(_MODEL, "M")),
        cell("{}", chat(_MODEL, to(_STREAM), stream=True)),
        cell("{}", batch(_MODEL, to("models/M:batchGenerateContent")).standing(_MODEL, "M")),
        cell("{}", chat(_MODEL, holds('"functionDeclarations"'), tools=True)),
    ),
    Row(
        "Gemini API",
        "embedding",
        cell(
            "{}, {}",
            embedding(_VECTORS, to("models/M:embedContent"), inputs=["hi"]).standing(_VECTORS, "M"),
            embedding(_VECTORS, to(":batchEmbedContents")),
        ),
        cell("{}", refused(embedding(_VECTORS, stream=True))),
        cell("{}", batch_of("embed", _VECTORS, to(":asyncBatchEmbedContent"))),
        cell("{}", no_calls(_VECTORS, "embed")),
    ),
    Row(
        "Gemini API",
        "image generation",
        cell(
            "{} with {} {}",
            picture(
                _PAINTER,
                to(_CHAT, words="generateContent"),
                holds('"responseModalities"'),
                holds('"TEXT","IMAGE"', words="IMAGE"),
            ),
        ),
        cell("{} parts", picture(_PAINTER, to(_STREAM, '"responseModalities"', words="streamed"), stream=True)),
        cell("{}", batch_of("generate_image", _PAINTER, to(_BATCH, '"responseModalities"', words="as chat"))),
        cell("{}", no_calls(_PAINTER, "generate_image")),
    ),
    Row(
        "Gemini API",
        "speech-to-text",
        cell(
            "{} with {} ({})",
            transcript(_MODEL, to(_CHAT, words="generateContent"), holds('"audio/wav"', words="audio part")),
            transcript(_MODEL, holds('"audioTranscriptionConfig"'), settings=_HEARD),
        ),
        cell("{}", transcript(_MODEL, to(_STREAM, '"audio/wav"', words="as chat"), stream=True)),
        cell("{}", batch_of("transcribe", _MODEL, to(_BATCH, '"audio/wav"', words="as chat"))),
        cell("{}", no_calls(_MODEL, "transcribe")),
    ),
    Row(
        "Gemini API",
        "classification",
        cell(
            "{}; {} ({})",
            label(_DECIDES, to("POST /decisions")),
            label_by_chat(_MODEL, to(_CHAT, '"enum"', words="LLM")),
            chat(_MODEL, holds('"text/x.enum"'), settings=_CHOOSES),
        ),
        cell("{}", refused(label(_DECIDES, stream=True))),
        cell("{}", batch(_MODEL, to(_BATCH, '"application/json"', words="as chat"), output=True)),
        cell("{}", no_calls(_DECIDES, "classify")),
    ),
    Row(
        "Gemini API",
        "vision",
        cell(
            "{} / {} parts",
            chat(_MODEL, to(_CHAT, '"inlineData"', words="inlineData"), parts=SEES),
            chat(_MODEL, holds('"fileData"'), parts=(Text("What is this?"), LYING)),
        ),
        cell("{}", chat(_MODEL, to(_STREAM, '"inlineData"', words="as chat"), parts=SEES, stream=True)),
        cell("{}", batch(_MODEL, to(_BATCH, '"inlineData"', words="as chat"), parts=SEES)),
        cell("parts in {} (3+)", chat(_MODEL, holds('"functionResponse"', '"inlineData"'), returned=PICTURE)),
    ),
)

_VERTEX = "vertex:gemini-3.8-flash"
_GEMINI_VECTORS = "vertex:gemini-embedding-2"
_OWN_VECTORS = "vertex:text-embedding-005"
_DRAWS = "vertex:gemini-3.1-flash-image-preview"
_IMAGEN = "vertex:imagen-4.0-generate-001"
_BUCKET = "gs://bucket/batches"
_JOBS = "POST batchPredictionJobs"
_KEPT = (b"",)

VERTEX = (
    Row(
        "Vertex AI",
        "chat",
        cell("{}", chat(_VERTEX, to("publishers/google/models/M:generateContent")).standing(_VERTEX, "M")),
        cell("{}", chat(_VERTEX, to(_STREAM), stream=True)),
        cell("{}", batch(_VERTEX, to(_JOBS), storage=_BUCKET, replies=_KEPT)),
        cell("{}", chat(_VERTEX, holds('"functionDeclarations"'), tools=True)),
    ),
    Row(
        "Vertex AI",
        "embedding",
        cell(
            "{} (gemini ids) or {}",
            embedding(_GEMINI_VECTORS, to(":embedContent"), inputs=["hi"]),
            embedding(_OWN_VECTORS, to(":predict")),
        ),
        cell("{}", refused(embedding(_GEMINI_VECTORS, stream=True))),
        cell(
            "{}",
            batch_of("embed", _OWN_VECTORS, to(_JOBS, words="batchPredictionJobs"), storage=_BUCKET, replies=_KEPT * 2),
        ),
        cell("{}", no_calls(_GEMINI_VECTORS, "embed")),
    ),
    Row(
        "Vertex AI",
        "image generation",
        cell(
            "{} as above; Imagen {}",
            picture(_DRAWS, to(_CHAT, '"TEXT","IMAGE"', words="native")),
            picture(_IMAGEN, to(":predict")),
        ),
        cell(
            "{} {}",
            picture(_DRAWS, to(_STREAM, words="native"), stream=True),
            refused(picture(_IMAGEN, stream=True), words="only"),
        ),
        cell(
            "{} (native)",
            batch_of("generate_image", _DRAWS, to(_JOBS, words="batchPredictionJobs"), storage=_BUCKET, replies=_KEPT),
        ),
        cell("{}", no_calls(_DRAWS, "generate_image")),
    ),
    Row(
        "Vertex AI",
        "speech-to-text",
        cell(
            "{} with {}; Cloud Speech-to-Text is another service",
            transcript(_VERTEX, to(_CHAT, words="generateContent"), holds('"audio/wav"', words="audio")),
        ),
        cell("{}", transcript(_VERTEX, to(_STREAM, '"audio/wav"', words="as chat"), stream=True)),
        cell("{}", batch_of("transcribe", _VERTEX, to(_JOBS, words="as chat"), storage=_BUCKET, replies=_KEPT)),
        cell("{}", no_calls(_VERTEX, "transcribe")),
    ),
    Row(
        "Vertex AI",
        "classification",
        cell("{}", label_by_chat(_VERTEX, to(_CHAT, '"enum"', words="LLM"))),
        cell("{}", refused(label_by_chat(_VERTEX, stream=True))),
        cell(
            "{}",
            batch(_VERTEX, to(_JOBS, words="as chat"), output=True, storage=_BUCKET, replies=_KEPT),
        ),
        cell("{}", no_calls(_VERTEX, "classify", by_chat=True)),
    ),
    Row(
        "Vertex AI",
        "vision",
        cell(
            "{} / {} {}",
            chat(_VERTEX, holds('"inlineData"'), parts=SEES),
            chat(
                _VERTEX,
                holds('"gs://', words="gs://"),
                holds('"fileData"'),
                parts=(Text("What is this?"), LYING),
            ),
        ),
        cell("{}", chat(_VERTEX, to(_STREAM, '"inlineData"', words="as chat"), parts=SEES, stream=True)),
        cell("{}", batch(_VERTEX, to(_JOBS, words="as chat"), parts=SEES, storage=_BUCKET, replies=_KEPT)),
        cell("{}", chat(_VERTEX, holds('"functionResponse"', '"inlineData"', words="as above"), returned=PICTURE)),
    ),
)

ROWS = GEMINI + VERTEX
