"""What becomes of a conversation that goes on in another wire format, by rules that all formats share.

Text, media, calls and their outcomes are carried as they are. What only its maker can read is left out: thinking with
its signature, items of tools that the provider ran itself. What the format has no place for is written in the nearest
way. Media that the new model does not take are refused in the turn at hand, unless `Settings.on_unsupported` is "omit",
and named in their place in earlier turns, so that the conversation can go on. Tiers of service that only another
provider has are left out. Each of these is told: codecs put these words into `WireRequest.notes`, from where
they reach the span of the exchange (agentkit.adapted) and whoever listens to the run (events.Adapted). The history
itself is never changed, so that the way back to the first provider carries everything again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Literal

from agentkit.errors import UnsupportedError
from agentkit.messages import AssistantMessage, Media, Message, Opaque, Text, Thinking

__all__ = [
    "IDS_REWRITTEN",
    "SEED_LEFT_OUT",
    "STOP_LEFT_OUT",
    "SYSTEM_AS_USER",
    "is_foreign_thought",
    "known_tier",
    "left_out",
    "not_shown",
    "refusal_of",
    "stand_in",
    "system_role",
    "unique_id",
    "was_answered",
]

IDS_REWRITTEN = "ids of calls are written anew: this provider refuses them as they were"
SYSTEM_AS_USER = "a system message amid the conversation is written as the user's: it cannot stand there"

SEED_LEFT_OUT = "left out seed: this format has none"
STOP_LEFT_OUT = "left out stop sequences: this format has none"

_LONGEST_ID = 64

_OPENAI_TIERS = frozenset({"auto", "default", "flex", "priority", "scale", "fast", "ultrafast"})
_TIERS = {  # provider -> its tiers of service, as of 2026-11
    "openai": _OPENAI_TIERS,
    "azure": _OPENAI_TIERS,
    "anthropic": frozenset({"auto", "standard_only"}),
    "google": frozenset({"standard", "flex", "priority"}),
    "vertex": frozenset({"standard", "flex", "priority"}),
    "bedrock": frozenset({"priority", "default", "flex", "reserved"}),
    "groq": frozenset({"auto", "on_demand", "flex", "performance"}),
}


def known_tier(tier: str | None, provider: str, *, notes: set[str]) -> str | None:
    """The tier of service to ask for; one that other providers have and this one has not is left out, and noted.

    A name that nobody here knows is sent: tiers come and go.
    """
    own = _TIERS.get(provider)
    if tier is None or own is None or tier in own or all(tier not in tiers for tiers in _TIERS.values()):
        return tier
    notes.add(f"left out the service tier {tier!r}, which is another provider's")
    return None


def refusal_of(error: UnsupportedError) -> UnsupportedError:
    """The error of a medium in the turn at hand, with what can be done besides."""
    return UnsupportedError(f'{error}; or go on without: Settings(on_unsupported="omit") has it named in its place')


def left_out(part: Thinking | Opaque) -> str:
    """The note on a part that only its maker can read."""
    data = part.provider_data
    what = "thinking" if isinstance(part, Thinking) else "an item of the provider's own"
    return f"left out {what}, made by {data.origin if data is not None else 'nobody known'}"


def not_shown(medium: Media) -> str:
    """The note on a medium that the model does not take."""
    return f"left out {_named(medium)} that this model does not take"


def unique_id(
    given: str, taken: set[str], *, word: str, notes: set[str], illegal: re.Pattern[str] | None = None
) -> str:
    """An id that is legal and that no other call of this request has; providers repeat ids or leave them out.

    It joins `taken`. One that is made up begins with `word`; at most 64 characters, as all formats take them.
    """
    id = given if illegal is None else illegal.sub("_", given)
    if len(id) > _LONGEST_ID:
        id = f"{word}_{hashlib.sha256(id.encode()).hexdigest()[:32]}"
    unique, count = id or f"{word}_{len(taken)}", 1
    while unique in taken:
        count += 1
        unique = f"{(id or word)[: _LONGEST_ID - 8]}_{count}"
    if given and unique != given:
        notes.add(IDS_REWRITTEN)
    taken.add(unique)
    return unique


def stand_in(medium: Media, *, is_returned: bool = False) -> str:
    """What the model reads in place of a medium that it does not take."""
    if is_returned:
        return f"(The tool also returned {_named(medium)}, which cannot be shown to this model.)"
    return f"(There was {_named(medium)} here, which cannot be shown to this model.)"


def was_answered(message: Message, messages: Sequence[Message]) -> bool:
    """Whether a model has answered the message already; `messages` hold it."""
    at = next((at for at, other in enumerate(messages) if other is message), len(messages))
    return any(isinstance(later, AssistantMessage) for later in messages[at + 1 :])


def system_role(part: Text) -> Literal["system", "developer"] | None:
    """The role of a system message amid a conversation, whichever format brought it in; None for a user's words."""
    data = part.provider_data
    if data is None:
        return None
    role = data.value.get("role")
    return role if role in ("system", "developer") else None


def is_foreign_thought(thought: Thinking, *, made_by: str, asked: str, origin: str) -> bool:
    """Whether another model thought this, as far as can be told.

    Open servers show thinking without a mark of their own; the models' names tell then. A provider may name its model
    more exactly than it was asked for ("gpt-5.2-2026-01-01"), or without its vendor.
    """
    if thought.provider_data is not None:
        return thought.provider_data.origin != origin
    return bool(made_by and asked) and made_by not in asked and asked not in made_by


def _named(medium: Media) -> str:
    return {"image": "an image", "document": "a document"}.get(medium.family, medium.family)
