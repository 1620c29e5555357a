"""The command `agentkit`: which commands there are, and how errors end.

Nothing but click is loaded before a command is chosen, so that `--help` and completion answer at once.

Exit codes: 0 done, 1 an error, 2 wrong usage, 3 a call waits for a person, 130 interrupted.
"""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import click
from click.shell_completion import CompletionItem

from agentkit.cli.terminal import error_line, notice, print_json, warning_line
from agentkit.errors import AgentkitError, AuthenticationError, nearest

__all__ = ["main"]

INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class LazyCommand:
    """A command that is not loaded yet."""

    module: str
    """Its module has it as `command`."""
    summary: str


COMMANDS: Mapping[str, LazyCommand] = {
    "demo": LazyCommand("agentkit.cli.demo", "Watch an agent work on real files; no key, no network."),
    "run": LazyCommand("agentkit.cli.run", "Run an agent, or tools with a model, on one prompt."),
    "chat": LazyCommand("agentkit.cli.chat", "Talk with an agent."),
    "tools": LazyCommand("agentkit.cli.tools", "List, explain and call tools; no model needed."),
    "image": LazyCommand("agentkit.cli.image", "Make or edit pictures."),
    "transcribe": LazyCommand("agentkit.cli.transcribe", "Write down what is said in a file."),
    "embed": LazyCommand("agentkit.cli.embed", "Make vectors of texts."),
    "classify": LazyCommand("agentkit.cli.classify", "Say which label fits a text, or whether it is harmful."),
    "batch": LazyCommand("agentkit.cli.batch", "Ask many things at half the price, answered within a day."),
    "sim": LazyCommand("agentkit.cli.sim", "Serve providers' wire formats locally, faults included."),
    "models": LazyCommand("agentkit.cli.models", "List models with context, prices and shutdown dates."),
    "runs": LazyCommand("agentkit.cli.runs", "List, show, decide on and resume runs that are kept in a store."),
    "trace": LazyCommand("agentkit.cli.trace", "Show the trace of an earlier run."),
    "doctor": LazyCommand("agentkit.cli.doctor", "Check this installation."),
    "completion": LazyCommand("agentkit.cli.completion", "Print the completion script of a shell."),
}


class LazyGroup(click.Group):
    """Commands by name, each loaded when it is asked for; and the one place where errors become words."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order in which a newcomer needs them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one command."""
        found = COMMANDS.get(cmd_name)
        return importlib.import_module(found.module).command if found else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the arguments name. Raises UsageError with the nearest names."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            close = nearest(args[0], COMMANDS, count=1)
            hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(COMMANDS)}"
            raise click.UsageError(f"no command {args[0]!r}; {hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list in `--help`, from the table instead of the commands."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Names and options, without loading a command."""
        names = [
            CompletionItem(name, help=entry.summary) for name, entry in COMMANDS.items() if name.startswith(incomplete)
        ]
        return names or click.Command.shell_complete(self, ctx, incomplete)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. Whatever ends it becomes one line and an exit code, or a traceback with --debug."""
        ctx.ensure_object(dict)
        if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
            ctx.color = False
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            try:
                return super().invoke(ctx)
            except (click.exceptions.Exit, click.ClickException, BrokenPipeError):
                raise
            except (KeyboardInterrupt, click.Abort):
                notice("interrupted")
                ctx.exit(INTERRUPTED)
            except AgentkitError as error:
                _fail(ctx, error, _in_a_shell(error))
            except OSError as error:
                _fail(ctx, error, _os_error(error))
            except Exception as error:  # the terminal is the last caller: without --debug nobody wants a traceback
                _fail(ctx, error, f"{type(error).__name__}: {error} (add --debug to see where)")


def _in_a_shell(error: AgentkitError) -> str:
    """What the error says, with what to do about it in a shell in place of in a program."""
    text = str(error)
    if isinstance(error, AuthenticationError):
        return f"{text}; `agentkit doctor` tells which keys are set"
    return text.replace("Budget(usd=...)", "--budget-usd").replace('via="requests"', "--via requests")


def _fail(ctx: click.Context, error: Exception, text: str) -> NoReturn:
    if ctx.obj.get("debug"):
        raise error
    if ctx.obj.get("json"):
        print_json({"error": {"type": type(error).__name__, "message": text, **_carried(error)}})
    error_line(text)
    ctx.exit(1)


def _carried(error: Exception) -> dict[str, Any]:
    """What a run had earned when it ended by this error."""
    if not isinstance(error, AgentkitError):
        return {}
    return {key: value for key, value in (("usage", error.usage), ("state", error.state)) if value is not None}


def _os_error(error: OSError) -> str:
    reason = error.strerror or str(error)
    return f"{error.filename}: {reason}" if error.filename else reason


def _show_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, file: Any = None, line: Any = None
) -> None:
    if not issubclass(category, (DeprecationWarning, PendingDeprecationWarning, ResourceWarning)):
        warning_line(str(message))


@click.command(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog='\b\nStart with: agentkit demo\nThen:       agentkit run --tools my_tools.py "What ...?"',
)
@click.version_option(None, "--version", package_name="pyagentkit", message="agentkit %(version)s")
@click.option("--debug", is_flag=True, help="Show tracebacks.")
@click.pass_context
def main(ctx: click.Context, debug: bool) -> None:
    """Python functions become tools, an agent loop calls them through any model, traced at every step."""
    if debug:
        ctx.obj["debug"] = True


if __name__ == "__main__":
    sys.exit(main())
