"""Which agent to run: one from a file or module, or tools and a model put together here."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeVar

import click

from agentkit.agent import Agent
from agentkit.budget import Budget
from agentkit.cli.loading import found_from_anywhere, load_agent, load_tools
from agentkit.cli.terminal import notice
from agentkit.errors import ConfigurationError, UnknownModelError
from agentkit.models import Model
from agentkit.providers import model

__all__ = [
    "OFFLINE",
    "Chosen",
    "agent_options",
    "choice_from_json",
    "choice_to_json",
    "choose_agent",
    "said_again",
]

Function = TypeVar("Function", bound=Callable[..., Any])

OFFLINE = "offline:"
OFFLINE_NOTICE = (
    "using the model offline: (it matches words, it is no language model); "
    "for another one: --model openai:gpt-6-luna, or AGENTKIT_MODEL"
)


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the options of the command line say about the agent."""

    tools: tuple[str, ...] = ()
    model: str | None = None
    is_unlisted: bool = False
    """Take a model that agentkit has not heard of."""
    instructions: str | None = None
    output_schema: Mapping[str, Any] | None = None
    budget_usd: float | None = None
    max_steps: int | None = None


_OPTIONS = (
    click.option(
        "--tools", multiple=True, metavar="FILE.py|MODULE[:NAME]", help="Tools for an agent made here; may be repeated."
    ),
    click.option(
        "--model",
        metavar="PROVIDER:MODEL",
        help="The model, in place of the agent's own; without an agent AGENTKIT_MODEL, else offline:.",
    ),
    click.option("--unlisted", is_flag=True, help="Take a model that agentkit has not heard of."),
    click.option("--instructions", metavar="TEXT", help="What the model is told first."),
    click.option("--budget-usd", type=click.FloatRange(min=0), metavar="USD", help="Spend at most this."),
    click.option("--max-steps", type=click.IntRange(min=1), metavar="N", help="Ask the model no more often."),
)


def agent_options(function: Function) -> Function:
    """The options that say which agent."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def choose_agent(name: str | None, chosen: Chosen) -> Agent[Any, Any]:
    """The agent. Raises ConfigurationError, UsageError."""
    if name is None:
        agent = _made_here(chosen)
    else:
        if chosen.tools:
            raise click.UsageError(f"--tools are for an agent made here; {name} has its own tools")
        agent = load_agent(name)
    changes = _changes(agent, chosen)
    agent = agent.replace(**changes) if changes else agent
    try:
        _ = agent.model  # a wrong name or a missing key is told now
    except UnknownModelError as error:
        raise ConfigurationError(f"{error}; on the command line: --unlisted") from error
    return agent


def _made_here(chosen: Chosen) -> Agent[Any, Any]:
    tools = [source for place in chosen.tools for source in load_tools(place)]
    name = chosen.model or os.environ.get("AGENTKIT_MODEL")
    if name is None:
        notice(OFFLINE_NOTICE)
    return Agent(_model(name or OFFLINE, chosen), tools=tools)


def _model(name: str, chosen: Chosen) -> str | Model:
    return model(name, is_listed=False) if chosen.is_unlisted else name


def _changes(agent: Agent[Any, Any], chosen: Chosen) -> dict[str, Any]:
    """What the options change about the agent, by the names of its constructor."""
    changes: dict[str, Any] = {
        "model": _model(chosen.model, chosen) if chosen.model else None,
        "instructions": chosen.instructions,
        "output": chosen.output_schema,
        "budget": _budget(agent.budget, chosen),
    }
    return {key: value for key, value in changes.items() if value is not None}


def _budget(own: Budget, chosen: Chosen) -> Budget | None:
    if chosen.budget_usd is None and chosen.max_steps is None:
        return None
    return replace(
        own,
        usd=own.usd if chosen.budget_usd is None else chosen.budget_usd,
        steps=own.steps if chosen.max_steps is None else chosen.max_steps,
    )


def choice_to_json(name: str | None, chosen: Chosen) -> dict[str, Any]:
    """How an agent was chosen, for a store: files are named so that they are found from other folders."""
    found = replace(chosen, tools=tuple(found_from_anywhere(place) for place in chosen.tools))
    if name is None and found.model is None:
        found = replace(found, model=os.environ.get("AGENTKIT_MODEL"))
    return {"agent": found_from_anywhere(name) if name else None, **asdict(found)}


def choice_from_json(document: Mapping[str, Any]) -> Chosen:
    """What was said about the agent beside its name. Raises ConfigurationError."""
    said: dict[str, Any] = {key: value for key, value in document.items() if key != "agent"}
    said["tools"] = tuple(said.get("tools", ()))
    try:
        return Chosen(**said)
    except TypeError as error:
        raise ConfigurationError(
            f"how this run was begun was written by another agentkit ({error}); say it anew: --agent or --tools"
        ) from error


def said_again(name: str | None, chosen: Chosen, options: Sequence[str]) -> list[str]:
    """The arguments that choose the same agent once more, for a command to go on with."""
    words = [name] if name else []
    for place in chosen.tools:
        words += ["--tools", place]
    if chosen.model:
        words += ["--model", chosen.model]
    if chosen.is_unlisted:
        words.append("--unlisted")
    return [*words, *options]
