"""`python -m agentkit` is the command `agentkit`."""

from agentkit.cli.main import main

main()
