"""Hugging Face beside chat, without a model: its router with partners, its hub, servers of one model, vLLM's /classify.

What a model is for is read from its name, as people can do: FLUX draws, whisper hears, MiniLM embeds.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from typing import Any, cast
from urllib.parse import unquote

from pydantic_core import to_json

from agentkit.codec import HttpReply
from agentkit.errors import BadRequestError
from agentkit.providers.offline import estimate_tokens
from agentkit.providers.offline_embedding import vector
from agentkit.simulator.formats import json_object
from agentkit.simulator.http import HttpAsked
from agentkit.simulator.media import heard_in, tiny_png
from agentkit.simulator.reply import Reply
from agentkit.simulator.vectors import label_scores

__all__ = ["about_hugging_face", "task_named"]

Json = dict[str, Any]

_MOST_INPUTS = 32
_TASKS = (
    ("automatic-speech-recognition", r"whisper|wav2vec|speech"),
    ("zero-shot-image-classification", r"clip|siglip"),
    ("zero-shot-classification", r"mnli|zero-?shot"),
    ("image-classification", r"\bvit\b|resnet|image-detection"),
    ("text-to-image", r"flux|diffusion|sdxl"),
    ("feature-extraction", r"embed|minilm|\bbge\b|\be5\b|sentence"),
    ("text-classification", r"sst|sentiment|emotion|classif"),
)
_PARTNERS = {
    "automatic-speech-recognition": ("deepinfra", "fal-ai", "hf-inference", "replicate"),
    "text-to-image": ("fal-ai", "hf-inference", "nscale", "replicate", "together"),
    "feature-extraction": ("deepinfra", "hf-inference", "scaleway", "together"),
    "conversational": ("groq", "together"),
}
_KIND_WORDS = re.compile(r"\b(?:fine|good|great|happy|like|love|nice)\b", re.IGNORECASE)
_PICTURED = ("cat", "dog", "tree")


def task_named(model: str) -> str:
    """What a model of this name is for."""
    return next((task for task, words in _TASKS if re.search(words, model, re.IGNORECASE)), "conversational")


def about_hugging_face(asked: HttpAsked) -> Reply | None:
    """The reply to a request for a task of Hugging Face; None for any other. Raises BadRequestError."""
    for method, path, answer in _PATHS:
        found = path.search(unquote(asked.path)) if asked.method == method else None
        if found is not None:
            return answer(asked, found.groupdict().get("model", ""))
    return None


def _info(asked: HttpAsked, model: str) -> Reply:
    task = task_named(model)
    partners = {
        name: {"status": "live", "providerId": f"{name}/{model.rpartition('/')[2].lower()}", "task": task}
        for name in _PARTNERS.get(task, ("hf-inference",))
    }
    tag = "text-generation" if task == "conversational" else task
    return _json({"id": model, "pipeline_tag": tag, "tags": [tag], "inferenceProviderMapping": partners})


def _picture(asked: HttpAsked, model: str) -> Reply:
    return Reply(200, (("content-type", "image/png"),), (tiny_png(model),))


def _vectors(asked: HttpAsked, model: str) -> Reply:
    given = _sent(asked).get("inputs")
    made = [vector(text).tolist() for text in _texts(given)]
    is_flat = isinstance(given, str) and "/pipeline/" in asked.path  # text-embeddings-inference gives a list always
    return _json(made[0] if is_flat else made)


def _predict(asked: HttpAsked, model: str) -> Reply:
    given = _sent(asked).get("inputs")
    found = [_rows(_feelings(text)) for text in _texts(given)]
    return _json(found[0] if isinstance(given, str) else found)


def _classify(asked: HttpAsked, model: str) -> Reply:
    """vLLM's."""
    sent = _sent(asked)
    texts = _texts(sent.get("input"))
    data: list[Json] = []
    for index, text in enumerate(texts):
        scores = _feelings(text)
        label = max(scores, key=lambda name: scores[name])
        probs = [scores["NEGATIVE"], scores["POSITIVE"]]
        data.append({"index": index, "label": label, "probs": probs, "num_classes": len(probs)})
    tokens = sum(map(estimate_tokens, texts))
    usage = {"prompt_tokens": tokens, "total_tokens": tokens, "completion_tokens": 0}
    return _json({"id": "classify-sim", "object": "list", "model": sent.get("model"), "data": data, "usage": usage})


def _inference(asked: HttpAsked, model: str) -> Reply:
    """Hugging Face's own: one path for all tasks, whose input is a document around it or the bytes themselves."""
    task = task_named(model)
    sent = json_object(asked.body) or {}
    parameters = _object(sent, "parameters")
    labels = _labels(parameters)
    if task == "automatic-speech-recognition":
        return _json(_transcript(_bytes(asked, sent), times=parameters.get("return_timestamps")))
    if task.endswith("image-classification"):
        return _json(_rows(_seen(_bytes(asked, sent), labels or _PICTURED)))
    text = _texts(sent.get("inputs"))[0]
    if task == "text-to-image":
        return Reply(200, (("content-type", "image/png"),), (tiny_png(text),))
    if labels:
        return _json(_rows(label_scores(text, labels)))
    if task == "zero-shot-classification":
        raise BadRequestError("Error in `parameters`: candidate_labels is required")
    return _json([_rows(_feelings(text))])


def _fal(asked: HttpAsked, model: str) -> Reply:
    sent = _sent(asked)
    if sent.get("audio_url"):
        return _json(_transcript(_fetched(sent["audio_url"]), times=True))
    return _json({"images": [{"url": _address(asked, sent), "content_type": "image/png"}], "seed": 1})


def _prediction(asked: HttpAsked, model: str) -> Reply:
    """Replicate's."""
    given = _object(_sent(asked), "input")
    output: Any = {"transcription": heard_in(_fetched(given["audio"]))[0]} if given.get("audio") else None
    return _json({"id": "sim", "status": "succeeded", "output": output or [_address(asked, given)], "error": None})


def _address(asked: HttpAsked, sent: Json) -> str:
    """Where a picture is: here, or in the address itself."""
    prompt = sent.get("prompt")
    if not isinstance(prompt, str) or not prompt:
        raise BadRequestError("prompt: field required")
    name = hashlib.sha256(prompt.encode()).hexdigest()[:16]
    if sent.get("sync_mode"):
        return f"data:image/png;base64,{b64encode(tiny_png(name)).decode()}"
    return f"http://{asked.header('host')}/pictures/{name}.png"


def _transcript(sound: bytes, *, times: Any) -> Json:
    text, seconds = heard_in(sound)
    if not times:
        return {"text": text}
    pieces = text.split(" ") if times == "word" else [text]
    step = seconds / len(pieces)
    chunks = [{"text": piece, "timestamp": [place * step, (place + 1) * step]} for place, piece in enumerate(pieces)]
    return {"text": text, "chunks": chunks}


def _feelings(text: str) -> dict[str, float]:
    return label_scores("POSITIVE" if _KIND_WORDS.search(text) else "NEGATIVE", ("POSITIVE", "NEGATIVE"))


def _seen(picture: bytes, labels: Sequence[str]) -> dict[str, float]:
    return label_scores(labels[hashlib.sha256(picture).digest()[0] % len(labels)], labels)


def _rows(scores: dict[str, float]) -> list[Json]:
    return [{"label": label, "score": scores[label]} for label in sorted(scores, key=lambda label: -scores[label])]


def _bytes(asked: HttpAsked, sent: Json) -> bytes:
    """A picture or a sound: the body, or base64 inside a document."""
    if asked.body[:1] != b"{":  # the vendor's client says no type of bytes whose file it has not seen
        return asked.body
    encoded = sent.get("inputs")
    if not isinstance(encoded, str) or not encoded:
        raise BadRequestError("Error in `inputs`: field required")
    return _decoded(encoded)


def _object(sent: Json, name: str) -> Json:
    given: Any = sent.get(name) or {}
    if not isinstance(given, dict):
        raise BadRequestError(f"Error in `{name}`: not an object")
    return cast("Json", given)


def _labels(parameters: Json) -> list[str]:
    given: Any = parameters.get("candidate_labels") or []
    if not isinstance(given, list) or not all(isinstance(label, str) for label in cast("list[Any]", given)):
        raise BadRequestError("Error in `parameters`: candidate_labels is no list of texts")
    return cast("list[str]", given)


def _fetched(address: Any) -> bytes:
    if not isinstance(address, str):
        raise BadRequestError("Error in `audio`: no address")
    head, _, data = address.partition(",")
    return _decoded(data) if head.startswith("data:") else b""


def _decoded(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        raise BadRequestError("Error in `inputs`: no base64") from None


def _sent(asked: HttpAsked) -> Json:
    sent = json_object(asked.body)
    if sent is None:
        raise BadRequestError("Failed to parse the request body as JSON")
    return sent


def _texts(given: Any) -> list[str]:
    entries = [given] if isinstance(given, str) else cast("list[Any]", given) if isinstance(given, list) else []
    if not entries or not all(isinstance(entry, str) and entry for entry in entries):
        raise BadRequestError("Error in `inputs`: field required")
    if len(entries) > _MOST_INPUTS:
        raise BadRequestError(f"batch size {len(entries)} > maximum allowed batch size {_MOST_INPUTS}")
    return entries


def _json(reply: Any) -> Reply:
    return Reply.whole(HttpReply(200, to_json(reply)))


_PATHS: tuple[tuple[str, re.Pattern[str], Callable[[HttpAsked, str], Reply]], ...] = (
    ("GET", re.compile(r"^/api/models/(?P<model>[^/]+/[^/]+)$"), _info),
    ("GET", re.compile(r"^/pictures/(?P<model>[0-9a-f]+)\.png$"), _picture),
    ("POST", re.compile(r"/models/(?P<model>.+)/pipeline/feature-extraction$"), _vectors),
    ("POST", re.compile(r"(?<!/v2)/embed$"), _vectors),
    ("POST", re.compile(r"/predict$"), _predict),
    ("POST", re.compile(r"(?<!/v1)/classify$"), _classify),
    ("POST", re.compile(r"/hf-inference/models/(?P<model>[^/]+/[^/]+)$"), _inference),
    ("POST", re.compile(r"^/fal-ai/(?P<model>.+)$"), _fal),
    ("POST", re.compile(r"^/replicate/v1/(?:models/(?P<model>.+)/)?predictions$"), _prediction),
)
