"""agentkit: Python functions become tools, an agent loop calls them through any model provider, traced at every step.

    from agentkit import Agent, tool

    @tool
    def get_weather(city: str) -> str:
        '''Current weather for a city.'''
        return f"It is sunny in {city}."

    agent = Agent("offline:", tools=[get_weather])
    print(agent.run_sync("What is the weather in Paris?").output)

The public names, nothing else. Each is loaded from its home when it is first asked for, so that importing the package
does no work; __init__.pyi says the same to type checkers.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {  # public name -> the module that defines it
    "Agent": "agentkit.agent",
    "AgentkitError": "agentkit.errors",
    "Approve": "agentkit.approvals",
    "Ask": "agentkit.models",
    "AssistantMessage": "agentkit.messages",
    "Audio": "agentkit.media",
    "BatchResults": "agentkit.tasks.batch",
    "BatchStorage": "agentkit.buckets",
    "Budget": "agentkit.budget",
    "Classification": "agentkit.classification",
    "Classifications": "agentkit.tasks.classify",
    "Classify": "agentkit.tasks.batch",
    "ConfigurationError": "agentkit.errors",
    "Context": "agentkit.tools",
    "Cost": "agentkit.usage",
    "Deadlines": "agentkit.settings",
    "Deny": "agentkit.models",
    "Document": "agentkit.media",
    "Embed": "agentkit.tasks.batch",
    "Embeddings": "agentkit.tasks.embed",
    "Event": "agentkit.events",
    "GenerateImage": "agentkit.tasks.batch",
    "GeneratedImages": "agentkit.tasks.generate_image",
    "Image": "agentkit.media",
    "Message": "agentkit.messages",
    "Middleware": "agentkit.models",
    "Model": "agentkit.models",
    "Output": "agentkit.output",
    "PendingCall": "agentkit.approvals",
    "PriceBook": "agentkit.prices",
    "Redaction": "agentkit.redaction",
    "Result": "agentkit.result",
    "RunStream": "agentkit.stream",
    "Settings": "agentkit.settings",
    "Text": "agentkit.messages",
    "Tool": "agentkit.tools",
    "ToolCall": "agentkit.messages",
    "ToolError": "agentkit.errors",
    "Toolset": "agentkit.toolsets",
    "Transcribe": "agentkit.tasks.batch",
    "Transcription": "agentkit.tasks.transcribe",
    "Uploaded": "agentkit.media",
    "Usage": "agentkit.usage",
    "UserMessage": "agentkit.messages",
    "Video": "agentkit.media",
    "batch": "agentkit.tasks.batch",
    "batch_sync": "agentkit.tasks.batch",
    "cached": "agentkit.policies.cache",
    "classify": "agentkit.tasks.classify",
    "classify_sync": "agentkit.tasks.classify",
    "embed": "agentkit.tasks.embed",
    "embed_sync": "agentkit.tasks.embed",
    "fallback": "agentkit.policies.fallback",
    "fork": "agentkit.loop",
    "generate_image": "agentkit.tasks.generate_image",
    "generate_image_sync": "agentkit.tasks.generate_image",
    "limited": "agentkit.policies.limits",
    "messages_from_json": "agentkit.messages",
    "messages_to_json": "agentkit.messages",
    "model": "agentkit.providers",
    "tool": "agentkit.tools",
    "transcribe": "agentkit.tasks.transcribe",
    "transcribe_sync": "agentkit.tasks.transcribe",
}

__all__ = sorted(_HOMES)  # pyright: ignore[reportUnsupportedDunderAll]  # __init__.pyi spells them out


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'agentkit' has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value  # asked for once
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
