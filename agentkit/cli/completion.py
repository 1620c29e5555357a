"""`agentkit completion`: scripts by which a shell completes agentkit's commands and options."""

from __future__ import annotations

from typing import Literal, cast

import click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

from agentkit.cli.options import debug_option

__all__ = ["command"]

Shell = Literal["bash", "zsh", "fish"]

_SHELLS: dict[Shell, type[ShellComplete]] = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}


@click.command("completion")
@click.argument("shell", type=click.Choice(list(_SHELLS)))
@debug_option
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the completion script of a shell.

    \b
      eval "$(agentkit completion bash)"      in ~/.bashrc
      eval "$(agentkit completion zsh)"       in ~/.zshrc, after compinit
      agentkit completion fish | source       in ~/.config/fish/config.fish
    """
    kind = _SHELLS[cast("Shell", shell)]
    # The script is made without `source`: that asks bash for its version, which needs bash to be installed.
    complete = kind(ctx.find_root().command, {}, "agentkit", "_AGENTKIT_COMPLETE")
    click.echo(complete.source_template % complete.source_vars())
