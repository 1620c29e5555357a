"""Acme's models for agentkit: what stands in the table of providers. Importing it does no work."""

from __future__ import annotations

from agentkit.providers import Provider
from agentkit.providers.openai.chat_rules import ChatRules

__all__ = ["ACME", "ACME_CHAT"]

ACME = Provider(
    "acme",
    "Acme",
    "acme_agentkit.provider",
    base_url="https://api.acme.example/v1",
    base_url_variables=("ACME_BASE_URL",),
    key_variables=("ACME_API_KEY",),
    api="talk",
)

ACME_CHAT = Provider(
    "acme-chat",
    "Acme, Chat Completions",
    "agentkit.providers.openai_family",
    base_url="https://api.acme.example/openai/v1",
    base_url_variables=("ACME_CHAT_BASE_URL",),
    key_variables=("ACME_API_KEY",),
    family="acme",
    rules=ChatRules(max_tokens_field="max_tokens", strict_tools=False, omitted=frozenset({"service_tier"})),
)
