"""`agentkit demo`: an agent that reads real files with real tools, offline unless another model is named."""

from __future__ import annotations

import csv
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from agentkit.agent import Agent
from agentkit.cli.background import run_in_background
from agentkit.cli.chosen import OFFLINE
from agentkit.cli.live import LiveRun, summary
from agentkit.cli.loading import load_tools
from agentkit.cli.options import debug_option, json_option
from agentkit.cli.result_json import result_to_json
from agentkit.cli.terminal import dim, print_json
from agentkit.cli.watched import draw, watched
from agentkit.errors import ConfigurationError
from agentkit.providers.offline import OfflineModel
from agentkit.result import Result
from agentkit.tools import Tool, tool

__all__ = ["command"]

PACK = "agentkit_tools.files"
PACK_PROMPT = "List the files, read notes.md, then "
PROMPT = 'add up the "amount" column in orders.csv and in refunds.csv.'

INSTRUCTIONS = "You look after the files of a shop. Use the tools; answer in a few short lines."

FILES = {
    "notes.md": "# Shop\n\nRefunds above 50 need a second look.\n",
    "orders.csv": "order,customer,amount\n1001,Ada,120.50\n1002,Grace,79.90\n1003,Alan,240.00\n1004,Edsger,31.10\n",
    "refunds.csv": "order,reason,amount\n1002,damaged,79.90\n1004,late,10.00\n",
}


@dataclass(frozen=True, slots=True)
class _Scene:
    """What the demo's agent works with."""

    folder: Path
    tools: list[Tool]
    prompt: str


@click.command("demo")
@click.option("--model", "model_name", default=OFFLINE, show_default=True, help="Any model, as provider:model-id.")
@json_option("Print one JSON document instead.")
@debug_option
def command(model_name: str, json: bool) -> None:
    """Watch an agent work: it lists, reads and sums real files with real tools.

    Without --model it runs on the offline model, which needs no key and no network: it matches words, it is no
    language model. The loop, the tools, the streaming and the trace are the same as with a real one.
    """
    with tempfile.TemporaryDirectory(prefix="agentkit-demo-") as name:
        scene = _prepare(Path(name))
        agent = Agent(model_name, tools=scene.tools, instructions=INSTRUCTIONS, name="demo")
        _ = agent.model  # a wrong name or a missing key is told before anything is shown
        if not json:
            _introduce(scene, model_name)
        with watched(keeps=True) as kept:
            began = time.perf_counter()
            result = run_in_background(_run, agent, scene.prompt, not json)
            seconds = time.perf_counter() - began
    if json:
        print_json(result_to_json(result))
        return
    click.echo(dim("\nWhat happened, as a trace:\n"))
    click.echo(draw(kept.spans))
    click.echo(f"\n{summary(result.steps, result.usage, result.cost, seconds)}")
    _next_steps(model_name)


def _prepare(folder: Path) -> _Scene:
    """Real files, the tools of the files pack over them, and a tool as a user would write one."""
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")

    @tool(effect="read")
    def add_up_column(path: str, column: str) -> float:
        """Add up a column of numbers in a CSV file.

        Args:
            path: Name of the file, such as "orders.csv".
            column: Name of the column.
        """
        # Only names in the demo's folder: models make up paths.
        with (folder / Path(path).name).open(encoding="utf-8", newline="") as lines:
            return round(sum(float(row[column]) for row in csv.DictReader(lines)), 2)

    try:
        pack = load_tools(f"{PACK}:Files({str(folder)!r})")
    except ConfigurationError:  # the pack refuses systems where it cannot keep paths inside its folder
        return _Scene(folder, [add_up_column.tool], PROMPT.capitalize())
    agent = Agent(OfflineModel(), tools=[*pack, add_up_column])
    return _Scene(folder, run_in_background(agent.list_tools), PACK_PROMPT + PROMPT)


async def _run(agent: Agent[Any, str], prompt: str, is_shown: bool) -> Result[str]:
    live = LiveRun(shows_text=is_shown, shows_calls=is_shown, remarks_on_stderr=False)
    async with agent.stream(prompt) as run:
        async for event in run:
            live.show(event)
    live.end_line()
    return run.result


def _introduce(scene: _Scene, model_name: str) -> None:
    remark = "  (matches words; no language model)" if model_name == OFFLINE else ""
    for title, text, rest in (
        ("model", model_name, remark),
        ("files", ", ".join(FILES), f" in {scene.folder}"),
        ("tools", ", ".join(made.name for made in scene.tools), ""),
        ("prompt", scene.prompt, "\n"),
    ):
        click.echo(dim(f"{title:<8}") + text + dim(rest))
    sys.stdout.flush()


def _next_steps(model_name: str) -> None:
    click.echo("\nNext:")
    steps = [
        ('agentkit run --tools my_tools.py "..."', "your own functions as tools, still offline"),
        ("agentkit chat --tools my_tools.py", "the same, as a conversation"),
    ]
    if model_name == OFFLINE:
        steps.insert(0, ("export OPENAI_API_KEY=...", "then: agentkit demo --model openai:gpt-6-luna"))
    width = max(len(command) for command, _ in steps)
    for command, what in steps:
        click.echo(f"  {command.ljust(width)}   {dim(what)}")
