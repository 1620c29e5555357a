"""`agentkit tools`: look at tools and call them, without a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from agentkit.cli.background import run_in_background
from agentkit.cli.loading import load_for_tools
from agentkit.cli.options import debug_option, json_option
from agentkit.cli.terminal import dim, print_json
from agentkit.cli.tool_call import call_from_shell
from agentkit.cli.tools_shown import tool_table
from agentkit.errors import ConfigurationError, nearest
from agentkit.schema.dialects import Compiled, Dialect, compile_schema
from agentkit.tools import Tool

__all__ = ["command"]

Function = TypeVar("Function", bound=Callable[..., Any])

DIALECTS: Sequence[Dialect] = ("openai", "anthropic", "gemini", "bedrock")


def _source_argument(function: Function) -> Function:
    return click.argument("source", metavar="FILE.py|MODULE[:NAME]")(function)


def _tool_argument(function: Function) -> Function:
    return click.argument("tool", required=False, metavar="[TOOL]")(function)


@click.group("tools")
def command() -> None:
    """Look at tools and call them; no model needed.

    The tools of a file or module are its decorated functions and toolsets, else its public functions. A toolset that
    needs arguments is written with them: 'agentkit_tools.files:Files(".")'.
    """


@command.command("list")
@_source_argument
@json_option("Print one JSON document.")
@debug_option
def list_command(source: str, json: bool) -> None:
    """List the tools of a file or module."""
    tools = _tools_of(source)
    if json:
        print_json([_as_json(tool) for tool in tools])
        return
    click.echo(tool_table(tools))


@command.command("schema")
@_source_argument
@_tool_argument
@click.option("--provider", type=click.Choice(DIALECTS), help="As it goes on this provider's wire; else neutral.")
@debug_option
def schema_command(source: str, tool: str | None, provider: Dialect | None) -> None:
    """Print the JSON Schema of tools."""
    tools = _picked(_tools_of(source), tool)
    documents = [_schema(each, provider) for each in tools]
    print_json(documents[0] if tool else documents)


@command.command("explain")
@_source_argument
@_tool_argument
@click.option("--provider", type=click.Choice(DIALECTS), help="For this provider only.")
@json_option("Print one JSON document.")
@debug_option
def explain_command(source: str, tool: str | None, provider: Dialect | None, json: bool) -> None:
    """Say what each provider gets of a tool's schema, and what is checked here instead."""
    tools = _picked(_tools_of(source), tool)
    dialects: Sequence[Dialect] = [provider] if provider else DIALECTS
    if json:
        print_json(
            [{"tool": each.name, "dialects": {name: _report(each, name) for name in dialects}} for each in tools]
        )
        return
    for place, each in enumerate(tools):
        click.echo("\n" * bool(place) + click.style(each.name, bold=True))
        for name in dialects:
            click.echo(_explained(each, name))


@command.command(
    "call", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False, "help_option_names": []}
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="FILE.py|MODULE[:NAME] TOOL [OPTIONS]")
@click.pass_context
def call_command(ctx: click.Context, words: tuple[str, ...]) -> None:
    """Call a tool; its options are made from its schema."""
    source, name, rest = _call_words(ctx, words)
    agent = load_for_tools(source)
    tools = run_in_background(agent.list_tools)
    if name is None:
        raise click.UsageError(f"say which tool: {', '.join(tool.name for tool in tools)}")
    call_from_shell(ctx, agent, _picked(tools, name)[0], words=[source, *rest])


def _call_words(ctx: click.Context, words: tuple[str, ...]) -> tuple[str, str | None, list[str]]:
    """Source, tool and the tool's own options; without a source the help of this command."""
    places = [place for place, word in enumerate(words[:2]) if not word.startswith("-")]
    if not places or places[0] != 0:
        click.echo(ctx.get_help())
        ctx.exit(0 if any(word in ("-h", "--help") for word in words) else 2)
    if 1 in places:
        return words[0], words[1], list(words[2:])
    return words[0], None, list(words[1:])


def _tools_of(source: str) -> list[Tool]:
    """The tools, listed as a run would list them."""
    return run_in_background(load_for_tools(source).list_tools)


def _picked(tools: list[Tool], name: str | None) -> list[Tool]:
    if name is None:
        return tools
    for tool in tools:
        if tool.name == name:
            return [tool]
    close = nearest(name, [tool.name for tool in tools], count=1)
    hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(tool.name for tool in tools)}"
    raise ConfigurationError(f"no tool {name!r}; {hint}")


def _as_json(tool: Tool) -> dict[str, Any]:
    return {
        "name": tool.name,
        "description": tool.description,
        "effect": tool.effect,
        "approve": tool.approve if isinstance(tool.approve, bool) else "by its arguments",
        "parameters": tool.parameters,
    }


def _schema(tool: Tool, provider: Dialect | None) -> dict[str, Any]:
    named = {"name": tool.name, "description": tool.description}
    if provider is None:
        return {**named, "parameters": tool.parameters}
    compiled = _compiled(tool, provider)
    return {**named, "parameters": compiled.schema, "strict": compiled.is_strict}


def _compiled(tool: Tool, provider: Dialect) -> Compiled:
    return compile_schema(tool.parameters, provider, strict=tool.strict, tool=tool.name)


def _report(tool: Tool, provider: Dialect) -> dict[str, Any]:
    compiled = _compiled(tool, provider)
    changes = [
        {"path": change.path, "keyword": change.keyword, "action": change.action, "detail": change.detail}
        for change in compiled.report.changes
    ]
    return {"strict": compiled.is_strict, "fallback": compiled.report.fallback, "changes": changes}


def _explained(tool: Tool, provider: Dialect) -> str:
    compiled = _compiled(tool, provider)
    mode = "strict" if compiled.is_strict else "loose"
    lines = str(compiled.report).splitlines()
    head = f"  {provider:<10} {mode:<7}"
    if not lines:
        return head + dim("as it is")
    return "\n".join([head.rstrip(), *(f"    {line}" for line in lines)])
