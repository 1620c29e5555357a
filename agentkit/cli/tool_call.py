"""A tool as a shell command: options made from its schema, validated as a model's arguments are."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

import anyio.to_thread
import click
from pydantic_core import PydanticSerializationError, to_json

from agentkit.agent import Agent
from agentkit.cli.background import run_in_background
from agentkit.cli.documents import parse_object
from agentkit.cli.options import debug_option
from agentkit.cli.terminal import print_json
from agentkit.cli.tools_shown import described_type
from agentkit.errors import AgentkitError, ConfigurationError, ToolError
from agentkit.schema.arguments import ArgumentsError
from agentkit.schema.function import BoundArguments
from agentkit.schema.nodes import resolve
from agentkit.tools import Context, Tool

__all__ = ["call_from_shell"]

WHOLE = "arguments as one JSON object"

Schema = Mapping[str, Any]


def call_from_shell(ctx: click.Context, agent: Agent[Any, Any], tool: Tool, *, words: Sequence[str]) -> None:
    """Parse the words (source, then options) as the tool's options, call it, print what it returned.

    The agent's toolsets are open while it runs.
    """
    source, *rest = words
    made = _command_of(agent, tool)
    with made.make_context(f"{ctx.info_name} {source} {tool.name}", rest, parent=ctx.parent) as own:
        made.invoke(own)


def _command_of(agent: Agent[Any, Any], tool: Tool) -> click.Command:
    properties = cast("Mapping[str, Schema]", tool.parameters.get("properties") or {})
    required = cast("Sequence[str]", tool.parameters.get("required") or ())
    options = {f"p{place}": name for place, name in enumerate(properties)}  # click's names must be identifiers
    parameters: list[click.Parameter] = [
        _option(key, name, properties[name], tool.parameters, is_required=name in required)
        for key, name in options.items()
    ]
    whole = "--json-arguments" if "json" in properties else "--json"
    parameters.append(click.Option([whole, "whole"], metavar="OBJECT", help=f"The {WHOLE}; options win over it."))

    def callback(whole: str | None, **given: Any) -> None:
        arguments = parse_object(whole, "--json") if whole else {}
        for key, value in given.items():
            if value is not None and value != ():
                arguments[options[key]] = list(cast("tuple[Any, ...]", value)) if isinstance(value, tuple) else value
        _call(agent, tool, arguments)

    made = click.Command(tool.name, params=parameters, callback=callback, help=tool.description)
    return made if "debug" in properties else debug_option(made)


def _option(key: str, name: str, schema: Schema, root: Schema, *, is_required: bool) -> click.Option:
    plain = _plain(schema, root)
    words = str(schema.get("description") or plain.get("description") or "")
    default = schema.get("default")
    note = (
        "required"
        if is_required
        else f"default: {json.dumps(default, ensure_ascii=False)}"
        if default not in (None, [], "")
        else ""
    )
    help = f"{words}  [{note}]" if note else words
    flag = "--" + name.replace("_", "-")
    if plain.get("type") == "boolean":
        return click.Option([f"{flag}/--no-{flag[2:]}", key], default=None, help=help.strip())
    is_list = plain.get("type") == "array" and _is_scalar(_plain(plain.get("items") or {}, root))
    each = _plain(plain["items"], root) if is_list else plain
    return click.Option(
        [*dict.fromkeys((flag, f"--{name}")), key],
        type=_type(each),
        multiple=is_list,
        default=None,
        metavar=None if "enum" in each else described_type(each, root).upper().replace(" ", "-"),
        help=(help + " (repeat for more)" * is_list).strip(),
    )


def _plain(schema: Schema, root: Schema) -> Schema:
    """The schema behind a reference, without the null of an optional."""
    reference = schema.get("$ref")
    if isinstance(reference, str):
        target = resolve(reference, root)
        return _plain(cast("Schema", target), root) if isinstance(target, Mapping) else {}
    branches = [branch for branch in schema.get("anyOf") or () if branch.get("type") != "null"]
    return _plain(branches[0], root) if len(branches) == 1 else schema


def _is_scalar(schema: Schema) -> bool:
    return schema.get("type") in ("string", "integer", "number", "boolean") or "enum" in schema


def _type(schema: Schema) -> Any:
    """What click converts the text by."""
    if "enum" in schema and all(isinstance(value, str) for value in schema["enum"]):
        return click.Choice(schema["enum"])
    kinds = {"string": click.STRING, "integer": click.INT, "number": click.FLOAT}
    kind = schema.get("type")
    return kinds.get(kind, _json_value) if isinstance(kind, str) else _json_value


def _json_value(text: str) -> Any:
    """The value in a JSON text; a text that is no JSON stands for itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _call(agent: Agent[Any, Any], tool: Tool, arguments: Mapping[str, Any]) -> None:
    try:
        bound = tool.parse(json.dumps(arguments))
    except ArgumentsError as error:
        problems = "; ".join(_as_option(str(problem)) for problem in error.problems)
        raise click.UsageError(problems) from error
    value = run_in_background(_invoke, agent, tool, bound)
    if isinstance(value, str):
        click.echo(value)
        return
    try:
        print_json(json.loads(to_json(value, inf_nan_mode="strings")))
    except PydanticSerializationError as error:
        raise ConfigurationError(f"{tool.name} returned what JSON cannot hold: {error}") from error


async def _invoke(agent: Agent[Any, Any], tool: Tool, bound: BoundArguments) -> Any:
    context: Context[Any] = Context(None, tool=tool.name, progress=lambda text: click.echo(text, err=True))
    async with agent:
        try:
            # Beside the event loop, as in a run: Ctrl-C ends a tool that does not return.
            value: Any = await anyio.to_thread.run_sync(tool.invoke, bound, context, abandon_on_cancel=True)
            return await value if inspect.isawaitable(value) else value
        except AgentkitError:
            raise
        except Exception as error:  # a tool may raise anything
            raise ToolError(f"{tool.name} failed: {type(error).__name__}: {error}; --debug shows where") from error


def _as_option(problem: str) -> str:
    """`city: required` as `--city: required`."""
    name, colon, rest = problem.partition(":")
    return f"--{name.replace('_', '-')}{colon}{rest}" if colon and name.isidentifier() else problem
