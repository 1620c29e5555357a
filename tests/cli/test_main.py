from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from agentkit.cli.main import COMMANDS

from .conftest import Shell

HELP = """\
Usage: agentkit [OPTIONS] COMMAND [ARGS]...

  Python functions become tools, an agent loop calls them through any model,
  traced at every step.

Options:
  --version   Show the version and exit.
  --debug     Show tracebacks.
  -h, --help  Show this message and exit.

Commands:
{commands}

  Start with: agentkit demo
  Then:       agentkit run --tools my_tools.py "What ...?"
"""

# What `--help` adds to the package itself, which has to be cheap on its own account.
MEASURE = """
import sys, time
import agentkit
before, began = set(sys.modules), time.process_time()
from agentkit.cli.main import main
try:
    main(["--help"])
except SystemExit:
    pass
spent = time.process_time() - began
print(sorted(name for name in set(sys.modules) - before if name.startswith("agentkit")), file=sys.stderr)
print(spent, file=sys.stderr)
"""


def test_help_names_every_command(shell: Shell) -> None:
    ended = shell("--help")
    commands = "\n".join(f"  {name:<10}  {entry.summary}" for name, entry in COMMANDS.items())
    assert (ended.code, ended.out) == (0, HELP.format(commands=commands))


def test_help_loads_no_command_and_starts_at_once() -> None:
    measured: list[float] = []
    for _ in range(3):  # the least of three: other work on the machine makes CPU time longer, never shorter
        done = subprocess.run([sys.executable, "-c", MEASURE], capture_output=True, text=True, timeout=30, check=True)
        modules, seconds = done.stderr.strip().splitlines()
        assert modules == "['agentkit.cli', 'agentkit.cli.main', 'agentkit.cli.terminal', 'agentkit.errors']"
        measured.append(float(seconds))
    assert min(measured) < 0.15


def test_every_command_has_help(shell: Shell) -> None:
    for name in COMMANDS:
        ended = shell(name, "--help")
        assert ended.code == 0
        assert ended.out.startswith(f"Usage: agentkit {name} ")


def test_a_mistyped_command_gets_the_nearest_one(shell: Shell) -> None:
    ended = shell("rnu")
    assert ended.code == 2
    assert ended.err.endswith("Error: no command 'rnu'; did you mean 'run'?\n")


def test_errors_are_one_line_without_a_traceback(shell: Shell) -> None:
    ended = shell("demo", "--model", "fireworsk:x")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == "error: unknown provider 'fireworsk'; did you mean 'fireworks'?\n"


def test_errors_are_json_too_where_json_is_asked_for(shell: Shell) -> None:
    ended = shell("run", "--json", "--model", "openai:gpt-6-luna", "hello")
    assert ended.code == 1
    assert ended.document["error"]["type"] == "MissingKeyError"
    assert "OPENAI_API_KEY" in ended.document["error"]["message"]


def test_debug_shows_the_traceback_wherever_it_is_said(folder: Path) -> None:
    for arguments in (["--debug", "trace", "show", "nothing"], ["trace", "show", "nothing", "--debug"]):
        done = _agentkit(folder, *arguments)
        assert done.returncode == 1
        assert "Traceback" in done.stderr


def test_an_error_that_is_none_of_ours_is_one_line_too(shell: Shell, folder: Path) -> None:
    (folder / "odd.py").write_text(
        "from agentkit import Toolset\n"
        "class Odd(Toolset):\n"
        "    async def list_tools(self):\n"
        "        raise ValueError('no\\nluck')\n"
    )
    ended = shell("tools", "list", "odd.py")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == "error: ValueError: no luck (add --debug to see where)\n"


def test_colours_are_left_out_for_those_who_want_none(folder: Path) -> None:
    environment = {"NO_COLOR": "1"}
    assert "\x1b" not in _agentkit(folder, "run", "--model", "no:model", "x", **environment).stderr


def test_commands_complete_without_being_loaded(folder: Path) -> None:
    done = _agentkit(folder, _AGENTKIT_COMPLETE="bash_complete", COMP_WORDS="agentkit t", COMP_CWORD="1")
    assert done.stdout == "plain,tools\nplain,transcribe\nplain,trace\n"


def test_options_complete(folder: Path) -> None:
    done = _agentkit(folder, _AGENTKIT_COMPLETE="bash_complete", COMP_WORDS="agentkit run --ou", COMP_CWORD="2")
    assert done.stdout == "plain,--output-schema\n"


def _agentkit(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The real program, in a process of its own."""
    program = "import sys; from agentkit.cli.main import main; sys.exit(main(prog_name='agentkit'))"
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        cwd=folder,
        env={**os.environ, **environment},
    )
