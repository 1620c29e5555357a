"""Pictures and speech to text of OpenAI and of the servers that speak its formats, as the provider table makes them."""

from __future__ import annotations

from collections.abc import Mapping

from agentkit.providers.openai.images import ImageRules, ImagesCodec
from agentkit.providers.openai.transcriptions import TranscriptionRules, TranscriptionsCodec
from agentkit.providers.openai_family import place_of
from agentkit.providers.table import Options, Provider
from agentkit.remote_task import RemoteImageModel, RemoteTranscriptionModel
from agentkit.transcription import TranscriptionLimits
from agentkit.transport.default import default_transport

__all__ = ["IMAGE_RULES", "TRANSCRIPTION_RULES", "connect_images", "connect_transcription"]

_NONE = frozenset[str]()

IMAGE_RULES: Mapping[str, ImageRules] = {
    "xai": ImageRules(edits=False, streams=False, knobs=_NONE, bytes_word="b64_json"),
    "together": ImageRules(
        edits=False, streams=False, knobs=frozenset({"size"}), splits_size=True, bytes_word="base64", count=4
    ),
    "openrouter": ImageRules(path="/images", edits=False, streams=False, knobs=_NONE, count=1),
    "gemini-openai": ImageRules(edits=False, streams=False, knobs=frozenset({"size"}), bytes_word="b64_json", count=4),
    "openai-compatible": ImageRules(streams=False, bytes_word="b64_json"),
}
"""Provider -> how its pictures differ from OpenAI's."""

TRANSCRIPTION_RULES: Mapping[str, TranscriptionRules] = {
    "groq": TranscriptionRules(streams=False, url_field="url"),
    "mistral": TranscriptionRules(
        times="granularities", takes_prompt=False, url_field="file_url", limits=TranscriptionLimits(seconds=10_800)
    ),
    "together": TranscriptionRules(streams=False),
    "fireworks": TranscriptionRules(streams=False, limits=TranscriptionLimits(bytes=2**30)),
    "openrouter": TranscriptionRules(times="none", streams=False),
    "vllm": TranscriptionRules(whisper_streams=True),
    "xai": TranscriptionRules(
        path="/stt",
        times="always",
        streams=False,
        takes_prompt=False,
        names_model=False,
        limits=TranscriptionLimits(bytes=500_000_000),
    ),
    "cohere": TranscriptionRules(
        path="/v2/audio/transcriptions", times="none", streams=False, takes_prompt=False, needs_language=True
    ),
    "openai-compatible": TranscriptionRules(),
}
"""Provider -> how its speech to text differs from OpenAI's."""


def connect_images(provider: Provider, model: str, options: Options) -> RemoteImageModel:
    """A model that makes pictures. Raises MissingKeyError, ConfigurationError; sends nothing."""
    place = place_of(provider, options, model)
    return RemoteImageModel(
        ImagesCodec(provider.vendor, rules=IMAGE_RULES.get(provider.vendor)),
        place.endpoint,
        place.identity(provider, model, api="images"),
        transport=options.transport or default_transport(),
        settings=options.settings,
    )


def connect_transcription(provider: Provider, model: str, options: Options) -> RemoteTranscriptionModel:
    """A model that writes down what is said. Raises MissingKeyError, ConfigurationError; sends nothing."""
    place = place_of(provider, options, model)
    return RemoteTranscriptionModel(
        TranscriptionsCodec(provider.vendor, rules=TRANSCRIPTION_RULES.get(provider.vendor)),
        place.endpoint,
        place.identity(provider, model, api="transcriptions"),
        transport=options.transport or default_transport(),
        settings=options.settings,
    )
