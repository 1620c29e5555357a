"""Middleware: a guardrail that hides card numbers from the model and lets nobody mail outside the house.

    python examples/guardrail.py

For a real model set its key and name it: AGENTKIT_MODEL=openai:gpt-6-luna python examples/guardrail.py
"""

from __future__ import annotations

import os
import re
from dataclasses import replace

from agentkit import Agent, Ask, Deny, Message, Middleware, Text, UserMessage, tool
from agentkit.exchange import Request, Response
from agentkit.messages import Outcome
from agentkit.models import CallOffer, ModelCallNext, ToolCallNext

CARD = re.compile(r"\b(?:\d[ -]?){12,15}\d\b")


class HideCards(Middleware):
    """What looks like a card number never reaches the provider."""

    async def model_call(self, request: Request, call_next: ModelCallNext) -> Response:
        """Ask with the numbers taken out."""
        return await call_next(replace(request, messages=tuple(map(self._clean, request.messages))))

    def _clean(self, message: Message) -> Message:
        if not isinstance(message, UserMessage):
            return message
        parts = (replace(p, text=CARD.sub("[card]", p.text)) if isinstance(p, Text) else p for p in message.parts)
        return UserMessage(tuple(parts))


class OnlyInside(Middleware):
    """Mail to our own people goes out; to partners a person has to agree; to all others it does not go."""

    async def tool_call(self, call: CallOffer, call_next: ToolCallNext) -> Outcome | Ask | Deny:
        """Decide by the address in the call."""
        if call.tool != "send_mail":
            return await call_next(call)
        domain = str(call.arguments["email"]).rpartition("@")[2]
        if domain == "shop.example":
            return await call_next(call)
        if domain == "partner.example":
            return Ask("mail to a partner")
        return Deny(f"mail to {domain} is not allowed; only to shop.example")


@tool(effect="write")
def send_mail(email: str, text: str) -> str:
    """Send a mail.

    Args:
        email: Address to send it to, such as "ada@shop.example".
        text: What it says.
    """
    return f"sent to {email}: {text}"


agent = Agent(os.environ.get("AGENTKIT_MODEL", "offline:"), tools=[send_mail], middleware=[HideCards(), OnlyInside()])


def main() -> None:
    """Three mails, three fates."""
    for domain in ("shop.example", "partner.example", "elsewhere.example"):
        result = agent.run_sync(f'Send a mail to ada@{domain} with the text "Card 4111 1111 1111 1111"')
        print(f"{domain}: {[call.reason for call in result.pending] or result.output}")


if __name__ == "__main__":
    main()
