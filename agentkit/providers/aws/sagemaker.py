"""Endpoints of SageMaker: what a container speaks is its own, told by the name of the provider or by `format=`.

Chat Completions is spoken by vLLM, LMI, and text-generation-inference since 2.0. What stands behind the colon is the
endpoint's name. The parts of a stream are cut anywhere, also inside a line.
"""

from __future__ import annotations

from urllib.parse import quote

from agentkit.errors import ConfigurationError, UnsupportedError
from agentkit.exchange import Request
from agentkit.identity import Capabilities
from agentkit.providers.aws.framed import Interface, RoutedCodec
from agentkit.providers.aws.text_codec import TextCodec, abilities_of
from agentkit.providers.aws.text_forms import PIPELINE, TGI, BytesForm, JsonForm, TextForm
from agentkit.providers.openai.chat import ChatCodec
from agentkit.providers.openai.chat_rules import ChatRules

__all__ = ["SageMakerCodec", "sagemaker_interface"]

_CONTAINERS = ChatRules(
    max_tokens_field="max_tokens", strict_tools=False, refusal_field=False, omitted=frozenset({"model", "service_tier"})
)
"""A container has one model, and does not know it by the endpoint's name."""
_FORMS: dict[str, TextForm] = {"tgi": TGI, "pipeline": PIPELINE, "bytes": BytesForm()}


class SageMakerCodec(RoutedCodec):
    """The client half of InvokeEndpoint, for containers that speak Chat Completions."""

    def __init__(self, provider: str = "sagemaker") -> None:
        super().__init__(ChatCodec(provider, rules=_CONTAINERS), _path, bytes, provider=provider)


def sagemaker_interface(provider: str, model: str, format: object | None) -> Interface:
    """How a container of this format is asked. Raises ConfigurationError for what is no format."""
    if format is None or format == "chat":
        return Interface(SageMakerCodec(provider), "chat_completions", Capabilities())
    form = _FORMS.get(format) if isinstance(format, str) else format
    if not isinstance(form, JsonForm | BytesForm):
        raise ConfigurationError(
            f"format is {format!r}; a container of SageMaker is spoken to by 'chat', {', '.join(map(repr, _FORMS))}, "
            "or a form of your own (agentkit.providers.aws.text_forms: JsonForm, BytesForm)"
        )
    codec = RoutedCodec(TextCodec(provider, form, model=model), _path, bytes, provider=provider)
    return Interface(codec, "text", abilities_of(form))


def _path(request: Request) -> str:
    if request.model.startswith("transform/"):
        raise UnsupportedError(
            f"sagemaker:{request.model} is asked in batches alone; for an answer at once name an endpoint: "
            "sagemaker:my-endpoint"
        )
    function = "invocations-response-stream" if request.is_streamed else "invocations"
    return f"/endpoints/{quote(request.model, safe='')}/{function}"
