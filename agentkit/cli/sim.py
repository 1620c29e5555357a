"""`agentkit sim`: providers' wire formats on a local port, faults included, for any client."""

from __future__ import annotations

from pathlib import Path

import anyio
import click

from agentkit.cli.options import debug_option
from agentkit.cli.terminal import notice
from agentkit.errors import ConfigurationError
from agentkit.simulator.plan import Rule
from agentkit.simulator.recording import Recording
from agentkit.simulator.script import Script
from agentkit.simulator.server import Source, simulate
from agentkit.simulator.spelling import FAULTS, fields_of, read_fault
from agentkit.simulator.table import FORMATS

__all__ = ["command"]


@click.command("sim")
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0: any free one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option("--model-source", default="offline", show_default=True, metavar="offline|script:FILE|recording:FILE",
              help="Where answers come from.")  # fmt: skip
@click.option("--fault", "faults", multiple=True, metavar="FAULT",
              help="Such as status,status=429,first=2; may be given several times.")  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True, help="For faults with a rate and for mixes.")
@click.option("--model", "models", multiple=True, metavar="ID", help="A model that there is; without any, all are.")
@click.option("--batch-seconds", type=click.FloatRange(min=0), default=0.0, metavar="S", help="How long a batch takes.")
@click.option("--list-faults", is_flag=True, help="Show all faults with their fields, and stop.")
@debug_option
def command(
    port: int,
    host: str,
    model_source: str,
    faults: tuple[str, ...],
    seed: int,
    models: tuple[str, ...],
    batch_seconds: float,
    list_faults: bool,
) -> None:
    """Serve what providers serve, on a local port: OpenAI, Anthropic and Gemini formats, plain and streamed.

    Point the base URL of any client at it. No key is needed, none is checked.

    \b
    agentkit sim --fault 429,wait_seconds=1,first=2
    agentkit sim --fault "reset|silence|error_inside,rate=0.05" --seed 7
    """
    if list_faults:
        for name, kind in FAULTS.items():
            click.echo(f"{name}: {(kind.__doc__ or '').splitlines()[0]}")
            for field in fields_of(kind):
                click.echo(f"    {field}")
        click.echo("every fault: first=N requests, at=N+N+N positions, rate=0.1 share; name|name is a mix")
        return
    rules = [read_fault(text) for text in faults]
    anyio.run(_serve, _source(model_source), rules, seed, models, host, port, batch_seconds)


async def _serve(
    source: Source | None,
    rules: list[Rule],
    seed: int,
    models: tuple[str, ...],
    host: str,
    port: int,
    batch_seconds: float,
) -> None:
    async with simulate(
        source, faults=rules, seed=seed, models=models, host=host, port=port, batch_seconds=batch_seconds
    ) as simulator:
        click.echo(f"{simulator.url}")
        notice(f"OpenAI's clients: base_url={simulator.base_url}; all others: {simulator.url}")
        notice(f"formats of chats: {', '.join(format.name for format in FORMATS)}")
        notice(
            "beside chats: embeddings, moderations, decisions, pictures, transcripts, files and batches, buckets, "
            "services of AWS, Azure and Hugging Face"
        )
        notice(f"what it was sent: {simulator.url}/_sim/requests; stop with Ctrl-C")
        await anyio.sleep_forever()


def _source(text: str) -> Source | None:
    kind, _, path = text.partition(":")
    match kind:
        case "offline" if not path:
            return None
        case "script" if path:
            return Script.from_file(Path(path))
        case "recording" if path:
            return Recording.from_file(Path(path))
        case _:
            raise ConfigurationError(f"--model-source is {text!r}; it has to be offline, script:FILE or recording:FILE")
