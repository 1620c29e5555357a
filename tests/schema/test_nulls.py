"""Nulls that stand for left-out values are dropped, and no others."""

from typing import Any

import pytest

from agentkit.schema.nulls import without_filler_nulls

LEAF = {"type": "object", "properties": {"x": {"type": "integer"}, "y": {"type": ["integer", "null"]}}}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "required": {"type": "integer"},
        "optional": {"type": "integer"},
        "nullable": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        "anything": {},
        "word": {"enum": ["a", None]},
        "leaf": {"$ref": "#/$defs/Leaf"},
        "list": {"type": "array", "items": LEAF},
        "pair": {"type": "array", "prefixItems": [{"type": "string"}, LEAF]},
        "map": {"type": "object", "additionalProperties": LEAF},
        "all": {"allOf": [LEAF]},
        "either": {
            "oneOf": [
                {
                    "type": "object",
                    "properties": {"kind": {"const": "a"}, "n": {"type": "integer"}},
                    "required": ["kind"],
                },
                {
                    "type": "object",
                    "properties": {"kind": {"const": "b"}, "n": {"type": ["integer", "null"]}},
                    "required": ["kind"],
                },
            ]
        },
    },
    "required": ["required"],
    "$defs": {"Leaf": LEAF},
}


@pytest.mark.parametrize(
    ("value", "cleaned"),
    [
        ({"optional": None}, {}),
        ({"required": None}, {"required": None}),
        ({"nullable": None, "anything": None, "word": None, "unknown": None}, None),
        ({"leaf": {"x": None, "y": None}}, {"leaf": {"y": None}}),
        ({"list": [{"x": 1}, {"x": None}]}, {"list": [{"x": 1}, {}]}),
        ({"pair": ["s", {"x": None}]}, {"pair": ["s", {}]}),
        ({"map": {"k": {"x": None}}}, {"map": {"k": {}}}),
        ({"all": {"x": None}}, {"all": {}}),
        ({"either": {"kind": "a", "n": None}}, {"either": {"kind": "a"}}),
        ({"either": {"kind": "b", "n": None}}, None),
        ({"leaf": None}, {}),
        ([], None),
        ("text", None),
    ],
)
def test_only_nulls_that_mean_left_out_are_dropped(value: Any, cleaned: Any):
    result = without_filler_nulls(value, SCHEMA)
    if cleaned is None:
        assert result is value
    else:
        assert result == cleaned
