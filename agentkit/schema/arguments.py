"""What a model sent for one call, bound to a function's parameters; or what was wrong with it, worded for the model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from pydantic import ValidationError
from pydantic_core import ErrorDetails, PydanticSerializationError, from_json, to_json

from agentkit.errors import AgentkitError
from agentkit.frozen import frozen
from agentkit.schema.nodes import is_object, resolve

__all__ = ["ArgumentsError", "BoundArguments", "Problem", "from_validation_error", "parse_object", "path_text", "shown"]

_SHOWN_CHARS = 80


@frozen
class BoundArguments:
    """Validated arguments, ready for `fn(*args, **kwargs)`."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    coerced: bool = False
    """Whether lax validation changed something: "5" was taken for an int."""


@frozen
class Problem:
    """One thing that is wrong with a value."""

    path: str
    """Where, as `items[2].price`; "" for the value as a whole."""
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class ArgumentsError(AgentkitError):
    """Arguments or an output that do not fit their schema; its text, one line a problem, is told to the model."""

    def __init__(self, problems: Sequence[Problem], *, is_malformed: bool = False) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = list(problems)
        self.is_malformed = is_malformed
        """Whether the text is no JSON at all, so that repairing it may help."""


def shown(value: object) -> str:
    """The value as JSON, cut to 80 characters."""
    try:
        text = to_json(value).decode()
    except PydanticSerializationError:
        text = repr(value)
    return text if len(text) <= _SHOWN_CHARS else f"{text[: _SHOWN_CHARS - 3]}..."


def path_text(path: Iterable[str | int]) -> str:
    """`("items", 2, "price")` as `items[2].price`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{step}" if text else step
    return text


def parse_object(text: str) -> dict[str, Any]:
    """The JSON object in the text; nothing at all and null mean {}. Raises ArgumentsError for all else."""
    if not text.strip():
        return {}
    try:
        value = from_json(text)
    except ValueError as error:
        raise ArgumentsError([Problem("", f"not valid JSON: {error}; got {shown(text)}")], is_malformed=True) from None
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ArgumentsError([Problem("", f"should be one JSON object with the arguments by name; got {shown(value)}")])
    return cast("dict[str, Any]", value)


def from_validation_error(error: ValidationError, data: object, *, schema: Mapping[str, Any]) -> ArgumentsError:
    """Pydantic's complaints about `data`, merged per path and worded for a model."""
    by_path: dict[tuple[str | int, ...], list[ErrorDetails]] = {}
    for detail in error.errors(include_url=False):
        by_path.setdefault(_real_path(detail, data), []).append(detail)
    malformed = any(detail["type"] == "json_invalid" for details in by_path.values() for detail in details)
    problems = [Problem(path_text(path), _worded(details, path, schema)) for path, details in by_path.items()]
    return ArgumentsError(problems, is_malformed=malformed)


def _real_path(detail: ErrorDetails, data: object) -> tuple[str | int, ...]:
    """The location without the names that pydantic adds for branches of unions and for validator functions."""
    path: list[str | int] = []
    here = data
    for step in detail["loc"]:
        if isinstance(here, dict) and step in here:
            here = cast("dict[object, object]", here)[step]
            path.append(step)
        elif isinstance(here, list) and isinstance(step, int) and step < len(cast("list[object]", here)):
            here = cast("list[object]", here)[step]
            path.append(step)
    if detail["type"] in ("missing", "missing_argument") and detail["loc"]:
        path.append(detail["loc"][-1])
    return tuple(path)


def _worded(details: Sequence[ErrorDetails], path: tuple[str | int, ...], schema: Mapping[str, Any]) -> str:
    first = details[0]
    match first["type"]:
        case "missing" | "missing_argument":
            known = _schema_at(schema, path)
            return f"required, but missing{_expected(known)}"
        case "extra_forbidden":
            parent = _schema_at(schema, path[:-1]) or {}
            names = list(cast("Mapping[str, Any]", parent.get("properties") or {}))
            what = "argument" if len(path) == 1 else "field"
            return f"no such {what}; the {what}s are: {', '.join(names) or 'none'}"
        case "json_invalid":
            return f"not valid JSON: {first['msg'].removeprefix('Invalid JSON: ')}"
        case _:
            wanted = dict.fromkeys(_lowered(detail["msg"]) for detail in details)
            said = next(iter(wanted)) if len(wanted) == 1 else _either(list(wanted))
            return f"{said}; got {shown(first['input'])}"


def _lowered(message: str) -> str:
    message = message.removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return message.removeprefix("Input ")


def _either(messages: Sequence[str]) -> str:
    if all(message.startswith("should be ") for message in messages):
        return "should be " + " or ".join(message.removeprefix("should be ") for message in messages)
    return " or ".join(messages)


def _expected(schema: Mapping[str, Any] | None) -> str:
    if not schema:
        return ""
    kind = schema.get("type") or ("one of " + shown(schema["enum"]) if "enum" in schema else "")
    said = ": ".join(str(word) for word in (kind, schema.get("description")) if word)
    return f" ({said})" if said else ""


def _schema_at(schema: Mapping[str, Any], path: Iterable[str | int]) -> Mapping[str, Any] | None:
    """The subschema that describes the value at the path, as far as that is plain to see."""
    here: Any = schema
    for step in path:
        here = _target(here, schema)
        if not is_object(here):
            return None
        inside: dict[str, Any] = here if isinstance(step, int) else here.get("properties", {})
        here = inside.get("items" if isinstance(step, int) else step)
    here = _target(here, schema)
    return here if is_object(here) else None


def _target(node: Any, root: Mapping[str, Any]) -> Any:
    reference = node.get("$ref") if is_object(node) else None
    return resolve(reference, root) if isinstance(reference, str) else node
