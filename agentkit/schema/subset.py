"""What each provider's schema subset holds, as data. The facts are dated 2026-11 and come from their documentation."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["ANTHROPIC", "GEMINI", "OPENAI", "Subset"]

_FORMATS = frozenset({"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"})


@dataclass(frozen=True, slots=True)
class Subset:
    """One provider's subset of JSON Schema."""

    keywords: frozenset[str]
    """Keywords that are sent as they are, structure (properties, items, unions, references) apart."""
    formats: frozenset[str] | None = None
    """The formats that are sent; None for all."""
    is_closed: bool = False
    """Objects must forbid further properties, and every place needs a type."""
    has_optional: bool = True
    """Properties may be left out of `required`; otherwise optional ones become nullable."""
    has_recursion: bool = True
    has_tuples: bool = True
    """`prefixItems` is known."""
    has_scalar_enums_only: bool = False
    """Enum values must be strings or numbers."""
    largest_min_items: int | None = None
    pattern_refuses: tuple[str, ...] = ()
    """Pieces of a pattern that the provider cannot read."""
    limits: dict[str, int] = field(default_factory=dict[str, int])
    """Sizes by name: properties, depth, characters, enum_values, optional, unions."""


OPENAI = Subset(
    keywords=frozenset(
        {"pattern", "format", "multipleOf", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}
    )
    | {"minItems", "maxItems", "enum", "const", "description", "type"},
    formats=_FORMATS,
    is_closed=True,
    has_optional=False,
    pattern_refuses=("(?=", "(?!", "(?<=", "(?<!"),
    limits={
        "properties": 5000,
        "depth": 10,
        "characters": 120_000,
        "enum_values": 1000,
        "characters_in_an_enum": 15_000,
    },
)

ANTHROPIC = Subset(
    keywords=frozenset({"pattern", "format", "minItems", "enum", "const", "description", "type"}),
    formats=_FORMATS | {"uri"},
    is_closed=True,
    has_recursion=False,
    has_tuples=False,
    has_scalar_enums_only=True,
    largest_min_items=1,
    pattern_refuses=("(?", "\\b", "\\B", "\\1", "\\2", "\\p"),
    limits={"optional": 24, "unions": 16},  # over all strict tools of one request, so of each as well
)

GEMINI = Subset(
    keywords=frozenset({"format", "minItems", "maxItems", "minimum", "maximum", "enum", "const", "description", "type"})
    | {"default", "examples", "propertyOrdering"},
    has_scalar_enums_only=True,
)
