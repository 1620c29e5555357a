"""`agentkit demo`: an agent that reads real files with real tools, offline unless another model is named."""

from __future__ import annotations

import csv
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import anyio
import click

from agentkit.agent import Agent
from agentkit.cli.live import LiveRun, summary
from agentkit.cli.options import debug_option, json_option
from agentkit.cli.result_json import result_to_json
from agentkit.cli.terminal import dim, print_json
from agentkit.cli.watched import draw, watched
from agentkit.result import Result
from agentkit.tools import tool
from agentkit.toolsets import Toolset

__all__ = ["command"]

PROMPT = 'List the files, read notes.md, then add up the "amount" column in orders.csv and in refunds.csv.'

FILES = {
    "notes.md": "# Shop\n\nRefunds above 50 need a second look.\n",
    "orders.csv": "order,customer,amount\n1001,Ada,120.50\n1002,Grace,79.90\n1003,Alan,240.00\n1004,Edsger,31.10\n",
    "refunds.csv": "order,reason,amount\n1002,damaged,79.90\n1004,late,10.00\n",
}


class ShopFiles(Toolset):
    """The demo's tools: they read the files of one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @tool(effect="read")
    def list_files(self) -> list[str]:
        """List the files of the shop."""
        return sorted(path.name for path in self._folder.iterdir())

    @tool(effect="read")
    def read_file(self, path: str) -> str:
        """Read a file as text.

        Args:
            path: Name of the file, such as "notes.md".
        """
        return self._path(path).read_text(encoding="utf-8")

    @tool(effect="read")
    def add_up_column(self, path: str, column: str) -> float:
        """Add up a column of numbers in a CSV file.

        Args:
            path: Name of the file, such as "orders.csv".
            column: Name of the column.
        """
        with self._path(path).open(encoding="utf-8", newline="") as lines:
            return round(sum(float(row[column]) for row in csv.DictReader(lines)), 2)

    def _path(self, name: str) -> Path:
        return self._folder / Path(name).name  # the demo's folder and nothing else


@click.command("demo")
@click.option("--model", "model_name", default="offline:", show_default=True, help="Any model, as provider:model-id.")
@json_option("Print one JSON document instead.")
@debug_option
def command(model_name: str, json: bool) -> None:
    """Watch an agent work: it lists, reads and sums real files with real tools.

    Without --model it runs on the offline model, which needs no key and no network: it matches words, it is no
    language model. The loop, the tools, the streaming and the trace are the same as with a real one.
    """
    with tempfile.TemporaryDirectory(prefix="agentkit-demo-") as name:
        folder = Path(name)
        for file, text in FILES.items():
            (folder / file).write_text(text, encoding="utf-8")
        agent = Agent(
            model_name,
            tools=[ShopFiles(folder)],
            instructions="You look after the files of a shop. Use the tools; answer in a few short lines.",
            name="demo",
        )
        _ = agent.model  # a wrong name or a missing key is told before anything is shown
        if not json:
            _introduce(folder, model_name)
        with watched(keeps=True) as kept:
            began = time.perf_counter()
            result = anyio.run(_run, agent, not json)
            seconds = time.perf_counter() - began
    if json:
        print_json(result_to_json(result))
        return
    click.echo(dim("\nWhat happened, as a trace:\n"))
    click.echo(draw(kept.spans))
    click.echo(f"\n{summary(result.steps, result.usage, result.cost, seconds)}")
    _next_steps(model_name)


async def _run(agent: Agent[Any, str], is_shown: bool) -> Result[str]:
    live = LiveRun(shows_text=is_shown, shows_calls=is_shown, remarks_on_stderr=False)
    async with agent.stream(PROMPT) as run:
        async for event in run:
            live.show(event)
    live.end_line()
    return run.result


def _introduce(folder: Path, model_name: str) -> None:
    click.echo(f"{dim('model ')} {model_name}" + dim("  (a matcher of words)" * (model_name == "offline:")))
    click.echo(f"{dim('files ')} {', '.join(FILES)} {dim(f'in {folder}')}")
    click.echo(f"{dim('tools ')} list_files, read_file, add_up_column")
    click.echo(f"{dim('prompt')} {PROMPT}\n")
    sys.stdout.flush()


def _next_steps(model_name: str) -> None:
    click.echo("\nNext:")
    steps = [
        ('agentkit run --tools my_tools.py "..."', "your own functions as tools, still offline"),
        ("agentkit chat --tools my_tools.py", "the same, as a conversation"),
    ]
    if model_name == "offline:":
        steps.insert(0, ("export OPENAI_API_KEY=...", "then: agentkit demo --model openai:gpt-6-luna"))
    width = max(len(command) for command, _ in steps)
    for command, what in steps:
        click.echo(f"  {command.ljust(width)}   {dim(what)}")
