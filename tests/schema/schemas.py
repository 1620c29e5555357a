"""JSON Schemas that came from elsewhere: legal ones with a value that fits and one that does not, and unusable ones."""

from typing import Any

DRAFT_7 = "http://json-schema.org/draft-07/schema#"


def nested(levels: int) -> dict[str, Any]:
    """Objects in objects."""
    inner: dict[str, Any] = {"type": "string"}
    for _ in range(levels):
        inner = {"type": "object", "properties": {"a": inner}, "required": ["a"], "additionalProperties": False}
    return inner


def nested_value(levels: int) -> Any:
    """A value for them."""
    return {"a": nested_value(levels - 1)} if levels else "x"


LEGAL: dict[str, tuple[dict[str, Any], Any, Any]] = {
    "any object": ({"type": "object"}, {"x": 1}, None),
    "empty": ({}, {"x": 1}, None),
    "no properties": ({"type": "object", "properties": {}}, {}, None),
    "draft 7": (
        {
            "$schema": DRAFT_7,
            "type": "object",
            "properties": {
                "a": {"$ref": "#/definitions/A"},
                "t": {
                    "type": "array",
                    "items": [{"type": "string"}, {"type": "integer"}],
                    "additionalItems": False,
                },
            },
            "definitions": {
                "A": {
                    "type": "object",
                    "properties": {"x": {"type": "integer"}, "self": {"$ref": "#/definitions/A"}},
                }
            },
            "dependencies": {"a": ["t"]},
        },
        {"a": {"x": 1, "self": {"x": 2}}, "t": ["s", 1]},
        {"t": ["s", "s"]},
    ),
    "one of required": (
        {
            "type": "object",
            "properties": {"a": {"type": "string"}, "b": {"type": "integer"}},
            "oneOf": [{"required": ["a"]}, {"required": ["b"]}],
        },
        {"a": "x"},
        {"a": "x", "b": 1},
    ),
    "union at the root": (
        {
            "anyOf": [
                {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
                {"type": "object", "properties": {"b": {"type": "integer"}}, "required": ["b"]},
            ]
        },
        {"b": 1},
        {"c": 1},
    ),
    "all of at the root": (
        {
            "allOf": [{"$ref": "#/$defs/A"}, {"type": "object", "properties": {"c": {"type": "boolean"}}}],
            "$defs": {"A": {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}},
        },
        {"x": 1, "c": True},
        {"c": True},
    ),
    "recursive root": (
        {
            "$ref": "#/$defs/N",
            "$defs": {
                "N": {
                    "type": "object",
                    "properties": {"v": {"type": "integer"}, "kids": {"type": "array", "items": {"$ref": "#/$defs/N"}}},
                    "required": ["v"],
                }
            },
        },
        {"v": 1, "kids": [{"v": 2}]},
        {"v": 1, "kids": [{}]},
    ),
    "refers to its root": (
        {"type": "object", "properties": {"v": {"type": "integer"}, "next": {"$ref": "#"}}},
        {"v": 1, "next": {"v": 2}},
        {"next": {"v": "x"}},
    ),
    "refers to a property": (
        {
            "type": "object",
            "properties": {
                "v": {"$ref": "#/properties/w"},
                "w": {"type": "object", "properties": {"z": {"type": "string", "minLength": 3}}, "required": ["z"]},
            },
        },
        {"v": {"z": "abc"}},
        {"v": {"z": "a"}},
    ),
    "anchor and id": (
        {
            "$id": "https://example.com/schema",
            "type": "object",
            "properties": {"v": {"$ref": "#foo"}},
            "$defs": {"X": {"$anchor": "foo", "type": "string"}},
        },
        {"v": "x"},
        {"v": 1},
    ),
    "odd enums and constants": (
        {
            "type": "object",
            "properties": {
                "e": {"enum": ["a", None, 1, True]},
                "c": {"const": None},
                "d": {"const": True},
                "f": {"enum": [True, False]},
                "g": {"type": ["string", "null"], "enum": ["a", None]},
                "h": {"type": ["string", "integer"], "minLength": 3},
            },
            "required": ["e"],
        },
        {"e": True, "c": None, "d": True, "f": False, "g": None, "h": 1},
        {"e": 2},
    ),
    "negation and conditions": (
        {
            "type": "object",
            "properties": {
                "i": {"not": {"type": "string"}, "type": "integer"},
                "m": {"if": {"type": "string"}, "then": {"minLength": 2}},
                "n": True,
            },
        },
        {"i": 1, "m": "ab", "n": []},
        {"m": "a"},
    ),
    "arrays": (
        {
            "type": "object",
            "properties": {
                "j": {"type": "array"},
                "k": {"type": "array", "uniqueItems": True, "items": {"type": "string"}, "contains": {"const": "x"}},
            },
        },
        {"j": [1, "x"], "k": ["x", "y"]},
        {"k": ["x", "x"]},
    ),
    "pattern properties": (
        {"type": "object", "properties": {"l": {"type": "object", "patternProperties": {"^x": {"type": "string"}}}}},
        {"l": {"xa": "s"}},
        {"l": {"xa": 1}},
    ),
    "patterns of another engine": (
        {
            "type": "object",
            "properties": {
                "p": {"type": "string", "pattern": "^\\p{L}+$"},
                "q": {"type": "string", "pattern": "(?<!a)b"},
                "r": {"type": "string", "format": "uri"},
            },
            "required": ["p", "unnamed"],
        },
        {"p": "x", "q": "b", "unnamed": 1},
        {"p": "x"},
    ),
    "all of inside": (
        {
            "type": "object",
            "properties": {
                "a": {"allOf": [{"type": "string"}, {"minLength": 2}, {"maxLength": 5}]},
                "b": {"allOf": [{"$ref": "#/$defs/S"}], "description": "d", "default": 3},
                "c": {
                    "type": "object",
                    "properties": {"z": {"type": "integer"}},
                    "anyOf": [{"required": ["z"]}, {"properties": {"y": {"type": "string"}}, "required": ["y"]}],
                },
            },
            "$defs": {"S": {"type": "integer", "minimum": 1}},
        },
        {"a": "abc", "b": 2, "c": {"z": 1}},
        {"b": 0},
    ),
    "draft 4": (
        {
            "$schema": "http://json-schema.org/draft-04/schema#",
            "type": "object",
            "properties": {"a": {"type": "integer", "minimum": 0, "exclusiveMinimum": True}},
        },
        {"a": 1},
        {"a": 0},
    ),
    "draft 2019-09": (
        {
            "$schema": "https://json-schema.org/draft/2019-09/schema",
            "type": "object",
            "properties": {"a": {"type": "array", "items": [{"type": "integer"}], "additionalItems": {"const": "x"}}},
            "dependentRequired": {"a": ["b"]},
        },
        {"a": [1, "x"], "b": 1},
        {"a": [1]},
    ),
    "dependencies of both kinds": (
        {
            "$schema": DRAFT_7,
            "type": "object",
            "properties": {"a": {"type": "string"}, "b": {"type": "string"}, "c": {"type": "string"}},
            "dependencies": {"a": ["b"], "b": {"required": ["c"]}},
        },
        {"a": "x", "b": "y", "c": "z"},
        {"a": "x"},
    ),
    "nullable by another name": (
        {"type": "object", "properties": {"a": {"type": ["integer", "null"]}, "b": {"type": "string", "enum": ["x"]}}},
        {"a": None, "b": "x"},
        {"a": "x"},
    ),
    "parts that overlap": (
        {
            "type": "object",
            "properties": {
                "a": {
                    "allOf": [
                        {
                            "type": "object",
                            "properties": {"x": {"type": "integer", "maximum": 9}, "y": {"enum": ["p", "q"]}},
                            "required": ["x"],
                            "additionalProperties": True,
                        },
                        {
                            "type": "object",
                            "properties": {"x": {"type": "number", "maximum": 5}, "y": {"enum": ["q", "r"]}},
                            "required": ["y"],
                        },
                    ]
                },
                "b": {"allOf": [{"type": ["string", "integer"]}, {"type": "integer"}]},
                "c": {"type": "string", "allOf": [{"pattern": "^a"}, {"pattern": "b$"}]},
            },
        },
        {"a": {"x": 3, "y": "q"}, "b": 1, "c": "ab"},
        {"a": {"x": 7, "y": "q"}},
    ),
    "branches that share names": (
        {
            "type": "object",
            "properties": {"kind": {"type": "string"}},
            "required": ["kind"],
            "anyOf": [
                {"properties": {"v": {"type": "integer"}, "w": {"type": "string"}}, "required": ["v", "w"]},
                {"properties": {"v": {"type": "string"}, "w": {"type": "string"}}, "required": ["v"]},
                {"properties": {"v": {"type": "boolean"}}, "required": ["v"]},
            ],
        },
        {"kind": "k", "v": True},
        {"kind": "k"},
    ),
    "conditions at the root": (
        {
            "type": "object",
            "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
            "if": {"required": ["a"]},
            "then": {"required": ["b"]},
        },
        {"a": "x", "b": "y"},
        {"a": "x"},
    ),
    "recursion in a part": (
        {
            "type": "object",
            "properties": {"n": {"$ref": "#/$defs/N"}},
            "$defs": {
                "N": {
                    "allOf": [
                        {"type": "object", "properties": {"v": {"type": "integer"}}},
                        {"properties": {"next": {"$ref": "#/$defs/N"}}},
                    ]
                }
            },
        },
        {"n": {"v": 1, "next": {"v": 2}}},
        {"n": {"next": {"v": "x"}}},
    ),
    "ten levels": (nested(10), nested_value(10), nested_value(9)),
    "twelve levels": (nested(12), nested_value(12), nested_value(11)),
    "enum of many": (
        {"type": "object", "properties": {"big": {"enum": [f"v{i}" for i in range(1500)]}}},
        {"big": "v7"},
        {"big": "v"},
    ),
    "enum of many characters": (
        {"type": "object", "properties": {"big": {"enum": [f"v{i}" * 20 for i in range(300)]}}},
        {"big": "v7" * 20},
        {"big": "v"},
    ),
    "properties called like keywords": (
        {
            "type": "object",
            "properties": {
                "$ref": {"type": "string"},
                "properties": {"type": "object", "properties": {"items": {"type": "string"}}},
                "enum": {"type": "string"},
                "default": {"type": "object", "default": {"$ref": "#/nowhere"}, "properties": {}},
                "title": {"type": "string", "title": "A title"},
            },
        },
        {"$ref": "x", "properties": {"items": "y"}, "enum": "z", "default": {}, "title": "t"},
        {"$ref": 1},
    ),
    "nullable reference": (
        {
            "type": "object",
            "properties": {
                "a": {"anyOf": [{"$ref": "#/$defs/B"}, {"type": "null"}], "default": None, "description": "x"}
            },
            "$defs": {
                "B": {"oneOf": [{"type": "string"}, {"type": "integer"}], "discriminator": {"propertyName": "x"}}
            },
        },
        {"a": None},
        {"a": 1.5},
    ),
}

UNUSABLE: dict[str, tuple[Any, str]] = {
    "no object": ([], "its schema is [], not a JSON object"),
    "array root": ({"type": "array"}, 'arguments are one JSON object, and its schema wants "array"'),
    "string root": ({"type": "string"}, 'its schema wants "string"'),
    "maybe a string": ({"anyOf": [{"type": "object"}, {"type": "string"}]}, "arguments are one JSON object"),
    "misspelt type": ({"type": "objct"}, 'not valid at type: "objct" is no type'),
    "upper-case type": (
        {"type": "object", "properties": {"a": {"type": "STRING"}}},
        'not valid at properties.a.type: "STRING" is no type; types are array',
    ),
    "properties as a list": ({"type": "object", "properties": []}, "not valid at properties"),
    "required as a string": ({"type": "object", "required": "a"}, "not valid at required"),
    "dangling": (
        {"type": "object", "properties": {"a": {"$ref": "#/$defs/no"}}},
        "the $ref '#/$defs/no' at a leads nowhere; add the definition under $defs",
    ),
    "remote": (
        {"type": "object", "properties": {"a": {"items": {"$ref": "https://x.y/z.json"}}}},
        "the $ref 'https://x.y/z.json' at a[] leads to another document, and none is fetched",
    ),
    "to no schema": (
        {"type": "object", "properties": {"a": {"$ref": "#/required"}}, "required": ["a"]},
        "which is no schema",
    ),
    "root loop": ({"$ref": "#"}, "leads back to itself"),
    "loop": (
        {"properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}},
        "leads back to itself",
    ),
    "unknown draft": ({"$schema": "https://foo", "type": "object"}, "its $schema is"),
}
