"""`agentkit transcribe`: speech to text."""

from __future__ import annotations

import dataclasses
import sys

import click

from agentkit.budget import Budget
from agentkit.cli.inputs import STDIN
from agentkit.cli.options import debug_option, json_option
from agentkit.cli.task_json import spent_to_json
from agentkit.cli.terminal import notice, print_json, printable
from agentkit.exchange import AttemptFailed, Delta, TextDelta, Waiting
from agentkit.media import Audio
from agentkit.tasks.transcribe import Transcription, transcribe_sync
from agentkit.transcription import Segment

__all__ = ["command"]


@click.command("transcribe")
@click.argument("file")
@click.option("-m", "--model", required=True, metavar="PROVIDER:MODEL", help="Such as openai:gpt-transcribe.")
@click.option("--language", metavar="CODE", help="What is spoken, such as en; else the model finds out.")
@click.option("--prompt", metavar="TEXT", help="Names and words that may occur.")
@click.option("--segments", is_flag=True, help="A line for each stretch of speech, with its time.")
@click.option("--words", is_flag=True, help="The times of words, with --json.")
@click.option("--budget-usd", type=click.FloatRange(min=0), metavar="USD", help="Spend at most this.")
@json_option("Print one JSON document.")
@debug_option
def command(
    file: str,
    model: str,
    language: str | None,
    prompt: str | None,
    segments: bool,
    words: bool,
    budget_usd: float | None,
    json: bool,
) -> None:
    """Write down what is said in FILE (- for standard input), or at an address where the model fetches it.

    The text comes as it is heard where the model streams it.

    \b
    agentkit transcribe -m openai:gpt-transcribe interview.mp3
    agentkit transcribe -m openai:whisper-1 --segments interview.mp3
    agentkit transcribe -m aws-transcribe: s3://my-bucket/interview.mp3
    """
    printer = _Printer(is_quiet=json or segments)
    heard = transcribe_sync(
        model,
        Audio.from_bytes(sys.stdin.buffer.read()) if file == STDIN else file,
        language=language,
        prompt=prompt,
        words=words,
        segments=segments,
        budget=None if budget_usd is None else Budget(usd=budget_usd, steps=None),
        on_event=printer,
    )
    if json:
        print_json(_as_json(heard))
        return
    if segments:
        click.echo("\n".join(_line(segment) for segment in heard.segments))
    else:
        click.echo("" if printer.has_printed else printable(heard.text))
    length = [] if heard.duration_seconds is None else [f"{heard.duration_seconds:,.1f} s"]
    tokens = [str(heard.usage)] if heard.usage.total else []  # some are paid by the minute
    notice(f"{heard.model}: {', '.join([*length, *tokens, f'cost {heard.cost}'])}")


class _Printer:
    """Prints what comes."""

    def __init__(self, *, is_quiet: bool) -> None:
        self.has_printed = False
        self._is_quiet = is_quiet

    def __call__(self, delta: Delta) -> None:
        if isinstance(delta, AttemptFailed):
            notice(f"attempt {delta.attempt} failed ({delta.error}); once more in {delta.wait_seconds:.3g} s")
        elif isinstance(delta, Waiting):
            notice(f"waiting for {delta.limit}")
        elif isinstance(delta, TextDelta) and not self._is_quiet:
            self.has_printed = True
            click.echo(printable(delta.text), nl=False)


def _line(segment: Segment) -> str:
    minutes, seconds = divmod(segment.start, 60)
    speaker = f"{segment.speaker}: " if segment.speaker else ""
    return f"{int(minutes):02}:{seconds:04.1f}  {speaker}{printable(segment.text.strip())}"


def _as_json(heard: Transcription) -> dict[str, object]:
    return {
        "text": heard.text,
        "segments": [dataclasses.asdict(segment) for segment in heard.segments],
        "words": [dataclasses.asdict(word) for word in heard.words],
        "language": heard.language,
        "duration_seconds": heard.duration_seconds,
        "model": heard.model,
        **spent_to_json(heard.usage, heard.cost),
    }
