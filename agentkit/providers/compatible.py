"""Servers that speak Chat Completions: one row each, with how they differ from OpenAI (seen in November 2026).

A server that is not here is reached as model("openai-compatible:its-model", base_url="https://.../v1").
"""

from __future__ import annotations

from agentkit.providers.openai.chat_rules import ChatRules
from agentkit.providers.table import Provider

__all__ = ["COMPATIBLE"]

_MODULE = "agentkit.providers.openai_family"
_TASKS = "agentkit.providers.openai_tasks"

_PLAIN = ChatRules(
    max_tokens_field="max_tokens",
    strict_tools=False,
    refusal_field=False,
    omitted=frozenset({"service_tier"}),
)
"""What nearly every server wants."""

_LOCAL = ChatRules(
    max_tokens_field="max_tokens",
    system_in_place=False,
    strict_tools=False,
    tool_choice="required",
    null_content=False,
    refusal_field=False,
    media_urls=False,
    omitted=frozenset({"service_tier", "parallel_tool_calls"}),
)
"""What servers want that feed open models through chat templates; a tool chosen by name is ignored by them."""

COMPATIBLE: tuple[Provider, ...] = (
    Provider(
        "openai-compatible",
        "any server that speaks Chat Completions",
        _MODULE,
        base_url_variables=("OPENAI_COMPATIBLE_BASE_URL",),
        key_variables=("OPENAI_COMPATIBLE_API_KEY",),
        needs_key=False,
        tasks=frozenset({"embed", "generate_image", "transcribe"}),
        task_module=_TASKS,
        rules=_PLAIN,
    ),
    Provider(
        "ollama",
        "Ollama",
        _MODULE,
        base_url="http://localhost:11434/v1",
        base_url_variables=("OLLAMA_BASE_URL",),
        key_variables=("OLLAMA_API_KEY",),
        needs_key=False,
        tasks=frozenset({"embed"}),
        task_module=_TASKS,
        rules=_LOCAL,
        is_local=True,
    ),
    Provider(
        "vllm",
        "vLLM",
        _MODULE,
        base_url="http://localhost:8000/v1",
        base_url_variables=("VLLM_BASE_URL",),
        key_variables=("VLLM_API_KEY",),
        needs_key=False,
        tasks=frozenset({"embed", "transcribe"}),
        task_module=_TASKS,
        rules=ChatRules(
            max_tokens_field="max_tokens",
            system_in_place=False,
            strict_tools=False,
            null_content=False,
            refusal_field=False,
            video_url=True,
            omitted=frozenset({"service_tier"}),
        ),
        is_local=True,
    ),
    Provider(
        "llamacpp-server",
        "llama.cpp server",
        _MODULE,
        base_url="http://localhost:8080/v1",
        base_url_variables=("LLAMACPP_BASE_URL",),
        key_variables=("LLAMACPP_API_KEY",),
        needs_key=False,
        tasks=frozenset({"embed"}),
        task_module=_TASKS,
        rules=_LOCAL,
        is_local=True,
    ),
    Provider(
        "lmstudio",
        "LM Studio",
        _MODULE,
        base_url="http://localhost:1234/v1",
        base_url_variables=("LMSTUDIO_BASE_URL",),
        key_variables=("LMSTUDIO_API_KEY",),
        needs_key=False,
        tasks=frozenset({"embed"}),
        task_module=_TASKS,
        rules=ChatRules(
            max_tokens_field="max_tokens",
            system_in_place=False,
            strict_tools=False,
            null_content=False,
            refusal_field=False,
            media_urls=False,
            omitted=frozenset({"service_tier", "parallel_tool_calls", "stream_options"}),
        ),
        is_local=True,
    ),
    Provider(
        "groq",
        "Groq",
        _MODULE,
        base_url="https://api.groq.com/openai/v1",
        key_variables=("GROQ_API_KEY",),
        tasks=frozenset({"transcribe"}),
        task_module=_TASKS,
        rules=ChatRules(strict_tools=False, output_with_tools=False, refusal_field=False),
    ),
    Provider(
        "mistral",
        "Mistral",
        _MODULE,
        base_url="https://api.mistral.ai/v1",
        key_variables=("MISTRAL_API_KEY",),
        otel_name="mistral_ai",
        tasks=frozenset({"embed", "transcribe"}),
        task_module=_TASKS,
        rules=ChatRules(
            max_tokens_field="max_tokens",
            reasoning_field="chunks",
            seed_field="random_seed",
            short_call_ids=True,
            refusal_field=False,
            document_part="document_url",
            omitted=frozenset({"stream_options", "service_tier", "logit_bias", "logprobs", "verbosity"}),
        ),
    ),
    Provider(
        "deepseek",
        "DeepSeek",
        _MODULE,
        base_url="https://api.deepseek.com",
        key_variables=("DEEPSEEK_API_KEY",),
        rules=ChatRules(
            max_tokens_field="max_tokens",
            strict_tools=False,
            tool_choice="auto",
            structured_output="json_object",
            reasoning_field="reasoning_content",
            refusal_field=False,
            omitted=frozenset({"service_tier", "parallel_tool_calls"}),
        ),
    ),
    Provider(
        "gemini-openai",
        "Gemini through OpenAI's format",
        _MODULE,
        base_url="https://generativelanguage.googleapis.com/v1beta/openai",
        key_variables=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        otel_name="gcp.gemini",
        tasks=frozenset({"embed", "generate_image"}),
        task_module=_TASKS,
        rules=ChatRules(
            system_in_place=False,
            strict_tools=False,
            signs_calls=True,
            refusal_field=False,
            omitted=frozenset({"service_tier", "logit_bias", "parallel_tool_calls"}),
        ),
    ),
    Provider(
        "openrouter",
        "OpenRouter",
        _MODULE,
        base_url="https://openrouter.ai/api/v1",
        key_variables=("OPENROUTER_API_KEY",),
        tasks=frozenset({"embed", "generate_image", "transcribe"}),
        task_module=_TASKS,
        rules=ChatRules(
            max_tokens_field="max_tokens",
            system_in_place=False,
            strict_tools=False,
            reasoning_field="reasoning_details",
            reasoning_setting="reasoning",
            refusal_field=False,
        ),
    ),
    Provider(
        "together",
        "Together",
        _MODULE,
        base_url="https://api.together.xyz/v1",
        key_variables=("TOGETHER_API_KEY",),
        tasks=frozenset({"embed", "generate_image", "transcribe"}),
        task_module=_TASKS,
        rules=_PLAIN,
    ),
    Provider(
        "xai",
        "xAI",
        _MODULE,
        base_url="https://api.x.ai/v1",
        key_variables=("XAI_API_KEY",),
        otel_name="x_ai",
        tasks=frozenset({"generate_image", "transcribe"}),
        task_module=_TASKS,
        rules=ChatRules(refusal_field=False, omitted=frozenset({"service_tier"})),
    ),
    Provider(
        "cerebras",
        "Cerebras",
        _MODULE,
        base_url="https://api.cerebras.ai/v1",
        key_variables=("CEREBRAS_API_KEY",),
        rules=ChatRules(
            strict_tools=False, output_with_tools=False, refusal_field=False, omitted=frozenset({"logit_bias"})
        ),
    ),
    Provider(
        "fireworks",
        "Fireworks",
        _MODULE,
        base_url="https://api.fireworks.ai/inference/v1",
        key_variables=("FIREWORKS_API_KEY",),
        tasks=frozenset({"embed", "transcribe"}),
        task_module=_TASKS,
        rules=_PLAIN,
    ),
    Provider(
        "huggingface",
        "Hugging Face",
        _MODULE,
        base_url="https://router.huggingface.co/v1",
        key_variables=("HF_TOKEN", "HUGGINGFACE_API_KEY"),
        rules=_PLAIN,
    ),
)
