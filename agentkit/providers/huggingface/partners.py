"""Partners of Hugging Face's router: what each offers beside chat, and where behind the router it is asked for it.

Facts: the table of huggingface_hub 2.4 (November 2026) and replies recorded in 2025. Those whose answers have to be
fetched later (wavespeed, zai-org) are not asked. What chats is asked at one address for all partners.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from agentkit.embedding import EmbeddingLimits
from agentkit.errors import UnsupportedError
from agentkit.models import ModelIdentity
from agentkit.providers.huggingface.fal import FalImagesCodec, FalSpeechCodec
from agentkit.providers.huggingface.mapping import MappingCodec, PartnerTask
from agentkit.providers.huggingface.replicate import ReplicateImagesCodec, ReplicateSpeechCodec
from agentkit.providers.openai.embeddings import EmbeddingRules, EmbeddingsCodec
from agentkit.providers.openai.images import ImageRules, ImagesCodec
from agentkit.providers.openai.transcriptions import TranscriptionRules, TranscriptionsCodec
from agentkit.providers.openai_media import IMAGE_RULES
from agentkit.providers.table import Options, Provider, TaskKind, value_of
from agentkit.remote import Endpoint
from agentkit.remote_task import RemoteTask
from agentkit.task_model import TaskModel
from agentkit.transport.default import default_transport

__all__ = ["OWN", "PARTNERS", "TASK_NAMES", "Partner", "connect_partner", "refuse_unoffered"]

OWN = "hf-inference"
"""The partner that is Hugging Face itself."""

_HUB = "https://huggingface.co"
_ROUTER = "router.huggingface.co"
_POLICIES = frozenset({"auto", "fastest", "cheapest", "preferred"})

TASK_NAMES: Mapping[TaskKind, str] = {
    "embed": "feature-extraction",
    "generate_image": "text-to-image",
    "transcribe": "automatic-speech-recognition",
    "classify": "classification",
}
"""Our tasks in Hugging Face's words."""


@dataclass(frozen=True, slots=True)
class Partner:
    """How one partner is asked."""

    base: str
    """Its path behind the router."""
    tasks: frozenset[TaskKind]
    form: Literal["openai", "fal", "replicate"] = "openai"
    images: ImageRules | None = None


_SIZED = ImageRules(edits=False, streams=False, knobs=frozenset({"size"}), bytes_word="b64_json", count=1)
_SPLIT = ImageRules(
    edits=False, streams=False, knobs=frozenset({"size"}), splits_size=True, bytes_word="b64_json", count=1
)
_VECTORS = EmbeddingRules(EmbeddingLimits(items=128), is_base64_offered=False)
_SPEECH = TranscriptionRules(streams=False)

PARTNERS: Mapping[str, Partner] = {
    "deepinfra": Partner("/deepinfra/v1/openai", frozenset({"embed", "transcribe"})),
    "fal-ai": Partner("/fal-ai", frozenset({"generate_image", "transcribe"}), "fal"),
    "nebius": Partner("/nebius/v1", frozenset({"generate_image"}), images=_SPLIT),
    "nscale": Partner("/nscale/v1", frozenset({"generate_image"}), images=_SIZED),
    "replicate": Partner("/replicate", frozenset({"generate_image", "transcribe"}), "replicate"),
    "scaleway": Partner("/scaleway/v1", frozenset({"embed"})),
    "together": Partner("/together/v1", frozenset({"embed", "generate_image"}), images=IMAGE_RULES["together"]),
}
"""Partner -> how it is asked for what is not chat."""


def refuse_unoffered(provider: Provider, kind: TaskKind, model: str) -> None:
    """Raises UnsupportedError for a model whose partner is not asked for this task."""
    name, _, partner = model.partition(":")
    if partner == OWN or (partner in PARTNERS and kind in PARTNERS[partner].tasks):
        return
    offering = ", ".join(sorted(row for row, each in PARTNERS.items() if kind in each.tasks))
    others = f", {offering}" if offering else ""
    if partner in _POLICIES:
        raise UnsupportedError(
            f"{provider.name}:{model}: the router chooses partners ({partner}) for chat alone; name one that does "
            f"{TASK_NAMES[kind]} ({OWN}{others}), or leave it out for {OWN}: {provider.name}:{name}"
        )
    raise UnsupportedError(
        f"{provider.name}:{model}: the partner {partner!r} is not asked for {TASK_NAMES[kind]}; "
        f"these are: {OWN}{others}"
    )


def connect_partner(
    provider: Provider, kind: TaskKind, identity: ModelIdentity, options: Options, *, router: Endpoint
) -> TaskModel[Any, Any]:
    """A task of the partner that the model's name says; it offers the task."""
    row = PARTNERS[identity.model.partition(":")[2]]
    endpoint = Endpoint(router.url(row.base), router.headers)
    own_hub = value_of(("HF_ENDPOINT",))
    # The key and headers of somebody else's router are not for the hub, which tells partners of anybody's question.
    hub = Endpoint(own_hub or _HUB, router.headers if own_hub or router.host == _ROUTER else {})
    transport = options.transport or default_transport()
    vendor, wanted = provider.vendor, TASK_NAMES[kind]
    mapping = RemoteTask(MappingCodec(vendor), hub, identity, transport=transport, settings=options.settings)
    if kind == "embed":
        return PartnerTask(EmbeddingsCodec(vendor, rules=_VECTORS), endpoint, mapping, wanted=wanted)
    if kind == "generate_image":
        painters = {"fal": FalImagesCodec(vendor), "replicate": ReplicateImagesCodec(vendor)}
        painter = painters.get(row.form) or ImagesCodec(vendor, rules=row.images)
        return PartnerTask(painter, endpoint, mapping, wanted=wanted)
    listeners = {"fal": FalSpeechCodec(vendor), "replicate": ReplicateSpeechCodec(vendor)}
    listener = listeners.get(row.form) or TranscriptionsCodec(vendor, rules=_SPEECH)
    return PartnerTask(listener, endpoint, mapping, wanted=wanted)
