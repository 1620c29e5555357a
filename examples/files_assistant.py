"""An assistant for the files of one folder: it lists, searches and reads them, and cannot leave the folder.

    python examples/files_assistant.py
    python examples/files_assistant.py ~/notes 'Search for "invoice" and read the file budget.txt'

For a real model set its key and name it: AGENTKIT_MODEL=openai:gpt-6-luna python examples/files_assistant.py
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from agentkit import Agent
from agentkit.tracing import configure
from agentkit_tools.files import Files

PROMPT = 'Search the files for the text "refund" and read the file notes.md.'
SAMPLE = {
    "notes.md": "# Shop\n\nA refund above 50 needs a second look.\n",
    "orders.csv": "order,customer,amount\n1001,Ada,120.50\n1002,Grace,79.90\n",
    "letters/grace.txt": "Dear shop,\nI ask for a refund of order 1002.\n",
}


def ask(folder: Path, prompt: str) -> str:
    """One question about the files of a folder."""
    agent = Agent(
        os.environ.get("AGENTKIT_MODEL", "offline:"),
        tools=[Files(folder)],  # Files(folder, writable=True) offers tools that write, too
        instructions="You answer questions about the files of a folder. Use the tools; be brief.",
        name="files-assistant",
    )
    return agent.run_sync(prompt).output


def main() -> None:
    """Ask about the folder that was named, or about a made-up shop."""
    configure(console=True)
    if len(sys.argv) > 1:
        print(ask(Path(sys.argv[1]).expanduser(), sys.argv[2] if len(sys.argv) > 2 else "List the files."))
        return
    with tempfile.TemporaryDirectory() as name:
        for path, text in SAMPLE.items():
            file = Path(name, path)
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8")
        print(ask(Path(name), PROMPT))


if __name__ == "__main__":
    main()
